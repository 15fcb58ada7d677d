"""Servers that die, freeze, drip, lie or forget: it costs one time-out at most, and never a wrong value."""

from __future__ import annotations

import random
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from threading import Event

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymemcache import Client

from modulestore.storage.cache_frames import item_key, seal
from modulestore.storage.deadlines import DeadlineSocket
from modulestore.storage.memcached import MemcachedCache
from tests.cache.pretenders import Clock, pretender
from tests.memcached_servers import StartMemcached
from tools.memcached import Memcached

NAME = "structure/665f1c0e9d3b2a0012345678"
SMALL = b"the outline of a course " * 20
LARGE = random.Random(1).randbytes(1_400_000)

TIMEOUT = 0.4
PATIENCE = 20.0  # the time-out of caches that shall not run into it: machines that run tests are busy
BOUND = 10 * TIMEOUT
PAUSE = 1000.0  # so that no circuit closes unless a test puts the clock forward

CALLS: list[Callable[[MemcachedCache], object]] = [
    lambda cache: cache.get_many([NAME]),
    lambda cache: cache.put_many({NAME: SMALL}),
    lambda cache: cache.delete_many([NAME]),
]


def opened(
    *ports: int, clock: Callable[[], float] = time.monotonic, timeout: float = TIMEOUT
) -> MemcachedCache:
    servers = [("127.0.0.1", port) for port in ports]
    return MemcachedCache(servers, timeout=timeout, pause=PAUSE, clock=clock)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def cache(memcached: Memcached, clock: Clock) -> Iterator[MemcachedCache]:
    """A cache on the server, with a small time-out."""
    with closing(opened(memcached.port, clock=clock)) as cache:
        yield cache


@pytest.fixture
def patient(memcached: Memcached, clock: Clock) -> Iterator[MemcachedCache]:
    """A cache on the server, with a long one."""
    with closing(opened(memcached.port, clock=clock, timeout=PATIENCE)) as cache:
        yield cache


def comes_back(cache: MemcachedCache, clock: Clock) -> bool:
    """Whether it works again, sooner or later after a pause."""
    for _ in range(20):
        clock.add(PAUSE)
        cache.put_many({NAME: SMALL})
        if cache.get_many([NAME]) == {NAME: SMALL}:
            return True
    return False


def seconds(call: Callable[[], object]) -> float:
    start = time.monotonic()
    call()
    return time.monotonic() - start


def test_a_server_that_was_killed(memcached: Memcached, patient: MemcachedCache, clock: Clock) -> None:
    cache = patient
    cache.put_many({NAME: SMALL})
    memcached.kill()
    for _ in range(3):
        for call in CALLS:
            call(cache)
    assert cache.counters.failures == 2, "then it was not asked any more"
    memcached.restart()
    assert cache.get_many([NAME]) == {}
    cache.put_many({NAME: SMALL})
    clock.add(PAUSE)
    assert cache.get_many([NAME]) == {}
    cache.put_many({NAME: SMALL})
    assert cache.get_many([NAME]) == {NAME: SMALL}
    assert cache.counters.failures == 2


def test_a_server_that_was_restarted_costs_nothing(memcached: Memcached, patient: MemcachedCache) -> None:
    cache = patient
    cache.put_many({NAME: SMALL})
    memcached.kill()
    memcached.restart()
    assert cache.get_many([NAME]) == {}
    cache.put_many({NAME: LARGE})
    assert cache.get_many([NAME]) == {NAME: LARGE}
    assert cache.counters.failures == 0


@pytest.mark.parametrize("call", CALLS, ids=["get", "put", "delete"])
@pytest.mark.parametrize("connected", [True, False], ids=["connected", "new"])
def test_a_server_that_is_frozen(
    connected: bool, call: Callable[[MemcachedCache], object], memcached: Memcached, clock: Clock
) -> None:
    """The kernel goes on accepting its connections; nobody answers."""
    with closing(opened(memcached.port, clock=clock)) as cache:
        if connected:
            assert comes_back(cache, clock)
        before = cache.counters.failures
        memcached.pause()
        assert seconds(lambda: call(cache)) < BOUND
        cache.get_many([NAME])
        assert cache.counters.failures == before + 2
        assert seconds(lambda: [cache.get_many([NAME]) for _ in range(100)]) < BOUND
        assert cache.counters.failures == before + 2
        memcached.resume()
        assert comes_back(cache, clock)


def test_who_waited_in_vain_does_not_wait_again_to_put(memcached: Memcached, cache: MemcachedCache) -> None:
    """Looking for something and then keeping it is one operation for a reader, and costs one time-out."""
    memcached.pause()
    cache.get_many([NAME])
    cache.put_many({NAME: SMALL})
    assert cache.counters.failures == 1


def test_while_one_tries_again_the_others_do_not_wait(
    memcached: Memcached, cache: MemcachedCache, clock: Clock
) -> None:
    memcached.pause()
    cache.get_many([NAME])
    cache.get_many([NAME])
    clock.add(PAUSE)
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(cache.get_many, [[NAME]] * 8))
    assert cache.counters.failures == 3


def test_a_frozen_server_among_others(start_memcached: StartMemcached) -> None:
    """It costs one time-out in all; names of the others may be missing for that, but are not given up."""
    servers = [start_memcached() for _ in range(3)]
    values = {f"view/{number}": b"%d" % number for number in range(100)}
    ports = [server.port for server in servers]
    with closing(opened(*ports, timeout=PATIENCE)) as patient, closing(opened(*ports, timeout=1.0)) as cache:
        patient.put_many(values)
        servers[1].pause()
        for _ in range(4):
            assert seconds(lambda: cache.get_many(values)) < BOUND
        assert cache.counters.failures == 2
        assert 0 < len(cache.get_many(values)) < len(values)
        servers[1].resume()


def drip(connection: socket.socket) -> None:
    """An answer that never stalls for long, and never ends."""
    connection.recv(4096)
    connection.sendall(f"VALUE {item_key(NAME)} 0 1000000\r\n".encode())
    for _ in range(500):
        connection.sendall(b"x")
        time.sleep(TIMEOUT / 10)


def drip_a_line(connection: socket.socket) -> None:
    connection.recv(4096)
    for _ in range(500):
        connection.sendall(b"S")
        time.sleep(TIMEOUT / 10)


@pytest.mark.parametrize(
    ("behave", "call"),
    [(drip, CALLS[0]), *((drip_a_line, call) for call in CALLS)],
    ids=["value", "get", "put", "delete"],
)
def test_a_server_that_drips(
    behave: Callable[[socket.socket], None], call: Callable[[MemcachedCache], object]
) -> None:
    """A time-out for each read would never end this."""
    with pretender(behave) as port, closing(opened(port)) as cache:
        assert seconds(lambda: call(cache)) < BOUND
        assert cache.counters.failures == 1


def test_items_and_parts_share_one_time_out() -> None:
    """A manifest that comes late leaves less time for its parts."""
    manifest = seal(NAME, LARGE)[item_key(NAME)]
    waited: list[float] = []

    def behave(connection: socket.socket) -> None:
        connection.recv(4096)
        time.sleep(1.0)
        header = f"VALUE {item_key(NAME)} 0 {len(manifest)}\r\n".encode()
        connection.sendall(header + manifest + b"\r\nEND\r\n")
        connection.recv(4096)
        start = time.monotonic()
        connection.recv(4096)  # until the other side gives up
        waited.append(time.monotonic() - start)

    with pretender(behave) as port, closing(opened(port, timeout=2.0)) as cache:
        assert cache.get_many([NAME]) == {}
    assert waited[0] < 1.5


def test_a_server_that_takes_nothing() -> None:
    """It accepts a connection and reads nothing: what is put fills the buffers and stays there."""
    done = Event()
    with pretender(lambda _: done.wait(60)) as port, closing(opened(port)) as cache:
        values = {f"view/{number}": LARGE + b"%d" % number for number in range(40)}
        assert seconds(lambda: cache.put_many(values)) < BOUND + 1
        assert cache.counters.failures == 1
        done.set()


def test_values_that_take_too_long_are_put_as_far_as_time_goes(memcached: Memcached) -> None:
    """To run out of time with an answering server is no failure of it."""
    clock = Clock()

    class Slow(dict[str, bytes]):
        def __getitem__(self, name: str) -> bytes:
            clock.add(0.9)
            return super().__getitem__(name)

    values = Slow({f"view/{number}": b"%d" % number * 1000 for number in range(20)})
    with closing(opened(memcached.port, clock=clock, timeout=10.0)) as cache:
        cache.put_many(values)
        assert cache.counters.failures == 0
        cache.put_many({NAME: SMALL})
        assert cache.get_many([NAME]) == {NAME: SMALL}


def test_a_name_that_is_resolved_slowly(monkeypatch: pytest.MonkeyPatch) -> None:
    done = Event()

    def getaddrinfo(host: str, *_: object, flags: int = 0, **__: object) -> list[object]:
        if flags & socket.AI_NUMERICHOST:
            raise socket.gaierror(f"{host} is no number")
        done.wait(60)
        raise socket.gaierror("no such host")

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    with closing(MemcachedCache([("cache.example", 11211)], timeout=TIMEOUT)) as cache:
        assert seconds(lambda: cache.get_many([NAME])) < BOUND
        assert cache.counters.failures == 1
        done.set()
        assert cache.get_many([NAME]) == {}
        assert cache.counters.failures == 2


@pytest.mark.parametrize("host", ["no-such-host.invalid", "a..b", "x" * 70])
def test_a_name_that_is_none(host: str) -> None:
    with closing(MemcachedCache([(host, 11211)], timeout=PATIENCE)) as cache:
        assert cache.get_many([NAME]) == {}
        assert cache.counters.failures == 1


def test_a_host_with_several_addresses(memcached: Memcached, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first of them need not be the one where the server listens."""
    unused = socket.create_server(("127.0.0.1", 0))
    refusing = unused.getsockname()
    unused.close()
    tcp = (socket.SOCK_STREAM, socket.IPPROTO_TCP, "")
    unknown = (socket.AF_APPLETALK, *tcp, refusing)
    addresses = [
        unknown,
        *((socket.AF_INET, *tcp, address) for address in (refusing, ("127.0.0.1", memcached.port))),
    ]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: addresses)
    with closing(MemcachedCache([("cache.example", 1)], timeout=PATIENCE)) as cache:
        cache.put_many({NAME: SMALL})
        assert cache.get_many([NAME]) == {NAME: SMALL}


# --- servers that talk nonsense


def answering(data: bytes) -> Callable[[socket.socket], None]:
    def behave(connection: socket.socket) -> None:
        while connection.recv(1 << 20):
            connection.sendall(data)

    return behave


ITEM = seal(NAME, SMALL)[item_key(NAME)]
WRONG = b"VALUE modulestore:1:structure/other 0 1\r\nx\r\nEND\r\n"
SAID = [
    b"HTTP/1.1 400 Bad Request\r\n\r\n",
    b"\r\n",
    b"ERROR\r\n",
    b"CLIENT_ERROR bad\r\n",
    b"SERVER_ERROR out of memory storing object\r\n",
    b"VALUE\r\n",
    b"VALUE a b c\r\nEND\r\n",
    WRONG,
    f"VALUE {item_key(NAME)} 0 -5\r\n\r\nEND\r\n".encode(),
    f"VALUE {item_key(NAME)} 0 x\r\n\r\nEND\r\n".encode(),
    f"VALUE {item_key(NAME)} 0 999999999999999\r\n".encode() + ITEM + b"\r\nEND\r\n",
    f"VALUE {item_key(NAME)} 0 {len(ITEM) - 1}\r\n".encode() + ITEM + b"\r\nEND\r\n",
    b"STORED\r\nSTORED\r\nSTORED\r\nEND\r\n",
    b"DELETED\r\nEND\r\nEND\r\n",
    b"\xff" * 10_000,
]


@pytest.mark.parametrize("data", SAID)
def test_nonsense(data: bytes) -> None:
    with pretender(answering(data)) as port, closing(opened(port)) as cache:
        for call in CALLS:
            call(cache)
        assert cache.get_many([NAME]) == {}


@settings(max_examples=60)
@given(
    st.lists(
        st.sampled_from([*SAID, ITEM, b"\r\n", b"END\r\n", b"VALUE "]) | st.binary(max_size=30), max_size=6
    )
)
def test_more_nonsense(pieces: list[bytes]) -> None:
    with pretender(answering(b"".join(pieces))) as port, closing(opened(port, timeout=0.02)) as cache:
        for call in CALLS:
            call(cache)
        assert cache.get_many([NAME]).get(NAME, SMALL) == SMALL


def test_a_server_that_refuses_is_asked_again() -> None:
    """It has no room for this; it may have for that, and what it has can be read."""
    behave = answering(b"SERVER_ERROR out of memory storing object\r\n")
    with pretender(behave) as port, closing(opened(port, timeout=PATIENCE)) as cache:
        for _ in range(5):
            cache.put_many({NAME: SMALL})
        assert cache.counters.failures == 5
        assert cache.counters.bytes_written == 0


def test_an_answer_that_nobody_waited_for_is_not_taken_for_the_next() -> None:
    """A connection in which something is left over is not used again."""
    late = f"VALUE {item_key('view/a')} 0 {len(ITEM)}\r\n".encode() + ITEM + b"\r\nEND\r\n"
    connections = []

    def behave(connection: socket.socket) -> None:
        connections.append(connection)
        connection.recv(4096)
        connection.sendall(b"END\r\n")
        time.sleep(0.05)
        connection.sendall(late)
        connection.recv(4096)

    with pretender(behave) as port, closing(opened(port, timeout=PATIENCE)) as cache:
        assert cache.get_many([NAME]) == {}
        time.sleep(0.5)
        assert cache.get_many([NAME]) == {}
        assert cache.counters.failures == 0
        assert len(connections) == 2


def test_after_an_interrupt_a_connection_is_not_used_again(monkeypatch: pytest.MonkeyPatch) -> None:
    connections = []

    def behave(connection: socket.socket) -> None:
        connections.append(connection)
        answering(b"END\r\n")(connection)

    def interrupted(*_: object) -> bytes:
        raise KeyboardInterrupt

    with pretender(behave) as port, closing(opened(port, timeout=PATIENCE)) as cache:
        with monkeypatch.context() as patched:
            patched.setattr(DeadlineSocket, "recv", interrupted)
            with pytest.raises(KeyboardInterrupt):
                cache.get_many([NAME])
        assert cache.get_many([NAME]) == {}
        assert cache.counters.failures == 0
        assert len(connections) == 2


# --- many threads


def value_of(name: str) -> bytes:
    """Every name has one value: small, large, or of many parts."""
    chance = random.Random(name)
    return chance.randbytes(chance.choice([10, 3_000, 80_000, 1_200_000]))


def work_until(stop: Event, cache: MemcachedCache, seed: int) -> int:
    chance = random.Random(seed)
    found = 0
    while not stop.is_set():
        names = [f"view/{chance.randrange(40)}" for _ in range(5)]
        match chance.randrange(5):
            case 0:
                cache.put_many({name: value_of(name) for name in names})
            case 1:
                cache.delete_many(names[:1])
            case _:
                got = cache.get_many(names)
                assert all(value_of(name) == value for name, value in got.items())
                found += len(got)
    return found


def test_threads_while_the_server_is_killed_and_restarted(memcached: Memcached) -> None:
    stop = Event()
    servers = [("127.0.0.1", memcached.port)]
    with (
        closing(MemcachedCache(servers, timeout=TIMEOUT, pause=0.05)) as cache,
        ThreadPoolExecutor(8) as threads,
    ):
        results = [threads.submit(work_until, stop, cache, seed) for seed in range(8)]
        try:
            for _ in range(6):
                time.sleep(0.3)
                memcached.kill()
                time.sleep(0.2)
                memcached.restart()
                time.sleep(0.3)
                memcached.pause()
                time.sleep(0.2)
                memcached.resume()
        finally:
            stop.set()
        assert sum(result.result() for result in results) > 0
        assert cache.counters.rejected == 0
        assert cache.counters.failures > 0


def test_everything_is_flushed_under_load(memcached: Memcached) -> None:
    stop = Event()
    with (
        closing(opened(memcached.port, timeout=PATIENCE)) as cache,
        closing(Client(("127.0.0.1", memcached.port), default_noreply=False)) as other,
        ThreadPoolExecutor(8) as threads,
    ):
        results = [threads.submit(work_until, stop, cache, seed) for seed in range(8)]
        try:
            for _ in range(100):
                time.sleep(0.02)
                other.flush_all()
        finally:
            stop.set()
        assert sum(result.result() for result in results) > 0
        assert cache.counters.rejected == 0
        assert cache.counters.failures == 0
