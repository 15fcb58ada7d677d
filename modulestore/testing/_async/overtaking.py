"""A backend on which somebody else is always faster."""

from __future__ import annotations

from typing import TypeVar

from modulestore._async.ports import Backend
from modulestore._async.waiting import Call
from modulestore._async.wrappers import WrappedBackend

__all__ = ["OvertakenBackend"]

T = TypeVar("T")


class OvertakenBackend(WrappedBackend):
    """Lets something else happen before a call: by default between the look at the heads and the writes.

    ``then(f)`` calls ``f`` before the next call of this name, once; several are called before one each.
    """

    def __init__(self, backend: Backend, *, before: str = "group.begin") -> None:
        super().__init__(backend, self._overtake)
        self._before = before
        self._others: list[Call[object]] = []

    def then(self, other: Call[object]) -> None:
        """Let this happen before the next call."""
        self._others.append(other)

    async def _overtake(self, name: str, call: Call[T], /) -> T:
        if name == self._before and self._others:
            await self._others.pop(0)()
        return await call()
