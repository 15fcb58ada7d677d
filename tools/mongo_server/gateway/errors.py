"""Error mapping: from PostgreSQL's SQLSTATE to the codes, names and labels that drivers act on."""

from __future__ import annotations

from typing import Any

import asyncpg
import bson

from tools.mongo_server.gateway.command import Command

__all__ = [
    "LOST",
    "NO_SUCH_TRANSACTION",
    "WRITE_CONFLICT",
    "CommandError",
    "DropConnection",
    "error_reply",
    "from_postgres",
    "is_mapped",
    "repaired",
]

LOST = (
    asyncpg.InternalClientError,
    asyncpg.InterfaceError,
    asyncpg.ConnectionDoesNotExistError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.CannotConnectNowError,
    OSError,
)
"""The session with PostgreSQL is gone, or could not be had."""

WRITE_CONFLICT = 112
NO_SUCH_TRANSACTION = 251
_DUPLICATE_KEY = 11000

_NAMES = {
    1: "InternalError",
    2: "BadValue",
    6: "HostUnreachable",
    7: "HostNotFound",
    8: "UnknownError",
    9: "FailedToParse",
    11: "UserNotFound",
    13: "Unauthorized",
    14: "TypeMismatch",
    15: "Overflow",
    20: "IllegalOperation",
    24: "LockTimeout",
    26: "NamespaceNotFound",
    27: "IndexNotFound",
    28: "PathNotViable",
    40: "ConflictingUpdateOperators",
    43: "CursorNotFound",
    48: "NamespaceExists",
    50: "MaxTimeMSExpired",
    52: "DollarPrefixedFieldName",
    59: "CommandNotFound",
    64: "WriteConcernFailed",
    66: "ImmutableField",
    67: "CannotCreateIndex",
    72: "InvalidOptions",
    73: "InvalidNamespace",
    85: "IndexOptionsConflict",
    86: "IndexKeySpecsConflict",
    89: "NetworkTimeout",
    91: "ShutdownInProgress",
    112: "WriteConflict",
    115: "CommandNotSupported",
    121: "DocumentValidationFailure",
    134: "ReadConcernMajorityNotAvailableYet",
    189: "PrimarySteppedDown",
    251: "NoSuchTransaction",
    262: "ExceededTimeLimit",
    263: "OperationNotSupportedInTransaction",
    9001: "SocketException",
    10107: "NotWritablePrimary",
    10334: "BSONObjectTooLarge",
    11000: "DuplicateKey",
    11600: "InterruptedAtShutdown",
    11602: "InterruptedDueToReplStateChange",
    13435: "NotPrimaryNoSecondaryOk",
    13436: "NotPrimaryOrSecondary",
}

# DocumentDB's own SQLSTATEs are "M" and the code's place in a list of MongoDB's errors, in base 36.
_CODES = {
    "M0000": 1,
    "M0001": 2,
    "M0003": 9,
    "M0004": 14,
    "M0005": 15,
    "M0006": 20,
    "M0008": 26,
    "M0009": 27,
    "M000A": 28,
    "M000D": 40,
    "M000E": 43,
    "M000F": 48,
    "M000G": 52,
    "M000M": 66,
    "M000N": 67,
    "M000P": 72,
    "M000Q": 73,
    "M000R": 85,
    "M000S": 86,
    "M000U": 115,
    "M0016": 263,
    "M001B": 10334,
    "M001C": 11000,
    "M00CO": 121,
    "0A000": 115,
    "57014": 50,
    # findAndModify lets the exclusion constraint of a unique index (23P01) out as it is.
    "23505": 11000,
    "23P01": 11000,
    "40001": 112,
    "40P01": 112,
    "55P03": 112,
}

# Both sets as mongod has them: a driver runs the command or the transaction again when it sees the label.
_RETRYABLE_WRITE = {6, 7, 64, 89, 91, 134, 189, 262, 9001, 10107, 11600, 11602, 13435, 13436}
_TRANSIENT = {6, 7, 24, 89, 91, 112, 189, 246, 251, 262, 9001, 10107, 11600, 11602, 13435, 13436}

_LARGEST_CODE = 0xFFFFFF  # anything above is a SQLSTATE that PostgreSQL has packed into an integer


class CommandError(Exception):
    """An error reply in the making."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(code, message)
        self.code = code
        self.message = message


class DropConnection(Exception):
    """Answer nothing and close the client's connection, as a server does that dies."""


def error_reply(error: CommandError, command: Command, labels: list[str] | None = None) -> dict[str, Any]:
    """The reply that tells the client of `error`, with `labels`, or else with those that mongod would add."""
    reply: dict[str, Any] = {"ok": 0.0, "errmsg": error.message, "code": error.code}
    reply["codeName"] = _NAMES.get(error.code, f"Location{error.code}")
    if labels is None:
        labels = _labels(error.code, command)
    return reply | {"errorLabels": labels} if labels else reply


def _labels(code: int, command: Command) -> list[str]:
    ends_transaction = command.key in ("committransaction", "aborttransaction")
    if command.in_transaction and not ends_transaction:
        return ["TransientTransactionError"] if code in _TRANSIENT else []
    if command.key == "committransaction" and code in (WRITE_CONFLICT, NO_SUCH_TRANSACTION):
        return ["TransientTransactionError"]
    retried = command.retry_id is not None or ends_transaction
    return ["RetryableWriteError"] if retried and code in _RETRYABLE_WRITE else []


def is_mapped(sqlstate: str | None) -> bool:
    """Whether we know what this SQLSTATE means to a client."""
    return sqlstate in _CODES


def from_postgres(error: asyncpg.PostgresError, command: Command) -> CommandError:
    """What a client is told of an error that PostgreSQL has raised."""
    code = _CODES.get(error.sqlstate, 8)
    message = str(error.args[0]) if error.args else str(error)
    return CommandError(code, _worded(code, message, command))


def repaired(raw: bytes, command: Command) -> dict[str, Any]:
    """A reply that has errors in it, with their packed SQLSTATEs turned into MongoDB's codes."""
    reply: dict[str, Any] = bson.decode(raw)
    for error in (reply, *reply.get("writeErrors", ())):
        code = error.get("code", 0)
        if code > _LARGEST_CODE:
            error["code"] = code = _CODES.get(_unpacked(code), 8)
            error["errmsg"] = _worded(code, error.get("errmsg", ""), command)
            if error is reply:
                error["codeName"] = _NAMES[code]
    return reply


def _unpacked(number: int) -> str:
    return "".join(chr(((number >> (6 * place)) & 0x3F) + ord("0")) for place in range(5))


def _worded(code: int, message: str, command: Command) -> str:
    if code == _DUPLICATE_KEY:  # drivers and people look for the code in the text
        return f"E11000 duplicate key error collection: {command.namespace} {message}"
    return message
