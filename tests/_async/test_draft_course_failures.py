"""Conversions of courses of the older store that fail, are interrupted, or meet somebody else."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from pymongo import MongoClient

from modulestore._async.ports import Backend
from modulestore._async.sqlite import open_sqlite
from modulestore._async.store import AsyncStore
from modulestore._async.wrappers import WrappedBackend
from modulestore.errors import StorageUnavailable
from modulestore.formats.structures import schema_of
from modulestore.testing._async.checking import check_store
from modulestore.testing._async.faults import FaultyBackend
from modulestore.testing._async.overtaking import OvertakenBackend
from modulestore.testing.crash import Crash
from tests._async.old_stores import files_of, old_database, old_store_of, put_file, tree, two_runs
from tests._async.stores import everything, fresh_backend
from tests.old_store import NUMBER, OLD_COURSE, ORG, document, location, small_course
from tests.servers import MongoDB

pytestmark = pytest.mark.anyio


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


@pytest.mark.parametrize("kind", ["sqlite", "mongodb"])
@pytest.mark.parametrize("fails", ["before", "after"])
async def test_a_crash_at_any_write_and_what_comes_after(backend: Backend, fails: str) -> None:
    source, _ = await old_store_of(two_runs())
    faulty = FaultyBackend(backend)
    store = AsyncStore(faulty)
    for write in range(1, 100):
        getattr(faulty, f"fail_{fails}")(write, Crash())
        try:
            done = await store.convert_old_courses(source=source)
        except Crash:
            faulty.disarm()
        else:
            break
        # Whatever is visible is whole.
        assert await check_store(backend) == []
        for entry in await backend.index.list():
            assert set(tree(await AsyncStore(backend).open(entry.key))) > {"both"}
        for entry in await backend.index.list():
            deleted = await backend.index.delete(entry)
            assert deleted
    assert write > 8
    faulty.disarm()
    assert {one.state for one in done.courses} == {"converted"}
    assert await check_store(backend) == []


@pytest.mark.parametrize("kind", ["sqlite", "mongodb"])
async def test_a_crash_between_two_courses_and_the_rest(backend: Backend) -> None:
    source, _ = await old_store_of(two_runs())
    faulty = FaultyBackend(backend)
    faulty.fail_before(2, Crash(), name="definitions.put_many")
    with pytest.raises(Crash):
        await AsyncStore(faulty).convert_old_courses(source=source)
    assert [entry.key.run for entry in await backend.index.list()] == ["r1"]
    before = await everything(backend)
    done = await AsyncStore(backend).convert_old_courses(source=source)
    assert [one.state for one in done.courses] == ["already", "converted"]
    after = await everything(backend)
    assert before["structures"].items() <= after["structures"].items()


@pytest.mark.parametrize("kind", ["sqlite", "mongodb"])
async def test_a_lost_connection_leaves_nothing(backend: Backend) -> None:
    source, _ = await old_store_of(small_course())
    faulty = FaultyBackend(backend)
    store = AsyncStore(faulty)
    await store.create_course("course-v1:a+b+c", author=-1)
    before = await everything(backend), await backend.records.starting("")
    for name in ("definitions.put_many", "structures.put_many", "records.put_if_absent"):
        faulty.fail_after(1, name=name)
        with pytest.raises(StorageUnavailable):
            await store.convert_old_courses(source=source)
        faulty.disarm()
        assert (await everything(backend), await backend.records.starting("")) == before


async def test_what_reads_otherwise_than_it_was_written_is_not_made_visible(sqlite: Backend) -> None:
    source, _ = await old_store_of(small_course())

    async def garble(name: str, call: Any, /) -> Any:
        result = await call()
        if name == "definitions.get_many":
            return {version: one.replace(b"<p>new</p>", b"<p>nil</p>") for version, one in result.items()}
        return result

    store = AsyncStore(WrappedBackend(sqlite, garble))
    (course,) = (await store.convert_old_courses(source=source)).courses
    assert course.state == "left"
    assert course.reason == "what was written reads otherwise: draft: content of html/e1 differ"
    assert (await everything(sqlite))["definitions"] == {}
    assert await sqlite.index.list() == []


async def test_a_course_that_does_not_fit_is_left_and_the_others_are_not(sqlite: Backend) -> None:
    documents = two_runs()
    documents[3]["metadata"] = {"display_name": "x" * 9_000_000}
    documents.append(document("chapter", "large", {}, [], display_name="x" * 9_000_000))
    documents[0]["definition"]["children"].append(location("chapter", "large"))
    source, _ = await old_store_of(documents)
    store = AsyncStore(sqlite, schema=1)
    planned = await store.convert_old_courses(source=source, dry_run=True)
    assert [one.state for one in planned.courses] == ["left", "to convert"]
    first, second = (await store.convert_old_courses(source=source)).courses
    assert first == planned.courses[0]
    assert (first.state, second.state) == ("left", "converted")
    assert "16,777,216" in str(first.reason)
    assert await check_store(sqlite) == []


@pytest.mark.parametrize(
    ("kind", "before"), [("sqlite", "group.begin"), ("mongodb", "group.begin"), ("mongodb", "index.insert")]
)
async def test_two_at_once(backend: Backend, old: Backend, before: str) -> None:
    """Who comes second leaves what the first has made, its files too."""
    await put_file(old, OLD_COURSE, "a.txt", b"a")
    overtaken = OvertakenBackend(backend, before=before)

    async def convert(backend: Backend) -> list[tuple[str, str | None]]:
        done = await AsyncStore(backend).convert_old_courses(source=AsyncStore(old))
        return [(course.state, course.reason) for course in done.courses]

    async def first() -> None:
        assert await convert(backend) == [("converted", None)]

    overtaken.then(first)
    assert await convert(overtaken) == [("left", "there is a course of this key already")]
    assert await files_of(backend, OLD_COURSE) == {f"/c4x/{ORG}/{NUMBER}/asset/a.txt": b"a"}
    assert len((await everything(backend))["structures"]) == 2
    assert await check_store(backend) == []
    assert await convert(backend) == [("already", None)]


@pytest.mark.parametrize("kind", ["sqlite", "mongodb"])
async def test_a_database_that_is_converted_to_another_format_meanwhile(backend: Backend) -> None:
    source, _ = await old_store_of(two_runs())
    overtaken = OvertakenBackend(backend)

    async def convert() -> None:
        await AsyncStore(backend).convert(1)

    store = AsyncStore(overtaken)
    await store.create_course("course-v1:a+b+c")  # it knows the format from now on
    overtaken.then(convert)
    done = await store.convert_old_courses(source=source)
    assert [one.state for one in done.courses] == ["converted", "converted"]
    found = await everything(backend)
    assert {schema_of(one) for one in found["structures"].values()} == {1}
    assert len(found["structures"]) == 2 + 2 * 2
    assert await check_store(backend) == []
