"""Stored format 1: the documents of the Open edX platform, field for field, in its order and with its types.

Everything above this module has :class:`VersionId` where a document has an ObjectId, branches under our
names, and keys where a document has pairs. Blocks that were read and not changed are written back as they
were found, key order and unknown keys included.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import bson
from bson import ObjectId
from bson.codec_options import CodecOptions
from bson.errors import BSONError
from bson.raw_bson import RawBSONDocument

from modulestore.errors import CorruptDocument
from modulestore.formats.encoding import OPTIONS, fields_of
from modulestore.keys import BlockKey, CourseKey, LibraryKey, VersionId
from modulestore.model.branches import branch_name, stored_name
from modulestore.model.columns import VersionColumn, index_of, positions
from modulestore.model.definition import Definition
from modulestore.model.deriving import DerivedData
from modulestore.model.index import IndexEntry
from modulestore.model.structure import BlockRecord, EditInfo, Structure, StructureHeader

__all__ = [
    "decode_definition",
    "decode_entry",
    "decode_header",
    "decode_structure",
    "document_id",
    "encode_definition",
    "encode_entry",
    "encode_structure",
    "new_version_id",
    "relinked",
    "to_object_id",
    "to_version_id",
]

SCHEMA_VERSION = 1
_LIBRARY_RUN = "library"

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_HEADER = {"_id", "root", "previous_version", "original_version", "edited_by", "edited_on"}
_LEADING_ID = b"\x07_id\0"

_RAW_OPTIONS: CodecOptions[RawBSONDocument] = CodecOptions(
    document_class=RawBSONDocument, tz_aware=True, tzinfo=UTC
)


def to_object_id(version: VersionId) -> ObjectId:
    """The id as documents have it."""
    return ObjectId(bytes(version))


def to_version_id(oid: ObjectId) -> VersionId:
    """The id as all above the documents has it."""
    return VersionId(oid.binary)


def new_version_id() -> VersionId:
    """An id that nobody else makes: the time in seconds, five random bytes of this process, a counter."""
    return VersionId(ObjectId().binary)


def _optional_id(oid: ObjectId | None) -> VersionId | None:
    return None if oid is None else VersionId(oid.binary)


def _optional_oid(version: VersionId | None) -> ObjectId | None:
    return None if version is None else ObjectId(bytes(version))


# --- index entries


def encode_entry(entry: IndexEntry) -> dict[str, Any]:
    """The ``active_versions`` document of an entry."""
    return {
        "_id": to_object_id(entry.id),
        "org": entry.key.org,
        "course": entry.key.course,
        "run": entry.key.run,
        "edited_by": entry.edited_by,
        "edited_on": entry.edited_on,
        "versions": {stored_name(branch): to_object_id(head) for branch, head in entry.heads.items()},
        "schema_version": SCHEMA_VERSION,
        "search_targets": dict(entry.search_targets),
        "last_update": entry.last_update,
    }


def decode_entry(document: Mapping[str, Any]) -> IndexEntry:
    """The entry of an ``active_versions`` document; old documents lack the last three fields.

    Raises:
        CorruptDocument: a field is missing or is not what it should be.
    """
    try:
        org, course, run = document["org"], document["course"], document["run"]
        versions = document["versions"]
        key: CourseKey | LibraryKey
        is_library = run == _LIBRARY_RUN and (not versions or "library" in versions)
        key = LibraryKey(org, course) if is_library else CourseKey(org, course, run)
        return IndexEntry(
            id=to_version_id(document["_id"]),
            key=key,
            heads={
                branch_name(name): to_version_id(head) for name, head in versions.items() if head is not None
            },
            edited_by=document.get("edited_by"),
            edited_on=document.get("edited_on") or _EPOCH,
            last_update=document.get("last_update"),
            search_targets=dict(document.get("search_targets") or {}),
        )
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise _corrupt("index entry", document.get("_id"), error) from error


# --- structures


class DocumentData:
    """Blocks of a version 1 document, as they were decoded."""

    __slots__ = ("blocks",)

    def __init__(self, blocks: Sequence[dict[str, Any]]) -> None:
        self.blocks = blocks

    def settings(self, position: int, /) -> Mapping[str, Any]:
        fields: dict[str, Any] = self.blocks[position].get("fields") or {}
        if "children" not in fields:
            return fields
        return {name: value for name, value in fields.items() if name != "children"}

    def defaults(self, position: int, /) -> Mapping[str, Any]:
        return self.blocks[position].get("defaults") or {}

    def asides(self, position: int, /) -> Sequence[Mapping[str, Any]]:
        return self.blocks[position].get("asides") or ()

    def edit_info(self, position: int, /) -> EditInfo:
        info = self.blocks[position].get("edit_info") or {}
        return EditInfo(
            _optional_id(info.get("previous_version")),
            _optional_id(info.get("update_version")),
            _optional_id(info.get("source_version")),
            info.get("edited_on"),
            info.get("edited_by"),
            info.get("original_usage"),
            _optional_id(info.get("original_usage_version")),
        )

    def record(self, position: int, /) -> None:
        return None

    def marks(self) -> list[bytes | None]:
        """By position, the version that tells whether a block and its published copy are the same."""
        marks: list[bytes | None] = []
        for block in self.blocks:
            info = block.get("edit_info") or {}
            version = info.get("source_version") or info.get("update_version")
            marks.append(None if version is None else version.binary)
        return marks


def decode_structure(document: bytes) -> Structure:
    """The structure of an encoded ``structures`` document.

    Raises:
        CorruptDocument: it is no BSON, or not of this form.
    """
    decoded: dict[str, Any] = {}
    try:
        decoded = bson.decode(document, OPTIONS)
        header = _header(decoded)
        blocks = decoded["blocks"]
        types = [block["block_type"] for block in blocks]
        ids = [block["block_id"] for block in blocks]
        index = index_of(types, ids)
        if len(index) != len(ids):
            # Two blocks of one key: the later one counts, at the place of the first, as for the platform.
            kept = [index[key] for key in dict.fromkeys(zip(types, ids, strict=True))]
            blocks = [blocks[at] for at in kept]
            types, ids = [types[at] for at in kept], [ids[at] for at in kept]
            index = index_of(types, ids)
        children, absent = positions(index, [(block.get("fields") or {}).get("children") for block in blocks])
        return Structure(
            header,
            types,
            ids,
            VersionColumn.of([block["definition"].binary for block in blocks]),
            children,
            absent,
            DocumentData(blocks),
            index=index,
            assets=decoded.get("assets"),
            thumbnails=decoded.get("thumbnails"),
        )
    except (BSONError, KeyError, TypeError, AttributeError, ValueError) as error:
        raise _corrupt("structure", decoded.get("_id"), error) from error


def encode_structure(structure: Structure) -> bytes:
    """The ``structures`` document of a structure, as BSON."""
    header = structure.header
    document: dict[str, Any] = {
        "_id": to_object_id(header.id),
        "root": list(header.root),
        "previous_version": _optional_oid(header.previous_version),
        "original_version": to_object_id(header.original_version),
        "edited_by": header.edited_by,
        "edited_on": header.edited_on,
        "blocks": _stored_blocks(structure),
        "schema_version": SCHEMA_VERSION,
    }
    if structure.assets is not None:
        document["assets"] = structure.assets
    if structure.thumbnails is not None:
        document["thumbnails"] = structure.thumbnails
    return bson.encode(document, codec_options=OPTIONS)


def _stored_blocks(structure: Structure) -> list[dict[str, Any]]:
    # Many blocks share one edit info: its document is made once. What is known by its id is kept alive here.
    edit_infos: dict[int, tuple[EditInfo, dict[str, Any]]] = {}

    def edit_info(info: EditInfo) -> dict[str, Any]:
        known = edit_infos.get(id(info))
        if known is None:
            known = edit_infos[id(info)] = (info, _edit_info_document(info))
        return known[1]

    def stored_block(position: int) -> dict[str, Any]:
        data = structure.data
        if isinstance(data, DerivedData) and position not in data.changed:
            base, origin = data.base, data.origin(position)
        else:
            base, origin = data, position
        if isinstance(base, DocumentData):
            return base.blocks[origin]
        record = structure.record(position)
        return _block_document(record, edit_info(record.edit_info))

    return [stored_block(position) for position in range(len(structure))]


def _block_document(record: BlockRecord, edit_info: dict[str, Any]) -> dict[str, Any]:
    # Nothing is copied that need not be: of a course's thousands of blocks the garbage collector feels it.
    fields = record.settings
    if record.children is not None:
        fields = {**fields, "children": record.children}
    return {
        "fields": fields,
        "block_type": record.key.type,
        "definition": to_object_id(record.definition),
        "defaults": record.defaults,
        # An object when empty and an array otherwise: so the platform writes it, and so it must be read.
        "asides": record.asides or {},
        "edit_info": edit_info,
        "block_id": record.key.id,
    }


def _edit_info_document(info: EditInfo) -> dict[str, Any]:
    return {
        "previous_version": _optional_oid(info.previous_version),
        "update_version": _optional_oid(info.update_version),
        "source_version": _optional_oid(info.source_version),
        "edited_on": info.edited_on,
        "edited_by": info.edited_by,
        "original_usage": info.original_usage,
        "original_usage_version": _optional_oid(info.original_usage_version),
    }


def decode_header(document: bytes | Mapping[str, Any]) -> StructureHeader:
    """What a ``structures`` document says of itself; of bytes, only the header fields are decoded.

    Raises:
        CorruptDocument: a field is missing or is not what it should be.
    """
    try:
        return _header(fields_of(document, _HEADER) if isinstance(document, bytes) else document)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise _corrupt("structure", None, error) from error


def _header(fields: Mapping[str, Any]) -> StructureHeader:
    block_type, block_id = fields["root"]
    return StructureHeader(
        to_version_id(fields["_id"]),
        BlockKey(block_type, block_id),
        _optional_id(fields["previous_version"]),
        to_version_id(fields["original_version"]),
        fields.get("edited_by"),
        fields.get("edited_on") or _EPOCH,
    )


def relinked(document: bytes, previous: VersionId | None) -> bytes:
    """The same structure document with another ``previous_version``, everything else byte for byte."""
    raw = RawBSONDocument(document, _RAW_OPTIONS)
    fields = {name: _optional_oid(previous) if name == "previous_version" else raw[name] for name in raw}
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
        raise _corrupt("document", None, error) from error


# --- definitions


def encode_definition(definition: Definition) -> bytes:
    """The ``definitions`` document of a definition, as BSON."""
    document = {
        "_id": to_object_id(definition.id),
        "block_type": definition.block_type,
        "fields": dict(definition.fields),
        "edit_info": {
            "edited_by": definition.edited_by,
            "edited_on": definition.edited_on,
            "previous_version": _optional_oid(definition.previous_version),
            "original_version": to_object_id(definition.original_version),
        },
        "schema_version": SCHEMA_VERSION,
    }
    return bson.encode(document, codec_options=OPTIONS)


def decode_definition(document: bytes) -> Definition:
    """The definition of an encoded ``definitions`` document.

    Raises:
        CorruptDocument: it is no BSON, or not of this form.
    """
    decoded: dict[str, Any] = {}
    try:
        decoded = bson.decode(document, OPTIONS)
        info = decoded["edit_info"]
        return Definition(
            id=to_version_id(decoded["_id"]),
            block_type=decoded["block_type"],
            fields=decoded.get("fields") or {},
            edited_by=info.get("edited_by"),
            edited_on=info.get("edited_on") or _EPOCH,
            previous_version=_optional_id(info.get("previous_version")),
            original_version=to_version_id(info["original_version"]),
        )
    except (BSONError, KeyError, TypeError, AttributeError, ValueError) as error:
        raise _corrupt("definition", decoded.get("_id"), error) from error


def _corrupt(kind: str, oid: Any, error: Exception) -> CorruptDocument:
    what = f"missing {error}" if isinstance(error, KeyError) else str(error)
    return CorruptDocument(f"unreadable {kind}: {what}", place=None if oid is None else f"{kind} {oid}")
