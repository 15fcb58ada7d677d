"""A task that is cancelled while it waits: what had begun is told, as what it came to."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from typing import TypeVar

import pytest

from modulestore._async.observing import ObservedBackend
from modulestore._async.ports import Backend
from modulestore._async.store import AsyncStore
from modulestore._async.waiting import Call
from modulestore._async.wrappers import WrappedBackend
from modulestore.observing import CommitEnded, Event, StorageCall
from modulestore.testing._async.courses import SMALL_COURSE, make_small_course
from tests._async.stores import BACKENDS, fresh_backend

pytestmark = pytest.mark.anyio

T = TypeVar("T")


class Waiting(WrappedBackend):
    """Waits for ever in the n-th call, once that was made or before it is."""

    def __init__(self, backend: Backend, number: int, *, after: bool) -> None:
        super().__init__(backend, self._wait)
        self._left = number
        self._after = after
        self.calls: Counter[str] = Counter()
        self.waits = asyncio.Event()

    async def _wait(self, name: str, call: Call[T], /) -> T:
        self.calls[name] += 1
        self._left -= 1
        if self._left == 0 and not self._after:
            await self._for_ever()
        result = await call()
        if self._left == 0:
            await self._for_ever()
        return result

    async def _for_ever(self) -> None:
        self.waits.set()
        await asyncio.Event().wait()


@pytest.fixture
async def backend(kind: str, request: pytest.FixtureRequest) -> AsyncIterator[Backend]:
    async with fresh_backend(kind, request) as backend:
        await make_small_course(AsyncStore(backend))
        yield backend


@BACKENDS
@pytest.mark.parametrize("after", [False, True])
async def test_wherever_an_edit_is_cancelled(backend: Backend, after: bool) -> None:
    outcomes = []
    for number in range(1, 30):
        seen: list[Event] = []
        waiting = Waiting(backend, number, after=after)
        store = AsyncStore(ObservedBackend(waiting, seen.append), observe=seen.append)

        async def edit(store: AsyncStore = store, name: str = f"try {number}") -> None:
            async with store.edit(SMALL_COURSE, author="ana") as session:
                session.update(("html", "a1"), display_name=name)

        task = asyncio.create_task(edit())
        waits = asyncio.create_task(waiting.waits.wait())
        await asyncio.wait({task, waits}, return_when=asyncio.FIRST_COMPLETED)
        cancelled = not task.done()
        task.cancel()
        await asyncio.wait({task})
        waits.cancel()
        calls = [event for event in seen if isinstance(event, StorageCall)]
        assert Counter(event.name for event in calls) == waiting.calls
        errors = [event.error for event in calls if event.error is not None]
        assert errors == ([asyncio.CancelledError] if cancelled else [])
        commits = [event for event in seen if isinstance(event, CommitEnded)]
        outcomes += [event.outcome for event in commits]
        if not cancelled:
            break
        assert all(event.error is asyncio.CancelledError for event in commits)
    assert set(outcomes[:-1]) == {"interrupted"}
    assert outcomes[-1] == "committed"
    assert len(outcomes) > 4
