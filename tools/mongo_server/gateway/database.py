"""The pool of sessions with PostgreSQL."""

from __future__ import annotations

from typing import Any

import asyncpg

__all__ = ["connect"]

_SETTINGS = {
    # Without it, a sorted cursor lives in one session, and a client may ask for its next page over another
    # socket.
    "documentdb.useFileBasedPersistedCursors": "on",
    "documentdb.defaultCursorExpiryTimeLimitSeconds": "600",  # as mongod; the default of 60 ends slow readers
    "documentdb_core.enableCollation": "on",
    "documentdb.enableCollationWithNonUniqueOrderedIndexes": "on",
    "documentdb.enableSchemaValidation": "on",
    # PostgreSQL's statistics lag behind, and estimatedDocumentCount with them; mongod's is exact.
    "documentdb.use_pg_stats_live_tuples_for_count": "off",
    "client_min_messages": "warning",
    "timezone": "UTC",
}
_MOST_SESSIONS = 32


async def connect(socket_folder: str) -> Any:
    """A pool of sessions with the server that listens in `socket_folder`, in which BSON travels as bytes."""
    return await asyncpg.create_pool(
        host=socket_folder,
        user="postgres",
        database="postgres",
        min_size=4,
        max_size=_MOST_SESSIONS,
        init=_prepare,
        reset=_keep,
        server_settings=_SETTINGS,
    )


async def _prepare(connection: Any) -> None:
    for name in ("bson", "bsonsequence"):
        await connection.set_type_codec(
            name, schema="documentdb_core", encoder=_same, decoder=_same, format="binary"
        )


async def _keep(connection: Any) -> None:
    """Commands leave their session as it was, so there is nothing to reset, which costs a round trip."""


def _same(data: bytes) -> bytes:
    return data
