"""What stays in the process: it is never wrong, never too much, and saves round trips."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from modulestore._async.connect import connect_async
from modulestore._async.store import AsyncStore
from modulestore.errors import CourseNotFound
from modulestore.keys import as_course_key
from modulestore.testing._async.courses import SMALL_COURSE, make_small_course
from modulestore.testing._async.faults import CountingBackend
from tests._async.stores import BACKENDS, fresh_backend

pytestmark = pytest.mark.anyio

KEY = as_course_key(SMALL_COURSE)
A1 = ("html", "a1")


@pytest.fixture
async def backend(kind: str, request: pytest.FixtureRequest) -> AsyncIterator[CountingBackend]:
    async with fresh_backend(kind, request) as fresh:
        await make_small_course(AsyncStore(fresh))
        yield CountingBackend(fresh)


async def rename(store: AsyncStore, name: str) -> None:
    async with store.edit(KEY, author="ana") as edit:
        edit.update(edit.course[A1], display_name=name)


@BACKENDS
async def test_a_reader_who_follows_the_head_fetches_what_is_new(backend: CountingBackend) -> None:
    reader, writer = AsyncStore(backend), AsyncStore(backend)
    await reader.open(KEY, branch="draft")
    for number in range(12):
        await rename(writer, f"name {number}")
        backend.calls.clear()
        course = await reader.open(KEY, branch="draft")
        assert course[A1].display_name == f"name {number}"
        assert backend.calls == {"index.get": 1, "structures.get_many": 1}, "nothing that it is built on"


@BACKENDS
async def test_an_entry_may_be_as_old_as_the_caller_says(
    backend: CountingBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1000.0
    monkeypatch.setattr("modulestore._async.reading.monotonic", lambda: now)
    monkeypatch.setattr("modulestore._async.commits.monotonic", lambda: now)
    store, others = AsyncStore(backend), AsyncStore(backend)
    first = await store.open(KEY, branch="draft", staleness=5)
    await rename(others, "theirs")
    backend.calls.clear()
    assert (await store.open(KEY, branch="draft", staleness=5)).version == first.version
    now += 5
    assert (await store.open(KEY, branch="draft", staleness=5)).version == first.version
    assert backend.calls == {}
    now += 0.1
    assert (await store.open(KEY, branch="draft", staleness=5))[A1].display_name == "theirs"
    await rename(others, "again")
    assert (await store.open(KEY, branch="draft"))[A1].display_name == "again", "nobody allowed anything"
    await rename(store, "mine")
    backend.calls.clear()
    assert (await store.open(KEY, branch="draft", staleness=5))[A1].display_name == "mine"
    assert backend.calls == {}
    await store.delete(KEY)
    with pytest.raises(CourseNotFound):
        await store.open(KEY, staleness=5)


@BACKENDS
async def test_a_small_memory_gives_the_same_answers(backend: CountingBackend) -> None:
    none, small, large = (AsyncStore(backend, memory=size) for size in (0, 20_000, 1 << 20))
    for number in range(30):
        await rename([none, small, large][number % 3], f"name {number}")
        for store in (none, small, large):
            assert (await store.open(KEY, branch="draft"))[A1].display_name == f"name {number}"
            await store.publish(KEY, KEY.usage(*A1))
    backend.calls.clear()
    course = await none.open(KEY, branch="draft")
    await none.open(KEY, branch="draft", version=course.version)
    assert backend.calls["structures.get_many"] >= 2, "nothing was kept"


async def test_connect_says_how_much_stays(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/store.db"
    for memory, kept in ((0, 0), (1 << 20, 2)):
        async with await connect_async(url, memory=memory) as store:
            if not kept:
                await make_small_course(store)
            await store.open(KEY, branch="draft")
            await store.open(KEY, branch="published")
            assert store._reader.memory.counts.kept == kept
