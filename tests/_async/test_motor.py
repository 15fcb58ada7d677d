"""A store on a Motor database, against the conformance suite."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator, Mapping
from typing import Any, ClassVar

import pytest
from motor.motor_asyncio import AsyncIOMotorClient
from pymongo import MongoClient

from modulestore._async.motor import open_motor
from modulestore._async.ports import Backend
from modulestore._async.preparing import WriteRules, prepare_write
from modulestore.errors import StorageUnavailable
from modulestore.motor import connect_motor
from modulestore.testing._async.conformance import AsyncBackendSuite
from modulestore.testing.samples import COURSE, new_file
from tests._async.stores import COURSE as COURSE_FOLDER

Client = AsyncIOMotorClient[dict[str, Any]]


@pytest.fixture
async def clients() -> AsyncIterator[list[Client]]:
    """Motor clients of a test, to be closed when it is over."""
    clients: list[Client] = []
    yield clients
    for client in clients:
        client.close()


class TestMotor(AsyncBackendSuite):
    """MongoDB by way of Motor."""

    @pytest.fixture
    def place(self, mongodb_url: str, clients: list[Client]) -> tuple[str, list[Client]]:
        return mongodb_url, clients

    async def open(self, place: tuple[str, list[Client]]) -> Backend:
        url, clients = place
        clients.append(AsyncIOMotorClient(url))
        return await open_motor(clients[-1].get_default_database())

    async def put_raw_entry(self, place: tuple[str, list[Client]], document: Mapping[str, Any]) -> None:
        with MongoClient[dict[str, Any]](place[0]) as client:
            client.get_default_database()["modulestore.active_versions"].insert_one(dict(document))

    async def test_closed_backend_cannot_be_used(self, place: tuple[str, list[Client]]) -> None:
        """The client is its owner's, and stays open; but one that its owner has closed is our error."""
        backend = await self.open(place)
        await backend.close()
        assert await backend.index.get(COURSE) is None
        place[1][-1].close()
        with pytest.raises(StorageUnavailable):
            await backend.files.put(new_file(), io.BytesIO(b"data"))


class TestMotorContent(TestMotor):
    """The same, with files in the layout that a new database of our own gets."""

    keeps_what_is_read: ClassVar[bool] = True
    keeps_history: ClassVar[bool] = True

    async def open(self, place: tuple[str, list[Client]]) -> Backend:
        backend = await super().open(place)
        await prepare_write(backend, -1, WriteRules())
        return backend


@pytest.mark.anyio
async def test_a_store_on_a_motor_database(mongodb_url: str, clients: list[Client]) -> None:
    clients.append(AsyncIOMotorClient(mongodb_url))
    async with await connect_motor(clients[-1].get_default_database()) as store:
        report = await store.import_course(COURSE_FOLDER)
        course = await store.open(report.key)
        assert course.version == report.version
        contents = await store.load_content(course.blocks("html"))
        assert all("data" in content for content in contents.values())
