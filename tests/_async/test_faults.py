"""Backends that fail or count: they do so where they are told to, and nowhere else."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from modulestore._async.ports import Backend
from modulestore._async.sqlite import open_sqlite
from modulestore._async.waiting import closing
from modulestore.errors import StorageFull, StorageUnavailable
from modulestore.keys import VersionId
from modulestore.testing._async.faults import CountingBackend, FaultyBackend
from modulestore.testing.crash import Crash
from modulestore.testing.samples import (
    COURSE,
    definition_document,
    new_entry,
    new_version_id,
    structure_document,
)

pytestmark = pytest.mark.anyio


@pytest.fixture
async def inner() -> AsyncIterator[Backend]:
    backend = await open_sqlite(":memory:")
    yield backend
    await backend.close()


async def put(backend: Backend) -> VersionId:
    version = new_version_id()
    await backend.structures.put_many({version: structure_document(version)})
    return version


async def count(backend: Backend) -> int:
    async with closing(backend.structures.headers()) as batches:
        return sum([len(batch) async for batch in batches])


async def put_in_a_group(backend: Backend) -> None:
    async with backend.group() as group:
        await put(group)
        await put(group)


async def test_the_write_that_is_named_fails(inner: Backend) -> None:
    backend = FaultyBackend(inner)
    backend.fail_before(3)
    await put(backend)
    assert await backend.index.get(COURSE) is None
    await backend.index.insert(new_entry())
    with pytest.raises(StorageUnavailable):
        await put(backend)
    await put(backend)
    assert await count(inner) == 2
    assert backend.writes == [
        "structures.put_many",
        "index.insert",
        "structures.put_many",
        "structures.put_many",
    ]


async def test_a_lost_reply_is_of_a_write_that_was_done(inner: Backend) -> None:
    backend = FaultyBackend(inner)
    backend.fail_after(1, StorageFull("full"), name="structures.put_many")
    await backend.index.insert(new_entry())
    with pytest.raises(StorageFull):
        await put(backend)
    assert await count(inner) == 1


async def test_after_a_crash_nothing_works(inner: Backend) -> None:
    backend = FaultyBackend(inner)
    backend.fail_after(1, Crash())
    with pytest.raises(Crash):
        await put(backend)
    with pytest.raises(Crash):
        await backend.index.get(COURSE)
    backend.disarm()
    assert await count(backend) == 1


async def test_faults_in_a_group_undo_it(inner: Backend) -> None:
    backend = FaultyBackend(inner)
    for number in (1, 2, 3):
        backend.fail_before(number)
        with pytest.raises(StorageUnavailable):
            await put_in_a_group(backend)
    for number in (1, 2):
        backend.fail_after(number, Crash())
        with pytest.raises(Crash):
            await put_in_a_group(backend)
        backend.disarm()
    assert await count(backend) == 0


async def test_a_lost_reply_of_a_commit(inner: Backend) -> None:
    backend = FaultyBackend(inner)
    backend.fail_after(name="group.commit")
    with pytest.raises(StorageUnavailable):
        await put_in_a_group(backend)
    assert await count(backend) == 2
    await put_in_a_group(backend)
    assert await count(backend) == 4


async def test_calls_are_counted_in_groups_too(inner: Backend) -> None:
    backend = CountingBackend(inner)
    version = new_version_id()
    async with backend.group() as group:
        await group.definitions.put_many({version: definition_document(version)})
        await group.definitions.get_many([version])
    await backend.definitions.get_many([version])
    assert backend.calls == {
        "group.begin": 1,
        "definitions.put_many": 1,
        "definitions.get_many": 2,
        "group.commit": 1,
    }
