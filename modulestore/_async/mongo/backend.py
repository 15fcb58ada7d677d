"""The backend as a whole."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, TypeAlias
from urllib.parse import parse_qsl

from pymongo import AsyncMongoClient
from pymongo.asynchronous.database import AsyncDatabase

from modulestore._async.mongo.collections import Collections
from modulestore._async.mongo.content_files import ContentFiles
from modulestore._async.mongo.documents import MongoDefinitions, MongoStructures
from modulestore._async.mongo.files import MongoFiles
from modulestore._async.mongo.index import MongoIndex
from modulestore._async.mongo.layouts import LayoutFiles
from modulestore._async.mongo.object_uploads import ObjectUploads
from modulestore._async.mongo.old_store import OLD_STORE, MongoOldStore
from modulestore._async.mongo.records import MongoRecords
from modulestore._async.mongo.transactions import (
    ClientTransactions,
    NoTransactions,
    Transactions,
    has_transactions,
)
from modulestore._async.ports import Backend
from modulestore._async.waiting import gather
from modulestore.errors import InvalidURL
from modulestore.storage.documents import MAX_DOCUMENT
from modulestore.storage.mongo.blobs import BLOBS
from modulestore.storage.mongo.errors import driver_errors
from modulestore.storage.mongo.file_versions import FILES
from modulestore.storage.mongo.files import BUCKET
from modulestore.upkeep.steps import DatabaseIndex

__all__ = ["DriverDatabase", "MongoBackend", "open_database", "open_mongo"]

DriverDatabase: TypeAlias = AsyncDatabase[dict[str, Any]]
"""A database of pymongo's own client."""

_DATABASE = "edxapp"
_PATIENCE = 5000  # milliseconds until a server that does not answer counts as down


async def open_mongo(url: str, objects: str | None = None) -> MongoBackend:
    """The store in the database of a ``mongodb://`` or ``mongodb+srv://`` URL; ``edxapp`` if it names none.

    Writes nothing. A server that cannot be reached is given up after 5 seconds, unless the URL has a
    ``serverSelectionTimeoutMS`` or ``timeoutMS``.

    Args:
        objects: where the bytes of new files are kept, if not in the database: `checked_place`.

    Raises:
        InvalidURL: the driver cannot use it.
        StorageUnavailable: the server cannot be reached, or does not let us in.
    """
    with driver_errors():
        client = _client(url)
        try:
            collections = Collections(client.get_default_database(_DATABASE))
            hello = await client.admin.command("hello")
            return MongoBackend(collections, hello, _transactions(client, hello), client, objects)
        except BaseException:
            await client.close()
            raise


async def open_database(database: DriverDatabase, objects: str | None = None) -> MongoBackend:
    """The store in a database of the caller's own client, which :meth:`MongoBackend.close` leaves open.

    Args:
        objects: as of `open_mongo`.

    Raises:
        StorageUnavailable: the server cannot be reached.
    """
    with driver_errors():
        hello = await database.client.admin.command("hello")
    return MongoBackend(Collections(database), hello, _transactions(database.client, hello), objects=objects)


def _client(url: str) -> AsyncMongoClient[dict[str, Any]]:
    try:
        return AsyncMongoClient(url, **_time_limits(url))
    except (ValueError, TypeError) as error:
        # So the driver says that a port is no number, or that an option has no such value.
        hint = "for example mongodb://localhost:27017/edxapp"
        raise InvalidURL(f"this URL cannot be used: {error}", hint=hint) from error


def _transactions(client: AsyncMongoClient[dict[str, Any]], hello: Mapping[str, Any]) -> Transactions:
    return ClientTransactions(client) if has_transactions(hello) else NoTransactions()


def _time_limits(url: str) -> dict[str, Any]:
    given = {name.lower() for name, _ in parse_qsl(url.partition("?")[2])}
    limits = {"serverSelectionTimeoutMS": _PATIENCE, "connectTimeoutMS": _PATIENCE}
    return {} if "timeoutms" in given else {n: ms for n, ms in limits.items() if n.lower() not in given}


class MongoBackend(Backend):
    """A store in MongoDB.

    Args:
        collections: of the database.
        hello: what the server says of itself.
        transactions: how several writes are done as one.
        client: closed with the backend, if it is given.
        objects: where the bytes of new files are kept, if not in the database.
    """

    def __init__(
        self,
        collections: Collections,
        hello: Mapping[str, Any],
        transactions: Transactions,
        client: AsyncMongoClient[dict[str, Any]] | None = None,
        objects: str | None = None,
    ) -> None:
        self._collections = collections
        self._client = client
        self.max_document = int(hello.get("maxBsonObjectSize", MAX_DOCUMENT))
        self.index = MongoIndex(collections)
        self.structures = MongoStructures(collections, self.max_document)
        self.definitions = MongoDefinitions(collections, self.max_document)
        self.records = MongoRecords(collections)
        self.old_store = MongoOldStore(collections)
        self.files = self._layouts = LayoutFiles(
            self,
            MongoFiles(collections, transactions),
            ContentFiles(collections, ObjectUploads(self.records, objects)),
            has_objects=objects is not None,
        )

    async def now(self) -> datetime:
        with driver_errors("server"):
            hello = await self._collections.database.client.admin.command("hello")
        time: datetime = hello["localTime"]
        return time.replace(tzinfo=UTC)

    async def is_empty(self) -> bool:
        async def has_some(name: str) -> bool:
            with driver_errors("database"):
                found = await self._collections.current(name).find_one({}, {"_id": 1})
            return found is not None

        # A database that has nothing but the older store, or files in GridFS, is a platform's too.
        kinds = ("active_versions", "structures", "definitions")
        names = (*(f"modulestore.{kind}" for kind in kinds), OLD_STORE, f"{BUCKET}.files")
        return not any(await gather(*(lambda name=name: has_some(name) for name in names)))

    async def create_indexes(self, indexes: Sequence[DatabaseIndex]) -> list[str]:
        made = []
        for index in await self._missing(indexes):
            options: dict[str, Any] = {name: True for name in ("unique", "sparse") if getattr(index, name)}
            with driver_errors(f"index {index.name}"):
                collection = self._collections.current(index.collection)
                await collection.create_index(list(index.keys), name=index.name, **options)
            made.append(index.name)
        return made

    async def missing_indexes(self, indexes: Sequence[DatabaseIndex]) -> list[str]:
        return [index.name for index in await self._missing(indexes)]

    @asynccontextmanager
    async def group(self) -> AsyncIterator[Backend]:
        yield self

    async def close(self) -> None:
        if self._client is not None:
            with driver_errors():
                await self._client.close()

    async def _missing(self, indexes: Sequence[DatabaseIndex]) -> list[DatabaseIndex]:
        if await self._layouts.is_platform():
            # Nothing will ever be in the collections of the other layout.
            indexes = [index for index in indexes if index.collection not in (FILES, BLOBS)]
        there: dict[str, Mapping[str, Any]] = {}
        for name in {index.collection for index in indexes}:
            with driver_errors(f"indexes of {name}"):
                there[name] = await self._collections.current(name).index_information()
        return [index for index in indexes if not _serves(index, there[index.collection])]


def _serves(index: DatabaseIndex, there: Mapping[str, Any]) -> bool:
    """Whether there is an index of these fields, under whatever name, that is unique if it must be."""
    return any(
        [(field, int(direction)) for field, direction in found["key"] if isinstance(direction, (int, float))]
        == list(index.keys)
        and (found.get("unique", False) or not index.unique)
        for found in there.values()
    )
