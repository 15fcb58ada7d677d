"""An archive into a course that people have gone on with."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from modulestore import LocalRules
from modulestore._async.ports import Backend
from modulestore._async.sqlite import open_sqlite
from modulestore._async.store import AsyncStore
from modulestore.keys import BlockKey
from modulestore.testing._async.courses import SMALL_COURSE, make_small_course
from tests._async.stores import BACKENDS, fresh_backend

pytestmark = pytest.mark.anyio

A1, NEW, UNIT = BlockKey("html", "a1"), BlockKey("problem", "new"), BlockKey("vertical", "new")
FIRST = BlockKey("sequential", "first")


@pytest.fixture
async def backend(kind: str, request: pytest.FixtureRequest) -> AsyncIterator[Backend]:
    async with fresh_backend(kind, request) as backend:
        yield backend


async def gone_on(store: AsyncStore, tmp_path: Path) -> Path:
    """An archive of the small course, which has since got a unit and a draft."""
    await make_small_course(store)
    await store.export_course(SMALL_COURSE, tmp_path / "then.tar.gz")
    await store.import_course(tmp_path / "then.tar.gz")  # XML is indented in its own way from now on
    async with store.edit(SMALL_COURSE) as edit:
        unit = edit.add("vertical", FIRST, id="new", index=1)
        edit.add("problem", unit, id="new", data="<problem/>\n")
    await store.publish(SMALL_COURSE)
    async with store.edit(SMALL_COURSE) as edit:
        edit.update(A1, display_name="A draft")
    return tmp_path / "then.tar.gz"


@BACKENDS
async def test_it_says_what_it_would_change(backend: Backend, tmp_path: Path) -> None:
    store = AsyncStore(backend)
    archive = await gone_on(store, tmp_path)
    heads = [(await store.open(SMALL_COURSE, branch=name)).version for name in ("draft", "published")]
    report = await store.import_course(archive, dry_run=True)
    assert report.diffs is not None
    draft, published = report.diffs["draft"], report.diffs["published"]
    assert {removed.key for removed in published.removed} == {UNIT, NEW}
    assert published.changed == ()
    assert [(change.key, change.field, change.before) for change in draft.changed] == [
        (A1, "display_name", "A draft")
    ]
    assert [(await store.open(SMALL_COURSE, branch=name)).version for name in ("draft", "published")] == heads
    done = await store.import_course(archive)
    assert (done.diffs, done.kept) == (None, ())
    assert UNIT not in await store.open(SMALL_COURSE, branch="draft")


@BACKENDS
async def test_all_of_it_stays(backend: Backend, tmp_path: Path) -> None:
    store = AsyncStore(backend)
    archive = await gone_on(store, tmp_path)
    rules = LocalRules(drafts="keep", missing="keep")
    report = await store.import_course(archive, local=rules)
    assert not report.changed
    assert set(report.kept) == {A1, NEW, UNIT}
    draft = await store.open(SMALL_COURSE, branch="draft")
    assert draft[A1].display_name == "A draft"
    assert [child.id for child in draft[FIRST].children] == ["a", "new", "b"]


@BACKENDS
async def test_some_of_it_stays(backend: Backend, tmp_path: Path) -> None:
    store = AsyncStore(backend)
    archive = await gone_on(store, tmp_path)
    report = await store.import_course(archive, local=LocalRules(blocks={UNIT: "keep"}))
    assert report.changed
    assert set(report.kept) == {NEW, UNIT}
    draft = await store.open(SMALL_COURSE, branch="draft")
    assert draft[A1].display_name == "A one"
    assert UNIT in draft
    assert not await store.changes(SMALL_COURSE)
    assert (await store.check(SMALL_COURSE)).is_sound


@BACKENDS
async def test_what_a_draft_has_taken_out(backend: Backend, tmp_path: Path) -> None:
    """It is not on the draft branch, where nothing would lead to it: an import of an export is no change."""
    store = AsyncStore(backend)
    await make_small_course(store)
    async with store.edit(SMALL_COURSE) as edit:
        edit.update(("problem", "a2"), data="<problem/>\n")
    await store.publish(SMALL_COURSE)
    async with store.edit(SMALL_COURSE) as edit:
        edit.delete(A1)
        edit.delete(("vertical", "c"))
    await store.export_course(SMALL_COURSE, tmp_path / "course")
    assert not (await store.import_course(tmp_path / "course", strict=True)).changed
    async with AsyncStore(await open_sqlite(tmp_path / "other.db")) as other:
        await other.import_course(tmp_path / "course", strict=True)
        draft = await other.open(SMALL_COURSE, branch="draft")
        assert A1 not in draft
        assert ("vertical", "c") not in draft
        assert A1 in await other.open(SMALL_COURSE)
        assert (await other.check(SMALL_COURSE)).problems == ()
        assert (await other.changes(SMALL_COURSE)).keys() == (await store.changes(SMALL_COURSE)).keys()
        await other.publish(SMALL_COURSE)
        assert A1 not in await other.open(SMALL_COURSE)


@BACKENDS
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("to", [("vertical", "c"), ("sequential", "second"), ("vertical", "b")])
async def test_what_drafts_have_moved(
    backend: Backend, tmp_path: Path, when: str, to: tuple[str, str]
) -> None:
    """Before the archive was written or after: it is there, and once."""
    store = AsyncStore(backend)
    await make_small_course(store)
    await store.export_course(SMALL_COURSE, tmp_path / "then")
    await store.import_course(tmp_path / "then")
    async with store.edit(SMALL_COURSE) as edit:
        edit.move(A1, to, 0)
    if when == "before":
        await store.export_course(SMALL_COURSE, tmp_path / "moved")
    rules = LocalRules(drafts="keep")
    archive = tmp_path / ("then" if when == "after" else "moved")
    planned = await store.import_course(archive, local=rules, dry_run=True)
    before = (await store.open(SMALL_COURSE, branch="draft")).version
    report = await store.import_course(archive, local=rules)
    draft = await store.open(SMALL_COURSE, branch="draft")
    (parent,) = draft[A1].parents
    assert parent.block_key == to
    assert (await store.check(SMALL_COURSE)).problems == ()
    assert report.changed is planned.changed is False
    assert draft.version == before


@BACKENDS
async def test_what_is_planned_is_what_is_done(backend: Backend, tmp_path: Path) -> None:
    store = AsyncStore(backend)
    archive = await gone_on(store, tmp_path)
    async with store.edit(SMALL_COURSE) as edit:
        edit.delete(("html", "b1"))
        edit.move(A1, ("vertical", "b"))
        edit.update(edit.course.root, display_name="Renamed")
    for rules in (LocalRules(drafts="keep"), LocalRules(missing="keep"), LocalRules()):
        planned = await store.import_course(archive, local=rules, dry_run=True)
        assert planned.diffs is not None
        before = {name: (await store.open(SMALL_COURSE, branch=name)).version for name in planned.diffs}
        done = await store.import_course(archive, local=rules)
        assert (done.kept, done.changed, done.drafts) == (planned.kept, planned.changed, planned.drafts)
        for name, plan in planned.diffs.items():
            made = await store.diff(SMALL_COURSE, before[name], name)
            assert [block.key for block in made.added] == [block.key for block in plan.added]
            assert (made.removed, made.moved, made.changed) == (plan.removed, plan.moved, plan.changed)


@BACKENDS
async def test_what_is_in_a_unit_that_the_archive_lacks(backend: Backend, tmp_path: Path) -> None:
    """The unit stays; what the archive has elsewhere is there, not in both."""
    store = AsyncStore(backend)
    archive = await gone_on(store, tmp_path)
    async with store.edit(SMALL_COURSE) as edit:
        edit.move(("html", "b1"), UNIT)
    report = await store.import_course(archive, local=LocalRules(missing="keep"))
    assert set(report.kept) == {UNIT, NEW}
    draft = await store.open(SMALL_COURSE, branch="draft")
    assert [parent.id for parent in draft["html", "b1"].parents] == ["b"]
    assert (await store.check(SMALL_COURSE)).problems == ()
