"""Bytes of files on their way to clients: fetched some slices at a time, kept, and given slice by slice."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass
from typing import TypeAlias

from modulestore.errors import CorruptDocument
from modulestore.model.files import CourseFile
from modulestore.origin.sources import Source
from modulestore.origin.tasks import SingleFlight

__all__ = ["SLICE", "Chunks"]

SLICE = 32 * 1024
"""Bytes that are given at once, at most: what the server holds for every client that is slow. Twice as many
cost 30 to 50 MB more for a thousand clients in a thousand places.
"""

_CHUNK = 256 * 1024  # bytes that are fetched at once, about
_LARGEST = 1024 * 1024
# At a time: what they bring waits in memory until it is taken; and a database that answers in threads has
# more of them (six on two cores), so that questions for metadata do not wait behind bytes.
_FETCHES = 4

_Name: TypeAlias = tuple[Hashable, int]  # which bytes, and from where in them


@dataclass(slots=True)
class _Kept:
    data: bytes
    uses: int = 0


class Chunks:
    """The bytes of a source's files, with those that were asked for last at hand.

    A reader holds a slice, and nothing else: no chunk, no cursor, no place in a queue. All who read the same
    place at the same time hold the same slice, and it was fetched once.
    """

    def __init__(self, source: Source, limit: int) -> None:
        """Slices of a source's files.

        Args:
            limit: bytes that are kept at hand.
        """
        self._source = source
        self._limit = limit
        self.size = 0
        """Bytes that are at hand."""
        self._kept: OrderedDict[_Name, _Kept] = OrderedDict()
        self._fetching: SingleFlight[_Name, bytes] = SingleFlight(_FETCHES)

    async def slice(self, file: CourseFile, start: int, stop: int) -> bytes:
        """Bytes of a file from ``start``: one or more, and none from ``stop`` on, which is greater.

        Raises:
            AssetNotFound, Conflict, CorruptDocument, StorageError: as `Source.fetch`.
        """
        unit = _unit(file)
        chunk = start // unit * unit
        first = start - (start - chunk) % SLICE
        name = (_bytes_of(file), first)
        kept = self._kept.get(name)
        if kept is not None:
            kept.uses += 1
            self._kept.move_to_end(name)
            data = kept.data
        else:
            # To the end of what is stored together: whoever reads on needs that next.
            end = min(chunk + unit, file.length)
            data = await self._fetching.do(name, lambda: self._fetch(file, first, end))
        return data[start - first : stop - first]

    async def _fetch(self, file: CourseFile, start: int, stop: int) -> bytes:
        """Fetch slices; the first of them."""
        data = await self._source.fetch(file, start, stop)
        if len(data) != stop - start:
            raise CorruptDocument(f"bytes of the file are missing from {start} on", place=str(file.key))
        slices = [data[at : at + SLICE] for at in range(0, len(data), SLICE)]
        bytes_of = _bytes_of(file)
        for number, one in enumerate(slices):
            self._keep((bytes_of, start + number * SLICE), one)
        return slices[0]

    def _keep(self, name: _Name, data: bytes) -> None:
        before = self._kept.pop(name, None)
        self.size += len(data) - (len(before.data) if before else 0)
        self._kept[name] = before or _Kept(data)
        while self.size > self._limit:
            oldest, kept = self._kept.popitem(last=False)
            if kept.uses > 1:
                # Others wanted it too: it stays for a while, though somebody reads a large file through.
                kept.uses = 0
                self._kept[oldest] = kept
            else:
                self.size -= len(kept.data)


def _unit(file: CourseFile) -> int:
    """Bytes that are fetched together: those that are stored together, several times if they are few."""
    piece = min(file.piece or _CHUNK, _LARGEST)
    return piece * max(1, _CHUNK // piece)


def _bytes_of(file: CourseFile) -> Hashable:
    """What tells the bytes of a file from all others: with a digest, wherever else they are."""
    # Not length alone beside it: pieces of two databases may differ, and slices begin with them.
    unit = _unit(file)
    return (file.sha256, unit) if file.sha256 else (file.key, file.md5, file.length, file.uploaded_on, unit)
