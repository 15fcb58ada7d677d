"""Statements on structures and definitions."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterator, Mapping
from typing import Any, Literal

from modulestore.formats.headers import decode_header, relinked
from modulestore.formats.references import LEADING, links_of, references_of
from modulestore.keys import BlockKey, VersionId
from modulestore.model.columns import VersionColumn
from modulestore.model.stored import References, StructureLinks
from modulestore.model.structure import StructureHeader
from modulestore.storage.sqlite.columns import from_milliseconds, milliseconds

__all__ = [
    "delete_many",
    "get_many",
    "headers",
    "ids",
    "links",
    "put_definitions",
    "put_structures",
    "references",
    "relink",
    "replace_structures",
    "sizes",
]

Table = Literal["structures", "definitions"]

_MOST_VARIABLES = 500  # in one statement; the limit is that of the SQLite that Python is linked with


def get_many(
    connection: sqlite3.Connection, table: Table, ids: Collection[VersionId]
) -> dict[VersionId, bytes]:
    """The documents that are there."""
    return dict(_each(connection, "document", table, ids))


def put_structures(connection: sqlite3.Connection, documents: Mapping[VersionId, bytes]) -> bool:
    """Store structures that are not there yet; whether all were new."""
    statement = """
        INSERT INTO structures (id, previous, original, root_type, root_id, edited_by, edited_on, document)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING
    """
    stored = 0
    for version, document in documents.items():
        header = decode_header(document)
        stored += connection.execute(
            statement,
            (
                version,
                header.previous_version,
                header.original_version,
                header.root.type,
                header.root.id,
                header.edited_by,
                milliseconds(header.edited_on),
                document,
            ),
        ).rowcount
    return stored == len(documents)


def put_definitions(connection: sqlite3.Connection, documents: Mapping[VersionId, bytes]) -> bool:
    """Store definitions that are not there yet; whether all were new."""
    statement = "INSERT INTO definitions (id, document) VALUES (?, ?) ON CONFLICT (id) DO NOTHING"
    stored = connection.executemany(statement, documents.items()).rowcount
    return not documents or stored == len(documents)


def replace_structures(connection: sqlite3.Connection, documents: Mapping[VersionId, bytes]) -> int:
    """Store structures in another form whose ``previous`` is still the same; how many that were."""
    statement = "UPDATE structures SET document = ? WHERE id = ? AND previous IS ?"
    replaced = 0
    for version, document in documents.items():
        values = (document, version, decode_header(document).previous_version)
        replaced += connection.execute(statement, values).rowcount
    return replaced


def headers(
    connection: sqlite3.Connection, original: VersionId | None, after: bytes, most: int
) -> list[StructureHeader]:
    """The next headers by id, of all structures or of those with one original."""
    of_one = "" if original is None else "original = :original AND"
    rows = connection.execute(
        "SELECT id, root_type, root_id, previous, original, edited_by, edited_on FROM structures"
        f" WHERE {of_one} id > :after ORDER BY id LIMIT :most",
        {"original": original, "after": after, "most": most},
    ).fetchall()
    return [
        StructureHeader(
            VersionId(version),
            BlockKey(root_type, root_id),
            None if previous is None else VersionId(previous),
            VersionId(original),
            edited_by,
            from_milliseconds(edited_on),
        )
        for version, root_type, root_id, previous, original, edited_by, edited_on in rows
    ]


def ids(connection: sqlite3.Connection, table: Table, after: bytes, most: int) -> VersionColumn:
    """The next ids."""
    query = f"SELECT id FROM {table} WHERE id > ? ORDER BY id LIMIT ?"
    return VersionColumn.of(version for (version,) in connection.execute(query, (after, most)))


def links(connection: sqlite3.Connection, versions: Collection[VersionId]) -> dict[VersionId, StructureLinks]:
    """What structures name outside their blocks."""
    starts = _each(connection, f"substr(document, 1, {LEADING})", "structures", versions)
    return {version: links_of(start) for version, start in starts}


def references(
    connection: sqlite3.Connection, versions: Collection[VersionId]
) -> dict[VersionId, References]:
    """What blocks in structures refer to."""
    documents = _each(connection, "document", "structures", versions)
    return {version: references_of(document) for version, document in documents}


def sizes(
    connection: sqlite3.Connection, table: Table, versions: Collection[VersionId]
) -> dict[VersionId, int]:
    """Bytes of documents."""
    return dict(_each(connection, "length(document)", table, versions))


def relink(connection: sqlite3.Connection, previous: Mapping[VersionId, VersionId | None]) -> int:
    """Set what comes before structures; how many were there."""
    done = 0
    for version, before in previous.items():
        row = connection.execute("SELECT document FROM structures WHERE id = ?", (version,)).fetchone()
        if row is not None:
            connection.execute(
                "UPDATE structures SET previous = ?, document = ? WHERE id = ?",
                (before, relinked(row[0], before), version),
            )
            done += 1
    return done


def delete_many(connection: sqlite3.Connection, table: Table, ids: Collection[VersionId]) -> int:
    """Remove documents; how many were there."""
    statements = ((f"DELETE FROM {table} WHERE id IN ({_marks(chunk)})", chunk) for chunk in _chunks(ids))
    return sum(connection.execute(statement, chunk).rowcount for statement, chunk in statements)


def _each(
    connection: sqlite3.Connection, what: str, table: Table, ids: Collection[VersionId]
) -> Iterator[tuple[VersionId, Any]]:
    """Something of each document that is there."""
    for chunk in _chunks(ids):
        query = f"SELECT id, {what} FROM {table} WHERE id IN ({_marks(chunk)})"
        for version, value in connection.execute(query, chunk):
            yield VersionId(version), value


def _chunks(ids: Collection[VersionId]) -> Iterator[list[VersionId]]:
    every = list(ids)
    return (every[at : at + _MOST_VARIABLES] for at in range(0, len(every), _MOST_VARIABLES))


def _marks(chunk: Collection[VersionId]) -> str:
    return ",".join("?" * len(chunk))
