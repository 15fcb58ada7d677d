"""Statements on records: (kind, key, revision, value) each."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from typing import Any

from modulestore.storage.documents import decode, encode

__all__ = ["Row", "delete", "get", "list_kind", "put", "starting", "swap"]

Row = tuple[str, str, int, dict[str, Any]]


def get(connection: sqlite3.Connection, kind: str, key: str) -> Row | None:
    """One record."""
    query = "SELECT revision, value FROM records WHERE kind = ? AND key = ?"
    row = connection.execute(query, (kind, key)).fetchone()
    return None if row is None else (kind, key, row[0], decode(row[1], f"record {kind} {key}"))


def list_kind(connection: sqlite3.Connection, kind: str) -> list[Row]:
    """Every record of a kind, by key."""
    rows = connection.execute(
        "SELECT key, revision, value FROM records WHERE kind = ? ORDER BY key", (kind,)
    ).fetchall()
    return [(kind, key, revision, decode(value, f"record {kind} {key}")) for key, revision, value in rows]


def starting(connection: sqlite3.Connection, prefix: str) -> list[Row]:
    """Every record whose kind begins so, by kind and key."""
    rows = connection.execute(
        "SELECT kind, key, revision, value FROM records WHERE kind >= ? AND substr(kind, 1, ?) = ?"
        " ORDER BY kind, key",
        (prefix, len(prefix), prefix),
    ).fetchall()
    return [
        (kind, key, revision, decode(value, f"record {kind} {key}")) for kind, key, revision, value in rows
    ]


def put(connection: sqlite3.Connection, kind: str, key: str, value: Mapping[str, Any]) -> bool:
    """Store a record unless there is one; whether it did."""
    statement = "INSERT INTO records (kind, key, revision, value) VALUES (?, ?, 1, ?) ON CONFLICT DO NOTHING"
    return connection.execute(statement, (kind, key, encode(value, f"record {kind} {key}"))).rowcount == 1


def swap(
    connection: sqlite3.Connection, kind: str, key: str, revision: int, value: Mapping[str, Any]
) -> bool:
    """Replace a record of this revision; whether it was there."""
    statement = (
        "UPDATE records SET revision = revision + 1, value = ? WHERE kind = ? AND key = ? AND revision = ?"
    )
    values = (encode(value, f"record {kind} {key}"), kind, key, revision)
    return connection.execute(statement, values).rowcount == 1


def delete(connection: sqlite3.Connection, kind: str, key: str, revision: int) -> bool:
    """Remove a record of this revision; whether it was there."""
    statement = "DELETE FROM records WHERE kind = ? AND key = ? AND revision = ?"
    return connection.execute(statement, (kind, key, revision)).rowcount == 1
