"""A command: the document that a client sends, taken apart as far as the gateway needs to understand it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import bson
from bson.codec_options import CodecOptions
from bson.errors import InvalidBSON
from bson.raw_bson import RawBSONDocument

from tools.mongo_server.gateway.wire import Message, ProtocolError

__all__ = ["Command", "Reply"]

Reply = bytes | dict[str, Any]
"""BSON that is passed through untouched, or a document of our own."""

_RAW: CodecOptions[RawBSONDocument] = CodecOptions(document_class=RawBSONDocument)


@dataclass(frozen=True)
class Command:
    """One command of one client. Only the top level of `body` is decoded; PostgreSQL gets `raw`."""

    name: str
    target: Any
    """The value of the first field: a collection's name, a cursor's id, or just 1."""
    body: RawBSONDocument
    raw: bytes
    sequence: bytes | None
    connection_id: int

    @classmethod
    def parse(cls, message: Message, connection_id: int) -> Command:
        """The command in `message`. Raises `ProtocolError` when that is no document."""
        try:
            body = bson.decode(message.body, _RAW)
            name, target = next(iter(body.items()))
        except (InvalidBSON, StopIteration) as error:
            raise ProtocolError(str(error)) from error
        return cls(name, target, body, message.body, message.sequence, connection_id)

    @cached_property
    def key(self) -> str:
        """The name as tables have it: names of commands do not mind their case."""
        return self.name.lower()

    @cached_property
    def database(self) -> str:
        """The database that it is about."""
        return str(self.body.get("$db", "admin"))

    @property
    def namespace(self) -> str:
        """Database and collection, for messages."""
        return f"{self.database}.{self.target}"

    @property
    def in_transaction(self) -> bool:
        """Part of a multi-document transaction, its first and last command included."""
        return "autocommit" in self.body

    @cached_property
    def session(self) -> bytes:
        """The id of the client's session, or nothing."""
        lsid = self.body.get("lsid")
        return bytes(lsid["id"]) if lsid else b""

    @cached_property
    def retry_id(self) -> str | None:
        """What names this very write, when the client may send it a second time (retryable writes)."""
        if self.in_transaction or "txnNumber" not in self.body:
            return None
        return f"{self.session.hex()}.{self.body['txnNumber']}"
