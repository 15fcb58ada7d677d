"""What stays in the process: decoded structures and definitions, which are immutable, so never stale; and
index entries with the moment at which they were read, for those who can do with older ones.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from modulestore.formats.structures import weight_of
from modulestore.keys import ContextKey, VersionId
from modulestore.model.definition import Definition
from modulestore.model.index import IndexEntry
from modulestore.model.structure import Structure

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
        self._most = most
        self._kept: OrderedDict[VersionId, tuple[Structure | Definition, int]] = OrderedDict()
        self._entries: OrderedDict[ContextKey, tuple[IndexEntry, float]] = OrderedDict()
        self._hits = self._misses = self._forgotten = self._bytes = 0
        self._lock = threading.Lock()

    @property
    def counts(self) -> MemoryCounts:
        """What it did so far."""
        with self._lock:
            return MemoryCounts(self._hits, self._misses, self._forgotten, len(self._kept), self._bytes)

    def structures(self, versions: Iterable[VersionId]) -> dict[VersionId, Structure]:
        """Those of these structures that are there."""
        return {value.id: value for value in self._find(versions) if isinstance(value, Structure)}

    def peek(self, version: VersionId) -> Structure | None:
        """A structure, if it is there, asked for by the way: it counts neither as used nor as missed."""
        with self._lock:
            found, _ = self._kept.get(version, (None, 0))
            return found if isinstance(found, Structure) else None

    def definitions(self, versions: Iterable[VersionId]) -> dict[VersionId, Definition]:
        """Those of these definitions that are there."""
        return {value.id: value for value in self._find(versions) if isinstance(value, Definition)}

    def keep_structures(self, structures: Iterable[Structure]) -> None:
        """Keep structures, as long as there is room."""
        self._keep((structure, weight_of(structure)) for structure in structures)

    def keep_definitions(self, definitions: Iterable[tuple[Definition, int]]) -> None:
        """Keep definitions, each with the bytes of its document."""
        self._keep((definition, _DECODED * size) for definition, size in definitions)

    def _keep(self, versions: Iterable[tuple[Structure | Definition, int]]) -> None:
        with self._lock:
            for value, size in versions:
                before = self._kept.pop(value.id, None)
                self._bytes += size - (before[1] if before else 0)
                self._kept[value.id] = value, size
            while self._bytes > self._most:
                _, (_, size) = self._kept.popitem(last=False)
                self._bytes -= size
                self._forgotten += 1

    def entry(self, key: ContextKey, since: float) -> IndexEntry | None:
        """The index entry of a course, if it was read at this moment or later."""
        with self._lock:
            entry, read = self._entries.get(key.bare, (None, since))
            return entry if read >= since else None

    def keep_entry(self, entry: IndexEntry, read: float) -> None:
        """Keep an index entry, and the moment from which on it may have been outdated; unless a later one of
        the same course is there, which somebody else has read meanwhile.
        """
        with self._lock:
            known, _ = self._entries.get(entry.key.bare, (None, read))
            if known is not None and _is_later(known, entry):
                return
            self._entries[entry.key.bare] = entry, read
            self._entries.move_to_end(entry.key.bare)
            if len(self._entries) > _MOST_ENTRIES:
                self._entries.popitem(last=False)

    def forget_entry(self, key: ContextKey) -> None:
        """Forget the index entry of a course, because it is another now."""
        with self._lock:
            self._entries.pop(key.bare, None)

    def _find(self, versions: Iterable[VersionId]) -> list[Structure | Definition]:
        values: list[Structure | Definition] = []
        asked = 0
        with self._lock:
            for version in versions:
                asked += 1
                found = self._kept.get(version)
                if found is None:
                    continue
                value, size = found
                if isinstance(value, Structure):
                    grown = weight_of(value)
                    self._bytes += grown - size
                    self._kept[version] = value, grown
                self._kept.move_to_end(version)
                values.append(value)
            self._hits += len(values)
            self._misses += asked - len(values)
        return values


def _is_later(a: IndexEntry, b: IndexEntry) -> bool:
    if a.id != b.id or a.last_update is None or b.last_update is None:
        return False
    return a.last_update > b.last_update
