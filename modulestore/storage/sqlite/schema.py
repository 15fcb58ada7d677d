"""The tables of a store in one SQLite file.

===================  =========================================================================================
``active_versions``  index entries: the document, and the names that it is found by
``structures``       encoded structures; their headers as columns too, so that nobody reads them for history
``definitions``      encoded definitions
``records``          what the library itself must remember
``files``            one row for every file that a course has or had: current ones have no ``ended_on``
``blobs, slices``    the bytes of files, once for every SHA-256, in slices
===================  =========================================================================================

Ids and digests are raw bytes, times are milliseconds since 1970 in UTC, documents are BSON. The
``application_id`` says that the file is ours, ``user_version`` counts the changes of this schema. What no
current file points to (old rows of ``files``, their blobs) is pruning's to remove.
"""

from __future__ import annotations

import os
import sqlite3
import time
from urllib.parse import quote

from modulestore.errors import InvalidURL, UnknownFormat
from modulestore.storage.sqlite.errors import error_kind

__all__ = [
    "APPLICATION_ID",
    "SLICE",
    "USER_VERSION",
    "connect",
    "create_tables",
    "expect_known_schema",
    "has_tables",
    "prepare",
]

APPLICATION_ID = 0x4D6F6453  # "ModS"
USER_VERSION = 1
SLICE = 256 * 1024

TABLES = (
    """CREATE TABLE active_versions (
        id BLOB NOT NULL PRIMARY KEY,
        org TEXT NOT NULL,
        course TEXT NOT NULL,
        run TEXT NOT NULL,
        folded TEXT NOT NULL,
        document BLOB NOT NULL,
        UNIQUE (org, course, run)
    )""",
    "CREATE INDEX active_versions_folded ON active_versions (folded)",
    """CREATE TABLE structures (
        id BLOB NOT NULL PRIMARY KEY,
        previous BLOB,
        original BLOB NOT NULL,
        root_type TEXT NOT NULL,
        root_id TEXT NOT NULL,
        edited_by,
        edited_on INTEGER NOT NULL,
        document BLOB NOT NULL
    )""",
    # All of a header: without it, reading headers would go through the pages of the documents.
    """CREATE INDEX structures_header
        ON structures (id, previous, original, root_type, root_id, edited_by, edited_on)""",
    "CREATE INDEX structures_original ON structures (original, id)",
    "CREATE TABLE definitions (id BLOB NOT NULL PRIMARY KEY, document BLOB NOT NULL)",
    """CREATE TABLE records (
        kind TEXT NOT NULL,
        key TEXT NOT NULL,
        revision INTEGER NOT NULL,
        value BLOB NOT NULL,
        PRIMARY KEY (kind, key)
    ) WITHOUT ROWID""",
    "CREATE TABLE blobs (id INTEGER PRIMARY KEY, sha256 BLOB NOT NULL UNIQUE, length INTEGER NOT NULL)",
    """CREATE TABLE slices (
        blob INTEGER NOT NULL REFERENCES blobs (id) ON DELETE CASCADE,
        number INTEGER NOT NULL,
        data BLOB NOT NULL,
        UNIQUE (blob, number)
    )""",
    """CREATE TABLE files (
        id INTEGER PRIMARY KEY,
        key TEXT NOT NULL,
        course TEXT NOT NULL,
        blob INTEGER NOT NULL REFERENCES blobs (id),
        display_name TEXT NOT NULL,
        content_type TEXT,
        locked INTEGER NOT NULL,
        import_path TEXT,
        md5 BLOB NOT NULL,
        thumbnail TEXT,
        uploaded_on INTEGER NOT NULL,
        ended_on INTEGER
    )""",
    "CREATE UNIQUE INDEX files_current ON files (key) WHERE ended_on IS NULL",
    "CREATE INDEX files_course ON files (course)",
    "CREATE INDEX files_blob ON files (blob)",
)


def connect(path: str, *, create: bool, timeout: float) -> sqlite3.Connection:
    """A connection to the file. Without ``create``, a file that is not there is not made either."""
    mode = "rwc" if create else "rw"
    uri = f"file:{quote(os.fsencode(path))}?mode={mode}"
    connection = sqlite3.connect(
        uri, uri=True, timeout=timeout, isolation_level=None, check_same_thread=False
    )
    try:
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
    except BaseException:
        connection.close()
        raise
    return connection


def has_tables(connection: sqlite3.Connection, path: str) -> bool:
    """Whether the database has our tables; False if it is empty.

    Raises:
        InvalidURL: it is another program's.
        UnknownFormat: a later release of this library made it.
    """
    application, version, tables = connection.execute(
        "SELECT application_id, user_version, (SELECT count(*) FROM sqlite_schema)"
        " FROM pragma_application_id, pragma_user_version"
    ).fetchone()
    if application == APPLICATION_ID:
        _expect_known(version, path)
        return True
    if application or version or tables:
        raise InvalidURL(
            "the file is a SQLite database of another program",
            place=path,
            hint="give the path of another file",
        )
    return False


def expect_known_schema(connection: sqlite3.Connection, path: str) -> None:
    """Make sure that a database with our tables has them as this release knows them.

    Raises:
        UnknownFormat: a later release of this library has changed them.
    """
    _expect_known(connection.execute("PRAGMA user_version").fetchone()[0], path)


def prepare(connection: sqlite3.Connection, path: str, timeout: float) -> None:
    """Make our tables in an empty database, unless somebody else does at this moment."""
    _use_log(connection, time.monotonic() + timeout)
    connection.execute("BEGIN IMMEDIATE")
    try:
        if not has_tables(connection, path):
            create_tables(connection)
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def create_tables(connection: sqlite3.Connection) -> None:
    """Make our tables, in the transaction of the caller."""
    for statement in TABLES:
        connection.execute(statement)
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {USER_VERSION}")


def _expect_known(version: int, path: str) -> None:
    if version > USER_VERSION:
        raise UnknownFormat(
            f"the file has schema {version}, and this release knows {USER_VERSION}", place=path
        )


def _use_log(connection: sqlite3.Connection, deadline: float) -> None:
    # SQLite's own waiting does not cover this statement when two processes come to it at once.
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if error_kind(error) != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.005)
