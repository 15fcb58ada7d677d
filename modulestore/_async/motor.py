"""A store on a Motor database, for services that still hold one. Needs the extra ``motor``.

Motor's collections have the methods of pymongo's own asynchronous ones, as far as the backend uses them; what
differs is how a session begins.
"""

from __future__ import annotations

from typing import Any, cast

from motor.motor_asyncio import AsyncIOMotorClient, AsyncIOMotorDatabase
from pymongo.asynchronous.database import AsyncDatabase

from modulestore._async.mongo.backend import MongoBackend
from modulestore._async.mongo.collections import Collections
from modulestore._async.mongo.transactions import NoTransactions, Steps, Transactions, has_transactions
from modulestore.storage.mongo.errors import driver_errors

__all__ = ["open_motor"]


async def open_motor(database: AsyncIOMotorDatabase[dict[str, Any]]) -> MongoBackend:
    """The store in a database of the caller's Motor client, which :meth:`MongoBackend.close` leaves open.

    Raises:
        StorageUnavailable: the server cannot be reached.
    """
    with driver_errors():
        hello = await database.client.admin.command("hello")
    transactions = _MotorTransactions(database.client) if has_transactions(hello) else NoTransactions()
    collections = Collections(cast(AsyncDatabase[dict[str, Any]], database))
    return MongoBackend(collections, hello, transactions)


class _MotorTransactions(Transactions):
    def __init__(self, client: AsyncIOMotorClient[dict[str, Any]]) -> None:
        self._client = client

    async def _run(self, steps: Steps) -> None:
        async with await self._client.start_session() as session:
            await session.with_transaction(steps)
