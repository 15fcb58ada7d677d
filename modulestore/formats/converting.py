"""One stored structure from one format into the other, and the proof that it is still the same.

Format 2 stores what changed since another version, which a document of format 1 does not say: it is found out
by comparing the two, block by block.
"""

from __future__ import annotations

from collections import Counter
from typing import Any, Final

import bson

from modulestore.errors import CorruptDocument, DocumentTooLarge
from modulestore.formats import v1
from modulestore.formats.cells import Cell
from modulestore.formats.columns import Cells
from modulestore.formats.encoding import OPTIONS
from modulestore.formats.layers import Stored
from modulestore.formats.packing import unpack
from modulestore.formats.structures import Schema, encode_structure
from modulestore.keys import BlockKey, VersionId
from modulestore.model.structure import Origin, Structure

__all__ = ["check_format_1", "check_format_2", "made_from", "to_format_1", "to_format_2"]

_KNOWN: Final = {
    "_id",
    "root",
    "previous_version",
    "original_version",
    "edited_by",
    "edited_on",
    "blocks",
    "schema_version",
    "assets",
    "thumbnails",
}


def made_from(parent: Structure, child: Structure) -> Structure | None:
    """The same as ``child``, but made from ``parent``, so that it can be stored as what changed since.

    None if nothing can be stored on ``parent``, or not this. Costs a look at every block of both.
    """
    stored = None if parent.origin is None else parent.origin.stored
    if not isinstance(stored, Stored) or _bson(parent.thumbnails) != _bson(child.thumbnails):
        return None
    stay = _staying(parent, child)
    before, after = Cells(parent), Cells(child)
    changed: list[BlockKey] = []
    relisted: list[BlockKey] = []
    for now, then in enumerate(stay):
        other_children = parent.child_keys(then) != child.child_keys(now)
        if (
            other_children
            or parent.definitions[then] != child.definitions[now]
            or before.at(then) != after.at(now)
        ):
            changed.append(child.key(now))
            if other_children:
                relisted.append(child.key(now))
    added = [child.key(now) for now in range(len(stay), len(child))]
    gone = set(range(len(parent))).difference(stay)
    return child.with_origin(
        Origin(
            stored,
            frozenset([*changed, *added]),
            frozenset(map(parent.key, gone)),
            frozenset([*relisted, *added]),
            _bson(parent.assets) != _bson(child.assets),
        )
    )


def to_format_2(document: bytes, parent: Structure | None, limit: int) -> bytes:
    """A document of format 1 in format 2, which may have ``limit`` bytes: as what changed since ``parent``,
    where that is worth it.

    Raises:
        CorruptDocument, InvalidInput: it cannot be read, or not be stored so.
        DocumentTooLarge: it would have more.
    """
    structure = v1.decode_structure(document)
    made = None if parent is None else made_from(parent, structure)
    return _converted(made or structure, 2, limit)


def check_format_2(document: bytes, read: Structure) -> None:
    """Make sure that what was read of a document that was converted to format 2 is all that was in it.

    Raises:
        CorruptDocument: it is not the same, to the byte.
    """
    if v1.encode_structure(read) != document:
        raise _other(read.id, _what_is_odd(document) or "what would be stored is not what was there")


def to_format_1(structure: Structure, limit: int) -> bytes:
    """A structure as a document of format 1, which may have ``limit`` bytes.

    Raises:
        DocumentTooLarge: it would have more.
        InvalidInput: it cannot be stored.
    """
    return _converted(structure, 1, limit)


def check_format_1(structure: Structure, document: bytes) -> None:
    """Make sure that the document of a structure that was converted to format 1 has all that is in it.

    Raises:
        CorruptDocument: it has not.
    """
    if not _is_same(structure, v1.decode_structure(document)):
        raise _other(structure.id, "what would be stored is not what was there")


def _converted(structure: Structure, schema: Schema, limit: int) -> bytes:
    document = encode_structure(structure, schema).document
    size = len(document)
    if size > limit:
        raise DocumentTooLarge(
            f"in format {schema} it would have {size:,} bytes, and the database holds {limit:,} at most",
            size=size,
            limit=limit,
            place=f"structure {structure.id}",
        )
    return document


def _staying(parent: Structure, child: Structure) -> list[int]:
    """Where in ``parent`` those blocks of ``child`` stand that it has in the same order, from the first on.

    In a version that is made from another all others are new, or were taken out and put in again.
    """
    stay: list[int] = []
    for key in zip(child.types, child.ids, strict=True):
        position = parent.position(key)
        if position is None or (stay and position <= stay[-1]):
            break
        stay.append(position)
    return stay


def _is_same(one: Structure, other: Structure) -> bool:
    if one.header != other.header or len(one) != len(other):
        return False
    cells, others = Cells(one), Cells(other)
    return (
        list(one.types) == list(other.types)
        and list(one.ids) == list(other.ids)
        and one.definitions.packed == other.definitions.packed
        and all(one.child_keys(at) == other.child_keys(at) for at in range(len(one)))
        and all(_is_same_cell(cells.at(at), others.at(at)) for at in range(len(one)))
        and _bson([one.assets, one.thumbnails]) == _bson([other.assets, other.thumbnails])
    )


def _is_same_cell(one: Cell, other: Cell) -> bool:
    # An integer that needs 64 bits comes back of a document as one that is marked so.
    return one == other or _unpacked(one) == _unpacked(other)


def _unpacked(cell: Cell) -> bytes:
    return _bson([unpack(part) if part else None for part in cell])


def _bson(value: Any) -> bytes:
    return bson.encode({"value": value}, codec_options=OPTIONS)


def _what_is_odd(document: bytes) -> str | None:
    """Why a document does not even come back when it is read and written in its own format."""
    if v1.encode_structure(v1.decode_structure(document)) == document:
        return None
    decoded = bson.decode(document, OPTIONS)
    if unknown := sorted(decoded.keys() - _KNOWN):
        return f"it has fields that format 2 has no place for: {', '.join(unknown)}"
    keys = Counter(f"{block['block_type']}/{block['block_id']}" for block in decoded["blocks"])
    if twice := sorted(key for key, count in keys.items() if count > 1):
        return f"it has two blocks of one key: {', '.join(twice)}"
    return "its fields are not those, or not in the order, that the platform writes today"


def _other(version: VersionId, message: str) -> CorruptDocument:
    return CorruptDocument(message, place=f"structure {version}", hint="it stays as it is, and can be read")
