"""Everything that waits, for code in ``_async``.

Its twin in ``_sync`` is written by hand too; all else there is generated.
"""

from __future__ import annotations

import asyncio
import inspect
import random
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from contextlib import aclosing as closing
from time import monotonic
from typing import ParamSpec, TypeAlias, TypeVar

__all__ = [
    "Call",
    "Lock",
    "Stream",
    "acquire",
    "back_off",
    "call_back",
    "closing",
    "gather",
    "monotonic",
    "race",
    "run_blocking",
    "sleep",
]

P = ParamSpec("P")
T = TypeVar("T")

Stream: TypeAlias = AsyncGenerator[T, None]
"""Values one after the other; its source is to be closed (`closing`) when they are not all wanted."""

Call: TypeAlias = Callable[[], Awaitable[T]]
"""Something to be done, now or not."""

Lock = asyncio.Lock
sleep = asyncio.sleep


async def back_off(attempt: int) -> None:
    """Wait a little before another try: longer each time, and never as long as somebody else does."""
    await asyncio.sleep(random.uniform(0, min(1.0, 0.005 * 2**attempt)))


async def call_back(listeners: Iterable[Callable[[T], object]], value: T) -> None:
    """Call every listener, one after the other; the first error is raised when all were called."""
    failure: Exception | None = None
    for listener in listeners:
        try:
            result = listener(value)
            if inspect.isawaitable(result):
                await result
        except Exception as error:
            failure = failure or error
    if failure is not None:
        raise failure


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
