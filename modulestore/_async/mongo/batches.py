"""What a query finds, so many at a time."""

from __future__ import annotations

from collections.abc import AsyncIterable
from typing import TypeVar

from modulestore._async.waiting import Stream

__all__ = ["in_batches"]

T = TypeVar("T")


async def in_batches(found: AsyncIterable[T], size: int) -> Stream[list[T]]:
    """All of it in order, ``size`` at a time; the last may be fewer."""
    waiting: list[T] = []
    async for one in found:
        waiting.append(one)
        if len(waiting) == size:
            yield waiting
            waiting = []
    if waiting:
        yield waiting
