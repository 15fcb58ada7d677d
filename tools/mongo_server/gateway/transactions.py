"""Multi-document transactions: each holds one session with PostgreSQL from its first command to its last."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import asyncpg

from tools.mongo_server.gateway.command import Command, Reply
from tools.mongo_server.gateway.errors import LOST, NO_SUCH_TRANSACTION, CommandError, DropConnection

__all__ = ["Transactions"]

LIFETIME = 60.0
"""Seconds after which a transaction is rolled back, as mongod's transactionLifetimeLimitSeconds."""
ORPHAN_LIFETIME = 1.0
"""Seconds that are left when the last connection that it came over is closed. Its client has died, or it has
lost a reply and will go on over another connection."""
REAP_INTERVAL = 0.25
MOST_OUTCOMES = 1_000

Execute = Callable[[Any, Command], Awaitable[Reply]]


@dataclass(eq=False, slots=True)
class _Transaction:
    number: int
    session: Any  # asyncpg's connection, out of the pool
    handle: Any  # asyncpg's transaction
    started: float = field(default_factory=time.monotonic)
    expires: float = 0.0
    over: bool = False
    connections: set[int] = field(default_factory=set)
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)  # a session runs one statement at a time

    def used_by(self, connection_id: int) -> None:
        self.connections.add(connection_id)
        self.expires = self.started + LIFETIME


class Transactions:
    """The open transactions, by the client's session, and how recent ones ended."""

    def __init__(self, pool: Any) -> None:
        self._pool = pool
        self._open: dict[bytes, _Transaction] = {}
        self._committed: OrderedDict[tuple[bytes, int], bool] = OrderedDict()  # False: nobody knows

    async def run(self, command: Command, execute: Execute) -> Reply:
        """Execute one command of a transaction, which it begins when the command says so."""
        if command.key == "committransaction":
            return await self._commit(command)
        if command.key == "aborttransaction":
            await self._roll_back(command.session)
            return {"ok": 1.0}
        if command.body.get("startTransaction"):
            await self._begin(command)
        transaction = self._find(command)
        async with transaction.lock:
            transaction.used_by(command.connection_id)
            if transaction.over:  # while this command waited for its turn
                raise _no_such(command)
            try:
                reply = await execute(transaction.session, command)
            except LOST as error:
                await self._discard(command.session, transaction)
                raise _no_such(command) from error
            except (asyncpg.PostgresError, CommandError):
                await self._discard(command.session, transaction)
                raise
            if isinstance(reply, dict) and "writeErrors" in reply:  # mongod ends it at the first error, too
                await self._discard(command.session, transaction)
            return reply

    async def end_sessions(self, sessions: list[bytes]) -> None:
        """Roll back what is open in these sessions of clients."""
        for session in sessions:
            await self._roll_back(session)

    def connection_closed(self, connection_id: int) -> None:
        """A client's connection is gone: what came over no other one is left with little time."""
        for transaction in self._open.values():
            if connection_id in transaction.connections:
                transaction.connections.discard(connection_id)
                if not transaction.connections:
                    transaction.expires = min(transaction.expires, time.monotonic() + ORPHAN_LIFETIME)

    async def reap(self) -> None:
        """Roll back, for ever, the transactions whose time is over."""
        while True:
            await asyncio.sleep(REAP_INTERVAL)
            now = time.monotonic()
            for session, transaction in list(self._open.items()):
                if transaction.expires < now and not transaction.lock.locked():
                    await self._roll_back(session)

    async def close(self) -> None:
        """Roll back everything."""
        await self.end_sessions(list(self._open))

    async def _begin(self, command: Command) -> None:
        await self._roll_back(command.session)  # a newer transaction of a session ends the one before it
        session = await self._pool.acquire()
        try:
            handle = session.transaction(isolation="repeatable_read")
            await handle.start()
        except BaseException:
            await self._pool.release(session)
            raise
        transaction = _Transaction(command.body["txnNumber"], session, handle)
        transaction.used_by(command.connection_id)
        self._open[command.session] = transaction

    def _find(self, command: Command) -> _Transaction:
        transaction = self._open.get(command.session)
        if transaction is None or transaction.number != command.body["txnNumber"]:
            raise _no_such(command)
        return transaction

    async def _commit(self, command: Command) -> Reply:
        key = (command.session, command.body["txnNumber"])
        if key in self._committed:  # a client that lost the reply asks again
            if self._committed[key]:
                return {"ok": 1.0}
            raise CommandError(8, "PostgreSQL was lost during the commit: its outcome is unknown")
        transaction = self._find(command)
        async with transaction.lock:
            if transaction.over:
                raise _no_such(command)
            self._forget(command.session, transaction)
            try:
                await transaction.handle.commit()
            except LOST as error:
                self._remember(key, certain=False)
                raise DropConnection from error
            finally:
                await self._pool.release(transaction.session)
        self._remember(key, certain=True)
        return {"ok": 1.0}

    def _remember(self, key: tuple[bytes, int], *, certain: bool) -> None:
        self._committed[key] = certain
        if len(self._committed) > MOST_OUTCOMES:
            self._committed.popitem(last=False)

    async def _roll_back(self, session: bytes) -> None:
        transaction = self._open.get(session)
        if transaction is not None:
            async with transaction.lock:
                if not transaction.over:
                    await self._discard(session, transaction)

    async def _discard(self, session: bytes, transaction: _Transaction) -> None:
        self._forget(session, transaction)
        try:
            with contextlib.suppress(asyncpg.PostgresError, *LOST):
                await transaction.handle.rollback()
        finally:
            await self._pool.release(transaction.session)

    def _forget(self, session: bytes, transaction: _Transaction) -> None:
        transaction.over = True
        if self._open.get(session) is transaction:
            del self._open[session]


def _no_such(command: Command) -> CommandError:
    return CommandError(NO_SUCH_TRANSACTION, f"no transaction {command.body['txnNumber']} is in progress")
