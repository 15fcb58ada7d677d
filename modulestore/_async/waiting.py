"""Everything that waits, for code in ``_async``.

Its twin in ``_sync`` is written by hand too; all else there is generated.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing as closing
from typing import ParamSpec, TypeAlias, TypeVar

__all__ = ["Call", "Lock", "Stream", "acquire", "closing", "gather", "race", "run_blocking", "sleep"]

P = ParamSpec("P")
T = TypeVar("T")

Stream: TypeAlias = AsyncGenerator[T, None]
"""Values one after the other; its source is to be closed (`closing`) when they are not all wanted."""

Call: TypeAlias = Callable[[], Awaitable[T]]
"""Something to be done, now or not."""

Lock = asyncio.Lock
sleep = asyncio.sleep


async def acquire(lock: Lock, seconds: float) -> bool:
    """Take a lock, waiting ``seconds`` at most; whether it was taken."""
    try:
        async with asyncio.timeout(seconds):
            return await lock.acquire()
    except TimeoutError:
        return False


async def run_blocking(function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """Call a function that blocks, in a worker thread.

    A caller that is cancelled still waits until the thread has finished: what it works with (a connection, a
    lock) must not be handed to somebody else while it runs.
    """
    task = asyncio.ensure_future(asyncio.to_thread(function, *args, **kwargs))
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        if not task.cancelled():
            task.exception()  # seen: nobody will ask for it
        raise


async def gather(*calls: Callable[[], Awaitable[T]]) -> list[T]:
    """Results of all calls, in order, run at the same time; the first error ends the others."""
    tasks = [asyncio.ensure_future(call()) for call in calls]
    try:
        return list(await asyncio.gather(*tasks))
    except BaseException:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        raise


async def race(*calls: Callable[[], Awaitable[T]]) -> list[T]:
    """Results of all calls, in order, all really under way at once; the first error is raised when all have
    ended.
    """
    results = await asyncio.gather(*(call() for call in calls), return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return [result for result in results if not isinstance(result, BaseException)]
