"""What a repair makes of a course, and what else a check looks at."""

from __future__ import annotations

import io
import time
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from modulestore._async.store import AsyncStore
from modulestore._async.wrappers import ReadOnlyBackend
from modulestore.errors import CourseNotFound, ReadOnlyStore
from modulestore.formats.gathering import Gathering
from modulestore.formats.structures import built_on
from modulestore.keys import BlockKey, VersionId
from modulestore.testing._async.courses import SMALL_COURSE, make_small_course
from modulestore.testing._async.overtaking import OvertakenBackend
from modulestore.testing.samples import definition_document, new_file, new_version_id
from modulestore.upkeep.checking import CheckReport, Kind, Severity
from tests._async.damaged import A1, A2, KEY, LIBRARY, A, Blocks, World, children, fresh_world
from tests._async.stores import BACKENDS
from tests.damage import SqliteDamage

pytestmark = pytest.mark.anyio

ABSENT = VersionId(bytes(11) + b"\1")
LOST = BlockKey("html", "lost")


@pytest.fixture
async def world(kind: str, request: pytest.FixtureRequest) -> AsyncIterator[World]:
    async with fresh_world(kind, request) as world:
        yield world


def kinds(report: CheckReport) -> list[str]:
    return sorted(problem.kind for problem in report.problems)


@BACKENDS
async def test_a_repair_is_a_new_version(world: World) -> None:
    """On the version that was there, with its author and a message, and of the branch that was damaged."""
    before = dict(world.heads)
    await world.change("draft", lambda blocks: children(blocks, A, A1, A2, LOST))
    repaired = await world.store.repair(KEY, author=9)
    (made,) = repaired.made
    assert (made.course, made.branch) == (SMALL_COURSE, "draft")
    entry = await world.backend.index.get(KEY)
    assert entry is not None
    assert entry.heads == {"draft": made.version, "published": before["published"]}
    newest, older = (await world.store.history(KEY, branch="draft"))[:2]
    assert (newest.version, newest.previous, newest.author) == (made.version, before["draft"], 9)
    assert older.version == before["draft"]
    assert "repaired" in (newest.message or "")
    draft = await world.store.open(KEY, branch="draft")
    assert [child.block_key for child in draft[A].children] == [A1, A2]
    assert (await world.store.repair(KEY, author=9)).made == ()


@BACKENDS
async def test_content_that_is_lost_becomes_empty_on_both_branches(world: World) -> None:
    """And nothing waits to be published for that."""
    await world.backend.definitions.delete_many([await world.definition_of(A1)])
    assert {made.branch for made in (await world.store.repair(author=7)).made} == {"draft", "published"}
    for branch in ("draft", "published"):
        course = await world.store.open(KEY, branch=branch)
        contents = await world.store.load_content(course.blocks())
        assert contents[course[A1]] == {}
        assert contents[course[A2]] == {"data": "<problem/>"}
        assert course[A1].display_name == "A one"
    assert await world.store.changes(KEY) == {}
    draft, published = [
        (await world.store.open(KEY, branch=branch)).structure for branch in ("draft", "published")
    ]
    marks = [one.data.edit_info(one.index[A1]) for one in (draft, published)]
    assert marks[1].source_version == marks[0].update_version == draft.id


@BACKENDS
async def test_of_two_blocks_the_last_is_kept(world: World) -> None:
    def change(blocks: Blocks) -> list[object]:
        other = replace(blocks[A1], settings={"display_name": "the other"})
        return [other, *blocks.values()]

    await world.change("draft", change)  # type: ignore[arg-type]
    before = (await world.store.open(KEY, branch="draft"))[A1].display_name
    await world.store.repair(author=7)
    draft = await world.store.open(KEY, branch="draft")
    assert draft[A1].display_name == before == "A one"
    assert [block.block_key for block in draft.blocks("html")].count(A1) == 1
    assert (await world.store.check()).problems == ()


@BACKENDS
@pytest.mark.parametrize("branch", ["draft", "published"])
async def test_a_lost_head_becomes_the_version_before_it(world: World, branch: str) -> None:
    """As a new version on that one. Which history it is, the other branch tells."""
    history = [one.version for one in await world.store.history(KEY, branch=branch)]
    second = await world.store.open(KEY, version=history[1])
    await world.backend.structures.delete_many([world.heads[branch]])
    (problem,) = (await world.store.check(KEY)).problems
    assert problem.kind is Kind.HEAD_MISSING
    assert f"{history[1]} of" in problem.message
    await world.store.repair(KEY, author=7)
    again = await world.store.open(KEY, branch=branch)
    contents = {
        course.version: list((await world.store.load_content(course.blocks())).values())
        for course in (again, second)
    }
    assert contents[again.version] == contents[second.version]
    newest, *older = await world.store.history(KEY, branch=branch)
    assert [one.version for one in older] == history[1:]
    assert newest.version not in history


@BACKENDS
@pytest.mark.parametrize("message", [None, "a message"])
async def test_both_heads_are_lost(world: World, message: str | None) -> None:
    """Then only messages tell which versions are of the course; without any, somebody has to look."""
    async with world.store.edit(KEY, author=7, message=message) as edit:
        edit.update(A1, display_name="again")
    async with world.store.edit(KEY, author=7) as edit:
        edit.update(A1, display_name="and again")
    entry = await world.backend.index.get(KEY)
    assert entry is not None
    await world.backend.structures.delete_many(entry.heads.values())
    repaired = await world.store.repair(author=7)
    if message is None:
        assert [problem.kind for problem in repaired.left] == ["head-missing", "head-missing", "unreferenced"]
        assert repaired.left[-1].mend is None  # what nothing refers to may be the course
    else:
        draft = await world.store.open(KEY, branch="draft")
        assert draft[A1].display_name == "again"
        # The draft that is back tells which history the published versions are.
        assert (await world.store.repair(author=7)).left == ()


@BACKENDS
async def test_a_lost_head_does_not_become_what_an_author_never_committed(world: World) -> None:
    """Nor a version of a course that was made from this one."""
    copy = "course-v1:Example+Small+2027"
    await world.store.rerun(KEY, copy, author=7)
    async with world.store.edit(KEY, author=7) as edit:
        edit.update(A1, display_name="mine")
    base, lost = edit.course.version, edit.version
    assert lost is not None
    async with world.store.edit(copy, author=7) as edit:
        edit.update(A1, display_name="theirs")
    kept = await world.store.open(copy, branch="draft")
    document = (await world.backend.structures.get_many([kept.version]))[kept.version]
    assert document
    await world.backend.structures.delete_many([lost])
    report = await world.store.check(KEY)
    # The version before it is that of the copy too: that it is of this course as well is not certain.
    assert kinds(report) == ["head-missing"]
    assert report.problems[0].mend is None
    assert str(base) not in report.problems[0].message


@BACKENDS
async def test_somebody_edits_meanwhile(world: World) -> None:
    """What they did stays, and what was wrong is mended."""
    await world.change("draft", lambda blocks: children(blocks, A, A1, A2, LOST))
    overtaken = OvertakenBackend(world.backend)

    async def edit() -> None:
        async with world.store.edit(KEY, author=8) as edit:
            edit.update(A1, display_name="edited meanwhile")

    overtaken.then(edit)
    repaired = await AsyncStore(overtaken).repair(author=7)
    assert [problem.kind for problem in repaired.mended] == ["child-missing"]
    draft = await world.store.open(KEY, branch="draft")
    assert draft[A1].display_name == "edited meanwhile"
    assert [one.author for one in await world.store.history(KEY, branch="draft")][:2] == [7, 8]
    assert (await world.store.check()).problems == ()


@BACKENDS
async def test_old_versions_stay_as_they_are(world: World) -> None:
    """What is wrong in them is only worth knowing, and only looked for on request."""
    await world.change("draft", lambda blocks: children(blocks, A, A1, A2, LOST))
    await world.store.repair(author=7)
    assert (await world.store.check()).problems == ()
    report = await world.store.check(deep=True)
    (problem,) = [one for one in report.problems if one.kind is Kind.CHILD_MISSING]
    assert (problem.severity, problem.mend) == (Severity.NOTE, None)
    assert problem.place == f"{SMALL_COURSE}, version {world.heads['draft']}, vertical/a"
    assert report.is_sound


@BACKENDS
async def test_one_course(world: World) -> None:
    """Others, and what is of no course, are left out."""
    await make_small_course(world.store, "course-v1:Other+One+1", author=7)
    await world.change("draft", lambda blocks: children(blocks, A, A1, A2, LOST))
    await world.backend.records.put_if_absent("tag course-v1:Not+Here+1", "t", {"version": str(ABSENT)})
    await world.backend.files.put(new_file("a", KEY), io.BytesIO(b"x"))
    assert kinds(await world.store.check(KEY)) == ["child-missing"]
    assert (await world.store.check("course-v1:Other+One+1", deep=True)).problems == ()
    assert (await world.store.check(LIBRARY)).problems == ()
    assert len((await world.store.check()).problems) == 3
    mended = await world.store.repair(KEY, author=7)
    assert [problem.kind for problem in mended.mended] == ["child-missing"]
    assert await world.backend.records.starting("tag ") != []
    with pytest.raises(CourseNotFound):
        await world.store.check("course-v1:Not+Here+2")


@BACKENDS
async def test_how_much_was_looked_at(world: World) -> None:
    await world.backend.files.put(new_file("a", KEY), io.BytesIO(b"x"))
    seen: list[str] = []
    report = await world.store.check(progress=lambda what, done, total: seen.append(what))
    draft = await world.store.open(KEY, branch="draft")
    assert report.checked == {
        "courses": 2,
        "versions": 8,
        "heads": 3,
        "whole_versions": 3,
        "blocks": 2 * len(draft.structure) + 1,
        "files": 1,
    }
    assert set(seen) == {"reading headers", "looking at heads", "looking at files"}
    assert (await world.store.check(deep=True)).checked["whole_versions"] == 8


@BACKENDS
async def test_definitions_that_nothing_refers_to_are_counted(world: World) -> None:
    version = new_version_id()
    await world.backend.definitions.put_many({version: definition_document(version, size=500)})
    assert (await world.store.check()).problems == ()
    (problem,) = (await world.store.check(deep=True)).problems
    assert (problem.severity, problem.place) == (Severity.NOTE, "definitions")
    assert problem.message == "nothing refers to 1 of them, 500 bytes"


@BACKENDS
async def test_the_sql_index_says_something_else(world: World) -> None:
    older = (await world.store.history(KEY, branch="draft"))[1].version
    same = {SMALL_COURSE: dict(world.heads), LIBRARY: {"library": world.library}}
    assert (await world.store.check(heads=same)).problems == ()
    other = {SMALL_COURSE: {"draft": older, "published": ABSENT}, "course-v1:Only+There+1": {}}
    report = await world.store.check(heads=other)
    assert [(problem.severity, problem.kind, problem.place) for problem in report.problems] == [
        ("error", "version-missing", f"{SMALL_COURSE}, SQL head published, version {ABSENT}"),
        ("warning", "sql-differs", f"{SMALL_COURSE}, draft"),
        ("warning", "sql-differs", f"{SMALL_COURSE}, published"),
        ("warning", "sql-differs", "course-v1:Only+There+1"),
        ("warning", "sql-differs", LIBRARY),
    ]
    assert not any(problem.is_repairable for problem in report.problems)
    assert len((await world.store.check(LIBRARY, heads=other)).problems) == 1


@pytest.mark.parametrize("kind", ["sqlite", "mongodb"])
async def test_what_a_version_is_stored_on_is_gone(world: World) -> None:
    """All that were stored on it are lost; what can be read takes their place."""
    documents = await world.backend.structures.get_many([world.heads["draft"]])
    (base, *_) = built_on(documents[world.heads["draft"]])
    assert Gathering(documents).wanted
    await world.backend.structures.delete_many([base])
    report = await world.store.check()
    unreadable = [one for one in report.problems if one.kind is Kind.VERSION_UNREADABLE]
    assert f"{SMALL_COURSE}, draft, version {world.heads['draft']}" in [one.place for one in unreadable]
    assert len({one.place for one in unreadable}) == len(unreadable)
    assert all(str(base) in one.message for one in unreadable)


@pytest.mark.parametrize("kind", ["sqlite", "sqlite-format-1"])
async def test_headers_beside_documents(world: World) -> None:
    """The documents count: the columns are set anew."""
    assert isinstance(world.damage, SqliteDamage)
    draft = world.heads["draft"]
    for change in ("previous = x'00'", "original = id, root_id = 'x'", "edited_on = 0, edited_by = 'x'"):
        world.damage.execute(f"UPDATE structures SET {change} WHERE id = ?", (draft,))
        (problem,) = (await world.store.check()).problems
        assert (problem.severity, problem.kind) == (Severity.WARNING, Kind.HEADER_DIFFERS)
        assert change.partition(" ")[0] in problem.message
        assert (await world.store.repair(author=7)).mended == (problem,)
        assert (await world.store.check()).problems == ()
    newest, *_ = await world.store.history(KEY, branch="draft")
    assert newest.author == 7


@pytest.mark.parametrize("kind", ["mongodb-format-1"])
async def test_a_platforms_database_is_only_repaired_on_request(world: World) -> None:
    record = await world.backend.records.get("database", "format")
    assert record is not None
    await world.backend.records.delete(record)
    await world.change("draft", lambda blocks: children(blocks, A, A1, A2, LOST))
    with pytest.raises(ReadOnlyStore):
        await AsyncStore(world.backend).repair()
    assert kinds(await world.store.check()) == ["child-missing"]
    assert len((await AsyncStore(world.backend).repair(dry_run=True)).mended) == 1
    assert (await AsyncStore(world.backend, writes_allowed=True).repair()).left == ()


@BACKENDS
async def test_a_check_writes_nothing(world: World) -> None:
    await world.change("draft", lambda blocks: children(blocks, A, A1, A2, LOST))
    store = AsyncStore(ReadOnlyBackend(world.backend, "no"))
    for deep in (False, True):
        assert kinds(await store.check(deep=deep)) == ["child-missing"]
    assert len((await store.repair(dry_run=True)).mended) == 1
    with pytest.raises(ReadOnlyStore):
        await store.repair()


@pytest.mark.parametrize("kind", ["sqlite"])
async def test_bytes_that_no_file_needs_are_counted(world: World) -> None:
    file = new_file("a", KEY)
    await world.backend.files.put(file, io.BytesIO(b"bytes"))
    await world.backend.files.delete(file.key)
    time.sleep(0.002)  # they are left over since before the moment of the check
    (problem,) = (await world.store.check()).problems
    assert (problem.severity, problem.kind, problem.place) == (Severity.NOTE, Kind.FILE_LEFTOVERS, "files")
    assert problem.message == "no file needs 1 stored pieces any more, 5 bytes"
    assert (await world.store.check(KEY)).problems == ()
