"""The values that were used last, kept in the process up to a bound."""

from __future__ import annotations

from collections import OrderedDict
from typing import Generic, TypeVar

__all__ = ["Recent"]

T = TypeVar("T")


class Recent(Generic[T]):
    """Values by name. When they become too many bytes, those that were not used for longest go.

    Not to be used by two threads at once: who shares it holds a lock.
    """

    def __init__(self, limit: int) -> None:
        """Room for so many bytes."""
        self._limit = limit
        self._size = 0
        self._values: OrderedDict[str, tuple[T, int]] = OrderedDict()

    def get(self, name: str) -> T | None:
        """A value; None if it is not here."""
        found = self._values.get(name)
        if found is None:
            return None
        self._values.move_to_end(name)
        return found[0]

    def put(self, name: str, value: T, size: int) -> None:
        """Keep a value of so many bytes, in place of what has its name; not one larger than the bound."""
        _, old = self._values.pop(name, (None, 0))
        self._size -= old
        if size > self._limit:
            return
        self._values[name] = (value, size)
        self._size += size
        while self._size > self._limit:
            _, (_, gone) = self._values.popitem(last=False)
            self._size -= gone
