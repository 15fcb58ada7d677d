"""Connections to one SQLite database, and transactions on them. Everything here blocks.

Readers and writers use connections of the same kind, one caller at a time each. Who writes at a given moment
in this process is decided above, by a lock; between processes, by ``BEGIN IMMEDIATE``.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Callable
from typing import Concatenate, ParamSpec, TypeVar

from modulestore.errors import CommitUnknown, InvalidURL, ModuleStoreError, StoreNotFound
from modulestore.storage.sqlite.errors import ended, mapped, sqlite_errors
from modulestore.storage.sqlite.index import Trace, trace_of
from modulestore.storage.sqlite.schema import (
    connect,
    create_tables,
    expect_known_schema,
    has_tables,
    prepare,
)

__all__ = ["MEMORY", "Database", "Transaction"]

P = ParamSpec("P")
T = TypeVar("T")
Statements = Callable[Concatenate[sqlite3.Connection, P], T]

MEMORY = ":memory:"
_MOST_IDLE = 8


class Database:
    """One SQLite file, or a database in memory that is gone when it is closed.

    The file is made by the first transaction; until then reads find an empty store.
    """

    def __init__(self, path: str, timeout: float) -> None:
        self.in_memory = path == MEMORY
        self.path = path if self.in_memory else os.path.abspath(path)
        self.timeout = timeout
        self._idle: list[sqlite3.Connection] = []
        self._closed = False
        self._guard = threading.Lock()

    def open(self, *, must_exist: bool) -> None:
        """Look at what is there; makes nothing, but for a database in memory.

        Raises:
            StoreNotFound: nothing, and it must exist.
            InvalidURL: something that is no store.
        """
        if self.in_memory:
            connection = _empty_store()
            self._idle.append(connection)
        elif os.path.isdir(self.path):
            raise InvalidURL(
                "this is a folder, not a file", place=self.path, hint="give the path of a file in it"
            )
        elif must_exist and not os.path.exists(self.path):
            hint = "check the path; the first write makes a store: `modulestore import PATH`, for one"
            raise StoreNotFound("there is no store here", place=self.path, hint=hint)
        else:
            self.read(lambda connection: None)

    def read(self, function: Statements[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Call a function that reads, with a connection."""
        with sqlite_errors(self.path):
            connection, kept = self._borrow()
            try:
                return function(connection, *args, **kwargs)
            finally:
                self.give_back(connection, keep=kept)

    def write(self, function: Statements[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Call a function that writes, as one transaction."""
        transaction = Transaction(self)
        try:
            result = transaction.run(function, *args, **kwargs)
        except BaseException:
            transaction.rollback()
            raise
        transaction.commit()
        return result

    def close(self) -> None:
        """Close what is idle now, and what is in use as soon as it is given back."""
        with self._guard:
            self._closed = True
            connections, self._idle = self._idle, []
        with sqlite_errors(self.path):
            for connection in connections:
                connection.close()

    def borrow_for_writing(self) -> sqlite3.Connection:
        """A connection to a database that is there and has its tables."""
        if connection := self._take_idle():
            return connection
        connection = connect(self.path, create=True, timeout=self.timeout)
        try:
            if not has_tables(connection, self.path):
                prepare(connection, self.path, self.timeout)
        except BaseException:
            connection.close()
            raise
        return connection

    def give_back(self, connection: sqlite3.Connection, *, keep: bool) -> None:
        """End the use of a connection; ``keep`` unless it may be broken."""
        with self._guard:
            keep = keep and not self._closed and len(self._idle) < _MOST_IDLE
            if keep:
                self._idle.append(connection)
        if not keep:
            connection.close()

    def _borrow(self) -> tuple[sqlite3.Connection, bool]:
        if connection := self._take_idle():
            return connection, True
        connection = self._connect_existing()
        if connection is None:
            return _empty_store(), False
        try:
            if has_tables(connection, self.path):
                return connection, True
        except BaseException:
            connection.close()
            raise
        connection.close()
        return _empty_store(), False

    def _connect_existing(self) -> sqlite3.Connection | None:
        """A connection to the file; None if there is none yet."""
        try:
            return connect(self.path, create=False, timeout=self.timeout)
        except sqlite3.OperationalError:
            if not os.path.isdir(os.path.dirname(self.path)):
                raise
            if not os.path.exists(self.path):
                return None
        # Somebody may have made it since; if not, it cannot be opened, and this says why.
        return connect(self.path, create=False, timeout=self.timeout)

    def _take_idle(self) -> sqlite3.Connection | None:
        with self._guard:
            if self._closed:
                raise ended("the store is closed", self.path)
            return self._idle.pop() if self._idle else None


class Transaction:
    """Statements that are done whole or not at all. It begins with the first of them: none costs nothing.

    A statement that fails ends it: what comes after is refused with the same error, and so is the commit.
    SQLite may have rolled it back by itself by then, and whatever followed would be written alone.

    A COMMIT that fails may have been done all the same. What the index says then is the answer.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._connection: sqlite3.Connection | None = None
        self._failure: ModuleStoreError | None = None
        self._trace: Trace | None = None
        self._ended = False
        self._depth = 0
        self._guard = threading.Lock()  # tasks of one group may use it at the same time

    def run(self, function: Statements[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Call a function with the connection, inside the transaction."""
        with self._guard, sqlite_errors(self._database.path):
            if self._ended:
                raise ended("the group has ended", self._database.path)
            if self._failure is not None:
                raise self._failure
            try:
                if self._connection is None:
                    self._connection = self._begin()
                result = function(self._connection, *args, **kwargs)
                self._trace = trace_of(function, result, args) or self._trace
                return result
            except sqlite3.Error as error:
                self._failure = mapped(error, self._database.path)
                raise self._failure from error

    def commit(self) -> None:
        """Make everything visible, and wait until it is on the disk.

        Raises:
            StorageUnavailable, StorageFull: nothing was done.
            CommitUnknown: it failed, and so did the look at what came of it.
        """
        if self._failure is not None:
            self.rollback()
            raise self._failure
        connection = self._end()
        if connection is None:
            return
        with sqlite_errors(self._database.path):
            try:
                connection.execute("COMMIT")
            except sqlite3.Error as error:
                # One that is still open was refused. One that is not, SQLite has ended, and says not how.
                refused = connection.in_transaction
                self._undo(connection)
                if refused or not self._was_done(error):
                    raise
                return
            except BaseException:
                self._undo(connection)
                raise
        self._database.give_back(connection, keep=True)

    def rollback(self) -> None:
        """Undo everything."""
        connection = self._end()
        if connection is not None:
            self._undo(connection)

    def enter(self) -> str:
        """Begin a group inside the group; its name."""
        self._depth += 1
        name = f"group_{self._depth}"
        self.run(_execute, f"SAVEPOINT {name}")
        return name

    def leave(self, name: str, *, undo: bool) -> None:
        """End the group inside the group."""
        if undo and self._failure is not None:
            return  # all of it will be undone
        if undo:
            self.run(_execute, f"ROLLBACK TO {name}")
        self.run(_execute, f"RELEASE {name}")

    def _was_done(self, error: sqlite3.Error) -> bool:
        """Whether the index says that a COMMIT was done that failed with this error."""
        if self._trace is None:
            return False  # no head has moved: what may be written all the same can be written again
        try:
            done = self._database.read(self._trace)
        except ModuleStoreError:
            done = None
        if done is None:
            raise CommitUnknown(
                f"the commit failed, and what came of it cannot be read: {error}",
                place=self._database.path,
                hint="look at the course's heads: the change may have been made",
            ) from error
        return done

    def _begin(self) -> sqlite3.Connection:
        connection = self._database.borrow_for_writing()
        try:
            connection.execute("BEGIN IMMEDIATE")
        except BaseException:
            self._database.give_back(connection, keep=True)
            raise
        try:
            # Another process may have brought the file to a later schema since this connection was made.
            expect_known_schema(connection, self._database.path)
        except BaseException:
            self._undo(connection)
            raise
        return connection

    def _end(self) -> sqlite3.Connection | None:
        with self._guard:
            self._ended = True
            connection, self._connection = self._connection, None
            return connection

    def _undo(self, connection: sqlite3.Connection) -> None:
        try:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
        except sqlite3.Error:
            # Closing the connection rolls back as well; a database in memory has no other.
            self._database.give_back(connection, keep=self._database.in_memory)
        else:
            self._database.give_back(connection, keep=True)


def _execute(connection: sqlite3.Connection, statement: str) -> None:
    connection.execute(statement)


def _empty_store() -> sqlite3.Connection:
    connection = sqlite3.connect(MEMORY, isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA foreign_keys = ON")
    create_tables(connection)
    return connection
