"""What the gateway says about itself."""

from __future__ import annotations

import datetime as dt
import time
from dataclasses import dataclass, field
from typing import Any

from bson import ObjectId

from tools.mongo_server.gateway.command import Command
from tools.mongo_server.gateway.wire import MAX_DOCUMENT_BYTES, MAX_MESSAGE_BYTES

__all__ = ["Identity"]

_VERSION = "7.0.0"
_MAX_WIRE_VERSION = 21
# DocumentDB's limit; with mongod's 100,000 an insert_many of 30,000 documents fails.
_MAX_WRITE_BATCH = 25_000
_HANDSHAKES = {"hello", "ismaster"}
_NO_OPERATIONS = {"ping", "refreshsessions", "startsession", "logout"}


def _election() -> ObjectId:
    # Built like mongod's: a prefix and the term. Drivers take a primary with a smaller one than the last they
    # have seen for an old one, and never talk to it again, so the gateway needs a greater one each time it
    # starts.
    return ObjectId(b"\x7f\xff\xff\xff" + time.time_ns().to_bytes(8, "big"))


@dataclass(frozen=True)
class Identity:
    """Where this server is, and the replica set that it plays the only member of, if any."""

    host: str
    replica_set: str = ""
    election: ObjectId = field(default_factory=_election)

    def answer(self, command: Command) -> dict[str, Any] | None:
        """The reply to a command that needs no data; None for one that does."""
        if command.key in _HANDSHAKES:
            return self._hello(command)
        if command.key in _NO_OPERATIONS:
            return {"ok": 1.0}
        if command.key == "buildinfo":
            numbers = [*(int(part) for part in _VERSION.split(".")), 0]
            about: dict[str, Any] = {
                "version": _VERSION,
                "versionArray": numbers,
                "gitVersion": "",
                "modules": [],
            }
            # How tests know what they talk to; no mongod has such a storage engine.
            about |= {"storageEngines": ["documentdb"], "maxBsonObjectSize": MAX_DOCUMENT_BYTES}
            return about | {"ok": 1.0}
        if command.key == "serverstatus":
            return {"version": _VERSION, "process": "gateway", "localTime": _now(), "ok": 1.0}
        return None

    def _hello(self, command: Command) -> dict[str, Any]:
        primary = "isWritablePrimary" if command.key == "hello" else "ismaster"
        reply: dict[str, Any] = {
            "helloOk": True,
            primary: True,
            "maxBsonObjectSize": MAX_DOCUMENT_BYTES,
            "maxMessageSizeBytes": MAX_MESSAGE_BYTES,
            "maxWriteBatchSize": _MAX_WRITE_BATCH,
            "localTime": _now(),
            "logicalSessionTimeoutMinutes": 30,
            "connectionId": command.connection_id,
            "minWireVersion": 0,
            "maxWireVersion": _MAX_WIRE_VERSION,
            "readOnly": False,
        }
        if self.replica_set:
            reply |= {"setName": self.replica_set, "setVersion": 1, "electionId": self.election}
            reply |= {"hosts": [self.host], "primary": self.host, "me": self.host, "secondary": False}
        return reply | {"ok": 1.0}


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)
