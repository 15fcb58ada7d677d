"""A task that is cancelled while it waits for the database: at any call, nothing is left half done."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import TypeVar

import pytest

from modulestore._async.ports import Backend
from modulestore._async.store import AsyncStore
from modulestore._async.waiting import Call
from modulestore._async.wrappers import WrappedBackend
from modulestore.keys import as_course_key
from modulestore.testing._async.checking import check_store
from modulestore.testing._async.courses import SMALL_COURSE, make_small_course
from tests._async.stores import BACKENDS, COURSE, COURSE_KEY, everything, fresh_backend

pytestmark = pytest.mark.anyio

T = TypeVar("T")


class Cancelling(WrappedBackend):
    """Cancels the task that makes the n-th call; the call may have its effect all the same."""

    def __init__(self, backend: Backend, number: int) -> None:
        super().__init__(backend, self._cancel)
        self._left = number

    async def _cancel(self, name: str, call: Call[T], /) -> T:
        self._left -= 1
        if self._left == 0:
            task = asyncio.current_task()
            assert task is not None
            task.cancel()
        return await call()


@pytest.fixture
async def backend(kind: str, request: pytest.FixtureRequest) -> AsyncIterator[Backend]:
    async with fresh_backend(kind, request) as backend:
        await make_small_course(AsyncStore(backend))
        yield backend


@BACKENDS
async def test_an_edit_that_is_cancelled(backend: Backend) -> None:
    outcomes = []
    for number in range(1, 30):
        name = f"try {number}"

        async def edit(number: int = number, name: str = name) -> None:
            store = AsyncStore(Cancelling(backend, number))
            async with store.edit(SMALL_COURSE, author="ana", message=name) as session:
                session.update(("html", "a1"), display_name=name, data=name)
                session.update(("chapter", "one"), display_name=name)

        task = asyncio.create_task(edit())
        try:
            await task
            cancelled = False
        except asyncio.CancelledError:
            cancelled = True
        assert await check_store(backend) == []
        store = AsyncStore(backend)
        draft = await store.open(SMALL_COURSE, branch="draft")
        published = await store.open(SMALL_COURSE, branch="published")
        block = draft["html", "a1"]
        done = block.display_name == name
        assert done == ((await store.load_content([block]))[block]["data"] == name)
        assert done == (published["chapter", "one"].display_name == name)
        assert done or cancelled
        outcomes.append((cancelled, done))
        if not cancelled:
            break
    assert outcomes[0] == (True, False)
    assert outcomes[-1] == (False, True)
    assert len(outcomes) > 8


@BACKENDS
async def test_an_import_that_is_cancelled(backend: Backend, kind: str) -> None:
    """It is there with all that it has, or not at all. SQLite has nothing of it then; a server may have got
    what we no longer wait for, and files of a course that is not there.
    """
    key = as_course_key(COURSE_KEY)
    before = await everything(backend)
    outcomes = []
    for number in range(1, 60):
        task = asyncio.create_task(AsyncStore(Cancelling(backend, number)).import_course(COURSE))
        try:
            await task
            cancelled = False
        except asyncio.CancelledError:
            cancelled = True
        assert await check_store(backend) == []
        entry = await backend.index.get(key)
        outcomes.append((cancelled, entry is not None))
        if entry is not None:
            assert not (await AsyncStore(backend).import_course(COURSE)).changed
            await backend.index.delete(entry)
            for file in await backend.files.list(key):
                await backend.files.delete(file.key)
            before = await everything(backend)
        elif kind.startswith("sqlite"):
            assert await everything(backend) == before
            assert await backend.files.list(key) == []
        if not cancelled:
            break
    assert outcomes[0] == (True, False)
    assert outcomes[-1] == (False, True)
    assert len(outcomes) > 8
