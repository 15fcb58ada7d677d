"""The body of a delta: what became of blocks since the versions that it is stored on.

One section, a map:

* ``names``: ``[type, id]`` of the blocks that the base does not have, as far as they come up here;
* ``removed``: blocks that are taken out first;
* ``rows``: ``[block, definition, cell, edit info, children, layout]`` of those that are new, which come last
  in this order, or that stand in place of what they were. Children are a list of blocks, nil for no list,
  false for the list that the block had; an empty layout is left out;
* ``assets``: packed asset metadata, if they are others.

A block is a number: its position in the base, or beyond the length of the base its place in ``names``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgpack

from modulestore.formats.cells import Cell, CellBlock
from modulestore.formats.columns import Cells
from modulestore.formats.frames import Frame
from modulestore.formats.packing import pack, unpack
from modulestore.keys import BlockKey, VersionId
from modulestore.model.deriving import derive
from modulestore.model.structure import Origin, Structure, StructureHeader

__all__ = ["Patch", "apply_patches", "read_delta", "write_delta"]

_SAME: Final = False


@dataclass(frozen=True, slots=True)
class Patch:
    """A delta that was read.

    Attributes:
        removed: blocks to take out first.
        rows: blocks to put in then.
        listed: of the rows, those that say which children they have; the others have those that they had.
        assets: asset metadata, if ``new_assets``.
    """

    removed: Sequence[BlockKey]
    rows: Sequence[CellBlock]
    listed: frozenset[BlockKey]
    new_assets: bool
    assets: Mapping[str, Any] | None


def write_delta(structure: Structure, base: Structure, since: Origin) -> list[bytes]:
    """The sections of what became of a structure ``since`` what it is stored on.

    Raises:
        InvalidInput: a block holds something that no document can hold.
    """
    cells = Cells(structure)
    size = len(base)
    names: dict[BlockKey, int] = {}

    def number(key: BlockKey) -> int:
        position = base.position(key)
        return size + names.setdefault(key, len(names)) if position is None else position

    found = ((structure.position(key), key) for key in since.changed)
    rows = []
    for position, key in sorted((position, key) for position, key in found if position is not None):
        children: Any = _SAME
        if key in since.relisted:
            below = structure.child_keys(position)
            children = None if below is None else [number(child) for child in below]
        cell = cells.at(position)
        row = [number(key), bytes(structure.definitions[position]), cell.cell, cell.info, children]
        rows.append([*row, cell.layout] if cell.layout else row)
    # Sorted, so that the same change is the same bytes.
    delta: dict[str, Any] = {"removed": [number(key) for key in sorted(since.removed)], "rows": rows}
    if since.assets:
        delta["assets"] = pack(structure.assets)
    delta["names"] = [list(key) for key in names]
    return [msgpack.packb(delta)]


def read_delta(frame: Frame, base: Structure) -> Patch:
    """The delta in a frame; ``base`` is the one that all numbers are of.

    Raises:
        ValueError, KeyError, TypeError, IndexError: it is not what it should be.
    """
    delta = msgpack.unpackb(frame.section(0))
    names = [BlockKey(*pair) for pair in delta["names"]]
    size = len(base)

    def key(number: int) -> BlockKey:
        return base.key(number) if number < size else names[number - size]

    rows = []
    listed = []
    for block, definition, cell, info, children, *layout in delta["rows"]:
        name = key(block)
        if children is not _SAME:
            listed.append(name)
        below = [key(child) for child in children] if children else ([] if children == [] else None)
        rows.append(CellBlock(name, VersionId(definition), below, Cell(cell, info, *layout)))
    return Patch(
        [key(block) for block in delta["removed"]],
        rows,
        frozenset(listed),
        "assets" in delta,
        unpack(delta["assets"]) if "assets" in delta else None,
    )


def apply_patches(below: Structure, header: StructureHeader, patches: Sequence[Patch]) -> Structure:
    """The version that patches make of another, oldest first."""
    blocks: dict[BlockKey, CellBlock] = {}
    removed: dict[BlockKey, None] = {}
    assets = below.assets
    for patch in patches:
        for key in patch.removed:
            blocks.pop(key, None)
            removed[key] = None
        for row in patch.rows:
            if row.key not in patch.listed:
                row.children = _children(row.key, blocks, below)
            blocks[row.key] = row
        if patch.new_assets:
            assets = patch.assets
    return derive(below, header, blocks, list(removed), assets=assets)


def _children(
    key: BlockKey, blocks: Mapping[BlockKey, CellBlock], below: Structure
) -> Sequence[BlockKey] | None:
    if key in blocks:
        return blocks[key].children
    position = below.position(key)
    if position is None:
        raise ValueError(f"{key.type}/{key.id} has the children that it had, but was not there")
    return below.child_keys(position)
