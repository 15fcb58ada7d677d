"""What no import can do without: unpack the archive, parse its XML files with lxml, and store in bulk the
very documents and files that the import stores, in a database with the same settings, tables and indexes.
"""

from __future__ import annotations

import contextlib
import sqlite3
import tarfile
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bson
from bson.codec_options import CodecOptions
from lxml import etree
from pymongo import MongoClient, WriteConcern

import modulestore
from tools.bench.cases import Call
from tools.bench.places import ServerPlace, SqlitePlace, connected, sqlite_path, stored_in

__all__ = ["ServerFloor", "SqliteFloor", "stored_documents", "stored_rows"]

_OPTIONS: CodecOptions[dict[str, Any]] = CodecOptions(tz_aware=True)
_ENCODED = "document"  # the column of every table that holds a document


@dataclass(frozen=True, slots=True)
class SqliteFloor:
    """The floor on SQLite; ``model`` is a database that an import has made."""

    archive: Path
    place: SqlitePlace
    model: str

    @contextmanager
    def ready(self) -> Iterator[Call]:
        """The rows in memory, documents decoded."""
        with closing(sqlite3.connect(sqlite_path(self.model))) as model:
            schema = [sql for (sql,) in model.execute("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL")]
        rows = stored_rows(self.model)
        with self.place.new() as url:
            yield Call(lambda: self._run(sqlite_path(url), schema, rows), lambda: stored_in(url))

    def _run(self, path: str, schema: Sequence[str], rows: dict[str, list[dict[str, Any]]]) -> int:
        _parse(self.archive)
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("BEGIN IMMEDIATE")
            for statement in schema:
                connection.execute(statement)
            for table, found in rows.items():
                if found:
                    marks = ", ".join("?" * len(found[0]))
                    values = (tuple(_encoded(row).values()) for row in found)
                    connection.executemany(f"INSERT INTO {table} VALUES ({marks})", values)
            connection.execute("COMMIT")
        return len(rows["definitions"])


@dataclass(frozen=True, slots=True)
class ServerFloor:
    """The floor on a server; ``model`` is a database that an import has made."""

    archive: Path
    place: ServerPlace
    model: str

    @contextmanager
    def ready(self) -> Iterator[Call]:
        """The documents in memory, and a database with the same indexes."""
        documents = stored_documents(self.model)
        with self.place.new() as url:
            with modulestore.connect(url) as store:
                store.upgrade()
            with connected(url) as client:
                yield Call(lambda: self._run(client, documents))

    def _run(self, client: MongoClient[dict[str, Any]], documents: dict[str, list[dict[str, Any]]]) -> int:
        _parse(self.archive)
        database = client.get_default_database(write_concern=WriteConcern("majority"))
        for name, found in documents.items():
            if found:
                database[name].insert_many(found, ordered=False)
        return len(documents["modulestore.definitions"])


def stored_rows(url: str) -> dict[str, list[dict[str, Any]]]:
    """All rows of a SQLite database by table, documents decoded."""
    with closing(sqlite3.connect(sqlite_path(url))) as database:
        tables = [name for (name,) in database.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
        return {table: list(_rows(database, table)) for table in tables}


def stored_documents(url: str) -> dict[str, list[dict[str, Any]]]:
    """All documents of a MongoDB database by collection."""
    with connected(url) as client:
        database = client.get_default_database()
        return {name: database[name].find().to_list() for name in database.list_collection_names()}


def _parse(archive: Path) -> None:
    with tarfile.open(archive) as members:
        for member in members:
            file = members.extractfile(member)
            if file is not None:
                data = file.read()
                if member.name.endswith(".xml"):
                    # The import reports it and goes on.
                    with contextlib.suppress(etree.XMLSyntaxError):
                        etree.fromstring(data)


def _rows(connection: sqlite3.Connection, table: str) -> Iterator[dict[str, Any]]:
    cursor = connection.execute(f"SELECT * FROM {table}")
    columns = [description[0] for description in cursor.description]
    for values in cursor:
        row = dict(zip(columns, values, strict=True))
        if _ENCODED in row:
            row[_ENCODED] = bson.decode(row[_ENCODED], _OPTIONS)
        yield row


def _encoded(row: dict[str, Any]) -> dict[str, Any]:
    return {**row, _ENCODED: bson.encode(row[_ENCODED])} if _ENCODED in row else row
