"""Cells: one block of format 2 as bytes that are decoded when they are looked at.

A block is taken apart into its key, definition and children, which a structure has in columns, and three
pieces of packed bytes: the *cell* (all that it holds), its *edit info* (which many blocks share), and its
*layout* where it is not laid out as usual. Put together again it is the same document, key for key.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple, TypeAlias

import bson

from modulestore.formats.blocks import StoredBlock, edit_info_of
from modulestore.formats.encoding import OPTIONS
from modulestore.formats.ids import to_object_id
from modulestore.formats.packing import pack, unpack
from modulestore.keys import BlockKey, VersionId
from modulestore.model.structure import BlockRecord, EditInfo

__all__ = [
    "Cell",
    "CellBlock",
    "Held",
    "asides_of",
    "cell_of_record",
    "defaults_of",
    "join",
    "pack_info",
    "read_info",
    "settings_of",
    "split",
]

_USUAL: Final = ("fields", "block_type", "definition", "defaults", "asides", "edit_info", "block_id")
_HELD: Final = ("fields", "defaults", "asides")
_INFO: Final = (
    "previous_version",
    "update_version",
    "source_version",
    "edited_on",
    "edited_by",
    "original_usage",
    "original_usage_version",
)


class Cell(NamedTuple):
    """A block without its key, definition and children.

    Attributes:
        cell: packed ``[fields, defaults, asides, what else there is]``, what is empty at its end left out.
        info: packed edit info: its seven values in their usual order, what is None at its end left out, or
            where it has other keys a dictionary.
        layout: packed ``[keys of the block in order, place of the children among the fields]``; empty if the
            block is laid out as usual: the keys of format 1 in their order, children last.
    """

    cell: bytes
    info: bytes
    layout: bytes = b""


Held: TypeAlias = Sequence[Any]
"""What a cell holds, decoded; what is empty at its end is missing. Never change it."""


def settings_of(held: Held) -> Mapping[str, Any]:
    """The settings in a cell."""
    return (held[0] or {}) if held else {}


def defaults_of(held: Held) -> Mapping[str, Any]:
    """The defaults in a cell."""
    return (held[1] or {}) if len(held) > 1 else {}


def asides_of(held: Held) -> Sequence[Mapping[str, Any]]:
    """The asides in a cell."""
    return (held[2] or ()) if len(held) > 2 else ()


def split(document: Mapping[str, Any]) -> Cell:
    """The cell of a block.

    Raises:
        ValueError, TypeError, OverflowError: it holds something that no document can hold.
    """
    fields = document.get("fields")
    place = None
    if isinstance(fields, dict) and "children" in fields:
        place = list(fields).index("children")
        if place == len(fields) - 1 and fields["children"] is not None:
            place = -1
        fields = {name: value for name, value in fields.items() if name != "children"}
    held: list[Any] = [fields or {}, document.get("defaults") or {}, document.get("asides") or {}]
    # Empty in another way than usual: null, or a list. Where a key is missing the layout says so.
    for at, name in enumerate(_HELD):
        value = fields if name == "fields" else document.get(name, {})
        if not value and value != {}:
            held[at] = value
    others = {name: value for name, value in document.items() if name not in _USUAL}
    if others:
        held.append(others)
    while held and held[-1] == {}:
        held.pop()
    keys = tuple(document)
    usual = keys == _USUAL and place in (None, -1)
    return Cell(
        pack(held), _split_info(document.get("edit_info")), b"" if usual else pack([list(keys), place])
    )


def cell_of_record(record: BlockRecord, info: bytes) -> Cell:
    """The cell of a block that no document has yet: what `split` gives for its document.

    Raises:
        ValueError, TypeError, OverflowError: it holds something that no document can hold.
    """
    held = [record.settings, record.defaults, record.asides or {}]
    # What msgpack can hold and documents cannot, such as keys that are no text, is found out here: a version
    # of this format can be stored in the other one at any time.
    bson.encode({"held": held}, codec_options=OPTIONS)
    while held and not held[-1]:
        held.pop()
    return Cell(pack(held), info)


def pack_info(info: EditInfo) -> bytes:
    """Edit info, packed."""
    values = list(info)
    while values and values[-1] is None:
        values.pop()
    return pack(values)


def join(
    cell: Cell, key: BlockKey, definition: VersionId, children: Sequence[BlockKey] | None
) -> dict[str, Any]:
    """The block that was split. ``children`` is None for a block without a list of them."""
    held = unpack(cell.cell)
    keys: Sequence[str] = _USUAL
    place: int | None = -1
    if cell.layout:
        keys, place = unpack(cell.layout)
    fields = held[0] if held else {}
    if children is not None or (place is not None and place >= 0):
        listed = list(fields.items())
        at = len(listed) if place is None or place < 0 else place
        below = None if children is None else [list(child) for child in children]
        fields = dict([*listed[:at], ("children", below), *listed[at:]])
    values: dict[str, Any] = {
        "fields": fields,
        "block_type": key.type,
        "definition": to_object_id(definition),
        "defaults": held[1] if len(held) > 1 else {},
        "asides": held[2] if len(held) > 2 else {},
        "block_id": key.id,
        **(held[3] if len(held) > 3 else {}),
    }
    if "edit_info" in keys:
        values["edit_info"] = _join_info(cell.info)
    return {name: values[name] for name in keys}


def read_info(info: bytes) -> EditInfo:
    """Packed edit info.

    Raises:
        ValueError: it is none.
    """
    return edit_info_of(_join_info(info) or {})


def _split_info(info: Any) -> bytes:
    if not isinstance(info, dict) or tuple(info) != _INFO:
        return pack(info)
    return pack_info(EditInfo(*info.values()))


def _join_info(info: bytes) -> Any:
    values = unpack(info)
    if not isinstance(values, list):
        return values
    return dict(zip(_INFO, values + [None] * (len(_INFO) - len(values)), strict=True))


class CellBlock(StoredBlock):
    """One block with its cell. What it holds is decoded when it is first asked for."""

    __slots__ = ("_held", "_info", "cell", "children", "definition", "key")

    def __init__(
        self, key: BlockKey, definition: VersionId, children: Sequence[BlockKey] | None, cell: Cell
    ) -> None:
        self.key = key
        self.definition = definition
        self.children = children
        self.cell = cell
        self._held: Held | None = None
        self._info: EditInfo | None = None

    @property
    def held(self) -> Held:
        """What the cell holds."""
        if self._held is None:
            self._held = unpack(self.cell.cell)
        return self._held

    @property
    def settings(self) -> Mapping[str, Any]:
        return settings_of(self.held)

    @property
    def defaults(self) -> Mapping[str, Any]:
        return defaults_of(self.held)

    @property
    def asides(self) -> Sequence[Mapping[str, Any]]:
        return asides_of(self.held)

    @property
    def edit_info(self) -> EditInfo:
        if self._info is None:
            self._info = read_info(self.cell.info)
        return self._info

    def document(self) -> dict[str, Any]:
        return join(self.cell, self.key, self.definition, self.children)
