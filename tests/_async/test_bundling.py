"""A course out of one database and into another: all of it, with all ids, or nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from modulestore._async.store import AsyncStore
from modulestore.errors import (
    CorruptDocument,
    CourseExists,
    CourseNotFound,
    InvalidAuthor,
    InvalidInput,
    InvalidKey,
    VersionNotFound,
)
from modulestore.keys import VersionId, as_course_key
from modulestore.model.index import IndexEntry
from modulestore.testing._async.faults import FaultyBackend
from tests._async.bundles import (
    NEW,
    NOW,
    database,
    expect_readable,
    files_of,
    make_course,
    said_of,
)
from tests._async.bundles import small as small
from tests._async.histories import KEY, LIBRARY, History, contents, schemas
from tests._async.kinds import KINDS
from tests._async.stores import BACKENDS, COURSE, COURSE_KEY, everything

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("target", KINDS)
@pytest.mark.parametrize("source", KINDS)
async def test_from_any_database_into_any(
    source: str, target: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    file, again = tmp_path / "course.bundle", tmp_path / "again.bundle"
    async with database(source, request, "a") as here, database(target, request, "b") as there:
        await make_course(here)
        written = await AsyncStore(here).bundle(KEY, file, history=True)
        restored = await AsyncStore(there).restore_bundle(file)
        assert restored.changed
        assert (restored.structures, restored.definitions) == (written.structures, written.definitions)
        assert await there.index.get(KEY) == await here.index.get(KEY)
        assert await said_of(there, KEY) == await said_of(here, KEY)
        before, after = await contents(here), await contents(there)
        assert len(after) > 30
        assert after.items() <= before.items()
        definitions = (await everything(there))["definitions"]
        assert definitions.items() <= (await everything(here))["definitions"].items()
        assert await schemas(there) == ({1} if "1" in source or "1" in target else {2})
        # The restored course is one to go on with.
        if source.endswith("format-1") == target.endswith("format-1"):
            second = await AsyncStore(there).bundle(KEY, again, history=True)
            assert again.read_bytes() == file.read_bytes()
            assert second == written
        async with AsyncStore(there).edit(KEY, author=9) as edit:
            edit.update(("html", "columns"), display_name="after all")
        (conflict,) = await AsyncStore(there).conflicts(KEY)
        await AsyncStore(there).resolve(conflict.id, overwrite=True)
        await expect_readable(there)


@BACKENDS
async def test_heads_only(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    """What is tagged, kept or came first is in it, and what all that is stored on; not what lies between."""
    file = tmp_path / "course.bundle"
    async with database(kind, request, "a") as here, database(kind, request, "b") as there:
        await make_course(here)
        store = AsyncStore(here)
        versions = {one.version for one in await store.history(KEY, branch="draft")}
        heads = await store.bundle(KEY, file)
        everything_ = await store.bundle(KEY, tmp_path / "history", history=True)
        assert heads.structures < everything_.structures
        assert heads.heads == everything_.heads
        await AsyncStore(there).restore_bundle(file)
        found = await contents(there)
        assert len(found) == heads.structures
        assert not versions <= found.keys()
        (conflict,) = await AsyncStore(there).conflicts(KEY)
        tagged = await AsyncStore(there).version(KEY, "spring")
        assert {conflict.base, conflict.mine, tagged.version} <= found.keys()
        (newest, *_) = await AsyncStore(there).history(KEY, branch="draft")
        assert newest.version == heads.heads["draft"]


@BACKENDS
async def test_the_versions_of_a_library_come_along(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    async with database(kind, request, "a") as here, database(kind, request, "b") as there:
        history = History(AsyncStore(here))
        await history.begin()
        await AsyncStore(here).bundle(KEY, tmp_path / "b")
        await AsyncStore(there).restore_bundle(tmp_path / "b")
        course = await AsyncStore(there).open(KEY, branch="draft")
        pinned = VersionId.parse(course["library_content", "bank"].settings["source_library_version"])
        library = await AsyncStore(there).open(LIBRARY, version=pinned)
        texts = await AsyncStore(there).load_content(library.blocks("problem"))
        assert len(texts) == 3
        with pytest.raises(CourseNotFound):
            await AsyncStore(there).open(LIBRARY)
        # A library is bundled like a course, and what both have is there once.
        await AsyncStore(here).bundle(LIBRARY, tmp_path / "library")
        assert (await AsyncStore(there).restore_bundle(tmp_path / "library")).changed
        assert (await AsyncStore(there).open(LIBRARY)).version == library.version


@BACKENDS
async def test_a_rerun_remembers_where_it_comes_from(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    async with database(kind, request, "a") as here, database(kind, request, "b") as there:
        store = AsyncStore(here)
        await store.import_course(COURSE, author=7)
        await store.rerun(COURSE_KEY, NEW, title="Again", author=7)
        await store.bundle(NEW, tmp_path / "b", history=True)
        await AsyncStore(there).restore_bundle(tmp_path / "b")
        (made,) = await here.records.list("rerun")
        assert await there.records.list("rerun") == [made]
        assert await files_of(there, NEW) == await files_of(here, NEW) != {}


@BACKENDS
async def test_under_another_key(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    """Into the same database: a course of its own, of the same versions."""
    async with database(kind, request, "a") as backend:
        await make_course(backend)
        store = AsyncStore(backend)
        await store.bundle(KEY, tmp_path / "b", history=True)
        before = await everything(backend)
        report = await store.restore_bundle(tmp_path / "b", key=str(NEW), author=7)
        after = await everything(backend)
        assert (after["structures"], after["definitions"]) == (before["structures"], before["definitions"])
        there, here = await backend.index.get(NEW), await backend.index.get(KEY)
        assert there is not None
        assert here is not None
        assert (report.key, there.heads) == (NEW, here.heads)
        assert there.id != here.id
        assert [one.tags for one in await store.history(NEW)] == [
            one.tags for one in await store.history(KEY)
        ]
        assert (await store.conflicts(NEW), len(await store.conflicts(KEY))) == ([], 1)
        assert list((await files_of(backend, NEW)).values()) == list((await files_of(backend, KEY)).values())
        with pytest.raises(InvalidKey, match="cannot be restored as"):
            await store.restore_bundle(tmp_path / "b", key="library-v1:Example+New")


@BACKENDS
async def test_an_old_style_key(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    """Files are kept under keys of the style that the course was imported with."""
    key = "Example/MS101/2026"
    async with database(kind, request, "a") as here, database(kind, request, "b") as there:
        await AsyncStore(here).import_course(COURSE, key=key, author=7)
        await AsyncStore(here).tag(key, "draft", "spring", author=7)
        written = await AsyncStore(here).bundle(key, tmp_path / "b")
        assert (str(written.key), written.files) == (key, 6)
        assert str((await AsyncStore(there).restore_bundle(tmp_path / "b")).key) == key
        assert not (await AsyncStore(there).restore_bundle(tmp_path / "b")).changed
        course_key = as_course_key(key)
        assert await files_of(there, course_key) == await files_of(here, course_key) != {}
        assert await said_of(there, course_key) == await said_of(here, course_key)
        assert (await AsyncStore(there).version(key, "spring")).tags == ("spring",)
        assert await AsyncStore(there).bundle(key, tmp_path / "again") == written
        for store in (AsyncStore(here), AsyncStore(there)):
            assert (await store.statistics()).files.count == (await store.statistics(key)).files.count == 6
        await AsyncStore(there).delete(key, author=7)
        assert await AsyncStore(there).bundle(key, tmp_path / "deleted", deleted=True) == written


@BACKENDS
async def test_what_is_there_already(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    async with database(kind, request, "a") as backend:
        store = AsyncStore(backend)
        await store.import_course(COURSE, author=7)
        await store.bundle(COURSE_KEY, tmp_path / "b")
        before = await everything(backend)
        assert not (await store.restore_bundle(tmp_path / "b")).changed
        imported = await store.import_course(tmp_path / "b", author=7)
        assert (imported.changed, imported.definitions) == (False, 0)
        assert await everything(backend) == before
        async with store.edit(COURSE_KEY, author=7) as edit:
            edit.update(("html", "columns"), display_name="moved on")
        with pytest.raises(CourseExists, match="at other heads"):
            await store.restore_bundle(tmp_path / "b")
        with pytest.raises(CourseExists):
            await store.restore_bundle(tmp_path / "b", key=COURSE_KEY.replace("MS101", "ms101"))


@BACKENDS
async def test_a_deleted_course(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    async with database(kind, request, "a") as backend:
        store = AsyncStore(backend)
        await store.import_course(COURSE, author=7)
        alive = await store.bundle(COURSE_KEY, tmp_path / "alive")
        entry = await store.delete(COURSE_KEY, author=7)
        with pytest.raises(CourseNotFound):
            await store.bundle(COURSE_KEY, tmp_path / "b")
        dead = await store.bundle(COURSE_KEY, tmp_path / "b", deleted=True)
        assert dead.digest == alive.digest
        assert (await store.restore_bundle(tmp_path / "b")).changed
        assert await backend.index.get(as_course_key(COURSE_KEY)) == entry
        with pytest.raises(CourseNotFound, match="was deleted"):
            await store.bundle(NEW, tmp_path / "c", deleted=True)
        assert sorted(one.name for one in tmp_path.iterdir() if "db" not in one.name) == ["alive", "b"]


@BACKENDS
async def test_a_dry_run_writes_nothing(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    async with database(kind, request, "a") as here, database(kind, request, "b") as inner:
        await AsyncStore(here).import_course(COURSE, author=7)
        await AsyncStore(here).bundle(COURSE_KEY, tmp_path / "b")
        there = FaultyBackend(inner)
        planned = await AsyncStore(there).restore_bundle(tmp_path / "b", dry_run=True)
        assert there.writes == []
        assert planned == await AsyncStore(there).restore_bundle(tmp_path / "b")
        imported = await AsyncStore(here).import_course(COURSE, key=NEW, dry_run=True)
        assert (planned.blocks, planned.detached) == (imported.blocks, imported.detached)


@BACKENDS
async def test_a_platforms_database_wants_numbers_of_authors(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    async with database(kind, request, "a") as here, database(kind, request, "b") as there:
        for key, author in ((KEY, 7), (NEW, "ana")):
            await AsyncStore(here).import_course(COURSE, key=key, author=author)
            await AsyncStore(here).bundle(key, tmp_path / str(author))
        # A database with documents, and no record that says that it is ours.
        entry = IndexEntry(VersionId(bytes(12)), as_course_key(LIBRARY), {}, 1, NOW, None)
        record = await there.records.get("database", "format")
        if record is not None:
            await there.records.delete(record)
        await there.index.insert(entry)
        platform = AsyncStore(there, writes_allowed=True)
        with pytest.raises(InvalidAuthor, match="ana"):
            await platform.restore_bundle(tmp_path / "ana")
        assert (await platform.restore_bundle(tmp_path / "7")).changed
        assert await schemas(there) == {1}


@BACKENDS
async def test_a_damaged_course_is_not_bundled(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """A backup that cannot be restored is none: it is said when it is made."""
    async with database(kind, request, "a") as backend:
        store = AsyncStore(backend)
        await store.import_course(COURSE, author=7)
        course = await store.open(COURSE_KEY, branch="draft")
        gone = course.root.definition
        await backend.definitions.delete_many([gone])
        with pytest.raises(CorruptDocument, match=f"definition {gone} is not in the bundle"):
            await store.bundle(COURSE_KEY, tmp_path / "b")
        await backend.structures.delete_many([course.version])
        with pytest.raises(VersionNotFound, match=str(course.version)):
            await store.bundle(COURSE_KEY, tmp_path / "b")
        assert [one.name for one in tmp_path.iterdir() if "db" not in one.name] == []


@BACKENDS
async def test_a_tag_of_a_version_that_is_gone_is_left_out(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    async with database(kind, request, "a") as backend:
        store = AsyncStore(backend)
        await store.import_course(COURSE, author=7)
        value = {"version": "0" * 23 + "1", "author": 7, "created_on": NOW}
        await backend.records.put_if_absent(f"tag {COURSE_KEY}", "lost", value)
        report = await store.bundle(COURSE_KEY, tmp_path / "b")
        assert (report.left_out, report.records) == (("tag lost",), 0)


async def test_nothing_is_overwritten(request: pytest.FixtureRequest, tmp_path: Path) -> None:
    async with database("sqlite", request, "a") as backend:
        store = AsyncStore(backend)
        await store.import_course(COURSE, author=7)
        first = await store.bundle(COURSE_KEY, tmp_path / "b")
        with pytest.raises(InvalidInput, match="is there already"):
            await store.bundle(COURSE_KEY, tmp_path / "b")
        assert await store.bundle(COURSE_KEY, tmp_path / "b", force=True) == first
