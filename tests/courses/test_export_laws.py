"""The laws of export and import, over stores that were edited in any way: whatever authors do, another store
has it after export and import, writes the same bytes, and a folder is brought up to date to the byte.
"""

from __future__ import annotations

import io
import shutil
import tarfile
import tempfile
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

import modulestore
from modulestore.errors import ModuleStoreError
from modulestore.keys import BlockKey
from modulestore.model.plain import PlainBlock
from modulestore.testing._sync.courses import SMALL_COURSE, make_small_course
from tests.olx.test_writing import differences

PROBLEM = "<problem>\n  <p>x</p>\n</problem>\n"
IDS = st.sampled_from(["a", "A", "a:b", "a.xml:b", "x~", "._x", "..", "é字", "x" * 260, "1"])
TEXTS = st.sampled_from(
    ["", "text", "null", '"a"', " \n", "\x07", "a < b", "<p>a &amp; b</p>", "/static/a.png"]
)
PARTS = {"course": ["chapter"], "chapter": ["sequential"], "sequential": ["vertical", "html"]}
LEAVES = [
    "html",
    "problem",
    "video",
    "poll",
    "conditional",
    "split_test",
    "annotatable",
    "mine",
    "word_cloud",
]
FIELDS = st.fixed_dictionaries(
    {},
    optional={
        "display_name": TEXTS,
        "start": st.just(datetime(2031, 5, 1, tzinfo=UTC)),
        "max_attempts": st.none() | st.integers(0, 3),
        "graded": st.booleans(),
        "group_access": st.sampled_from([{}, {"1": [2]}]),
    },
)
ASIDES = st.sampled_from([{}, {"a": "b"}, {"a": 3}, {"content": "<p/>"}, None])


class Edited(RuleBasedStateMachine):
    """A course that is edited, and an older export of it in a folder."""

    @initialize()
    def begin(self) -> None:
        self.folder = Path(tempfile.mkdtemp())
        self.store = modulestore.connect("sqlite:///:memory:")
        make_small_course(self.store)
        self.update(lambda edit: edit.update(("problem", "a2"), data=PROBLEM))
        self.store.publish(SMALL_COURSE)
        self.since: Any = None
        self.mirror("draft")

    def update(self, how: Callable[[Any], Any]) -> None:
        with suppress(ModuleStoreError), self.store.edit(SMALL_COURSE) as edit:  # what cannot be is refused
            how(edit)

    def any_block(self, data: st.DataObject) -> BlockKey:
        structure = self.store.open(SMALL_COURSE, branch="draft").structure
        return data.draw(st.sampled_from([structure.key(at) for at in range(len(structure))]))

    def usage(self, key: BlockKey) -> str:
        return f"block-v1:{SMALL_COURSE[10:]}+type@{key.type}+block@{key.id}"

    @rule(branch=st.sampled_from(["draft", "published"]))
    def mirror(self, branch: str) -> None:
        """The older export is of this moment."""
        shutil.rmtree(self.folder / "mirror", ignore_errors=True)
        self.store.export_course(SMALL_COURSE, self.folder / "mirror")
        self.since = self.store.open(SMALL_COURSE, branch=branch).version

    @rule(data=st.data(), block_id=IDS, fields=FIELDS, index=st.sampled_from([None, 0, 1]))
    def add(self, data: st.DataObject, block_id: str, fields: dict[str, Any], index: int | None) -> None:
        parent = self.any_block(data)
        block_type = data.draw(st.sampled_from(PARTS.get(parent.type, LEAVES)))
        content = {"html": {"data": "<p>x</p>"}, "problem": {"data": PROBLEM}}.get(block_type, {})
        self.update(lambda edit: edit.add(block_type, parent, id=block_id, index=index, **content, **fields))

    @rule(
        block_type=st.sampled_from(["about", "static_tab", "custom_tag_template"]), fields=FIELDS, data=TEXTS
    )
    def add_page(self, block_type: str, fields: dict[str, Any], data: str) -> None:
        self.update(lambda edit: edit.add(block_type, id="page", data=data, **fields))

    @rule(data=st.data(), fields=FIELDS)
    def set_fields(self, data: st.DataObject, fields: dict[str, Any]) -> None:
        block = self.any_block(data)
        self.update(lambda edit: edit.update(block, **fields))

    @rule(data=st.data(), index=st.sampled_from([None, 0, 1]))
    def move(self, data: st.DataObject, index: int | None) -> None:
        block, parent = self.any_block(data), self.any_block(data)
        self.update(lambda edit: edit.move(block, parent, index))

    @rule(data=st.data())
    def delete(self, data: st.DataObject) -> None:
        block = self.any_block(data)
        self.update(lambda edit: edit.delete(block))

    @rule(data=st.data(), fields=ASIDES)
    def set_aside(self, data: st.DataObject, fields: dict[str, Any] | None) -> None:
        block = self.any_block(data)
        self.update(lambda edit: edit.set_aside(block, "notes_aside", fields))

    @rule(data=st.data(), what=st.sampled_from(["publish", "unpublish", "discard"]))
    def publish(self, data: st.DataObject, what: str) -> None:
        usage = self.usage(self.any_block(data))
        with suppress(ModuleStoreError):
            if what == "publish":
                self.store.publish(SMALL_COURSE, usage)
            else:
                getattr(self.store, what)(usage)

    @rule(data=st.data(), to=st.sampled_from(["draft", "both"]))
    def restore(self, data: st.DataObject, to: Any) -> None:
        versions = [entry.version for entry in self.store.history(SMALL_COURSE, branch="draft")]
        with suppress(ModuleStoreError):
            self.store.restore(SMALL_COURSE, data.draw(st.sampled_from(versions)), to=to)

    @rule(name=st.sampled_from(["a.png", "A.png", "a b", "é.txt"]), data=st.binary(max_size=3))
    def put_file(self, name: str, data: bytes) -> None:
        self.store.assets.put(SMALL_COURSE, name, io.BytesIO(data), locked=bool(data))

    def teardown(self) -> None:
        if not hasattr(self, "folder"):
            return
        try:
            self.expect_laws()
        finally:
            self.store.close()
            shutil.rmtree(self.folder)

    def expect_laws(self) -> None:
        archive = self.folder / "a.tar"
        told = {problem.place for problem in self.store.export_course(SMALL_COURSE, archive).problems}
        self.store.export_course(SMALL_COURSE, self.folder / "mirror", since=self.since)
        assert files_of(self.folder / "mirror") == members_of(archive)
        with modulestore.connect("sqlite:///:memory:") as other:
            assert other.import_course(archive).problems == ()
            other.export_course(SMALL_COURSE, self.folder / "b.tar")
            assert (self.folder / "b.tar").read_bytes() == archive.read_bytes()
            assert not other.import_course(archive).changed
            for branch in ("draft", "published"):
                there, here = blocks_of(other, branch), blocks_of(self.store, branch)
                lost = {key for key in here if {f"{key.type}/{key.id}", f"drafts/{key.type}/{key.id}"} & told}
                assert differences({key: here[key] for key in here if key not in lost}, there) == []
            assert other.check(SMALL_COURSE).is_sound
        self.store.import_course(archive)  # which may bring values into the form that the reader gives them
        assert not self.store.import_course(archive).changed
        self.store.export_course(SMALL_COURSE, archive, force=True)
        assert (self.folder / "b.tar").read_bytes() == archive.read_bytes()


def blocks_of(store: modulestore.Store, branch: str) -> dict[BlockKey, PlainBlock]:
    """What readers see of a branch, without what the reader adds to a block that does not say it."""
    course = store.open(SMALL_COURSE, branch=branch)
    shown = [*course.blocks(), *course.detached]
    contents = store.load_content(shown)
    added: dict[str, Any] = {"sources_list": [], "show_tag_list": [], "xml_attributes": {}}
    found = {}
    for block in shown:
        record = course.structure.record(course.structure.position(block.block_key) or 0)
        content = {name: value for name, value in contents[block].items() if added.get(name) != value}
        if block.type in ("mine", "annotatable", "word_cloud"):
            content.pop("data", None)
        if block.type == "problem":
            content["data"] = content.get("data", "<problem/>").strip()
        found[block.block_key] = PlainBlock(
            block.block_key,
            block.settings,
            content,
            [child.block_key for child in block.children],
            record.asides,
        )
    return found


def members_of(archive: Path) -> dict[str, bytes]:
    with tarfile.open(archive) as opened:
        members = [(member.name.partition("/")[2], opened.extractfile(member)) for member in opened]
        return {name: member.read() for name, member in members if member is not None}


def files_of(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }


TestEdited = Edited.TestCase
TestEdited.settings = settings(
    max_examples=max(20, settings().max_examples // 5),
    stateful_step_count=12,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
