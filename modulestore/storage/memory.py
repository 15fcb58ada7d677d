"""What stays in the process: decoded structures and definitions, which are immutable, so never stale; and
index entries with the moment at which they were read, for those who can do with older ones.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from modulestore.formats.structures import weight_of
from modulestore.keys import ContextKey, VersionId
from modulestore.model.definition import Definition
from modulestore.model.index import IndexEntry
from modulestore.model.structure import Structure
from modulestore.storage.recent import Recent

__all__ = ["MEMORY_BYTES", "Memory", "MemoryCounts"]

MEMORY_BYTES: Final = 128 * 1024 * 1024
"""Bytes that a store keeps decoded, unless it is told otherwise."""

_MOST_ENTRIES: Final = 10_000
_DECODED: Final = 3  # bytes that a byte of a definition takes: it is mostly text


@dataclass(frozen=True, slots=True)
class MemoryCounts:
    """What a memory did so far.

    Attributes:
        hits, misses: versions that were asked for, and were there or not.
        forgotten: versions that had to make room.
        kept, bytes: versions that are there now, and about how much they take.
    """

    hits: int = 0
    misses: int = 0
    forgotten: int = 0
    kept: int = 0
    bytes: int = 0


class Memory:
    """The versions used last, as many as fit. Safe for several threads; nothing here blocks for long.

    What a version takes is told by who puts it in, and is about right; it is asked for again whenever the
    version is found, since a structure grows while it is read.
    """

    def __init__(self, most: int = MEMORY_BYTES) -> None:
        self._versions: Recent[VersionId, Structure | Definition] = Recent(most)
        self._entries: Recent[ContextKey, tuple[IndexEntry, float]] = Recent(_MOST_ENTRIES)
        self._hits = self._misses = 0
        self._lock = threading.Lock()

    @property
    def counts(self) -> MemoryCounts:
        """What it did so far."""
        with self._lock:
            versions = self._versions
            return MemoryCounts(self._hits, self._misses, versions.dropped, len(versions), versions.size)

    def structures(self, versions: Iterable[VersionId]) -> dict[VersionId, Structure]:
        """Those of these structures that are there."""
        return {value.id: value for value in self._find(versions) if isinstance(value, Structure)}

    def peek(self, version: VersionId) -> Structure | None:
        """A structure, if it is there, asked for by the way: it counts neither as used nor as missed."""
        with self._lock:
            found = self._versions.peek(version)
            return found if isinstance(found, Structure) else None

    def definitions(self, versions: Iterable[VersionId]) -> dict[VersionId, Definition]:
        """Those of these definitions that are there."""
        return {value.id: value for value in self._find(versions) if isinstance(value, Definition)}

    def keep_structures(self, structures: Iterable[Structure]) -> None:
        """Keep structures, as long as there is room."""
        with self._lock:
            for structure in structures:
                self._versions.put(structure.id, structure, weight_of(structure))

    def keep_definitions(self, definitions: Iterable[tuple[Definition, int]]) -> None:
        """Keep definitions, each with the bytes of its document."""
        with self._lock:
            for definition, size in definitions:
                self._versions.put(definition.id, definition, _DECODED * size)

    def entry(self, key: ContextKey, since: float) -> IndexEntry | None:
        """The index entry of a course, if it was read at this moment or later."""
        with self._lock:
            entry, read = self._entries.get(key.bare) or (None, since)
            return entry if read >= since else None

    def keep_entry(self, entry: IndexEntry, read: float) -> None:
        """Keep an index entry, and the moment from which on it may have been outdated; unless a later one of
        the same course is there, which somebody else has read meanwhile.
        """
        with self._lock:
            known, _ = self._entries.peek(entry.key.bare) or (None, read)
            if known is None or not _is_later(known, entry):
                self._entries.put(entry.key.bare, (entry, read), 1)

    def forget_entry(self, key: ContextKey) -> None:
        """Forget the index entry of a course, because it is another now."""
        with self._lock:
            self._entries.forget(key.bare)

    def forget_versions(self) -> None:
        """Forget all structures and definitions, because some of them are in the database no more."""
        with self._lock:
            self._versions.clear()

    def _find(self, versions: Iterable[VersionId]) -> list[Structure | Definition]:
        values: list[Structure | Definition] = []
        asked = 0
        with self._lock:
            for version in versions:
                asked += 1
                value = self._versions.get(version)
                if value is not None:
                    values.append(value)
                    if isinstance(value, Structure):
                        self._versions.put(version, value, weight_of(value))
            self._hits += len(values)
            self._misses += asked - len(values)
        return values


def _is_later(a: IndexEntry, b: IndexEntry) -> bool:
    if a.id != b.id or a.last_update is None or b.last_update is None:
        return False
    return a.last_update > b.last_update
