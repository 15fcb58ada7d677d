"""Where databases are made: each new, empty, and gone when its context ends."""

from __future__ import annotations

import os
import secrets
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeAlias
from urllib.parse import parse_qs, urlsplit, urlunsplit

from pymongo import MongoClient

import modulestore
from modulestore.keys import CourseKey

__all__ = ["Place", "ServerPlace", "SqlitePlace", "connected", "said_hello", "sqlite_path", "stored_in"]


@dataclass(frozen=True, slots=True)
class SqlitePlace:
    """SQLite files in a folder."""

    folder: str
    name: str = "sqlite"

    @contextmanager
    def new(self) -> Iterator[str]:
        """The URL of a store that is not there yet."""
        with tempfile.TemporaryDirectory(dir=self.folder) as folder:
            yield f"sqlite:///{folder}/bench.db"


@dataclass(frozen=True, slots=True)
class ServerPlace:
    """Databases on a MongoDB server."""

    uri: str
    name: str = "server"

    @contextmanager
    def new(self) -> Iterator[str]:
        """The URL of an empty database."""
        database = f"ms_bench_{secrets.token_hex(6)}"
        try:
            yield self._url(database)
        finally:
            with connected(self.uri) as client:
                client.drop_database(database)

    def _url(self, database: str) -> str:
        parts = urlsplit(self.uri)
        query = parts.query
        if "@" in parts.netloc and "authsource" not in {name.lower() for name in parse_qs(query)}:
            # The database of an address is also where its user is looked up, unless it says otherwise.
            query = "&".join(filter(None, (query, f"authSource={parts.path.strip('/') or 'admin'}")))
        return urlunsplit((parts.scheme, parts.netloc, f"/{database}", query, ""))


Place: TypeAlias = SqlitePlace | ServerPlace


@contextmanager
def connected(url: str) -> Iterator[MongoClient[dict[str, Any]]]:
    """A client with a connection, for what is set beside the library."""
    client: MongoClient[dict[str, Any]]
    with MongoClient(url, tz_aware=True) as client:
        client.admin.command("ping")
        yield client


def said_hello(store: modulestore.Store) -> None:
    """Let a store connect, to its cache too: it does so when it is first asked for something."""
    store._backend.index.get(CourseKey("No", "Such", "Course"))
    if store._cache is not None:
        store._cache.get_many(["nothing"])


def stored_in(url: str) -> int | None:
    """Bytes of a SQLite store, its log included; of a database on a server it is not known."""
    if not url.startswith("sqlite:"):
        return None
    path = sqlite_path(url)
    return sum(os.path.getsize(file) for file in (path, f"{path}-wal") if os.path.exists(file))


def sqlite_path(url: str) -> str:
    """The file of a URL that `SqlitePlace` made."""
    return url.removeprefix("sqlite:///")
