"""Framing of MongoDB's wire protocol: OP_MSG, and OP_QUERY as far as old handshakes need it."""

from __future__ import annotations

import asyncio
import struct
from dataclasses import dataclass

__all__ = [
    "MAX_DOCUMENT_BYTES",
    "MAX_MESSAGE_BYTES",
    "Message",
    "ProtocolError",
    "read_message",
    "reply_head",
]

MAX_DOCUMENT_BYTES = 16 * 1024 * 1024
MAX_MESSAGE_BYTES = 48_000_000

_HEADER = struct.Struct("<iiii")  # length, request id, response to, operation
_OP_REPLY, _OP_QUERY, _OP_MSG = 1, 2004, 2013
_CHECKSUM_PRESENT, _MORE_TO_COME = 1, 2
_QUERY_FIXED_BYTES = 9  # after the collection name: its terminator, number to skip, number to return
_SLACK = 65_536  # a full message of documents is followed by its command


class ProtocolError(Exception):
    """The peer does not talk this protocol; there is nothing to answer it."""


@dataclass(frozen=True, slots=True)
class Message:
    """One request: the command's BSON, and the documents that came beside it."""

    request_id: int
    body: bytes
    sequence: bytes | None = None
    """The documents of a section of kind 1, back to back, which is just what `bsonsequence` is."""
    wants_reply: bool = True
    legacy: bool = False
    """Came as OP_QUERY, and is to be answered in kind."""


async def read_message(reader: asyncio.StreamReader) -> Message:
    """The next request. Raises `IncompleteReadError` at the end, `ProtocolError` when this is no message."""
    length, request_id, _, operation = _HEADER.unpack(await reader.readexactly(_HEADER.size))
    if not _HEADER.size < length <= MAX_MESSAGE_BYTES + _SLACK:
        raise ProtocolError(f"a message of {length} bytes")
    data = await reader.readexactly(length - _HEADER.size)
    try:
        if operation == _OP_MSG:
            return _parse_message(request_id, data)
        if operation == _OP_QUERY:
            return Message(request_id, data[data.index(b"\0", 4) + _QUERY_FIXED_BYTES :], legacy=True)
    except (struct.error, ValueError, IndexError) as error:
        raise ProtocolError(str(error)) from error
    raise ProtocolError(f"operation {operation}")


def _parse_message(request_id: int, data: bytes) -> Message:
    (flags,) = struct.unpack_from("<I", data)
    end = len(data) - (4 if flags & _CHECKSUM_PRESENT else 0)
    body, sequence = None, None
    position = 4
    while position < end:
        kind = data[position]
        (size,) = struct.unpack_from("<i", data, position + 1)
        following = position + 1 + size
        if size < 5 or following > end:
            raise ProtocolError(f"a section of {size} bytes")
        if kind == 0:
            body = data[position + 1 : following]
        else:
            sequence = data[data.index(b"\0", position + 5) + 1 : following]
        position = following
    if body is None:
        raise ProtocolError("a message without a body")
    return Message(request_id, body, sequence, wants_reply=not flags & _MORE_TO_COME)


def reply_head(message: Message, document: bytes) -> bytes:
    """What goes before `document` when it answers `message`; apart, so that a large one is not copied."""
    if message.legacy:
        head = struct.pack("<iqii", 8, 0, 0, 1)  # flag "await capable", no cursor, from 0, one document
        operation = _OP_REPLY
    else:
        head = b"\0\0\0\0\0"  # no flags, then one section of kind 0
        operation = _OP_MSG
    length = _HEADER.size + len(head) + len(document)
    return _HEADER.pack(length, 0, message.request_id, operation) + head
