"""What a stored structure refers to, read without the structure: for upkeep, which looks at very many.

A document says itself, in the clear, which structures it names. What its blocks refer to is looked for in its
own document only, so that nothing else has to be fetched: of a delta, in the blocks that it has.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

import bson
import msgpack
from bson import ObjectId
from bson.errors import BSONError

from modulestore.formats import v2
from modulestore.formats.cells import read_info, settings_of
from modulestore.formats.encoding import OPTIONS, leading_fields
from modulestore.formats.headers import HEADER, corrupt, decode_header
from modulestore.formats.ids import optional_id, to_version_id
from modulestore.formats.numbers import expect_known
from modulestore.formats.packing import unpack
from modulestore.formats.structures import NEWEST_SCHEMA, PLATFORM_SCHEMA, schema_of
from modulestore.keys import VersionId
from modulestore.model.columns import VersionColumn
from modulestore.model.stored import References, StructureLinks
from modulestore.model.structure import StructureHeader

__all__ = [
    "LEADING",
    "LINKS",
    "REFERENCES",
    "leading_header",
    "links_of",
    "references_in",
    "references_of",
]

LINKS: Final = ("previous_version", "original_version", "bases", "schema_version")
"""The fields that `links_of` looks at."""

LEADING: Final = 4096
"""Bytes of a document that have all these fields: what comes before its blocks is never longer."""

REFERENCES: Final = (
    "schema_version",
    "blocks.definition",
    "blocks.fields.source_library_version",
    "blocks.edit_info.original_usage_version",
)
"""The fields of a document of format 1 that `references_in` looks at."""

_BULK: Final = ("blocks", "body")
_PIN: Final = "source_library_version"
_WRONG = (BSONError, KeyError, TypeError, AttributeError, ValueError, IndexError)


def links_of(document: bytes | Mapping[str, Any]) -> StructureLinks:
    """The structures that a document names in the clear; of bytes, its beginning (`LEADING`) is enough.

    Raises:
        UnknownFormat: in a later format it may name others, elsewhere.
        CorruptDocument: it does not say, or says what is no id.
    """
    try:
        fields = leading_fields(document, LINKS, _BULK) if isinstance(document, bytes) else document
        # The platform writes it after the blocks; what it is not found in front of is the platform's.
        schema = fields.get("schema_version", PLATFORM_SCHEMA)
        expect_known("structures", schema, NEWEST_SCHEMA)
        return StructureLinks(
            optional_id(fields["previous_version"]),
            to_version_id(fields["original_version"]),
            tuple(map(to_version_id, fields.get("bases", ()))),
            schema,
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise corrupt("structure", None, error) from error


def leading_header(start: bytes) -> StructureHeader:
    """The header in the beginning (`LEADING`) of a document.

    Raises:
        CorruptDocument: a field is missing or is not what it should be.
    """
    return decode_header(leading_fields(start, HEADER, _BULK))


def references_of(document: bytes) -> References:
    """What the blocks in a document refer to, of any format. Its frame is checked.

    Raises:
        CorruptDocument: it cannot be read.
    """
    if schema_of(document) != v2.SCHEMA_VERSION:
        try:
            decoded: dict[str, Any] = bson.decode(document, OPTIONS)
        except BSONError as error:
            raise corrupt("structure", None, error) from error
        return references_in(decoded)
    try:
        return _in_delta(document) if links_of(document).bases else _in_columns(document)
    except _WRONG as error:
        raise corrupt("structure", None, error) from error


def references_in(document: Mapping[str, Any]) -> References:
    """The same of a document of format 1, of which the fields `REFERENCES` are enough.

    Raises:
        CorruptDocument: it has no blocks, or what they refer to is no id.
    """
    try:
        blocks = document["blocks"]
        return References(
            frozenset(to_version_id(block["definition"]) for block in blocks),
            frozenset(_pins_of_documents(blocks)),
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise corrupt("structure", document.get("_id"), error) from error


def _in_columns(document: bytes) -> References:
    frame = v2.frame_of(document)
    skeleton = msgpack.unpackb(frame.section(0), use_list=False)
    pins = set(_pins_of_infos(msgpack.unpackb(frame.section(1), strict_map_key=False)["infos"]))
    for number in range(len(skeleton["groups"])):
        packed = frame.section(2 + number)
        if _PIN.encode() in packed:  # hardly ever: most groups need not be taken apart
            pins.update(_pins_of_cells(msgpack.unpackb(packed)))
    return References(frozenset(VersionColumn(skeleton["definitions"])), frozenset(pins))


def _in_delta(document: bytes) -> References:
    rows = msgpack.unpackb(v2.frame_of(document).section(0))["rows"]
    pins = {*_pins_of_infos({row[3] for row in rows}), *_pins_of_cells(row[2] for row in rows)}
    return References(frozenset(VersionId(row[1]) for row in rows), frozenset(pins))


def _pins_of_documents(blocks: Iterable[Mapping[str, Any]]) -> Iterator[VersionId]:
    for block in blocks:
        info = block.get("edit_info") or {}
        if isinstance(source := info.get("original_usage_version"), ObjectId):
            yield to_version_id(source)
        yield from _pins_of_settings(block.get("fields") or {})


def _pins_of_infos(infos: Iterable[bytes]) -> Iterator[VersionId]:
    for info in infos:
        if (version := read_info(info).original_usage_version) is not None:
            yield version


def _pins_of_cells(cells: Iterable[bytes]) -> Iterator[VersionId]:
    for cell in cells:
        if _PIN.encode() in cell:
            yield from _pins_of_settings(settings_of(unpack(cell)))


def _pins_of_settings(settings: Mapping[str, Any]) -> Iterator[VersionId]:
    """A pin is the text of an id; anything else there was written by a person, and opens nothing."""
    pin = settings.get(_PIN)
    if isinstance(pin, ObjectId):
        yield to_version_id(pin)
    elif isinstance(pin, str) and ObjectId.is_valid(pin):
        yield to_version_id(ObjectId(pin))
