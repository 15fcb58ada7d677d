"""How the ports reach the database: call by call, or as one group."""

from __future__ import annotations

import sqlite3
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Concatenate, ParamSpec, TypeVar

from modulestore._async.waiting import Lock, acquire, run_blocking
from modulestore.errors import StorageUnavailable
from modulestore.storage.sqlite.database import Database, Transaction

__all__ = ["DirectSession", "Session"]

P = ParamSpec("P")
T = TypeVar("T")


class Session(ABC):
    """Runs functions that work with a connection, in a worker thread."""

    @abstractmethod
    async def read(
        self, function: Callable[Concatenate[sqlite3.Connection, P], T], /, *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Call a function that reads."""

    @abstractmethod
    async def write(
        self, function: Callable[Concatenate[sqlite3.Connection, P], T], /, *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Call a function that writes, so that all or nothing of what it does is done."""

    @abstractmethod
    def group(self) -> AbstractAsyncContextManager[Session]:
        """A session whose writes are done together, or not at all if the context ends with an exception."""

    @abstractmethod
    async def close(self) -> None:
        """Close the database."""


class DirectSession(Session):
    """Every call by itself. Writers of this process take turns; readers of a file do not wait for them."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = Lock()

    async def read(
        self, function: Callable[Concatenate[sqlite3.Connection, P], T], /, *args: P.args, **kwargs: P.kwargs
    ) -> T:
        if not self._database.in_memory:
            return await run_blocking(self._database.read, function, *args, **kwargs)
        async with self._turn():
            return await run_blocking(self._database.read, function, *args, **kwargs)

    async def write(
        self, function: Callable[Concatenate[sqlite3.Connection, P], T], /, *args: P.args, **kwargs: P.kwargs
    ) -> T:
        async with self._turn():
            return await run_blocking(self._database.write, function, *args, **kwargs)

    @asynccontextmanager
    async def group(self) -> AsyncIterator[Session]:
        async with self._turn():
            transaction = Transaction(self._database)
            try:
                yield _GroupSession(transaction)
            except BaseException:
                await run_blocking(transaction.rollback)
                raise
            await run_blocking(transaction.commit)

    async def close(self) -> None:
        await run_blocking(self._database.close)

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        if not await acquire(self._lock, self._database.timeout):
            raise StorageUnavailable(
                "the database is in use by a group of writes of this process",
                place=self._database.path,
                hint="inside a group, use the backend that it gives; otherwise try again",
            )
        try:
            yield
        finally:
            self._lock.release()


class _GroupSession(Session):
    """Every call in one transaction."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    async def read(
        self, function: Callable[Concatenate[sqlite3.Connection, P], T], /, *args: P.args, **kwargs: P.kwargs
    ) -> T:
        return await run_blocking(self._transaction.run, function, *args, **kwargs)

    async def write(
        self, function: Callable[Concatenate[sqlite3.Connection, P], T], /, *args: P.args, **kwargs: P.kwargs
    ) -> T:
        return await run_blocking(self._transaction.run, function, *args, **kwargs)

    @asynccontextmanager
    async def group(self) -> AsyncIterator[Session]:
        name = await run_blocking(self._transaction.enter)
        try:
            yield self
        except BaseException:
            await run_blocking(self._transaction.leave, name, undo=True)
            raise
        await run_blocking(self._transaction.leave, name, undo=False)

    async def close(self) -> None:
        """Nothing: the group ends with its context."""
