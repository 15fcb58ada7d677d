"""Damage to a database, past the store: what a check is to find, in either database."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, Protocol

import bson
import pytest
from pymongo import MongoClient

from modulestore.formats.ids import to_object_id
from modulestore.keys import VersionId

__all__ = ["Damage", "damage_to"]


class Damage(Protocol):
    """Writes to a database what no store would."""

    def set_document(self, table: str, version: VersionId, fields: Mapping[str, Any]) -> None:
        """Set fields of a document of ``structures``, ``definitions`` or ``active_versions``; None removes
        one.
        """
        ...

    def add_entry(self, document: Mapping[str, Any]) -> None:
        """Store an index entry as it is."""
        ...

    def set_record(self, kind: str, key: str, value: Mapping[str, Any] | None) -> None:
        """Store a record as it is; None for one that is no record at all."""
        ...

    def lose_bytes(self) -> None:
        """Remove the bytes of all files."""
        ...


def damage_to(kind: str, request: pytest.FixtureRequest) -> Damage:
    """Damage to the database that `fresh_backend` makes of this kind."""
    if kind.startswith("sqlite"):
        return SqliteDamage(request.getfixturevalue("tmp_path") / "store.db")
    return MongoDamage(request.getfixturevalue("mongodb_url"))


def changed(document: bytes, fields: Mapping[str, Any]) -> dict[str, Any]:
    """A document with fields set, or removed, where they were."""
    decoded = {**bson.decode(document), **fields}
    return {name: value for name, value in decoded.items() if value is not None or name not in fields}


class SqliteDamage:
    """Damage to a file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def execute(self, statement: str, values: tuple[Any, ...] = ()) -> list[Any]:
        """Run any statement."""
        with closing(sqlite3.connect(self._path)) as connection, connection:
            return connection.execute(statement, values).fetchall()

    def set_document(self, table: str, version: VersionId, fields: Mapping[str, Any]) -> None:
        ((document,),) = self.execute(f"SELECT document FROM {table} WHERE id = ?", (version,))
        encoded = bson.encode(changed(document, fields))
        self.execute(f"UPDATE {table} SET document = ? WHERE id = ?", (encoded, version))

    def add_entry(self, document: Mapping[str, Any]) -> None:
        names = (document["org"], document["course"], document["run"])
        values = (document["_id"].binary, *names, "+".join(names).casefold(), bson.encode(document))
        self.execute("INSERT INTO active_versions VALUES (?, ?, ?, ?, ?, ?)", values)

    def set_record(self, kind: str, key: str, value: Mapping[str, Any] | None) -> None:
        encoded = b"no BSON" if value is None else bson.encode(value)
        self.execute("INSERT INTO records VALUES (?, ?, 1, ?)", (kind, key, encoded))

    def lose_bytes(self) -> None:
        self.execute("DELETE FROM slices")


class MongoDamage:
    """Damage to a database of a server."""

    def __init__(self, url: str) -> None:
        self._url = url

    def set_document(self, table: str, version: VersionId, fields: Mapping[str, Any]) -> None:
        with MongoClient[dict[str, Any]](self._url) as client:
            collection = client.get_default_database()[f"modulestore.{table}"]
            found = collection.find_one({"_id": to_object_id(version)})
            assert found is not None
            collection.replace_one({"_id": found["_id"]}, changed(bson.encode(found), fields))

    def add_entry(self, document: Mapping[str, Any]) -> None:
        self._insert("modulestore.active_versions", document)

    def set_record(self, kind: str, key: str, value: Mapping[str, Any] | None) -> None:
        document: dict[str, Any] = {"_id": f"{kind}/{key}", "kind": kind}
        if value is not None:
            document |= {"key": key, "revision": 1, "value": dict(value)}
        self._insert("modulestore.records", document)

    def lose_bytes(self) -> None:
        with MongoClient[dict[str, Any]](self._url) as client:
            for name in ("fs.chunks", "modulestore.blob_chunks"):
                client.get_default_database()[name].delete_many({})

    def _insert(self, name: str, document: Mapping[str, Any]) -> None:
        with MongoClient[dict[str, Any]](self._url) as client:
            client.get_default_database()[name].insert_one(dict(document))
