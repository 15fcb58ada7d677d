"""Stored format 1: the documents of the Open edX platform, field for field, in its order and with its types.

Everything above this module has :class:`VersionId` where a document has an ObjectId, branches under our
names, and keys where a document has pairs. Blocks that were read and not changed are written back as they
were found, key order and unknown keys included.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import bson
from bson.errors import BSONError

from modulestore.formats.blocks import DocumentData, block_documents
from modulestore.formats.encoding import OPTIONS
from modulestore.formats.headers import corrupt, header_fields, header_of
from modulestore.keys import BlockKey
from modulestore.model.columns import VersionColumn, index_of, positions
from modulestore.model.structure import Lookups, Structure

__all__ = ["SCHEMA_VERSION", "decode_structure", "encode_structure", "repeated_blocks"]

SCHEMA_VERSION = 1


def decode_structure(document: bytes) -> Structure:
    """The structure of an encoded ``structures`` document.

    Raises:
        CorruptDocument: it is no BSON, or not of this form.
    """
    decoded: dict[str, Any] = {}
    try:
        decoded = bson.decode(document, OPTIONS)
        header = header_of(decoded)
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
            DocumentData(blocks, len(document)),
            lookups=Lookups(index),
            assets=decoded.get("assets"),
            thumbnails=decoded.get("thumbnails"),
        )
    except (BSONError, KeyError, TypeError, AttributeError, ValueError) as error:
        raise corrupt("structure", decoded.get("_id"), error) from error


def repeated_blocks(document: bytes) -> list[BlockKey]:
    """Blocks that an encoded document has more than once, of which `decode_structure` keeps the last.

    Raises:
        CorruptDocument: it is no BSON, or not of this form.
    """
    try:
        blocks = bson.decode(document, OPTIONS)["blocks"]
        counts = Counter(BlockKey(block["block_type"], block["block_id"]) for block in blocks)
    except (BSONError, KeyError, TypeError, AttributeError, ValueError) as error:
        raise corrupt("structure", None, error) from error
    return [key for key, count in counts.items() if count > 1]


def encode_structure(structure: Structure) -> bytes:
    """The ``structures`` document of a structure, as BSON."""
    document: dict[str, Any] = {
        **header_fields(structure.header),
        "blocks": block_documents(structure),
        "schema_version": SCHEMA_VERSION,
    }
    if structure.assets is not None:
        document["assets"] = structure.assets
    if structure.thumbnails is not None:
        document["thumbnails"] = structure.thumbnails
    return bson.encode(document, codec_options=OPTIONS)
