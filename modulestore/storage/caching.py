"""What a cache must provide: values by name, kept as long as it likes.

What is cached never changes (structures, definitions, what was worked out from a version), so nothing in a
cache is ever stale. A cache may lose anything at any time. One that is down, slow, full or corrupt costs
time; it never raises and never gives anything but what was put in under that name.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping

__all__ = ["Cache"]


class Cache(ABC):
    """Bytes by name. Everything here blocks; every method may be called from several threads at once."""

    @abstractmethod
    def get_many(self, names: Collection[str]) -> dict[str, bytes]:
        """The values that are there."""

    @abstractmethod
    def put_many(self, values: Mapping[str, bytes]) -> None:
        """Keep values, if possible."""

    @abstractmethod
    def delete_many(self, names: Collection[str]) -> None:
        """Forget values, if possible."""

    @abstractmethod
    def close(self) -> None:
        """Give back connections. Nothing is found afterwards, and nothing kept; closing twice is no error."""
