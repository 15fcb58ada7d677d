"""What an observer is told of the cache, and what is installed for it."""

from __future__ import annotations

from contextlib import closing as closed
from pathlib import Path

import pytest
from pymemcache import Client

from modulestore._async.cached import CachedBackend
from modulestore._async.connect import connect_async
from modulestore._async.sqlite import open_sqlite
from modulestore._async.wrappers import WrappedBackend
from modulestore.keys import as_course_key
from modulestore.storage.cache_frames import item_key
from modulestore.storage.memcached import MemcachedCache
from modulestore.storage.observed_cache import ObservedCache
from modulestore.testing._async.courses import SMALL_COURSE, make_small_course
from modulestore.testing.samples import (
    new_version_id,
    structure_document,
)
from tests._async.seeing import Seen
from tools.memcached import Memcached

pytestmark = pytest.mark.anyio

KEY = as_course_key(SMALL_COURSE)
A1 = ("html", "a1")


async def test_what_the_cache_does_is_told(tmp_path: Path, memcached: Memcached) -> None:
    url, cache = f"sqlite:///{tmp_path}/store.db", f"memcached://{memcached.address}?timeout=20"
    async with await connect_async(url, cache=cache) as store:
        await make_small_course(store)
    with closed(Client(("127.0.0.1", memcached.port), default_noreply=False)) as other:
        other.flush_all()
        seen = Seen()
        async with await connect_async(url, cache=cache, observe=seen) as store:
            head = (await store.open(KEY, branch="draft")).version
        gets = [event for event in seen.cache if event.name == "get"]
        assert (gets[0].asked, gets[0].hits, gets[0].misses, gets[0].bytes) == (1, 0, 1, 0)
        fetched = sum(event.bytes for event in seen.storage if event.name == "structures.get_many")
        puts = [event for event in seen.cache if event.name == "put"]
        assert sum(event.bytes for event in puts) == fetched > 0
        assert sum(event.asked for event in puts) == sum(event.misses for event in gets)

        seen = Seen()
        async with await connect_async(url, cache=cache, observe=seen) as store:
            await store.open(KEY, branch="draft")
        assert {event.name for event in seen.storage} == {"index.get"}, "the cache has answered the rest"
        assert {event.name for event in seen.cache} == {"get"}
        assert all((event.asked, event.misses) == (event.hits, 0) for event in seen.cache)
        assert sum(event.bytes for event in seen.cache) == fetched

        other.set(item_key(f"structure/{head}"), b"something else")
        seen = Seen()
        async with await connect_async(url, cache=cache, observe=seen) as store:
            await store.open(KEY, branch="draft")
        first = seen.cache[0]
        assert (first.hits, first.misses, first.rejected, first.failures) == (0, 1, 1, 0)
        assert sum(event.rejected for event in seen.cache) == 1, "told once"

    memcached.kill()
    seen = Seen()
    async with await connect_async(url, cache=cache, observe=seen) as store:
        await store.open(KEY, branch="draft")
        assert isinstance(store._cache, ObservedCache)
        assert sum(event.failures for event in seen.cache) == store._cache.counters.failures > 0
    assert all(event.error is None for event in seen)


async def test_deletions_are_told(tmp_path: Path, memcached: Memcached) -> None:
    seen = Seen()
    inner = await open_sqlite(":memory:")
    with closed(MemcachedCache([("127.0.0.1", memcached.port)], timeout=20.0)) as cache:
        backend = CachedBackend(inner, ObservedCache(cache, seen))
        version = new_version_id()
        await backend.structures.put_many({version: structure_document(version)})
        await backend.structures.delete_many([version])
        assert [(event.name, event.asked) for event in seen.cache] == [
            ("put", 1),
            ("delete", 1),
            ("delete", 1),
        ]
    await inner.close()


# --- what is installed


async def test_without_an_observer_nothing_is_installed(tmp_path: Path, memcached: Memcached) -> None:
    url, cache = f"sqlite:///{tmp_path}/store.db", f"memcached://{memcached.address}"
    async with await connect_async(url) as store:
        assert type(store._backend) is type(await open_sqlite(":memory:"))
    async with await connect_async(url, cache=cache) as store:
        assert type(store._cache) is MemcachedCache
        assert not isinstance(store._backend.past_cache(), WrappedBackend)
    async with await connect_async(url, cache=cache, observe=Seen()) as store:
        assert type(store._cache) is ObservedCache
        assert isinstance(store._backend, CachedBackend)


async def test_what_is_read_past_the_cache_is_told_too(tmp_path: Path, memcached: Memcached) -> None:
    seen = Seen()
    url, cache = f"sqlite:///{tmp_path}/store.db", f"memcached://{memcached.address}"
    async with await connect_async(url, cache=cache, observe=seen) as store:
        await store._backend.past_cache().index.list()
    assert [event.name for event in seen] == ["index.list"]
