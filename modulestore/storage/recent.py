"""What was used last, kept in the process up to a bound."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

__all__ = ["Recent"]

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")


class Recent(Generic[K, T]):
    """Values by name, each of some size. When they become too large, those that were not used for longest go.

    Not to be used by two threads at once: who shares it holds a lock.

    Attributes:
        size: of all values together.
        dropped: how many values had to go so far.
    """

    def __init__(self, limit: int) -> None:
        """Room for so much."""
        self._limit = limit
        self._values: OrderedDict[K, tuple[T, int]] = OrderedDict()
        self.size = 0
        self.dropped = 0

    def __len__(self) -> int:
        return len(self._values)

    def get(self, name: K) -> T | None:
        """A value, which is used thereby; None if it is not here."""
        found = self._values.get(name)
        if found is None:
            return None
        self._values.move_to_end(name)
        return found[0]

    def peek(self, name: K) -> T | None:
        """A value, which does not count as used; None if it is not here."""
        found = self._values.get(name)
        return None if found is None else found[0]

    def put(self, name: K, value: T, size: int) -> None:
        """Keep a value of some size, in place of what has its name; not one that is larger than the bound."""
        self.forget(name)
        if size > self._limit:
            return
        self._values[name] = value, size
        self.size += size
        while self.size > self._limit:
            _, (_, gone) = self._values.popitem(last=False)
            self.size -= gone
            self.dropped += 1

    def clear(self) -> None:
        """Keep none of the values any longer."""
        self._values.clear()
        self.size = 0

    def forget(self, name: K) -> None:
        """Keep a value no longer, if it is here."""
        _, size = self._values.pop(name, (None, 0))
        self.size -= size
