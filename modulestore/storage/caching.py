"""What a cache must provide: values by name, kept as long as it likes.

What is cached never changes (structures, definitions, what was worked out from a version), so nothing in a
cache is ever stale. A cache may lose anything at any time. One that is down, slow, full or corrupt costs
time; it never raises and never gives anything but what was put in under that name.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping
from dataclasses import dataclass

__all__ = ["Cache", "CacheCounters"]


@dataclass(frozen=True, slots=True)
class CacheCounters:
    """What a cache has done so far.

    Attributes:
        hits, misses: names that were asked for, and found or not.
        rejected: misses whose key had something else under it: damaged, forged, another item's.
        failures: calls of a server that it did not answer, not in time, or with a refusal.
        bytes_read, bytes_written: of sealed items.
    """

    hits: int = 0
    misses: int = 0
    rejected: int = 0
    failures: int = 0
    bytes_read: int = 0
    bytes_written: int = 0


class Cache(ABC):
    """Bytes by name. Everything here blocks; every method may be called from several threads at once."""

    @property
    def counters(self) -> CacheCounters:
        """What this cache has done so far, as far as it counts."""
        return CacheCounters()

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
