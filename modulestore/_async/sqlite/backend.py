"""The backend as a whole."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime

from modulestore._async.ports import Backend
from modulestore._async.sqlite.files import SqliteFiles
from modulestore._async.sqlite.ports import SqliteDefinitions, SqliteIndex, SqliteRecords, SqliteStructures
from modulestore._async.sqlite.session import DirectSession, Session
from modulestore._async.waiting import run_blocking
from modulestore.storage.documents import MAX_DOCUMENT, now
from modulestore.storage.sqlite import index as statements
from modulestore.storage.sqlite.database import Database
from modulestore.upkeep.steps import DatabaseIndex

__all__ = ["SqliteBackend", "open_sqlite"]


async def open_sqlite(
    path: str | os.PathLike[str], *, must_exist: bool = False, timeout: float = 30.0
) -> SqliteBackend:
    """The store in a SQLite file, or ``:memory:`` for one that is gone when it is closed.

    Nothing is made: a file that is not there is made by the first write.

    Args:
        must_exist: refuse a file that is not there.
        timeout: seconds to wait for somebody else's write.

    Raises:
        StoreNotFound: there is no file, and there must be one.
        InvalidURL: there is something that is no store.
        StorageUnavailable: the file cannot be read.
    """
    database = Database(os.fspath(path), timeout)
    await run_blocking(database.open, must_exist=must_exist)
    return SqliteBackend(DirectSession(database))


class SqliteBackend(Backend):
    """A store in SQLite.

    Files are kept in the layout *content*: bytes once for every digest, and a name keeps its history.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self.index = SqliteIndex(session)
        self.structures = SqliteStructures(session, MAX_DOCUMENT)
        self.definitions = SqliteDefinitions(session, MAX_DOCUMENT)
        self.files = SqliteFiles(session)
        self.records = SqliteRecords(session)
        self.max_document = MAX_DOCUMENT
        self.has_atomic_groups = True

    async def now(self) -> datetime:
        return now()

    async def is_empty(self) -> bool:
        return await self._session.read(statements.is_empty)

    async def create_indexes(self, indexes: Sequence[DatabaseIndex]) -> list[str]:
        return []

    async def missing_indexes(self, indexes: Sequence[DatabaseIndex]) -> list[str]:
        return []

    @asynccontextmanager
    async def group(self) -> AsyncIterator[Backend]:
        async with self._session.group() as session:
            yield SqliteBackend(session)

    async def close(self) -> None:
        await self._session.close()
