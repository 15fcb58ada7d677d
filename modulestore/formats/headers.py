"""What a stored structure says of itself beside its blocks: the same fields in every format."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

import bson
from bson.codec_options import CodecOptions
from bson.raw_bson import RawBSONDocument

from modulestore.errors import CorruptDocument
from modulestore.formats.encoding import fields_of
from modulestore.formats.ids import optional_id, optional_oid, to_object_id, to_version_id
from modulestore.keys import BlockKey, VersionId
from modulestore.model.structure import StructureHeader

__all__ = [
    "EPOCH",
    "HEADER",
    "corrupt",
    "decode_header",
    "document_id",
    "header_fields",
    "header_of",
    "relinked",
]

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
"""When something happened of which a document does not say when."""

HEADER: Final = frozenset({"_id", "root", "previous_version", "original_version", "edited_by", "edited_on"})
"""The fields of a document that its header is made of."""

_LEADING_ID = b"\x07_id\0"

_RAW_OPTIONS: CodecOptions[RawBSONDocument] = CodecOptions(
    document_class=RawBSONDocument, tz_aware=True, tzinfo=UTC
)


def header_fields(header: StructureHeader) -> dict[str, Any]:
    """The fields of a document that its header is, in the order that they are stored in."""
    return {
        "_id": to_object_id(header.id),
        "root": list(header.root),
        "previous_version": optional_oid(header.previous_version),
        "original_version": to_object_id(header.original_version),
        "edited_by": header.edited_by,
        "edited_on": header.edited_on,
    }


def decode_header(document: bytes | Mapping[str, Any]) -> StructureHeader:
    """What a ``structures`` document says of itself; of bytes, only the header fields are decoded.

    Raises:
        CorruptDocument: a field is missing or is not what it should be.
    """
    try:
        return header_of(fields_of(document, HEADER) if isinstance(document, bytes) else document)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise corrupt("structure", None, error) from error


def header_of(fields: Mapping[str, Any]) -> StructureHeader:
    """The header in the fields of a document.

    Raises:
        KeyError, TypeError, AttributeError, ValueError: a field is missing or is not what it should be.
    """
    block_type, block_id = fields["root"]
    return StructureHeader(
        to_version_id(fields["_id"]),
        BlockKey(block_type, block_id),
        optional_id(fields["previous_version"]),
        to_version_id(fields["original_version"]),
        fields.get("edited_by"),
        fields.get("edited_on") or EPOCH,
    )


def relinked(document: bytes, previous: VersionId | None) -> bytes:
    """The same structure document with another ``previous_version``, everything else byte for byte."""
    raw = RawBSONDocument(document, _RAW_OPTIONS)
    fields = {name: optional_oid(previous) if name == "previous_version" else raw[name] for name in raw}
    return bson.encode(fields, codec_options=_RAW_OPTIONS)


def document_id(document: bytes) -> VersionId:
    """The id of an encoded structure or definition.

    Raises:
        CorruptDocument: it has none.
    """
    # First, as the platform and we write it.
    if document[4:9] == _LEADING_ID and len(document) > 21:
        return VersionId(document[9:21])
    try:
        return to_version_id(fields_of(document, {"_id"})["_id"])
    except (KeyError, AttributeError) as error:
        raise corrupt("document", None, error) from error


def corrupt(kind: str, oid: Any, error: Exception) -> CorruptDocument:
    """The error of a document that cannot be read, with what is the matter."""
    what = f"missing {error}" if isinstance(error, KeyError) else str(error)
    return CorruptDocument(f"unreadable {kind}: {what}", place=None if oid is None else f"{kind} {oid}")
