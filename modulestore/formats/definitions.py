"""Definitions ⇄ the documents of ``definitions``. Every format of structures has the same.

Source: split modulestore documents, definitions.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import bson
from bson.errors import BSONError

from modulestore.errors import CorruptDocument
from modulestore.formats.encoding import OPTIONS, REFUSED, unstorable
from modulestore.formats.headers import EPOCH, corrupt, document_id
from modulestore.formats.ids import optional_id, optional_oid, to_object_id, to_version_id
from modulestore.formats.numbers import expect_known
from modulestore.keys import VersionId
from modulestore.model.definition import Definition

__all__ = ["decode_definition", "decode_definitions", "encode_definition"]

_SCHEMA_VERSION = 1


def encode_definition(definition: Definition) -> bytes:
    """The ``definitions`` document of a definition, as BSON.

    Raises:
        InvalidInput: it holds something that no document can hold.
    """
    document = {
        "_id": to_object_id(definition.id),
        "block_type": definition.block_type,
        "fields": dict(definition.fields),
        "edit_info": {
            "edited_by": definition.edited_by,
            "edited_on": definition.edited_on,
            "previous_version": optional_oid(definition.previous_version),
            "original_version": to_object_id(definition.original_version),
        },
        "schema_version": _SCHEMA_VERSION,
    }
    try:
        return bson.encode(document, codec_options=OPTIONS)
    except REFUSED as error:
        raise unstorable(error, f"content of a block of type {definition.block_type}") from error


def decode_definition(document: bytes) -> Definition:
    """The definition of an encoded ``definitions`` document.

    Raises:
        UnknownFormat: a later release wrote it.
        CorruptDocument: it is no BSON, or not of this form.
    """
    try:
        return _definition(bson.decode(document, OPTIONS))
    except BSONError as error:
        raise corrupt("definition", _id_of(document), error) from error


def decode_definitions(documents: Sequence[bytes]) -> list[Definition]:
    """The definitions of several documents, in their order; quicker than one by one.

    Raises:
        UnknownFormat: a later release wrote one of them.
        CorruptDocument: one of them is no BSON, or not of this form.
    """
    whole = all(int.from_bytes(document[:4], "little") == len(document) for document in documents)
    try:
        if whole:
            return list(map(_definition, bson.decode_all(b"".join(documents), OPTIONS)))
    except BSONError:
        pass  # which of them it is, comes out below
    return list(map(decode_definition, documents))


def _id_of(document: bytes) -> VersionId | None:
    with suppress(CorruptDocument):
        return document_id(document)
    return None


def _definition(decoded: dict[str, Any]) -> Definition:
    if (schema := decoded.get("schema_version", _SCHEMA_VERSION)) != _SCHEMA_VERSION:
        expect_known("content", schema, _SCHEMA_VERSION, f"definition {decoded.get('_id')}")
    try:
        info = decoded["edit_info"]
        return Definition(
            id=to_version_id(decoded["_id"]),
            block_type=decoded["block_type"],
            fields=decoded.get("fields") or {},
            edited_by=info.get("edited_by"),
            edited_on=info.get("edited_on") or EPOCH,
            previous_version=optional_id(info.get("previous_version")),
            original_version=to_version_id(info["original_version"]),
        )
    except (BSONError, KeyError, TypeError, AttributeError, ValueError) as error:
        raise corrupt("definition", decoded.get("_id"), error) from error
