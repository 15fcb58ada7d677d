"""Structures ⇄ documents, in whichever format: every reader reads both, and a database says which one writers
use.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal, NamedTuple, TypeAlias, cast, get_args

import bson

from modulestore.errors import CorruptDocument
from modulestore.formats import v1, v2
from modulestore.formats.blocks import StoredData, document_of
from modulestore.formats.encoding import OPTIONS, REFUSED, fields_of, unstorable
from modulestore.formats.headers import document_id
from modulestore.formats.layers import Stored
from modulestore.formats.numbers import expect_known
from modulestore.keys import BlockKey, VersionId
from modulestore.model.deriving import DerivedData
from modulestore.model.structure import Structure

__all__ = [
    "NEWEST_SCHEMA",
    "PLATFORM_SCHEMA",
    "Encoded",
    "Schema",
    "as_schema",
    "builds_on",
    "built_on",
    "decode_structure",
    "encode_structure",
    "repeated_blocks",
    "schema_of",
    "weight_of",
]

Schema: TypeAlias = Literal[1, 2]
"""Version of the stored form of structures: 1, the platform's documents; 2, our own."""

PLATFORM_SCHEMA: Final = 1
NEWEST_SCHEMA: Final = 2

_KNOWN: Final = get_args(Schema)

# Bytes of memory, measured on courses of the platform.
_COLUMNS: Final = 200  # of a block in all columns
_OWN: Final = 20  # of these, what a version that was made from another has for itself
_CHANGED: Final = 110  # of a block that changed since the base, beside what it shares with older versions
_NEW: Final = 4000  # of what is new in a version


class Encoded(NamedTuple):
    """A structure that was encoded.

    Attributes:
        document: BSON, to be stored under its id.
        structure: the same structure, as it is once that is done: what is made from it builds on it.
    """

    document: bytes
    structure: Structure


def as_schema(value: object, place: str | None = None) -> Schema:
    """A version of the stored form.

    Raises:
        UnknownFormat: it is a later one than this release knows.
        CorruptDocument: it is none.
    """
    if value not in _KNOWN:
        expect_known("structures", value, NEWEST_SCHEMA, place)
        raise CorruptDocument(f"there is no format {value!r} of structures", place=place)
    return cast(Schema, value)


def schema_of(document: bytes) -> Schema:
    """In which format a structure is stored.

    Raises:
        UnknownFormat: in a later one than this release knows.
        CorruptDocument: it is no BSON, or does not say.
    """
    schema = fields_of(document, {"schema_version"}).get("schema_version", PLATFORM_SCHEMA)
    return as_schema(schema, None if schema in _KNOWN else f"structure {document_id(document)}")


def encode_structure(structure: Structure, schema: Schema) -> Encoded:
    """A structure as a document of a format; in format 2 as a delta, where that is worth it.

    Raises:
        InvalidInput: a block holds something that no document can hold.
    """
    if schema == v2.SCHEMA_VERSION:
        document, stored = v2.encode_structure(structure)
        return Encoded(document, structure.stored_as(stored))
    try:
        return Encoded(v1.encode_structure(structure), structure.stored_as(None))
    except REFUSED as error:
        raise unstorable(error, _offender(structure)) from error


def built_on(document: bytes) -> tuple[VersionId, ...]:
    """The stored versions that this one consists of beside itself, oldest first; none if it is whole.

    Raises:
        CorruptDocument: it is no BSON, or not of this form.
    """
    return v2.built_on(document)


def builds_on(structure: Structure) -> tuple[VersionId, ...]:
    """What a version that builds on this one consists of beside itself; none if none can build on it."""
    stored = structure.origin.stored if structure.origin else None
    return stored.names if isinstance(stored, Stored) else ()


def decode_structure(
    document: bytes,
    below: Structure | None = None,
    deltas: Sequence[bytes] = (),
    base: Structure | None = None,
) -> Structure:
    """The structure of a document of any format.

    Args:
        below: of what it is built on (see `built_on`) the last version that is at hand as a structure.
        deltas: documents of what comes after that, oldest first.
        base: the first of what it is built on, if ``below`` is stored otherwise by now (see `builds_on`).

    Raises:
        CorruptDocument: it cannot be read, or builds on something else.
    """
    if schema_of(document) == v2.SCHEMA_VERSION:
        return v2.decode_structure(document, below, deltas, base)
    return v1.decode_structure(document)


def repeated_blocks(document: bytes) -> list[BlockKey]:
    """Blocks that a document of the platform has more than once, though its structure has them once.

    Raises:
        CorruptDocument: it cannot be read.
    """
    return v1.repeated_blocks(document) if schema_of(document) == PLATFORM_SCHEMA else []


def weight_of(structure: Structure) -> int:
    """Bytes of memory that a structure takes, about, without what it shares with the one it is made from."""
    data = structure.data
    if isinstance(data, DerivedData):
        return _OWN * len(structure) + _CHANGED * len(data.changed) + _NEW
    return _COLUMNS * len(structure) + (data.weight if isinstance(data, StoredData) else 0)


def _offender(structure: Structure) -> str | None:
    """The first block that cannot be stored."""
    for position in range(len(structure)):
        try:
            bson.encode(document_of(structure, position), codec_options=OPTIONS)
        except REFUSED:
            key = structure.key(position)
            return f"{key.type}/{key.id}"
    return None
