"""What a later release has stored is refused by a typed error, and is not taken for damage."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import bson
import pytest

import modulestore
from modulestore._sync.sqlite import open_sqlite
from modulestore.cli import main
from modulestore.errors import CorruptDocument, InvalidArchive, InvalidInput, UnknownFormat
from modulestore.formats import frames
from modulestore.formats.bundles.sections import first_digest
from modulestore.formats.definitions import decode_definition, decode_definitions
from modulestore.formats.encoding import OPTIONS
from modulestore.formats.entries import decode_entry, encode_entry
from modulestore.formats.references import links_of
from modulestore.formats.structures import decode_structure, schema_of
from modulestore.olx import open_archive, read_course
from modulestore.testing.samples import definition_document, new_entry, new_version_id, structure_document
from modulestore.upkeep.pruning.plan import read_plan, reasons_in
from modulestore.upkeep.pruning.policy import Policy, Retention
from tests.compatibility.samples import COURSE

FORMAT = ("database", "format")


@pytest.fixture
def url(tmp_path: Path, sample_course: str) -> str:
    """A store with a course of two versions."""
    url = f"sqlite:///{tmp_path}/store.db"
    with modulestore.connect(url) as store:
        store.import_course(sample_course)
        with store.edit(COURSE, author="ana") as edit:
            edit.update(("html", "columns"), display_name="Later")
    return url


def later(document: bytes, **changes: Any) -> bytes:
    decoded: dict[str, Any] = bson.decode(document, OPTIONS)
    return bson.encode({**decoded, **changes}, codec_options=OPTIONS)


def head_of_a_later_release(tmp_path: Path) -> bytes:
    """The draft's head becomes a document that only a later release can read; the document."""
    with closing(open_sqlite(tmp_path / "store.db")) as backend:
        (entry,) = backend.index.list()
        head = entry.heads["draft"]
        document = later(backend.structures.get_many([head])[head], schema_version=3)
        assert backend.structures.replace_many({head: document}) == 1
    return document


def everything(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as connection:
        return list(connection.iterdump())


# --- documents


def test_a_structure() -> None:
    version = new_version_id()
    document = later(structure_document(version), schema_version=3)
    calls: list[Callable[[bytes], object]] = [decode_structure, schema_of]
    for call in calls:
        with pytest.raises(UnknownFormat, match="structures of format 3, and this release knows 2") as caught:
            call(document)
        assert caught.value.place == f"structure {version}"
        assert caught.value.hint == "upgrade modulestore"
    with pytest.raises(UnknownFormat):
        links_of(bson.decode(document, OPTIONS))
    for wrong in ("3", None, 0, -1, 2.5):
        with pytest.raises(CorruptDocument):
            schema_of(later(document, schema_version=wrong))


def test_content_and_index_entries() -> None:
    version = new_version_id()
    document = later(definition_document(version), schema_version=2)
    calls: list[Callable[[bytes], object]] = [decode_definition, lambda one: decode_definitions([one, one])]
    for call in calls:
        with pytest.raises(UnknownFormat, match="format 2") as caught:
            call(document)
        assert caught.value.place == f"definition {version}"
    with pytest.raises(UnknownFormat, match="an index entry of format 2"):
        decode_entry({**encode_entry(new_entry()), "schema_version": 2})


@pytest.mark.parametrize(("place", "value"), [(4, 2), (5, 2), (5, 255)])
def test_a_frame(place: int, value: int) -> None:
    """Its digest comes first: only what is as it was written is called new."""
    sealed = bytearray(frames.write_frame([b"section"], b"seal"))
    sealed[place] = value
    with pytest.raises(frames.FrameError, match="digest") as damaged:
        frames.open_frame(bytes(sealed), b"seal")
    assert not isinstance(damaged.value, frames.LaterFrame)
    sealed[8:24] = frames._digest(b"seal", bytes(sealed[4:8]), bytes(sealed[24:]))
    with pytest.raises(frames.LaterFrame, match=f"{value}, and|version {value}"):
        frames.open_frame(bytes(sealed), b"seal")


# --- databases


def test_a_head_that_a_later_release_wrote_is_not_mended(url: str, tmp_path: Path) -> None:
    """An earlier version could take the place of one that is damaged. This one is not."""
    head_of_a_later_release(tmp_path)
    before = everything(tmp_path / "store.db")
    policy, plan = Policy(Retention(1), min_age=timedelta(0)), tmp_path / "plan"
    with modulestore.connect(url) as store:
        assert store.open(COURSE).version, "what is published is as it was"
        calls: list[Callable[[], object]] = [
            lambda: store.open(COURSE, branch="draft"),
            store.check,
            lambda: store.check(deep=True),
            store.repair,
            lambda: store.plan_pruning(policy, plan, ignore_missing=True),
            lambda: store.bundle(COURSE, tmp_path / "bundle"),
            lambda: store.export_course(COURSE, tmp_path / "course"),
            lambda: store.convert(1),
            store.statistics,
        ]
        for call in calls:
            with pytest.raises(UnknownFormat):
                call()
    assert not plan.exists()
    assert [line for line in everything(tmp_path / "store.db") if line not in before] == [], "nothing changed"


def test_a_database_that_a_later_release_has_converted(url: str, tmp_path: Path) -> None:
    """A process that has it open learns so before it writes; what it can read it still reads."""
    policy, plan = Policy(Retention(1), min_age=timedelta(0)), tmp_path / "plan"
    with modulestore.connect(url) as store:
        with store.edit(COURSE, author="ana") as edit:
            edit.update(("html", "columns"), display_name="In time")
        old = tmp_path / "old-plan"
        store.plan_pruning(policy, old)
        with closing(open_sqlite(tmp_path / "store.db")) as backend:
            record = backend.records.get(*FORMAT)
            assert record is not None
            assert backend.records.swap(record, {**record.value, "schema_version": 3})
        before = everything(tmp_path / "store.db")
        assert store.open(COURSE, branch="draft").blocks("html")

        def change() -> None:
            with store.edit(COURSE, author="ana") as edit:
                edit.update(("html", "columns"), display_name="Too late")

        calls: list[Callable[[], object]] = [
            change,
            lambda: store.publish(COURSE),
            lambda: store.assets.put(COURSE, "late.txt", b"late"),
            lambda: store.create_course("course-v1:Example+Late+2026"),
            lambda: store.plan_pruning(policy, plan),
            lambda: store.apply_pruning(old),
            store.check,
            store.repair,
            store.upgrade_steps,
            lambda: store.convert(1),
        ]
        for call in calls:
            with pytest.raises(UnknownFormat, match="format 3") as caught:
                call()
            assert caught.value.place == "record database/format"
    assert everything(tmp_path / "store.db") == before


def test_a_file_whose_tables_a_later_release_has_changed(url: str, tmp_path: Path) -> None:
    """Also under a process that has it open."""
    with modulestore.connect(url) as store:
        with store.edit(COURSE, author="ana") as edit:
            edit.update(("html", "columns"), display_name="In time")
        with closing(sqlite3.connect(tmp_path / "store.db")) as connection:
            connection.execute("PRAGMA user_version = 2")
        before = everything(tmp_path / "store.db")
        with (
            pytest.raises(UnknownFormat, match="the file has schema 2, and this release knows 1"),
            store.edit(COURSE, author="ana") as edit,
        ):
            edit.update(("html", "columns"), display_name="Too late")
        assert everything(tmp_path / "store.db") == before
    with pytest.raises(UnknownFormat):
        modulestore.connect(url)


def test_the_command_says_what_to_do(url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    head_of_a_later_release(tmp_path)
    assert main(["--store", url, "check", "--repair", "--json"]) == 5
    error = json.loads(capsys.readouterr().err)["error"]
    assert (error["type"], error["hint"]) == ("UnknownFormat", "upgrade modulestore")


# --- files


def test_a_bundle() -> None:
    beginning = b"MSBUNDLE\r\n\x1a\n\0\2\0\0"
    with pytest.raises(InvalidArchive, match="a bundle of version 2") as caught:
        first_digest(beginning)
    assert caught.value.hint == "upgrade modulestore"


def test_a_plan() -> None:
    lines = [b'{"prune plan": 2, "anything": "else"}\n', b'{"keep": "00"}\n']
    calls: list[Callable[[], object]] = [
        lambda: read_plan(lines, "plan"),
        lambda: reasons_in(lines, new_version_id(), "plan"),
    ]
    for call in calls:
        with pytest.raises(InvalidInput, match="a plan of version 2, and this release knows 1") as caught:
            call()
        assert caught.value.place == "plan"


def test_an_archive_that_says_more(tmp_path: Path) -> None:
    """What only our exports have is read as far as it is known; the rest is told."""
    course = tmp_path / "course"
    course.mkdir()
    (course / "course.xml").write_text('<course org="Example" course="E" url_name="2026" display_name="E"/>')
    (course / "modulestore.json").write_text('{"blocks": {}, "notes": []}')
    with open_archive(course) as tree:
        (problem,) = read_course(tree).problems
    assert (problem.place, problem.message) == ("modulestore.json", "this release does not know 'notes'")
