"""From a command to its reply: fail points, transactions, and running again what was nobody's fault."""

from __future__ import annotations

import asyncio
import logging
import random
from typing import Any

import asyncpg

from tools.mongo_server.gateway.command import Command, Reply
from tools.mongo_server.gateway.errors import (
    LOST,
    CommandError,
    DropConnection,
    error_reply,
    from_postgres,
    is_mapped,
)
from tools.mongo_server.gateway.failpoints import FailPoint, FailPoints
from tools.mongo_server.gateway.handshake import Identity
from tools.mongo_server.gateway.retries import Retries
from tools.mongo_server.gateway.statements import WRITES, Cursors, NothingApplied, execute
from tools.mongo_server.gateway.transactions import Transactions
from tools.mongo_server.gateway.upserts import Upserts

__all__ = ["Dispatcher"]

log = logging.getLogger(__name__)

_ATTEMPTS = 12
_LONGEST_PAUSE_DOUBLINGS = 7
_FIRST_PAUSE = 0.002

# Deadlocks (40001, 40P01, 55P03), and races of the first commands that use a collection, which creates it
# (42P07, 42P01, XX000 "tuple concurrently updated").
_RUN_AGAIN = {"40001", "40P01", "55P03", "42P07", "42P01"}


class Dispatcher:
    """Answers commands of all clients."""

    def __init__(self, pool: Any, identity: Identity) -> None:
        self.transactions = Transactions(pool)
        self._pool = pool
        self._identity = identity
        self._fail_points = FailPoints()
        self._cursors = Cursors()
        self._retries = Retries()
        self._upserts = Upserts()

    async def reply(self, command: Command) -> Reply:
        """The reply to `command`. Raises `DropConnection` when the client is to be left without one."""
        point = self._fail_points.hit(command)
        if point and point.block_seconds:
            await asyncio.sleep(point.block_seconds)
        if point and not point.after_execution:
            failure = self._failure(point, command)
            if failure is not None:
                return failure
        try:
            reply = await self._answer(command)
        except CommandError as error:
            reply = error_reply(error, command)
        except asyncpg.PostgresError as error:
            if not is_mapped(error.sqlstate):
                log.warning("%s: SQLSTATE %s: %s", command.name, error.sqlstate, str(error)[:300])
            reply = error_reply(from_postgres(error, command), command)
        if point and point.after_execution:
            return self._failure(point, command) or reply
        return reply

    def _failure(self, point: FailPoint, command: Command) -> Reply | None:
        if point.close_connection:
            raise DropConnection
        if point.error_code is None:
            return None
        error = CommandError(point.error_code, "failing command due to fail point failCommand")
        return error_reply(error, command, point.error_labels)

    async def _answer(self, command: Command) -> Reply:
        own = self._identity.answer(command)
        if own is not None:
            return own
        if command.key == "configurefailpoint":
            return self._fail_points.configure(command)
        if command.key in ("endsessions", "killsessions"):
            await self.transactions.end_sessions([bytes(session["id"]) for session in command.target])
            return {"ok": 1.0}
        if "txnNumber" in command.body and not self._identity.replica_set:
            raise CommandError(20, "Transaction numbers are only allowed on a replica set member or mongos")
        if command.in_transaction:
            return await self.transactions.run(command, self._execute)
        if command.retry_id:
            return await self._retries.once(command, self._persist)
        return await self._persist(command)

    async def _execute(self, session: Any, command: Command) -> Reply:
        return await execute(session, command, self._cursors)

    async def _persist(self, command: Command) -> Reply:
        """Execute a command, again and again where its failure says that it has changed nothing."""
        for attempt in range(_ATTEMPTS):
            last = attempt == _ATTEMPTS - 1
            sent = False
            try:
                async with self._upserts.turn(command), self._pool.acquire() as session:
                    sent = True
                    return await self._execute(session, command)
            except NothingApplied as deadlock:
                if last:
                    return deadlock.reply
            except LOST as error:
                # Nobody knows whether a write has been applied. mongod, too, would die without a word.
                if last or (sent and command.key in WRITES):
                    log.warning("%s: session lost: %r", command.name, error)
                    raise DropConnection from error
            except asyncpg.PostgresError as error:
                created = error.sqlstate == "XX000" and "concurrently" in str(error)
                if last or not (error.sqlstate in _RUN_AGAIN or created):
                    raise
            await asyncio.sleep(random.random() * _FIRST_PAUSE * 2 ** min(attempt, _LONGEST_PAUSE_DOUBLINGS))
        raise AssertionError("the last attempt returns or raises")
