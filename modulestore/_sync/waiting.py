"""Everything that waits, for code in ``_sync``: the twin of ``_async/waiting.py``, written by hand."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
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

Stream: TypeAlias = Generator[T, None, None]
"""Values one after the other; its source is to be closed (`closing`) when they are not all wanted."""

Call: TypeAlias = Callable[[], T]
"""Something to be done, now or not."""

Lock = threading.Lock
sleep = time.sleep


def back_off(attempt: int) -> None:
    """Wait a little before another try: longer each time, and never as long as somebody else does."""
    time.sleep(random.uniform(0, min(1.0, 0.005 * 2**attempt)))


def call_back(listeners: Iterable[Callable[[T], object]], value: T) -> None:
    """Call every listener, one after the other; the first error is raised when all were called."""
    failure: Exception | None = None
    for listener in listeners:
        try:
            listener(value)
        except Exception as error:
            failure = failure or error
    if failure is not None:
        raise failure


def acquire(lock: threading.Lock, seconds: float) -> bool:
    """Take a lock, waiting ``seconds`` at most; whether it was taken."""
    return lock.acquire(timeout=seconds)


def run_blocking(function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """Call a function that blocks: here."""
    return function(*args, **kwargs)


def gather(*calls: Callable[[], T]) -> list[T]:
    """Results of all calls, in order, one after the other."""
    return [call() for call in calls]


def race(*calls: Callable[[], T]) -> list[T]:
    """Results of all calls, in order, a thread for each; the first error is raised when all have ended."""
    with ThreadPoolExecutor(max_workers=max(1, len(calls))) as threads:
        futures = [threads.submit(call) for call in calls]
    return [future.result() for future in futures]
