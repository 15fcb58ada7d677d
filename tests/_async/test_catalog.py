"""Courses as wholes, over both backends: run again, deleted, taken back, found. Listeners, and costs."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from modulestore._async.ports import Backend
from modulestore._async.store import AsyncStore
from modulestore.errors import (
    CourseExists,
    CourseNotFound,
    HeadMoved,
)
from modulestore.keys import CourseKey, VersionId, as_course_key
from modulestore.model.commit import Commit
from modulestore.model.course import Course
from modulestore.testing._async.checking import check_store
from modulestore.testing._async.courses import SMALL_COURSE, make_small_course
from modulestore.testing._async.faults import CountingBackend, FaultyBackend
from modulestore.testing._async.overtaking import OvertakenBackend
from modulestore.testing.crash import Crash
from modulestore.testing.samples import new_file
from tests._async.stores import BACKENDS, everything, fresh_backend

pytestmark = pytest.mark.anyio

KEY = as_course_key(SMALL_COURSE)
OTHER = CourseKey("Example", "Small", "2027")
A, B, C = ("vertical", "a"), ("vertical", "b"), ("vertical", "c")
A1, A2, B1 = ("html", "a1"), ("problem", "a2"), ("html", "b1")
UNIT = KEY.usage(*A)


@pytest.fixture
async def backend(kind: str, request: pytest.FixtureRequest) -> AsyncIterator[CountingBackend]:
    """A database with the small course in it."""
    async with fresh_backend(kind, request) as inner:
        counting = CountingBackend(inner)
        await make_small_course(AsyncStore(counting))
        yield counting
        assert await check_store(inner) == []


async def heads(backend: Backend) -> tuple[Course, Course]:
    store = AsyncStore(backend)
    return await store.open(KEY, branch="draft"), await store.open(KEY, branch="published")


async def rename(backend: Backend, name: str, block: tuple[str, str] = A1) -> VersionId:
    async with AsyncStore(backend).edit(KEY, author="ana", message=f"to {name}") as edit:
        edit.update(block, display_name=name)
    assert edit.version is not None
    return edit.version


@BACKENDS
async def test_a_course_is_run_again(backend: CountingBackend) -> None:
    store = AsyncStore(backend)
    await backend.files.put(new_file("map.png", KEY), io.BytesIO(b"bytes"))
    before = await everything(backend)
    entry = await store.rerun(KEY, OTHER, author="ana")
    after = await everything(backend)
    assert (after["structures"], after["definitions"]) == (before["structures"], before["definitions"])
    assert entry.heads == (await backend.index.get(KEY) or entry).heads
    assert [file.key.name for file in await backend.files.list(OTHER)] == ["map.png"]
    async with store.edit(OTHER, author="ben") as edit:
        edit.delete(A)
    assert A in (await store.open(KEY, branch="draft"))
    with pytest.raises(CourseExists):
        await store.rerun(KEY, "course-v1:EXAMPLE+small+2027")
    with pytest.raises(CourseNotFound):
        await store.rerun("course-v1:No+Such+Course", "course-v1:Example+Small+2028")


@BACKENDS
async def test_a_course_is_deleted_and_comes_back(backend: CountingBackend) -> None:
    store = AsyncStore(backend)
    before = await everything(backend)
    await store.delete(KEY, author="ana")
    with pytest.raises(CourseNotFound):
        await store.open(KEY)
    with pytest.raises(CourseNotFound):
        await store.delete(KEY)
    after = await everything(backend)
    assert (after["structures"], after["definitions"]) == (before["structures"], before["definitions"])
    await store.undelete(KEY, author="ana")
    assert (await everything(backend))["structures"] == before["structures"]
    assert [entry.heads for entry in await backend.index.list()] == [
        entry.heads for entry in before["entries"]
    ]
    with pytest.raises(CourseNotFound):
        await store.undelete(KEY)
    version = await rename(backend, "later")
    await store.delete(KEY)
    await store.create_course(KEY, title="Another")
    with pytest.raises(CourseExists):
        await store.undelete(KEY)
    await store.delete(KEY)
    entry = await store.undelete(KEY)
    assert entry.heads["draft"] != version, "what was deleted last comes back"


@BACKENDS
async def test_a_delete_that_failed_does_not_spoil_a_later_one(backend: CountingBackend) -> None:
    """It has noted the heads of then; the course has others since."""
    overtaken = OvertakenBackend(backend, before="index.delete")
    overtaken.then(lambda: rename(backend, "meanwhile"))
    with pytest.raises(HeadMoved):
        await AsyncStore(overtaken).delete(KEY)
    faulty = FaultyBackend(backend)
    faulty.fail_before(1, Crash(), name="index.delete")
    with pytest.raises(Crash):
        await AsyncStore(faulty).delete(KEY)
    version = await rename(backend, "and later")
    await AsyncStore(backend).delete(KEY)
    assert (await AsyncStore(backend).undelete(KEY)).heads["draft"] == version


@BACKENDS
async def test_of_two_who_delete_one_course_one_is_told(backend: CountingBackend) -> None:
    overtaken = OvertakenBackend(backend, before="index.delete")
    overtaken.then(lambda: AsyncStore(backend).delete(KEY, author="ben"))
    with pytest.raises((HeadMoved, CourseNotFound)):
        await AsyncStore(overtaken).delete(KEY, author="ana")
    await AsyncStore(backend).undelete(KEY)
    assert A1 in await AsyncStore(backend).open(KEY)


@BACKENDS
async def test_courses_are_found(backend: CountingBackend) -> None:
    store = AsyncStore(backend)
    await store.create_course(OTHER, title="Étude", author="ana", wiki_slug="etude")
    await store.create_library("library-v1:Else+Lib", title="Small things")
    assert [one.key for one in await store.courses(org="Example")] == [KEY, OTHER]
    assert [one.key.org for one in await store.courses(title="small")] == ["Else", "Example"]
    assert [one.key for one in await store.courses(wiki_slug="etude")] == [OTHER]
    async with store.edit(OTHER) as edit:
        edit.update(edit.course.root, wiki_slug="moved")
    assert [one.key for one in await store.courses(wiki_slug="moved")] == [OTHER]
    assert await store.courses(wiki_slug="etude") == []
    assert await store.course_keys() == [one.key for one in await store.courses()]
    for key in ("course-v1:EXAMPLE+SMALL+2026", SMALL_COURSE):
        with pytest.raises(CourseExists):
            await store.create_course(key)


# --- signals and costs


@BACKENDS
async def test_listeners_are_called_after_the_commit(backend: CountingBackend) -> None:
    store = AsyncStore(backend)
    heard: list[Commit] = []
    seen: list[VersionId] = []

    async def slow(commit: Commit) -> None:
        seen.append((await AsyncStore(backend).open(KEY, branch="draft")).version)

    def broken(commit: Commit) -> None:
        raise RuntimeError("a listener's own trouble")

    store.on_commit(heard.append)
    store.on_commit(slow)
    before = (await store.open(KEY, branch="draft")).version
    async with store.edit(KEY, author="ana") as edit:
        edit.update(A1, display_name="heard")
    (commit,) = heard
    assert commit == edit.commit
    assert (commit.key, commit.author) == (KEY, "ana")
    assert commit.moves["draft"].before == before
    assert commit.moves["draft"].after == edit.version
    assert commit.moves["draft"].blocks == {A1}
    assert seen == [edit.version]
    with pytest.raises(ZeroDivisionError):
        async with store.edit(KEY) as edit:
            _ = 1 / 0
    await store.publish(KEY, UNIT)
    await store.publish(KEY, UNIT)
    assert [set(one.moves) for one in heard] == [{"draft"}, {"published"}]
    store.on_commit(broken)
    with pytest.raises(RuntimeError):
        await rename_with(store)
    assert (await store.open(KEY, branch="draft"))[A1].display_name == "in spite of it"


async def rename_with(store: AsyncStore) -> None:
    async with store.edit(KEY) as edit:
        edit.update(A1, display_name="in spite of it")


WRITE = {"group.begin": 1, "structures.put_many": 1, "index.swap": 1, "group.commit": 1}
ENTRY = {"index.get": 1}
FIRST = {"records.get": 1}
STATE = {"records.list": 1}


@BACKENDS
async def test_what_operations_cost(backend: CountingBackend, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("modulestore._async.editing._A_MOMENT", 60.0)  # also where the machine is busy
    store = AsyncStore(backend)
    calls = backend.calls

    async with store.edit(KEY, author="ana") as edit:
        calls.clear()
        for number in range(100):
            edit.add("html", A, data=f"<p>{number}</p>")
        edit.update(A1, data="<p>other</p>")
    assert calls == {**FIRST, **STATE, "definitions.get_many": 1, "definitions.put_many": 1, **WRITE}
    async with store.edit(KEY, author="ana") as edit:
        calls.clear()
        edit.update(A1, display_name="other")
    assert calls == {**STATE, **WRITE}, "the index was read a moment ago"
    monkeypatch.setattr("modulestore._async.editing._A_MOMENT", 0.0)
    async with store.edit(KEY, author="ana", message="said") as edit:
        await rename(backend, "theirs", B1)
        calls.clear()
        edit.update(A1, display_name="merged")
    assert calls == {**ENTRY, **STATE, **WRITE, "structures.get_many": 1, "records.put_if_absent": 1}
    calls.clear()
    await store.publish(KEY, UNIT)
    assert calls == {**ENTRY, **STATE, **WRITE, "structures.get_many": 1}, "the published head, read once"
    calls.clear()
    await store.changes(KEY)
    assert calls == ENTRY, "both heads are at hand"
    calls.clear()
    await AsyncStore(backend).changes(KEY)
    assert calls.pop("structures.get_many") <= 2, "the heads; in format 2 what they are built on, too"
    assert calls == ENTRY
    calls.clear()
    await store.history(KEY, branch="draft")
    assert calls["structures.headers"] <= 2  # one batch, and the end of the stream
    assert sum(calls.values()) <= 6
    calls.clear()
    await store.open(KEY, branch="draft", as_of=datetime.now(UTC))
    assert sum(calls.values()) <= 5
