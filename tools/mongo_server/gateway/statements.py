"""The command table: which SQL function of DocumentDB answers which command, and what its result needs."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Any

import bson

from tools.mongo_server.gateway.command import Command, Reply
from tools.mongo_server.gateway.errors import WRITE_CONFLICT, CommandError, repaired

__all__ = ["WRITES", "Cursors", "NothingApplied", "execute"]

WRITES = frozenset({"insert", "update", "delete", "findandmodify"})
"""Commands that change documents: not to be run again when nobody knows whether they were."""

# In the argument lists: d the database, c the collection, b the command's BSON, s the documents beside it, r
# the id under which a write may be retried.
_PAGE = "SELECT cursorpage, continuation, cursorid FROM documentdb_api."
_PAGES = {
    "find": "find_cursor_first_page($1, $2)",
    "aggregate": "aggregate_cursor_first_page($1, $2)",
    "listcollections": "list_collections_cursor_first_page($1, $2)",
    "listindexes": "list_indexes_cursor_first_page($1, $2)",
}
_VALUES = {
    "count": ("SELECT documentdb_api.count_query($1, $2)", "db"),
    "distinct": ("SELECT documentdb_api.distinct_query($1, $2)", "db"),
    "create": ("SELECT documentdb_api.create_collection_view($1, $2)", "db"),
    "collmod": ("SELECT documentdb_api.coll_mod($1, $2, $3)", "dcb"),
    "collstats": ("SELECT documentdb_api.coll_stats($1, $2, 1)", "dc"),
    "dbstats": ("SELECT documentdb_api.db_stats($1, 1, false)", "d"),
    "validate": ("SELECT documentdb_api.validate($1, $2)", "db"),
    "listdatabases": ("SELECT documentdb_api.list_databases($1)", "b"),
    "renamecollection": ("SELECT documentdb_api.rename_collection($1)", "b"),
    "connectionstatus": ("SELECT documentdb_api.connection_status($1)", "b"),
    "currentop": ("SELECT documentdb_api.current_op_command($1)", "b"),
}
_INDEXES = {
    # Inline: create_indexes_background hands builds to a scheduler that wakes up every two seconds.
    "createindexes": "SELECT documentdb_api_internal.create_indexes_non_concurrently($1, $2, true)",
    "dropindexes": "CALL documentdb_api.drop_indexes($1, $2, NULL)",
    "deleteindexes": "CALL documentdb_api.drop_indexes($1, $2, NULL)",
}
_MOST_CURSORS = 10_000  # clients that die leave theirs


class NothingApplied(Exception):
    """A write was the victim of a deadlock before it changed anything, so it can be run again."""

    def __init__(self, reply: dict[str, Any]) -> None:
        super().__init__(reply)
        self.reply = reply


class Cursors:
    """Where each open cursor goes on.

    Its pages are in files on the server, so any session can continue any cursor.
    """

    def __init__(self) -> None:
        self._continuations: OrderedDict[int, bytes] = OrderedDict()

    def keep(self, cursor: int, continuation: bytes | None) -> None:
        """Remember where `cursor` goes on, or forget it when it is at its end."""
        if continuation is None:
            self._continuations.pop(cursor, None)
            return
        self._continuations[cursor] = continuation
        if len(self._continuations) > _MOST_CURSORS:
            self._continuations.popitem(last=False)

    def continuation(self, cursor: int) -> bytes:
        """Where `cursor` goes on."""
        try:
            return self._continuations[cursor]
        except KeyError:
            raise CommandError(43, f"cursor id {cursor} not found") from None

    def forget(self, cursor: int) -> bool:
        """Forget `cursor`; whether there was one."""
        return self._continuations.pop(cursor, None) is not None


async def execute(connection: Any, command: Command, cursors: Cursors) -> Reply:
    """The reply of the database to `command`, over one session (an asyncpg connection)."""
    key = command.key
    if key in WRITES:
        return await _write(connection, command)
    if key in _PAGES:
        page, continuation, cursor = await connection.fetchrow(
            _PAGE + _PAGES[key], command.database, command.raw
        )
        if cursor:
            cursors.keep(cursor, continuation)
        return bytes(page)
    if key in _VALUES:
        sql, arguments = _VALUES[key]
        values = {"d": command.database, "c": command.target, "b": command.raw}
        reply = await connection.fetchval(sql, *(values[argument] for argument in arguments))
        return bytes(reply) if reply else {"ok": 1.0}
    if key in _INDEXES:
        return _unsharded(await connection.fetchval(_INDEXES[key], command.database, command.raw), command)
    if key in _OTHERS:
        return await _OTHERS[key](connection, command, cursors)
    raise CommandError(59, f"no such command: '{command.name}'")


async def _write(connection: Any, command: Command) -> Reply:
    arguments = [command.database, command.raw, command.sequence, command.retry_id]
    if command.key == "findandmodify":
        function = "SELECT p_result, p_success FROM documentdb_api.find_and_modify($1, $2, $3)"
        del arguments[2]
    elif command.key == "delete" or command.in_transaction:
        function = f"SELECT p_result, p_success FROM documentdb_api.{command.key}($1, $2, $3, $4)"
    else:
        # Commits between its operations, as mongod does. The plain function holds the locks of all of them to
        # the end, and a mix of 16 hostile threads ran into a deadlock 62 times in 46,000 operations.
        function = f"CALL documentdb_api.{command.key}_bulk($1, $2, $3, $4, NULL, NULL)"
    raw, success = await connection.fetchrow(function, *arguments)
    if success:
        return bytes(raw)
    reply = repaired(raw, command)
    if any(error["code"] == WRITE_CONFLICT for error in reply.get("writeErrors", ())):
        if command.in_transaction:  # there, mongod fails the command, not the operation
            raise CommandError(WRITE_CONFLICT, "write conflict")
        if not reply.get("n"):
            # A unique index is an exclusion constraint: two inserts of the same key can wait for each other.
            raise NothingApplied(reply)
    return reply


def _unsharded(raw: bytes, command: Command) -> dict[str, Any]:
    # Replies about indexes come as if from mongos, with one inner reply per shard.
    reply: dict[str, Any] = bson.decode(raw)
    for shard in reply.pop("raw", {}).values():
        reply |= shard
    return repaired(bson.encode(reply), command)


async def _get_more(connection: Any, command: Command, cursors: Cursors) -> Reply:
    sql = "SELECT cursorpage, continuation FROM documentdb_api.cursor_get_more($1, $2, $3)"
    continuation = cursors.continuation(command.target)
    page, continuation = await connection.fetchrow(sql, command.database, command.raw, continuation)
    cursors.keep(command.target, continuation)
    return bytes(page)


async def _kill_cursors(connection: Any, command: Command, cursors: Cursors) -> Reply:
    wanted = [int(cursor) for cursor in command.body["cursors"]]
    killed = [cursor for cursor in wanted if cursors.forget(cursor)]
    await connection.fetchrow("SELECT documentdb_api_internal.delete_cursors($1)", wanted)
    missing = [cursor for cursor in wanted if cursor not in killed]
    reply = {"cursorsKilled": killed, "cursorsNotFound": missing, "cursorsAlive": [], "cursorsUnknown": []}
    return reply | {"ok": 1.0}


async def _drop(connection: Any, command: Command, cursors: Cursors) -> Reply:
    sql = "SELECT documentdb_api.drop_collection($1, $2)"
    if not await connection.fetchval(sql, command.database, command.target):
        raise CommandError(26, "ns not found")
    return {"nIndexesWas": 1, "ns": command.namespace, "ok": 1.0}


async def _drop_database(connection: Any, command: Command, cursors: Cursors) -> Reply:
    await connection.execute("SELECT documentdb_api.drop_database($1)", command.database)
    return {"dropped": command.database, "ok": 1.0}


_OTHERS: dict[str, Callable[[Any, Command, Cursors], Awaitable[Reply]]] = {
    "getmore": _get_more,
    "killcursors": _kill_cursors,
    "drop": _drop,
    "dropdatabase": _drop_database,
}
