"""What runs beside a request: the only module of the origin that makes tasks."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from types import TracebackType
from typing import Generic, Self, TypeVar

from starlette.types import Receive

__all__ = ["SingleFlight", "Watch"]

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")


class SingleFlight(Generic[K, T]):
    """Work that several ask for at the same moment is done once, and all get its result, or its error."""

    def __init__(self, most: int) -> None:
        """Nothing is going on yet.

        Args:
            most: how many are worked at, at a time; what else is asked for waits its turn.
        """
        self._running: dict[K, asyncio.Future[T]] = {}
        self._turns = asyncio.Semaphore(most)

    async def do(self, name: K, work: Callable[[], Awaitable[T]]) -> T:
        """The result of ``work``, or of the same work that is going on.

        It goes on to its end though all who asked should leave: it is short, and to break off a conversation
        with a database costs a connection.
        """
        task = self._running.get(name)
        if task is None:
            task = asyncio.ensure_future(self._in_turn(work))
            self._running[name] = task
            task.add_done_callback(lambda done: self._end(name, done))
        return await asyncio.shield(task)

    async def _in_turn(self, work: Callable[[], Awaitable[T]]) -> T:
        async with self._turns:
            return await work()

    def _end(self, name: K, task: asyncio.Future[T]) -> None:
        del self._running[name]
        if not task.cancelled():
            task.exception()  # seen: perhaps nobody is left who asked


class Watch:
    """Looks, while it is open, whether the client has gone."""

    def __init__(self, receive: Receive) -> None:
        self._task = asyncio.ensure_future(_gone(receive))

    @property
    def gone(self) -> bool:
        """Whether it has."""
        return self._task.done()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)


async def _gone(receive: Receive) -> None:
    # Whatever body the request has is read and thrown away.
    while (await receive())["type"] != "http.disconnect":
        pass
