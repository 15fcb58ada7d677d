"""Stored courses that may be written to: what is written is gone afterwards, so all times begin alike."""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from tools.bench.places import connected, sqlite_path

__all__ = ["AUTHOR", "added", "document_bytes", "scratch"]

AUTHOR = 900_001
"""Whoever writes, is at least this: what a stored course does not have."""

_INDEX, _STRUCTURES, _DEFINITIONS = (
    f"modulestore.{name}" for name in ("active_versions", "structures", "definitions")
)


@contextmanager
def scratch(url: str) -> Iterator[str]:
    """The URL of a store like this one, to be written to."""
    if url.startswith("sqlite:"):
        path = Path(sqlite_path(url))
        with tempfile.TemporaryDirectory(dir=path.parent) as folder:
            yield f"sqlite:///{shutil.copy(path, folder)}"
        return
    with connected(url) as client:
        database = client.get_default_database()
        entries = list(database[_INDEX].find())
        structures = database[_STRUCTURES].distinct("_id")
        try:
            yield url
        finally:
            for entry in entries:
                database[_INDEX].replace_one({"_id": entry["_id"]}, entry)
            database[_STRUCTURES].delete_many({"_id": {"$nin": structures}})
            database[_DEFINITIONS].delete_many({"edit_info.edited_by": {"$gte": AUTHOR}})


def document_bytes(url: str) -> int:
    """Bytes of all structures and definitions of a SQLite store; 0 of a database on a server."""
    if not url.startswith("sqlite:"):
        return 0
    with closing(sqlite3.connect(sqlite_path(url))) as connection:
        return sum(
            connection.execute(f"SELECT total(length(document)) FROM {table}").fetchone()[0]
            for table in ("structures", "definitions")
        )


def added(url: str, before: int) -> int | None:
    """Bytes of the documents that a SQLite store got since; what a server got is counted as it is sent."""
    return int(document_bytes(url) - before) or None
