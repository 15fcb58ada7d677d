"""Definitions ⇄ the documents of ``definitions``. Every format of structures has the same.

Source: split modulestore documents, definitions.
"""

from __future__ import annotations

from typing import Any

import bson
from bson.errors import BSONError

from modulestore.formats.encoding import OPTIONS
from modulestore.formats.headers import EPOCH, corrupt
from modulestore.formats.ids import optional_id, optional_oid, to_object_id, to_version_id
from modulestore.model.definition import Definition

__all__ = ["decode_definition", "encode_definition"]

_SCHEMA_VERSION = 1


def encode_definition(definition: Definition) -> bytes:
    """The ``definitions`` document of a definition, as BSON."""
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
            edited_on=info.get("edited_on") or EPOCH,
            previous_version=optional_id(info.get("previous_version")),
            original_version=to_version_id(info["original_version"]),
        )
    except (BSONError, KeyError, TypeError, AttributeError, ValueError) as error:
        raise corrupt("definition", decoded.get("_id"), error) from error
