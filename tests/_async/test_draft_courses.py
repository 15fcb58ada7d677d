"""Courses of the platform's older store, made courses here: whole, once, and as their documents said."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest
from pymongo import MongoClient

from modulestore._async.cached import CachedBackend
from modulestore._async.ports import Backend
from modulestore._async.sqlite import open_sqlite
from modulestore._async.store import AsyncStore
from modulestore._async.waiting import closing
from modulestore._async.wrappers import WRITES, ReadOnlyBackend, WrappedBackend
from modulestore.errors import (
    CourseNotFound,
    InvalidAuthor,
    InvalidInput,
    InvalidKey,
    ModuleStoreError,
    ReadOnlyStore,
)
from modulestore.formats.structures import schema_of
from modulestore.keys import CourseKey
from modulestore.model.course import Course
from modulestore.testing._async.checking import check_store
from tests._async.old_stores import files_of, old_database, old_store_of, put_file, tree, two_runs
from tests._async.stores import BACKENDS, everything, fresh_backend
from tests.cache.caches import MemoryCache
from tests.old_store import EDITED, NUMBER, OLD_COURSE, ORG, PUBLISHED, RUN, document, location, small_course
from tests.servers import MongoDB

pytestmark = pytest.mark.anyio

NEW_KEY = "course-v1:Org+New+Run"


@pytest.fixture
async def backend(kind: str, request: pytest.FixtureRequest) -> AsyncIterator[Backend]:
    async with fresh_backend(kind, request) as backend:
        yield backend


@pytest.fixture
async def sqlite() -> AsyncIterator[Backend]:
    backend = await open_sqlite(":memory:")
    yield backend
    await backend.close()


@pytest.fixture
async def old(mongodb_server: MongoDB, mongodb_admin: MongoClient[dict[str, Any]]) -> AsyncIterator[Backend]:
    """A MongoDB database that a platform of then has left: its courses."""
    async with old_database(mongodb_server, mongodb_admin, small_course()) as backend:
        yield backend


async def old_documents(backend: Backend) -> list[bytes]:
    assert backend.old_store is not None
    async with closing(backend.old_store.blocks(ORG, NUMBER)) as batches:
        return sorted([document async for batch in batches for document in batch])


async def content(store: AsyncStore, course: Course, *key: str) -> Any:
    block = course[key]  # type: ignore[index]
    return (await store.load_content([block]))[block]


# --- what becomes of a course


@BACKENDS
async def test_a_course_from_one_database_into_another(backend: Backend, old: Backend) -> None:
    store, before = AsyncStore(backend), await old_documents(old)
    planned = await store.convert_old_courses(source=AsyncStore(old), dry_run=True)
    assert await backend.index.list() == []
    done = await store.convert_old_courses(source=AsyncStore(old), author="ops")
    (course,) = done.courses
    assert (course.source, str(course.key), course.state) == (OLD_COURSE, OLD_COURSE, "converted")
    assert (course.blocks, course.detached, course.drafts, course.definitions) == (8, 2, 5, 14)
    assert done.flawless
    assert [(one.state, one.blocks, one.drafts, one.version) for one in planned.courses] == [
        ("to convert", 8, 5, None)
    ]
    assert await check_store(backend) == []
    draft, published = await store.open(OLD_COURSE, branch="draft"), await store.open(OLD_COURSE)
    assert (draft.version, published.version) == (course.draft_version, course.version)
    assert tree(published)["first"] == ["same", "edited"]
    assert tree(published)["edited"] == ["e1", "e2"]
    assert tree(draft)["first"] == ["same", "edited", "new"]
    assert tree(draft)["edited"] == ["e1", "e3"]
    assert await content(store, published, "html", "e1") == {"data": "<p>old</p>"}
    assert await content(store, draft, "html", "e1") == {"data": "<p>new</p>"}
    assert str(draft["html", "e1"].key) == location("html", "e1")
    assert {schema_of(one) for one in (await everything(backend))["structures"].values()} == {
        1 if len(before[0]) and await is_format_1(backend) else 2
    }
    # Nothing of the older store is touched, and nothing is written beside it.
    assert await old_documents(old) == before
    assert (await old.index.list(), await old.records.starting("")) == ([], [])


async def is_format_1(backend: Backend) -> bool:
    record = await backend.records.get("database", "format")
    return record is not None and record.value["schema_version"] == 1


async def test_who_and_when(sqlite: Backend) -> None:
    documents = small_course()
    del documents[1]["edit_info"]
    source, _ = await old_store_of(documents)
    store = AsyncStore(sqlite)
    await store.convert_old_courses(source=source, author="ops")
    for branch, by, on in (("draft", 7, EDITED), ("published", 8, PUBLISHED)):
        course = await store.open(OLD_COURSE, branch=branch)
        info = course["html", "s1"].edit_info
        assert (info.edited_by, info.edited_on, info.update_version) == (by, on, course.version)
        info = course["chapter", "one"].edit_info
        assert (info.edited_by, info.edited_on) == ("ops", course.edited_on)
        assert course.edited_by == "ops"
    definitions = await sqlite.definitions.get_many(list(course.structure.definitions))
    assert len(definitions) == 10


async def test_what_differs_from_what_is_published(sqlite: Backend) -> None:
    source, _ = await old_store_of(small_course())
    store = AsyncStore(sqlite)
    await store.convert_old_courses(source=source)
    changes = {key.id: str(change) for key, change in (await store.changes(OLD_COURSE)).items()}
    assert changes == {
        "new": "added",
        "n1": "added",
        "e3": "added",
        "e2": "removed",
        "edited": "changed",
        "e1": "changed",
    }
    # The mark that a platform compares.
    draft, published = await store.open(OLD_COURSE, branch="draft"), await store.open(OLD_COURSE)
    for name in ("vertical", "same"), ("html", "s1"), ("static_tab", "news"), ("course", RUN):
        assert published[name].edit_info.source_version == draft.version
    for name in ("vertical", "edited"), ("html", "e1"), ("sequential", "first"):
        assert published[name].edit_info.source_version is None


async def test_both_branches_share_what_is_the_same(sqlite: Backend) -> None:
    source, _ = await old_store_of(small_course())
    store = AsyncStore(sqlite)
    await store.convert_old_courses(source=source)
    draft, published = await store.open(OLD_COURSE, branch="draft"), await store.open(OLD_COURSE)

    def definition(course: Course, *key: str) -> Any:
        position = course.structure.position(course[key].block_key)  # type: ignore[index]
        assert position is not None
        return course.structure.definitions[position]

    assert definition(draft, "html", "s1") == definition(published, "html", "s1")
    assert definition(draft, "html", "e1") != definition(published, "html", "e1")
    encoded = await store._reader.definitions([definition(draft, "html", "e1")])
    (new,) = encoded.values()
    assert new.previous_version == new.original_version == definition(published, "html", "e1")


# --- keys


async def test_a_key_of_the_old_style_and_its_new_spelling_are_one_course(sqlite: Backend) -> None:
    source, _ = await old_store_of(small_course())
    store = AsyncStore(sqlite)
    await store.convert_old_courses(source=source)
    old, new = await store.open(OLD_COURSE), await store.open(f"course-v1:{OLD_COURSE.replace('/', '+')}")
    assert old.version == new.version
    assert (str(old.key), str(old.root.key)) == (OLD_COURSE, location("course", RUN))
    assert str(new.root.key) == f"block-v1:{OLD_COURSE.replace('/', '+')}+type@course+block@{RUN}"
    async with store.edit(OLD_COURSE, author="ana") as edit:
        edit.update(location("html", "s1"), display_name="edited")
    changed = await store.open(OLD_COURSE, branch="draft")
    assert changed[location("html", "s1")].display_name == "edited"
    assert await check_store(sqlite) == []


async def test_a_name_that_only_an_old_key_can_hold(sqlite: Backend) -> None:
    documents = [document("course", "50%", {}, [], course="per%cent")]
    source, _ = await old_store_of(documents)
    store = AsyncStore(sqlite)
    assert (await store.convert_old_courses(source=source)).flawless
    (course,) = await store.courses()
    assert str(course.key) == f"{ORG}/per%cent/50%"
    assert (await store.open(course.key)).root.id == "50%"


async def test_a_library_has_no_key_of_the_old_style(sqlite: Backend) -> None:
    store = AsyncStore(sqlite)
    await store.create_library("library-v1:Org+Lib")
    assert str((await store.open("Org/Lib/library", branch="library")).key) == "library-v1:Org+Lib"


async def test_another_key(sqlite: Backend) -> None:
    source, _ = await old_store_of(small_course())
    store = AsyncStore(sqlite)
    done = await store.convert_old_courses(source=source, keys={OLD_COURSE: NEW_KEY})
    (course,) = done.courses
    assert [problem.place for problem in course.problems] == [f"{location('html', 's1')}, field data"]
    assert not done.flawless
    opened = await store.open(NEW_KEY)
    assert str(opened.root.key) == "block-v1:Org+New+Run+type@course+block@course"
    # It is found again under its key, though that is not asked for now.
    (again,) = (await store.convert_old_courses(source=source)).courses
    assert (again.state, str(again.key)) == ("already", NEW_KEY)
    # And a second copy of it can be had under one more.
    (more,) = (await store.convert_old_courses(source=source, keys={OLD_COURSE: OLD_COURSE})).courses
    assert (more.state, str(more.key)) == ("converted", OLD_COURSE)
    assert await check_store(sqlite) == []


async def test_what_may_be_of_a_course_without_a_key_is_not_called_nobody_s(sqlite: Backend) -> None:
    documents = two_runs()
    documents[1]["_id"]["name"] = "r 2"
    source, _ = await old_store_of(documents)
    store = AsyncStore(sqlite)
    done = await store.convert_old_courses(source=source, only=[f"{ORG}/{NUMBER}/r1"])
    assert [(one.source, one.state) for one in done.courses] == [(f"{ORG}/{NUMBER}/r1", "converted")]
    assert done.problems == ()


async def test_a_document_that_cannot_be_used_is_told_once(sqlite: Backend) -> None:
    strange = document("course", "r2", {}, [])
    strange["_id"]["revision"] = "old"
    source, _ = await old_store_of([*small_course(), strange])
    done = await AsyncStore(sqlite).convert_old_courses(source=source)
    assert [problem.message for problem in done.problems] == ["there is no revision 'old'"]
    assert [one.state for one in done.courses] == ["converted"]


async def test_a_store_that_is_read_only(sqlite: Backend) -> None:
    source, _ = await old_store_of(small_course())
    await AsyncStore(sqlite).create_course("course-v1:a+b+c")
    store = AsyncStore(ReadOnlyBackend(sqlite, "a hint"))
    assert (await store.convert_old_courses(source=source, dry_run=True)).flawless
    with pytest.raises(ReadOnlyStore):
        await store.convert_old_courses(source=source)


async def test_two_courses_cannot_get_one_key(sqlite: Backend) -> None:
    source, _ = await old_store_of(two_runs())
    store, (first, second) = AsyncStore(sqlite), (f"{ORG}/{NUMBER}/{run}" for run in ("r1", "r2"))
    done = await store.convert_old_courses(source=source, keys={first: NEW_KEY, second: NEW_KEY})
    assert [(one.source, one.state) for one in done.courses] == [(first, "converted"), (second, "left")]
    assert done.courses[1].reason == f"there is a course {NEW_KEY}, which was not made of it"


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"keys": {"a/b/c": NEW_KEY}}, CourseNotFound),
        ({"only": ["a/b/c"]}, CourseNotFound),
        ({"keys": {OLD_COURSE: "library-v1:a+b"}}, InvalidKey),
        ({"keys": {OLD_COURSE: "nonsense"}}, InvalidKey),
    ],
)
async def test_what_is_refused_before_anything_is_done(
    sqlite: Backend, arguments: Any, error: type[ModuleStoreError]
) -> None:
    source, _ = await old_store_of(small_course())
    with pytest.raises(error):
        await AsyncStore(sqlite).convert_old_courses(source=source, **arguments)
    assert await sqlite.is_empty()


async def test_a_database_that_can_have_no_older_store(sqlite: Backend) -> None:
    with pytest.raises(InvalidInput, match="no older store"):
        await AsyncStore(sqlite).convert_old_courses()


@pytest.mark.parametrize("run", ["the run", "a/b"])
async def test_a_course_whose_key_cannot_be_is_left_until_it_gets_another(sqlite: Backend, run: str) -> None:
    documents = [document("course", run, {}, []), document("about", "overview", "text")]
    source, _ = await old_store_of([*documents, document("course", RUN, {}, [], course="other")])
    store = AsyncStore(sqlite)
    left, converted = (await store.convert_old_courses(source=source)).courses
    assert (left.state, left.key) == ("left", None)
    assert "give it another key" in str(left.reason)
    assert converted.state == "converted"
    name = f"{ORG}/{NUMBER}/{run}"
    done = await store.convert_old_courses(source=source, keys={name: NEW_KEY}, only=[name])
    assert [(one.source, one.state) for one in done.courses] == [(name, "converted")]


# --- several runs, and several times


@BACKENDS
async def test_runs_that_share_blocks(backend: Backend) -> None:
    source, _ = await old_store_of(two_runs())
    store = AsyncStore(backend)
    done = await store.convert_old_courses(source=source)
    assert [(one.source, one.state) for one in done.courses] == [
        (f"{ORG}/{NUMBER}/r1", "converted"),
        (f"{ORG}/{NUMBER}/r2", "converted"),
    ]
    assert [problem.place for problem in done.problems] == [location("chapter", "none")]
    assert tree(await store.open(f"{ORG}/{NUMBER}/r1"))["r1"] == ["both", "one"]
    assert tree(await store.open(f"{ORG}/{NUMBER}/r2"))["r2"] == ["both", "two"]
    assert await check_store(backend) == []


async def test_one_of_several_runs(sqlite: Backend) -> None:
    source, _ = await old_store_of(two_runs())
    store = AsyncStore(sqlite)
    done = await store.convert_old_courses(source=source, only=[f"{ORG}/{NUMBER}/r2"])
    assert [one.source for one in done.courses] == [f"{ORG}/{NUMBER}/r2"]
    # The other run's blocks are no less its own.
    assert [problem.place for problem in done.problems] == [location("chapter", "none")]


@BACKENDS
async def test_twice_is_once(backend: Backend) -> None:
    source, _ = await old_store_of(two_runs())
    store = AsyncStore(backend)
    first = await store.convert_old_courses(source=source)
    before = await everything(backend), await backend.records.starting("")
    again = await store.convert_old_courses(source=source)
    assert [one.state for one in again.courses] == ["already", "already"]
    assert [(one.key, one.version) for one in again.courses] == [
        (one.key, one.version) for one in first.courses
    ]
    assert (await everything(backend), await backend.records.starting("")) == before


async def test_documents_that_changed_since_and_courses_that_were_there(sqlite: Backend) -> None:
    source, listed = await old_store_of(two_runs())
    store = AsyncStore(sqlite)
    await store.create_course(f"course-v1:{ORG}+{NUMBER}+r2", author="ana")
    first, second = (await store.convert_old_courses(source=source)).courses
    assert (first.state, second.state) == ("converted", "left")
    assert "was not made of it" in str(second.reason)
    listed.documents[3]["metadata"] = {"display_name": "changed"}
    before = await everything(sqlite)
    first, _ = (await store.convert_old_courses(source=source)).courses
    assert (first.state, first.reason) == ("left", "its documents have changed since it was converted")
    assert await everything(sqlite) == before
    # Whoever wants it anew deletes it first.
    await store.delete(f"{ORG}/{NUMBER}/r1")
    first, _ = (await store.convert_old_courses(source=source)).courses
    assert first.state == "converted"
    assert (await store.open(f"{ORG}/{NUMBER}/r1"))["chapter", "one"].display_name == "changed"


# --- in a platform's database


async def test_in_place_only_where_writing_is_allowed(old: Backend) -> None:
    before = await old_documents(old)
    assert not await old.is_empty()
    with pytest.raises(ReadOnlyStore):
        await AsyncStore(old).convert_old_courses()
    store = AsyncStore(old, writes_allowed=True)
    with pytest.raises(InvalidAuthor):
        await store.convert_old_courses(author="ops")
    assert await old.index.list() == []
    (course,) = (await store.convert_old_courses(author=5)).courses
    assert course.state == "converted"
    assert {schema_of(one) for one in (await everything(old))["structures"].values()} == {1}
    assert await old.records.get("database", "format") is None
    assert await check_store(old) == []
    assert await old_documents(old) == before


async def test_authors_that_a_platform_cannot_record(old: Backend, mongodb_admin: MongoClient[Any]) -> None:
    assert old.old_store is not None
    collection = old._collections.database.name  # type: ignore[attr-defined]
    mongodb_admin[collection]["modulestore"].update_many({}, {"$set": {"edit_info.edited_by": "ana"}})
    store = AsyncStore(old, writes_allowed=True)
    await store.convert_old_courses(author=5)
    course = await store.open(OLD_COURSE, branch="draft")
    assert {block.edit_info.edited_by for block in course.blocks()} == {5}


# --- files


async def test_files_come_along(sqlite: Backend, old: Backend) -> None:
    await put_file(old, OLD_COURSE, "a.txt", b"a" * 3_000_000)
    await put_file(old, OLD_COURSE, "b.txt", b"b")
    store = AsyncStore(sqlite)
    for keys, prefix in (
        ({}, f"/c4x/{ORG}/{NUMBER}/asset/"),
        ({OLD_COURSE: NEW_KEY}, "asset-v1:Org+New+Run+type@asset+block@"),
    ):
        (planned,) = (
            await store.convert_old_courses(source=AsyncStore(old), keys=keys, dry_run=True)
        ).courses
        (course,) = (await store.convert_old_courses(source=AsyncStore(old), keys=keys)).courses
        assert (planned.files, course.files) == (2, 2)
        found = await files_of(sqlite, str(course.key))
        assert found == {f"{prefix}a.txt": b"a" * 3_000_000, f"{prefix}b.txt": b"b"}
    # In the same database they are where they were.
    (course,) = (await AsyncStore(old, writes_allowed=True).convert_old_courses()).courses
    assert course.files == 0
    assert len(await files_of(old, OLD_COURSE)) == 2


# --- the state of the steps


def states(steps: Sequence[Any]) -> dict[str, tuple[str, str]]:
    return {status.step.name: (status.state, status.reason) for status in steps}


async def test_steps_say_whether_they_apply(sqlite: Backend, old: Backend) -> None:
    found = states(await AsyncStore(sqlite).upgrade_steps())
    assert found == {
        "0001-indexes": ("nothing to do", "no index is missing"),
        "0002-format-2": ("nothing to do", "the database is empty"),
        "0003-format-1": ("nothing to do", "the database is empty"),
        "0004-draft-courses": (
            "does not apply",
            "only a MongoDB database can have a collection `modulestore`",
        ),
        "0005-content-indexes": ("nothing to do", "no index is missing"),
    }
    store = AsyncStore(old, writes_allowed=True)
    found = states(await store.upgrade_steps())
    assert found["0001-indexes"] == ("to do", "5 of 5 indexes are missing")
    assert found["0002-format-2"] == ("not asked for", "versions are written in format 1")
    assert found["0003-format-1"] == ("nothing to do", "versions are written in format 1 already")
    reason = "1 of 1 courses in the collection `modulestore` are not converted"
    assert found["0004-draft-courses"] == ("not asked for", reason)
    await store.upgrade()
    await store.convert_old_courses()
    found = states(await store.upgrade_steps())
    assert found["0001-indexes"] == ("nothing to do", "no index is missing")
    assert found["0004-draft-courses"] == ("nothing to do", "no course is left to convert")
    await store.delete(OLD_COURSE)
    assert states(await store.upgrade_steps())["0004-draft-courses"][0] == "not asked for"


async def test_a_key_made_by_hand(sqlite: Backend) -> None:
    """Keys may be given as values too."""
    source, _ = await old_store_of(small_course())
    old = CourseKey(ORG, NUMBER, RUN, deprecated=True)
    (course,) = (await AsyncStore(sqlite).convert_old_courses(source=source, only=[old])).courses
    assert course.key == old


# --- around the port


async def test_what_reads_the_older_store_is_told_and_passes_the_cache() -> None:
    source, _ = await old_store_of(small_course())
    told: list[str] = []

    async def around(name: str, call: Any, /) -> Any:
        told.append(name)
        return await call()

    backend = CachedBackend(WrappedBackend(source._backend, around), MemoryCache())
    target = await open_sqlite(":memory:")
    (course,) = (await AsyncStore(target).convert_old_courses(source=AsyncStore(backend))).courses
    assert course.state == "converted"
    assert told.count("old_store.courses") == 1
    assert told.count("old_store.blocks") > 1
    assert not set(told) & WRITES
    found = states(await AsyncStore(backend).upgrade_steps())
    assert found["0004-draft-courses"][0] == "not asked for"
    await target.close()


async def test_a_number_of_documents_that_comes_in_batches(old: Backend) -> None:
    assert old.old_store is not None
    sizes = []
    async with closing(old.old_store.blocks(ORG, NUMBER, batch=4)) as batches:
        async for batch in batches:
            sizes.append(len(batch))  # noqa: PERF401
    assert sizes == [4, 4, 4, 3]
    async with closing(old.old_store.blocks(ORG, "none")) as batches:
        assert [batch async for batch in batches] == []
