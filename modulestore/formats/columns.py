"""The body of a base: columns that are read when a version is opened, and cells that wait.

Sections of its frame:

0. the *skeleton*: types, ids, definitions, children; how cells are grouped; asset metadata;
1. the *table* of edit infos and layouts, each kept once, and which block has which;
2. and further: groups of cells, type by type, those of one type in stored order.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import accumulate, chain
from typing import Any, Final

import msgpack

from modulestore.formats.blocks import StoredData, origin_of
from modulestore.formats.cells import (
    Cell,
    CellBlock,
    Held,
    asides_of,
    cell_of_record,
    defaults_of,
    join,
    pack_info,
    read_info,
    settings_of,
    split,
)
from modulestore.formats.encoding import REFUSED, unstorable
from modulestore.formats.frames import Frame
from modulestore.formats.packing import pack, unpack, unpack_all
from modulestore.keys import BlockKey
from modulestore.model.columns import VersionColumn
from modulestore.model.structure import EditInfo, Structure, StructureHeader

__all__ = ["CellData", "Cells", "read_columns", "write_columns"]

_GROUP: Final = 48 * 1024
"""Bytes of cells in a group, about: what is decoded to read one, and compressed together."""

_FIRST_GROUP: Final = 2

_FEW: Final = 3
"""Cells of a group that are decoded one by one; with the next one all are."""

_DECODED: Final = 6
"""Bytes that a byte of a cell takes when it is decoded: measured on courses of the platform."""


class CellData(StoredData):
    """Blocks of a stored base. Cells are unpacked in groups; they decode one by one first, then by groups."""

    __slots__ = (
        "_column",
        "_decoded",
        "_firsts",
        "_frame",
        "_groups",
        "_held",
        "_infos",
        "_marks",
        "_read",
        "_starts",
        "_table",
        "_types",
        "_unpacked",
    )

    def __init__(
        self, frame: Frame, column: Sequence[int], counts: Sequence[int], groups: Sequence[int]
    ) -> None:
        """Cells in a frame.

        Args:
            column: of each block, the number of its type.
            counts: of each type, how many blocks it has.
            groups: how many cells are in each group.
        """
        self._frame = frame
        self._column = column
        self._firsts = [0, *accumulate(counts)]  # of each type, the place of its first cell among all
        self._starts = [0, *accumulate(groups)]  # of each group
        self._types: list[list[int] | None] = [None] * len(counts)
        self._groups: dict[int, Sequence[bytes]] = {}
        self._held: dict[int, Held] = {}
        self._read: dict[int, int] = {}  # of each group, how many of its cells were read by themselves
        self._table: _Table | None = None
        self._infos: dict[int, EditInfo] = {}
        self._marks: Sequence[bytes | None] | None = None
        self._unpacked = 0
        self._decoded = 0

    @property
    def weight(self) -> int:
        return self._frame.size + self._unpacked + _DECODED * self._decoded

    def settings(self, position: int, /) -> Mapping[str, Any]:
        return settings_of(self._held.get(position) or self._at(position))

    def defaults(self, position: int, /) -> Mapping[str, Any]:
        return defaults_of(self._held.get(position) or self._at(position))

    def asides(self, position: int, /) -> Sequence[Mapping[str, Any]]:
        return asides_of(self._held.get(position) or self._at(position))

    def edit_info(self, position: int, /) -> EditInfo:
        number = self.table.info_of[position]
        known = self._infos.get(number)
        if known is None:
            known = self._infos[number] = read_info(self.table.infos[number])
        return known

    def record(self, position: int, /) -> None:
        return None

    def marks(self) -> Sequence[bytes | None]:
        if self._marks is None:
            infos = map(read_info, self.table.infos)
            marks = [info.source_version or info.update_version for info in infos]
            self._marks = [marks[number] for number in self.table.info_of]
        return self._marks

    def cell(self, position: int) -> Cell:
        """A block as it is stored."""
        table = self.table
        layout = table.layouts[table.layout_of.get(position, 0)]
        return Cell(self._packed(position), table.infos[table.info_of[position]], layout)

    def document(self, structure: Structure, position: int, origin: int) -> dict[str, Any]:
        key, below = structure.key(position), structure.child_keys(position)
        return join(self.cell(origin), key, structure.definitions[position], below)

    @property
    def table(self) -> _Table:
        """Edit infos and layouts."""
        if self._table is None:
            section = self._frame.section(1)
            self._unpacked += len(section)
            self._table = _Table(section)
        return self._table

    def _at(self, position: int) -> Held:
        """What a block holds, decoded now. Who reads several cells of a group will read the others too."""
        if position in self._held:
            return self._held[position]
        group, place = self._place(position)
        cells = self._group(group)
        self._read[group] = self._read.get(group, 0) + 1
        if self._read[group] <= _FEW:
            packed = cells[place]
            self._decoded += len(packed)
            self._held[position] = unpack(packed)
        else:
            self._decoded += sum(map(len, cells))
            self._held.update(zip(self._positions_of(group), unpack_all(cells), strict=True))
        return self._held[position]

    def _packed(self, position: int) -> bytes:
        group, place = self._place(position)
        return self._group(group)[place]

    def _place(self, position: int) -> tuple[int, int]:
        """The number of the group that a cell is in, and its place there."""
        kind = self._column[position]
        place = self._firsts[kind] + bisect_left(self._of_type(kind), position)
        group = bisect_right(self._starts, place) - 1
        return group, place - self._starts[group]

    def _positions_of(self, group: int) -> list[int]:
        """Of each cell of a group, the position of its block."""
        start, end = self._starts[group], self._starts[group + 1]
        found: list[int] = []
        kind = bisect_right(self._firsts, start) - 1
        while start < end:
            first = self._firsts[kind]
            found += self._of_type(kind)[start - first : end - first]
            kind += 1
            start = max(start, self._firsts[kind])
        return found

    def _of_type(self, kind: int) -> list[int]:
        """Positions of the blocks of a type."""
        known = self._types[kind]
        if known is None:
            known = self._types[kind] = [at for at, number in enumerate(self._column) if number == kind]
        return known

    def _group(self, number: int) -> Sequence[bytes]:
        known = self._groups.get(number)
        if known is None:
            packed = self._frame.section(_FIRST_GROUP + number)
            self._unpacked += len(packed)
            known = self._groups[number] = msgpack.unpackb(packed)
        return known


class _Table:
    """What many blocks share."""

    __slots__ = ("info_of", "infos", "layout_of", "layouts")

    def __init__(self, section: bytes) -> None:
        read = msgpack.unpackb(section, strict_map_key=False)
        self.infos: Sequence[bytes] = read["infos"]
        self.info_of: Sequence[int] = read["info_of"]
        self.layouts: Sequence[bytes] = read["layouts"]
        self.layout_of: Mapping[int, int] = read["layout_of"]


class Cells:
    """The cells of a structure, whatever it was read from or made of. None that is stored is decoded."""

    def __init__(self, structure: Structure) -> None:
        self._structure = structure
        # Many blocks share one edit info: it is packed once. What is known by its id is kept alive here.
        self._infos: dict[int, tuple[EditInfo, bytes]] = {}

    def at(self, position: int) -> Cell:
        """The cell of a block.

        Raises:
            InvalidInput: it holds something that no document can hold.
        """
        structure = self._structure
        origin = origin_of(structure, position)
        if isinstance(origin, CellBlock):
            return origin.cell
        if isinstance(origin, tuple) and isinstance(origin[0], CellData):
            return origin[0].cell(origin[1])
        try:
            if isinstance(origin, tuple) and isinstance(origin[0], StoredData):
                return split(origin[0].document(structure, position, origin[1]))
            record = structure.record(position)
            return cell_of_record(record, self._info(record.edit_info))
        except REFUSED as error:
            raise unstorable(error, "/".join(structure.key(position))) from error

    def _info(self, info: EditInfo) -> bytes:
        known = self._infos.get(id(info))
        if known is None:
            known = self._infos[id(info)] = (info, pack_info(info))
        return known[1]


def write_columns(structure: Structure) -> list[bytes]:
    """The sections of a whole structure.

    Raises:
        InvalidInput: a block holds something that no document can hold.
    """
    cells = list(map(Cells(structure).at, range(len(structure))))
    types = list(dict.fromkeys(structure.types))
    numbers = {name: number for number, name in enumerate(types)}
    column = [numbers[name] for name in structure.types]
    by_type: list[list[bytes]] = [[] for _ in types]
    for cell, kind in zip(cells, column, strict=True):
        by_type[kind].append(cell.cell)
    groups = list(_grouped(chain.from_iterable(by_type)))
    skeleton = {
        "types": types,
        "type": column,
        "ids": list(structure.ids),
        "definitions": structure.definitions.packed,
        "children": list(structure.children),
        "absent": [list(key) for key in structure.absent],
        "counts": list(map(len, by_type)),
        "groups": list(map(len, groups)),
    }
    if structure.assets is not None:
        skeleton["assets"] = pack(structure.assets)
    if structure.thumbnails is not None:
        skeleton["thumbnails"] = pack(structure.thumbnails)
    return [msgpack.packb(skeleton), _packed_table(cells), *map(msgpack.packb, groups)]


def _grouped(cells: Iterable[bytes]) -> Iterator[list[bytes]]:
    group: list[bytes] = []
    size = 0
    for cell in cells:
        group.append(cell)
        size += len(cell)
        if size >= _GROUP:
            yield group
            group, size = [], 0
    if group:
        yield group


def _packed_table(cells: Sequence[Cell]) -> bytes:
    infos: dict[bytes, int] = {}
    layouts: dict[bytes, int] = {b"": 0}
    info_of = [infos.setdefault(cell.info, len(infos)) for cell in cells]
    layout_of = {
        position: layouts.setdefault(cell.layout, len(layouts))
        for position, cell in enumerate(cells)
        if cell.layout
    }
    table = {"infos": list(infos), "info_of": info_of, "layouts": list(layouts), "layout_of": layout_of}
    return bytes(msgpack.packb(table))


def read_columns(frame: Frame, header: StructureHeader) -> Structure:
    """The structure whose sections these are; only the skeleton is read.

    Raises:
        ValueError, KeyError, TypeError: they are not what they should be.
    """
    skeleton = msgpack.unpackb(frame.section(0), use_list=False)
    names, column = skeleton["types"], skeleton["type"]
    types = [names[number] for number in column]
    ids, definitions, children = skeleton["ids"], skeleton["definitions"], skeleton["children"]
    if not len(types) == len(ids) == len(children) == len(definitions) // 12:
        raise ValueError("its columns are not of one length")
    return Structure(
        header,
        types,
        ids,
        VersionColumn(definitions),
        children,
        [BlockKey(*pair) for pair in skeleton["absent"]],
        CellData(frame, column, skeleton["counts"], skeleton["groups"]),
        assets=unpack(skeleton["assets"]) if "assets" in skeleton else None,
        thumbnails=unpack(skeleton["thumbnails"]) if "thumbnails" in skeleton else None,
    )
