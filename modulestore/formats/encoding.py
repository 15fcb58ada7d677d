"""BSON as documents are stored in it, and a few fields of a large document without decoding the rest of it.

A structure of a big course has a megabyte of blocks behind a header of 200 bytes.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from datetime import UTC
from itertools import takewhile
from typing import Any

import bson
from bson.codec_options import CodecOptions
from bson.errors import BSONError

from modulestore.errors import CorruptDocument, InvalidInput

__all__ = ["OPTIONS", "REFUSED", "fields_of", "leading_fields", "unstorable"]

OPTIONS: CodecOptions[dict[str, Any]] = CodecOptions(tz_aware=True, tzinfo=UTC)
"""How documents are encoded and decoded: times are aware, in UTC."""

REFUSED = BSONError, ValueError, TypeError, OverflowError
"""What encoders raise for a value that no document can hold."""

# Bytes of a value by type; others say their own length.
_FIXED = {
    0x01: 8,  # double
    0x06: 0,  # undefined
    0x07: 12,  # ObjectId
    0x08: 1,  # boolean
    0x09: 8,  # time
    0x0A: 0,  # null
    0x10: 4,  # int32
    0x11: 8,  # timestamp
    0x12: 8,  # int64
    0x13: 16,  # decimal
    0x7F: 0,  # greatest key
    0xFF: 0,  # least key
}
# What comes on top of the length that a value begins with.
_ON_TOP = {
    0x02: 4,  # string
    0x03: 0,  # document
    0x04: 0,  # array
    0x05: 5,  # bytes
    0x0D: 4,  # code
    0x0E: 4,  # symbol
    0x0F: 0,  # code with variables
}


def unstorable(error: Exception, place: str | None) -> InvalidInput:
    """What to raise when an encoder has refused a value (`REFUSED`)."""
    hint = "text, numbers of up to 64 bits, times, lists, and mappings whose keys are text can be stored"
    return InvalidInput(f"this cannot be stored: {error}", place=place, hint=hint)


def fields_of(document: bytes, names: Collection[str]) -> dict[str, Any]:
    """The top-level fields of these names, as far as they are there.

    Raises:
        CorruptDocument: it is no BSON.
    """
    try:
        if int.from_bytes(document[:4], "little") != len(document) or not document.endswith(b"\0"):
            raise ValueError("cut off")
        return _decoded(_elements(document, len(document) - 1), names)
    except (BSONError, ValueError, KeyError, IndexError) as error:
        raise CorruptDocument(f"unreadable document: {error!r}") from error


def leading_fields(start: bytes, names: Collection[str], until: Collection[str]) -> dict[str, Any]:
    """The same of the beginning of a document, for fields that come before the first of ``until``.

    Raises:
        CorruptDocument: it is no BSON, or none of ``until`` begins in it.
    """
    try:
        before = takewhile(lambda element: element[0] not in until, _elements(start, len(start)))
        return _decoded(before, names)
    except (BSONError, ValueError, KeyError, IndexError) as error:
        raise CorruptDocument(f"unreadable document: {error!r}") from error


def _decoded(elements: Iterable[tuple[str, bytes]], names: Collection[str]) -> dict[str, Any]:
    wanted = b"".join(element for name, element in elements if name in names)
    return bson.decode((len(wanted) + 5).to_bytes(4, "little") + wanted + b"\0", OPTIONS)


def _elements(document: bytes, end: int) -> Iterator[tuple[str, bytes]]:
    """Name and bytes of each element; of one that is cut off only the name, before it is an error."""
    at = 4
    while at < end:
        kind = document[at]
        name_end = document.index(0, at + 1)
        name = document[at + 1 : name_end].decode()
        value = name_end + 1
        if kind in _FIXED:
            after = value + _FIXED[kind]
        elif kind == 0x0B:  # regular expression: two texts
            after = document.index(0, document.index(0, value) + 1) + 1
        else:
            after = value + int.from_bytes(document[value : value + 4], "little") + _ON_TOP[kind]
        if value <= after <= end:
            yield name, document[at:after]
        else:
            yield name, b""
            raise ValueError("a length is wrong")
        at = after
