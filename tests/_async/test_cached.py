"""The backend with a cache before it: the conformance suite with good and bad caches; what is cached when."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Collection, Iterator, Mapping
from contextlib import asynccontextmanager
from contextlib import closing as closed
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import pytest
from pymemcache import Client

from modulestore._async.cached import CachedBackend
from modulestore._async.connect import connect_async
from modulestore._async.ports import Backend
from modulestore._async.sqlite import open_sqlite
from modulestore._async.store import AsyncStore
from modulestore._async.waiting import closing
from modulestore.errors import StorageUnavailable
from modulestore.keys import VersionId
from modulestore.storage.cache_frames import item_key, seal
from modulestore.storage.caching import Cache
from modulestore.storage.memcached import MemcachedCache
from modulestore.testing._async.conformance import AsyncBackendSuite
from modulestore.testing._async.faults import CountingBackend, FaultyBackend
from modulestore.testing.samples import definition_document, new_version_id, structure_document
from tests._async.stores import COURSE, COURSE_KEY
from tests.cache.caches import MemoryCache, UnreliableCache, damaged
from tools.memcached import Memcached


class Place(NamedTuple):
    """A database and the cache of those who use it."""

    file: Path
    cache: Cache


class CachedSuite(AsyncBackendSuite):
    """SQLite behind a cache that both handles share."""

    keeps_what_is_read: ClassVar[bool] = True
    keeps_history: ClassVar[bool] = True

    async def open(self, place: Place) -> Backend:
        return CachedBackend(await open_sqlite(place.file), place.cache)


class TestCacheInMemory(CachedSuite):
    """A cache that keeps everything."""

    @pytest.fixture
    def place(self, tmp_path: Path) -> Place:
        return Place(tmp_path / "store.db", MemoryCache())


class TestMemcached(CachedSuite):
    """A real one."""

    @pytest.fixture
    def place(self, tmp_path: Path, memcached: Memcached) -> Iterator[Place]:
        with closed(MemcachedCache([("127.0.0.1", memcached.port)], timeout=20.0)) as cache:
            yield Place(tmp_path / "store.db", cache)
            assert cache.counters.failures == 0


class TestUnreliableCache(CachedSuite):
    """A cache that loses and damages what it likes."""

    @pytest.fixture(params=[1, 2])
    def place(self, request: pytest.FixtureRequest, tmp_path: Path) -> Place:
        return Place(tmp_path / "store.db", UnreliableCache(request.param))


class TestDeadCache(CachedSuite):
    """A server that is not there."""

    @pytest.fixture
    def place(self, tmp_path: Path, memcached: Memcached) -> Iterator[Place]:
        memcached.kill()
        with closed(MemcachedCache([("127.0.0.1", memcached.port)], timeout=20.0)) as cache:
            yield Place(tmp_path / "store.db", cache)


# --- what is cached when


class Parts(NamedTuple):
    """A backend in pieces: the database, what fails before it, what counts before that, and the whole."""

    inner: Backend
    faulty: FaultyBackend
    counting: CountingBackend
    cache: MemoryCache
    backend: Backend

    def cached(self) -> set[str]:
        """Names of what is in the cache."""
        return set(self.cache.values)


@pytest.fixture
async def parts() -> AsyncIterator[Parts]:
    inner = await open_sqlite(":memory:")
    faulty = FaultyBackend(inner)
    counting = CountingBackend(faulty)
    cache = MemoryCache()
    yield Parts(inner, faulty, counting, cache, CachedBackend(counting, cache))
    await inner.close()


def structure() -> tuple[VersionId, bytes, str]:
    """A new structure, and what it is called in the cache."""
    version = new_version_id()
    return version, structure_document(version), f"structure/{version}"


@pytest.mark.anyio
async def test_what_was_read_is_not_read_again(parts: Parts) -> None:
    version, document, name = structure()
    other, other_document, _ = structure()
    await parts.inner.structures.put_many({version: document, other: other_document})
    assert await parts.backend.structures.get_many([version]) == {version: document}
    assert await parts.backend.structures.get_many([version]) == {version: document}
    assert parts.counting.calls["structures.get_many"] == 1
    absent = new_version_id()
    found = await parts.backend.structures.get_many([version, other, absent])
    assert found == {version: document, other: other_document}
    assert parts.counting.calls["structures.get_many"] == 2
    assert [call for call, _ in parts.cache.calls] == ["get", "put", "get", "get", "put"]
    assert parts.cached() == {name, f"structure/{other}"}


@pytest.mark.anyio
async def test_structures_and_definitions_have_names_of_their_own(parts: Parts) -> None:
    version = new_version_id()
    documents = {"structure": structure_document(version), "definition": definition_document(version)}
    await parts.backend.structures.put_many({version: documents["structure"]})
    await parts.backend.definitions.put_many({version: documents["definition"]})
    assert parts.cache.values == {f"{kind}/{version}": document for kind, document in documents.items()}
    assert await parts.backend.definitions.get_many([version]) == {version: documents["definition"]}
    assert parts.counting.calls == {"structures.put_many": 1, "definitions.put_many": 1}


@pytest.mark.anyio
async def test_nothing_is_asked_for_nothing(parts: Parts) -> None:
    assert await parts.backend.structures.get_many([]) == {}
    assert await parts.backend.structures.put_many({})
    assert await parts.backend.structures.delete_many([]) == 0
    assert await parts.backend.structures.relink({}) == 0
    async with parts.backend.group() as group:
        await group.index.list()
    assert parts.cache.calls == []


@pytest.mark.anyio
async def test_what_was_not_written_is_not_cached(parts: Parts) -> None:
    version, document, name = structure()
    parts.faulty.fail_before()
    with pytest.raises(StorageUnavailable):
        await parts.backend.structures.put_many({version: document})
    assert parts.cached() == set()
    parts.faulty.fail_after()
    with pytest.raises(StorageUnavailable):
        await parts.backend.structures.put_many({version: document})
    assert parts.cached() == set()
    assert not await parts.backend.structures.put_many({version: document}), "it was written after all"
    assert parts.cached() == set()
    assert await parts.backend.structures.get_many([version]) == {version: document}
    assert parts.cached() == {name}


@pytest.mark.anyio
async def test_what_was_there_already_is_not_overwritten_in_the_cache(parts: Parts) -> None:
    version, document, _ = structure()
    await parts.inner.structures.put_many({version: document})
    other, other_document, _ = structure()
    again = {version: structure_document(version, title="again"), other: other_document}
    assert not await parts.backend.structures.put_many(again)
    assert parts.cached() == set()
    assert await parts.backend.structures.get_many([version]) == {version: document}


@pytest.mark.anyio
async def test_what_a_group_writes_is_cached_when_it_is_committed(parts: Parts) -> None:
    version, document, name = structure()
    definition = new_version_id()
    async with parts.backend.group() as group:
        await group.structures.put_many({version: document})
        await group.definitions.put_many({definition: definition_document(definition)})
        assert await group.structures.get_many([version]) == {version: document}
        assert parts.cache.calls == []
    assert parts.cached() == {name, f"definition/{definition}"}
    assert [call for call, _ in parts.cache.calls] == ["put"]


@pytest.mark.anyio
async def test_what_a_group_did_not_commit_is_not_cached(parts: Parts) -> None:
    version, document, _ = structure()
    with pytest.raises(ZeroDivisionError):
        await write_and_fail(parts.backend, version, document)
    for lose in (parts.faulty.fail_before, parts.faulty.fail_after):
        lose(name="group.commit")
        with pytest.raises(StorageUnavailable):
            async with parts.backend.group() as group:
                await group.structures.put_many({version: document})
    assert parts.cached() == set()


async def write_and_fail(backend: Backend, version: VersionId, document: bytes) -> None:
    async with backend.group() as group:
        await group.structures.put_many({version: document})
        raise ZeroDivisionError


@pytest.mark.anyio
async def test_groups_in_groups(parts: Parts) -> None:
    (outer, outer_document, outer_name), (inner, inner_document, inner_name) = structure(), structure()
    lost, lost_document, _ = structure()
    async with parts.backend.group() as group:
        await group.structures.put_many({outer: outer_document})
        async with group.group() as nested:
            await nested.structures.put_many({inner: inner_document})
        with pytest.raises(ZeroDivisionError):
            await write_and_fail(group, lost, lost_document)
        assert parts.cache.calls == []
    assert parts.cached() == {outer_name, inner_name}


@pytest.mark.anyio
async def test_a_group_reads_what_it_has_done_itself(parts: Parts) -> None:
    version, document, name = structure()
    await parts.backend.structures.put_many({version: document})
    async with parts.backend.group() as group:
        await group.structures.delete_many([version])
        parts.cache.values[name] = document  # by a reader who is not in the group
        assert await group.structures.get_many([version]) == {}
    assert parts.cached() == set()


@pytest.mark.anyio
async def test_what_a_group_writes_and_deletes(parts: Parts) -> None:
    version, document, name = structure()
    async with parts.backend.group() as group:
        await group.structures.put_many({version: document})
        await group.structures.delete_many([version])
    assert parts.cached() == set()
    changed = structure_document(version, title="changed")
    await parts.backend.structures.put_many({version: document})
    async with parts.backend.group() as group:
        await group.structures.delete_many([version])
        await group.structures.put_many({version: changed})
    assert parts.cache.values == {name: changed}


class Meanwhile(MemoryCache):
    """Into which a reader brings back, after the first time, what is deleted."""

    def __init__(self, values: Mapping[str, bytes]) -> None:
        super().__init__()
        self.values.update(values)
        self._again = dict(values)

    def delete_many(self, names: Collection[str]) -> None:
        super().delete_many(names)
        self.values.update(self._again)
        self._again.clear()


@pytest.mark.anyio
@pytest.mark.parametrize("how", ["done", "fails", "group", "group fails"])
@pytest.mark.parametrize("write", ["delete", "relink"])
async def test_what_changes_is_forgotten_before_and_after(write: str, how: str, parts: Parts) -> None:
    version, document, name = structure()
    await parts.inner.structures.put_many({version: document})
    cache = Meanwhile({name: document})
    backend: Backend = CachedBackend(parts.counting, cache)
    if how == "fails":
        parts.faulty.fail_after()
    if how == "group fails":
        parts.faulty.fail_before(name="group.commit")
    try:
        if "group" in how:
            async with backend.group() as group:
                await change(group, write, version)
                cache.values[name] = document  # by a reader who is not in the group
        else:
            await change(backend, write, version)
    except StorageUnavailable:
        assert "fails" in how
    assert name not in cache.values
    assert not cache._again, "it was forgotten before, too"


async def change(backend: Backend, write: str, version: VersionId) -> None:
    if write == "delete":
        await backend.structures.delete_many([version])
    else:
        await backend.structures.relink({version: new_version_id()})


@pytest.mark.anyio
async def test_closing_closes_the_database_and_not_the_cache(tmp_path: Path) -> None:
    version, document, name = structure()
    cache = MemoryCache()
    backend = CachedBackend(await open_sqlite(tmp_path / "store.db"), cache)
    await backend.structures.put_many({version: document})
    await backend.close()
    await backend.close()
    assert set(cache.values) == {name}


# --- the store


async def contents(store: AsyncStore) -> dict[str, Any]:
    """All that a reader sees of the sample course."""
    seen: dict[str, Any] = {}
    for branch in ("draft", "published"):
        course = await store.open(COURSE_KEY, branch=branch)
        read = await store.load_content(course.blocks())
        seen[branch] = [(block.key, block.effective(), read[block]) for block in course.blocks()]
    return seen


class Reading(NamedTuple):
    """A store as in a process of its own, with what it has asked the database."""

    store: AsyncStore
    counting: CountingBackend
    cache: MemcachedCache

    @property
    def asked(self) -> int:
        """How often documents were read from the database."""
        return self.counting.calls["structures.get_many"] + self.counting.calls["definitions.get_many"]


@asynccontextmanager
async def reading(file: Path, server: Memcached) -> AsyncIterator[Reading]:
    """One."""
    counting = CountingBackend(await open_sqlite(file))
    cache = MemcachedCache([("127.0.0.1", server.port)], timeout=20.0)
    async with AsyncStore(CachedBackend(counting, cache), cache=cache) as store:
        yield Reading(store, counting, cache)


async def names_of(backend: Backend) -> list[str]:
    """What all documents of a database are called in a cache."""
    names: list[str] = []
    async with closing(backend.structures.headers()) as headers:
        async for batch in headers:
            names.extend(f"structure/{header.id}" for header in batch)
    async with closing(backend.definitions.ids()) as ids:
        async for some in ids:
            names.extend(f"definition/{version}" for version in some)
    return names


@pytest.mark.anyio
async def test_a_course_is_read_from_the_cache(tmp_path: Path, memcached: Memcached) -> None:
    file = tmp_path / "store.db"
    async with await connect_async(
        f"sqlite:///{file}", cache=f"memcached://{memcached.address}?timeout=20"
    ) as store:
        await store.import_course(COURSE)
    async with await connect_async(f"sqlite:///{file}") as store:
        expected = await contents(store)
    async with reading(file, memcached) as first:
        assert await contents(first.store) == expected
        assert first.asked == 0, "what was imported is cached"
        assert first.cache.counters.misses == 0
        names = await names_of(first.counting)

    with closed(Client(("127.0.0.1", memcached.port), default_noreply=False)) as other:
        chance = random.Random(1)
        for name in names:
            other.set(item_key(name), damaged(other.get(item_key(name)), chance))
    async with reading(file, memcached) as second:
        assert await contents(second.store) == expected
        counters = second.cache.counters
        assert (counters.hits, counters.rejected) == (0, counters.misses)
        assert counters.rejected > 20
        assert second.asked > 0

    async with reading(file, memcached) as third:
        assert await contents(third.store) == expected
        assert third.asked == 0, "what was damaged has been put again"
        memcached.pause()  # which does not keep the store from closing


@pytest.mark.anyio
async def test_a_store_whose_cache_dies(tmp_path: Path, memcached: Memcached) -> None:
    file = tmp_path / "store.db"
    url = f"memcached://{memcached.address}?timeout=0.5"
    async with await connect_async(f"sqlite:///{file}", cache=url) as store:
        await store.import_course(COURSE)
        expected = await contents(store)
        memcached.pause()
    async with await connect_async(f"sqlite:///{file}", cache=url) as store:
        assert await contents(store) == expected
        memcached.kill()
    async with await connect_async(f"sqlite:///{file}", cache=url) as store:
        assert await contents(store) == expected


@pytest.mark.anyio
async def test_with_a_key_nothing_can_be_put_before_readers(tmp_path: Path, memcached: Memcached) -> None:
    file, url = tmp_path / "store.db", f"memcached://{memcached.address}?timeout=20"
    async with await connect_async(f"sqlite:///{file}", cache=url, cache_key="a secret") as store:
        report = await store.import_course(COURSE)
        forged = structure_document(VersionId.parse(str(report.version)), title="forged")
    with closed(Client(("127.0.0.1", memcached.port), default_noreply=False)) as other:
        for key, item in seal(f"structure/{report.version}", forged).items():
            other.set(key, item)
    async with await connect_async(f"sqlite:///{file}", cache=url, cache_key="a secret") as store:
        assert len(list((await store.open(COURSE_KEY)).blocks())) == report.blocks
