"""Columns of a structure: where each block stands, ids of versions packed, children as positions."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import overload

from modulestore.keys import BlockKey, VersionId

__all__ = ["VersionColumn", "index_of", "positions"]

_SIZE = 12  # bytes of an id


class VersionColumn(Sequence[VersionId]):
    """Ids of versions in one piece of bytes; one is made when it is asked for, most never are."""

    __slots__ = ("packed",)

    def __init__(self, packed: bytes) -> None:
        self.packed = packed

    @classmethod
    def of(cls, versions: Iterable[bytes]) -> VersionColumn:
        """The column of these ids."""
        return cls(b"".join(versions))

    def __len__(self) -> int:
        return len(self.packed) // _SIZE

    @overload
    def __getitem__(self, position: int) -> VersionId: ...

    @overload
    def __getitem__(self, position: slice) -> list[VersionId]: ...

    def __getitem__(self, position: int | slice) -> VersionId | list[VersionId]:
        if isinstance(position, slice):
            return [self[at] for at in range(*position.indices(len(self)))]
        if position < 0:
            position += len(self)
        if not 0 <= position < len(self):
            raise IndexError(position)
        return VersionId(self.packed[position * _SIZE : (position + 1) * _SIZE])

    def __iter__(self) -> Iterator[VersionId]:
        packed = self.packed
        return (VersionId(packed[at : at + _SIZE]) for at in range(0, len(packed), _SIZE))

    def holds(self, version: bytes) -> bool:
        """Whether an id is here; only of ids in order, by halving."""
        at = bisect_left(self, version)
        return at < len(self) and self[at] == version

    def changed(
        self, kept: Sequence[int] | None, replaced: Mapping[int, bytes], added: Sequence[bytes]
    ) -> VersionColumn:
        """The ids of ``kept`` positions (None: all), some replaced (by their old position), others added."""
        packed = bytearray(self.packed)
        for position, version in replaced.items():
            packed[position * _SIZE : (position + 1) * _SIZE] = version
        if kept is not None:
            packed = bytearray(b"".join(packed[at * _SIZE : (at + 1) * _SIZE] for at in kept))
        packed += b"".join(added)
        return VersionColumn(bytes(packed))


def index_of(types: Sequence[str], ids: Sequence[str]) -> dict[tuple[str, str], int]:
    """Position of each (type, id). Of two blocks of one key the later one counts, as for the platform."""
    return dict(zip(zip(types, ids, strict=True), range(len(ids)), strict=True))


def positions(
    index: Mapping[tuple[str, str], int], children: Iterable[Sequence[Sequence[str]] | None]
) -> tuple[list[tuple[int, ...] | None], list[BlockKey]]:
    """Lists of child keys as lists of positions, and the children that no block has (see `Structure`)."""
    absent: dict[BlockKey, int] = {}
    columns: list[tuple[int, ...] | None] = []
    for keys in children:
        if keys is None:
            columns.append(None)
            continue
        row = []
        for block_type, block_id in keys:
            position = index.get((block_type, block_id))
            if position is None:
                position = len(index) + absent.setdefault(BlockKey(block_type, block_id), len(absent))
            row.append(position)
        columns.append(tuple(row))
    return columns, list(absent)
