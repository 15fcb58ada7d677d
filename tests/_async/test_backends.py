"""Every backend against the conformance suite, and the wrappers around one."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, ClassVar

import bson
import pytest
from pymongo import MongoClient

from modulestore._async.mongo import open_mongo
from modulestore._async.ports import Backend
from modulestore._async.preparing import WriteRules, prepare_write
from modulestore._async.sqlite import open_sqlite
from modulestore._async.wrappers import ReadOnlyBackend, WrappedBackend
from modulestore.errors import ReadOnlyStore
from modulestore.testing._async.conformance import AsyncBackendSuite
from modulestore.testing._async.faults import CountingBackend, FaultyBackend
from modulestore.testing.samples import new_entry, new_version_id, structure_document


class TestSqliteFile(AsyncBackendSuite):
    """The embedded backend on a file."""

    keeps_what_is_read: ClassVar[bool] = True
    keeps_history: ClassVar[bool] = True

    @pytest.fixture
    def place(self, tmp_path: Path) -> Path:
        return tmp_path / "größe #1?%20.db"

    async def open(self, place: Path) -> Backend:
        return await open_sqlite(place)

    async def put_raw_entry(self, place: Path, document: Mapping[str, Any]) -> None:
        backend = await open_sqlite(place)
        await backend.records.put_if_absent("make", "the file", {})
        await backend.close()
        names = (document["org"], document["course"], document["run"])
        with closing(sqlite3.connect(place)) as connection, connection:
            connection.execute(
                "INSERT INTO active_versions VALUES (?, ?, ?, ?, ?, ?)",
                (document["_id"].binary, *names, "+".join(names).casefold(), bson.encode(document)),
            )


class TestSqliteMemory(AsyncBackendSuite):
    """The embedded backend in memory."""

    keeps_what_is_read: ClassVar[bool] = True
    keeps_history: ClassVar[bool] = True
    has_second_handles: ClassVar[bool] = False

    @pytest.fixture
    def place(self) -> str:
        return ":memory:"

    async def open(self, place: str) -> Backend:
        return await open_sqlite(place)


class TestMongo(AsyncBackendSuite):
    """MongoDB."""

    @pytest.fixture
    def place(self, mongodb_url: str) -> str:
        return mongodb_url

    async def open(self, place: str) -> Backend:
        return await open_mongo(place)

    async def put_raw_entry(self, place: str, document: Mapping[str, Any]) -> None:
        with MongoClient[dict[str, Any]](place) as client:
            client.get_default_database()["modulestore.active_versions"].insert_one(dict(document))


class TestMongoContent(TestMongo):
    """MongoDB, with files in the layout that a new database of our own gets."""

    keeps_what_is_read: ClassVar[bool] = True
    keeps_history: ClassVar[bool] = True

    async def open(self, place: str) -> Backend:
        backend = await open_mongo(place)
        await prepare_write(backend, -1, WriteRules())
        return backend


class TestFaultyBackend(TestSqliteMemory):
    """The backend that fails, as long as nobody tells it to."""

    async def open(self, place: str) -> Backend:
        return FaultyBackend(await open_sqlite(place))


class TestCountingBackend(TestSqliteMemory):
    """The backend that counts."""

    async def open(self, place: str) -> Backend:
        return CountingBackend(await open_sqlite(place))


@pytest.mark.anyio
class TestReadOnlyBackend:
    """The backend that refuses to write."""

    async def test_reads_pass_and_writes_are_refused(self) -> None:
        inner = await open_sqlite(":memory:")
        entry, version = new_entry(), new_version_id()
        document = structure_document(version)
        await inner.index.insert(entry)
        await inner.structures.put_many({version: document})
        backend: WrappedBackend = ReadOnlyBackend(inner, "add ?writes=yes")
        assert await backend.index.list() == [entry]
        assert await backend.structures.get_many([version]) == {version: document}
        assert not await backend.is_empty()
        with pytest.raises(ReadOnlyStore) as caught:
            await backend.index.swap(entry, {}, {"draft": version})
        assert caught.value.hint == "add ?writes=yes"
        with pytest.raises(ReadOnlyStore):
            await backend.structures.delete_many([version])
        with pytest.raises(ReadOnlyStore):
            async with backend.group():
                pass
        assert await inner.index.list() == [entry]
        assert await inner.structures.get_many([version]) == {version: document}
        await backend.close()
