"""Everything that waits, for code in ``_sync``: the twin of ``_async/waiting.py``, written by hand."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import ParamSpec, TypeAlias, TypeVar

__all__ = ["Call", "Lock", "Stream", "acquire", "closing", "gather", "race", "run_blocking", "sleep"]

P = ParamSpec("P")
T = TypeVar("T")

Stream: TypeAlias = Generator[T, None, None]
"""Values one after the other; its source is to be closed (`closing`) when they are not all wanted."""

Call: TypeAlias = Callable[[], T]
"""Something to be done, now or not."""

Lock = threading.Lock
sleep = time.sleep


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
