"""The cache on real memcached servers: what is put comes back, and what else is there does not."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from typing import Any

import pytest
from pymemcache import Client

from modulestore.storage.cache_frames import MAX_VALUE, item_key, seal, secret_of
from modulestore.storage.memcached import MemcachedCache
from tests.memcached_servers import StartMemcached
from tools.memcached import Memcached

NAME = "structure/665f1c0e9d3b2a0012345678"
OTHER = "structure/665f1c0e9d3b2a0012345679"
SMALL = b"the outline of a course " * 20
LARGE = random.Random(1).randbytes(1_400_000)

Open = Callable[..., MemcachedCache]


@pytest.fixture
def open_cache() -> Iterator[Open]:
    """Opens caches on servers, with time enough for a busy machine."""
    with ExitStack() as stack:

        def opened(*servers: Memcached, timeout: float = 20.0, **more: Any) -> MemcachedCache:
            addresses = [("127.0.0.1", server.port) for server in servers]
            return stack.enter_context(closing(MemcachedCache(addresses, timeout=timeout, **more)))

        yield opened


@pytest.fixture
def other_client(memcached: Memcached) -> Iterator[Client]:
    """Somebody else who can write to the server."""
    with closing(Client(("127.0.0.1", memcached.port), default_noreply=False)) as client:
        yield client


def test_values_come_back(memcached: Memcached, open_cache: Open) -> None:
    values = {NAME: SMALL, OTHER: LARGE, "view/empty": b"", "a name with spaces": b"x", "n" * 500: b"y"}
    open_cache(memcached).put_many(values)
    cache = open_cache(memcached)
    assert cache.get_many([*values, "absent"]) == values
    assert cache.get_many([]) == {}
    counters = cache.counters
    assert (counters.hits, counters.misses, counters.rejected, counters.failures) == (5, 1, 0, 0)
    assert counters.bytes_read > len(LARGE)
    assert counters.bytes_written == 0


def test_a_later_value_takes_the_place_of_an_earlier(memcached: Memcached, open_cache: Open) -> None:
    cache = open_cache(memcached)
    for value in (LARGE, SMALL, LARGE[::-1], b""):
        cache.put_many({NAME: value})
        assert cache.get_many([NAME]) == {NAME: value}


def test_deleted_values_are_gone(memcached: Memcached, open_cache: Open) -> None:
    cache = open_cache(memcached)
    cache.put_many({NAME: SMALL, OTHER: LARGE, "third": SMALL})
    cache.delete_many([NAME, OTHER, "absent"])
    assert cache.get_many([NAME, OTHER, "third"]) == {"third": SMALL}
    cache.delete_many([])


def test_the_largest_value(memcached: Memcached, open_cache: Open) -> None:
    cache = open_cache(memcached)
    largest = random.Random(2).randbytes(MAX_VALUE)
    cache.put_many({NAME: largest, OTHER: largest + b"x"})
    assert cache.get_many([NAME, OTHER]) == {NAME: largest}
    assert cache.counters.failures == 0


def test_thousands_of_values_in_one_call(memcached: Memcached, open_cache: Open) -> None:
    cache = open_cache(memcached)
    values = {f"definition/{number:024x}": b"%d" % number * 50 for number in range(5000)}
    cache.put_many(values)
    assert cache.get_many(values) == values
    cache.delete_many(values)
    assert cache.get_many(values) == {}
    assert cache.counters.failures == 0


def test_a_closed_cache_is_empty(memcached: Memcached, open_cache: Open) -> None:
    cache = open_cache(memcached)
    cache.put_many({NAME: SMALL})
    cache.close()
    cache.close()
    assert cache.get_many([NAME]) == {}
    cache.put_many({OTHER: SMALL})
    cache.delete_many([NAME])
    assert open_cache(memcached).get_many([NAME, OTHER]) == {NAME: SMALL}


def test_connections_are_used_again(memcached: Memcached, open_cache: Open, other_client: Client) -> None:
    cache = open_cache(memcached)
    for _ in range(20):
        cache.put_many({NAME: SMALL})
        cache.get_many([NAME])
    assert other_client.stats()[b"total_connections"] < 10


def test_many_threads(memcached: Memcached, open_cache: Open, other_client: Client) -> None:
    cache = open_cache(memcached)
    values = {f"view/{number}": b"%d" % number * (1 + 7 * number) for number in range(300)}

    def work(seed: int) -> None:
        chance = random.Random(seed)
        for _ in range(40):
            names = chance.sample(list(values), 20)
            cache.put_many({name: values[name] for name in names[:10]})
            assert all(values[name] == value for name, value in cache.get_many(names).items())

    with ThreadPoolExecutor(24) as threads:
        list(threads.map(work, range(24)))
    assert cache.counters.failures == 0
    assert cache.counters.hits > 1000
    assert other_client.stats()[b"curr_connections"] < 24, "not all connections are kept"


# --- what others put there


@pytest.mark.parametrize("value", [SMALL, LARGE], ids=["small", "large"])
def test_garbage_under_our_keys(
    value: bytes, memcached: Memcached, open_cache: Open, other_client: Client
) -> None:
    cache = open_cache(memcached)
    for number, key in enumerate(seal(NAME, value)):
        cache.put_many({NAME: value, OTHER: SMALL})
        other_client.set(key, b"garbage")
        assert cache.get_many([NAME, OTHER]) == {OTHER: SMALL}
        assert cache.counters.rejected == number + 1
        cache.put_many({NAME: value})
        assert cache.get_many([NAME]) == {NAME: value}
    assert cache.counters.failures == 0


def test_another_courses_item_under_our_key(
    memcached: Memcached, open_cache: Open, other_client: Client
) -> None:
    cache = open_cache(memcached)
    cache.put_many({OTHER: SMALL, NAME: LARGE})
    other_client.set(item_key(NAME), other_client.get(item_key(OTHER)))
    assert cache.get_many([NAME, OTHER]) == {OTHER: SMALL}
    assert cache.counters.rejected == 1


def test_a_part_that_is_gone_is_a_miss(memcached: Memcached, open_cache: Open, other_client: Client) -> None:
    cache = open_cache(memcached)
    cache.put_many({NAME: LARGE, OTHER: SMALL})
    other_client.delete([*seal(NAME, LARGE)][1])
    assert cache.get_many([NAME, OTHER]) == {OTHER: SMALL}
    assert cache.counters.rejected == 0


def test_an_item_that_was_forged(memcached: Memcached, open_cache: Open, other_client: Client) -> None:
    secret = secret_of("a secret")
    theirs, ours = open_cache(memcached), open_cache(memcached, secret=secret)
    theirs.put_many({NAME: b"forged", OTHER: LARGE})
    assert ours.get_many([NAME, OTHER]) == {}
    assert ours.counters.rejected == 2
    ours.put_many({NAME: SMALL, OTHER: LARGE})
    assert ours.get_many([NAME, OTHER]) == {NAME: SMALL, OTHER: LARGE}
    assert theirs.get_many([NAME, OTHER]) == {}


# --- servers with little room, and more than one


def test_a_server_that_is_full(start_memcached: StartMemcached, open_cache: Open) -> None:
    cache = open_cache(start_memcached(megabytes=1))
    chance = random.Random(3)
    sizes = [100, 5_000, 90_000, 700_000]
    values = {f"view/{number}": chance.randbytes(sizes[number % 4]) for number in range(200)}
    found = 0
    for name, value in values.items():
        cache.put_many({name: value})
        got = cache.get_many(list(values))
        assert all(values[one] == value for one, value in got.items())
        found += len(got)
    assert found > 0
    assert cache.counters.rejected == 0
    assert cache.counters.misses > 0
    # It says that it has no room, now and then, which is no reason to ask it no more.
    cache.put_many({NAME: b"x"})
    assert cache.get_many([NAME]) == {NAME: b"x"}


def test_several_servers_share_the_names(start_memcached: StartMemcached, open_cache: Open) -> None:
    servers = [start_memcached() for _ in range(3)]
    values = {f"view/{number}": b"%d" % number for number in range(300)}
    values[NAME] = LARGE
    open_cache(*servers).put_many(values)
    assert open_cache(*reversed(servers)).get_many(values) == values, "the order of servers does not matter"
    shares = [len(open_cache(server).get_many(values)) for server in servers]
    assert sum(shares) == len(values)
    assert min(shares) > 60
    fewer = open_cache(*servers[:2])
    assert len(fewer.get_many(values)) == shares[0] + shares[1], "names of the others stay where they are"


def test_one_of_several_servers_is_dead(start_memcached: StartMemcached, open_cache: Open) -> None:
    servers = [start_memcached() for _ in range(3)]
    values = {f"view/{number}": b"%d" % number for number in range(300)}
    cache = open_cache(*servers)
    cache.put_many(values)
    lost = open_cache(servers[0]).get_many(values)
    servers[0].kill()
    for _ in range(5):
        cache.put_many(values)
        assert cache.get_many(values) == {name: value for name, value in values.items() if name not in lost}
        cache.delete_many(["absent"])
    assert cache.counters.failures == 2, "the dead one is left alone, the others are not"
