"""Values as msgpack that come back as the values that BSON would have given.

Documents hold more than JSON: times, ids, integers that were stored in 64 bits. All of it comes back with its
type and in its order, so that a document that went through here is the same document.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import bson
import msgpack
from bson import Int64, ObjectId
from bson.errors import BSONError

from modulestore.formats.encoding import OPTIONS
from modulestore.keys import VersionId

__all__ = ["pack", "unpack", "unpack_all"]

# Kinds of msgpack's extension values.
_TIME = 1  # milliseconds since 1970, signed, 8 bytes
_ID = 2  # 12 bytes
_INT64 = 3  # an integer that was stored in 64 bits whatever its size, 8 bytes
_BSON = 4  # anything else that BSON has and msgpack has not: a BSON document with this one value

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


def pack(value: Any) -> bytes:
    """A value as documents hold it, as bytes.

    Raises:
        ValueError, TypeError, OverflowError: no document can hold it.
    """
    try:
        return bytes(msgpack.packb(value, default=_extension, strict_types=True))
    except BSONError as error:
        raise ValueError(str(error)) from error


def unpack(packed: bytes) -> Any:
    """The value that :func:`pack` was given; lists for tuples, dictionaries for other mappings.

    Raises:
        ValueError: this is no such value.
    """
    try:
        return msgpack.unpackb(packed, ext_hook=_value, strict_map_key=True)
    except (msgpack.UnpackException, msgpack.StackError, BSONError, OverflowError) as error:
        raise ValueError(f"unreadable value: {error!r}") from error


def unpack_all(packed: Iterable[bytes]) -> list[Any]:
    """Values that were packed one by one; quicker than one by one.

    Raises:
        ValueError: one of them is no such value.
    """
    unpacker = msgpack.Unpacker(ext_hook=_value, strict_map_key=True, max_buffer_size=0)
    unpacker.feed(b"".join(packed))
    try:
        return list(unpacker)
    except (msgpack.UnpackException, msgpack.StackError, BSONError, OverflowError) as error:
        raise ValueError(f"unreadable value: {error!r}") from error


def _extension(value: Any) -> Any:
    """What msgpack is to write for what it does not know."""
    if isinstance(value, tuple):
        return list(value)
    if isinstance(value, datetime):
        moment = value if value.tzinfo is not None else value.replace(tzinfo=UTC)
        return msgpack.ExtType(_TIME, ((moment - _EPOCH) // _MILLISECOND).to_bytes(8, "big", signed=True))
    if isinstance(value, VersionId):
        return msgpack.ExtType(_ID, bytes(value))
    if isinstance(value, ObjectId):
        return msgpack.ExtType(_ID, value.binary)
    if isinstance(value, Int64):
        return msgpack.ExtType(_INT64, int(value).to_bytes(8, "big", signed=True))
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, str):
        return str(value)
    return msgpack.ExtType(_BSON, bson.encode({"v": value}, codec_options=OPTIONS))


def _value(kind: int, packed: bytes) -> Any:
    if kind == _TIME and len(packed) == 8:
        return _EPOCH + int.from_bytes(packed, "big", signed=True) * _MILLISECOND
    if kind == _ID:
        return ObjectId(packed)
    if kind == _INT64 and len(packed) == 8:
        return Int64(int.from_bytes(packed, "big", signed=True))
    if kind == _BSON and "v" in (document := bson.decode(packed, OPTIONS)):
        return document["v"]
    raise ValueError(f"an extension of kind {kind} with {len(packed)} bytes")
