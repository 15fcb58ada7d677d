"""Tasks that are cancelled while they write to SQLite: asynchronous only."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import closing
from pathlib import Path

import pytest

from modulestore._async.ports import Backend
from modulestore._async.sqlite import open_sqlite
from modulestore.keys import VersionId
from modulestore.testing.samples import new_version_id, structure_document

pytestmark = pytest.mark.anyio


@pytest.fixture(params=["file", "memory"])
async def backend(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Backend]:
    backend = await open_sqlite(tmp_path / "store.db" if request.param == "file" else ":memory:", timeout=5)
    yield backend
    await backend.close()


async def put(backend: Backend) -> VersionId:
    version = new_version_id()
    await backend.structures.put_many({version: structure_document(version)})
    return version


async def cancelled(work: Callable[[], Awaitable[object]], started: asyncio.Event) -> None:
    task = asyncio.ensure_future(work())
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_group_whose_task_is_cancelled_is_undone(backend: Backend) -> None:
    started = asyncio.Event()

    async def work() -> None:
        async with backend.group() as group:
            await put(group)
            started.set()
            await asyncio.sleep(60)

    await cancelled(work, started)
    assert await backend.is_empty()
    await put(backend)


async def test_task_that_is_cancelled_while_it_waits_for_its_turn(backend: Backend) -> None:
    started = asyncio.Event()

    async def work() -> None:
        started.set()
        await put(backend)

    async with backend.group() as group:
        inside = await put(group)
        await cancelled(work, started)
    assert [header.id async for batch in backend.structures.headers() for header in batch] == [inside]
    await put(backend)


async def test_task_that_is_cancelled_while_its_thread_works(tmp_path: Path) -> None:
    """The turn is kept until the thread has finished, though nobody waits for it any more."""
    backend = await open_sqlite(tmp_path / "store.db", timeout=5)
    await put(backend)
    with closing(sqlite3.connect(tmp_path / "store.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        task = asyncio.ensure_future(put(backend))
        await asyncio.sleep(0.05)
        task.cancel()
        waiting = asyncio.ensure_future(put(backend))
        await asyncio.sleep(0.05)
        assert not task.done()
        other.execute("COMMIT")
        with pytest.raises(asyncio.CancelledError):
            await task
        await waiting
    await backend.close()


async def test_event_loop_goes_on_while_a_write_waits(tmp_path: Path) -> None:
    backend = await open_sqlite(tmp_path / "store.db", timeout=5)
    await put(backend)
    with closing(sqlite3.connect(tmp_path / "store.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        task = asyncio.ensure_future(put(backend))
        for _ in range(10):
            await asyncio.wait_for(backend.is_empty(), 1)
        assert not task.done()
        other.execute("COMMIT")
    await task
    await backend.close()
