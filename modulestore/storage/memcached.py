"""The cache in memcached, through pymemcache.

pymemcache speaks the protocol on one connection; which server, which connection, for how long and how often
is decided here. Its ``HashClient`` is not used: threads may not share it, its time-outs are per read and not
per call, and it moves a dead server's names to others after retries of its own.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from hashlib import blake2b
from threading import Lock
from typing import TypeVar

from pymemcache import Client
from pymemcache.exceptions import MemcacheServerError, MemcacheUnexpectedCloseError

from modulestore.storage.cache_frames import item_key, open_many, seal
from modulestore.storage.caching import Cache, CacheCounters
from modulestore.storage.circuit import Circuit
from modulestore.storage.deadlines import DeadlineSocket

__all__ = ["MemcachedCache"]

T = TypeVar("T")

_MOST_IDLE = 16  # connections that are kept for later, per server
_BATCH = 1024 * 1024  # bytes that are sent before it is looked at the clock again


class MemcachedCache(Cache):
    """Values on one or more memcached servers; each server has a part of the names.

    No call takes longer than one time-out, however many values and servers it is about: what was not found or
    kept by then is not.

    Args:
        servers: host and port of each. All who share a cache name the same servers, in any order.
        timeout: seconds.
        secret: keys the digests, so that values cannot be forged (`cache_frames.secret_of`).
        pause: seconds for which a server that failed twice is left alone.
        clock: seconds that pass.
    """

    def __init__(
        self,
        servers: Sequence[tuple[str, int]],
        *,
        timeout: float,
        secret: bytes = b"",
        pause: float = 5.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._tally = _Tally()
        self._servers = [_Server(host, port, pause, clock, self._tally) for host, port in servers]
        self._timeout = timeout
        self._secret = secret
        self._clock = clock

    @property
    def counters(self) -> CacheCounters:
        return self._tally.counters

    def get_many(self, names: Collection[str]) -> dict[str, bytes]:
        deadline = self._clock() + self._timeout
        found: dict[str, bytes] = {}
        for server, some in self._by_server(names):
            opened = open_many(some, partial(server.get, deadline), self._secret)
            found |= opened.values
            hits = len(opened.values)
            self._tally.add(hits=hits, misses=len(some) - hits, rejected=opened.rejected)
        return found

    def put_many(self, values: Mapping[str, bytes]) -> None:
        deadline = self._clock() + self._timeout
        for server, names in self._by_server(values):
            batch: dict[str, bytes] = {}
            size = 0
            for name in names:
                if server.is_out(deadline):
                    break
                items = seal(name, values[name], self._secret)
                batch |= items
                size += sum(map(len, items.values()))
                if size >= _BATCH:
                    server.set(deadline, batch)
                    batch, size = {}, 0
            server.set(deadline, batch)

    def delete_many(self, names: Collection[str]) -> None:
        deadline = self._clock() + self._timeout
        for server, some in self._by_server(names):
            # Parts that nobody can find any more are the first to go when memcached needs room.
            server.delete(deadline, [item_key(name) for name in some])

    def close(self) -> None:
        for server in self._servers:
            server.close()

    def _by_server(self, names: Collection[str]) -> list[tuple[_Server, list[str]]]:
        if len(self._servers) == 1:
            return [(self._servers[0], list(names))] if names else []
        groups: dict[_Server, list[str]] = {}
        for name in names:
            groups.setdefault(self._server(name), []).append(name)
        return list(groups.items())

    def _server(self, name: str) -> _Server:
        # The server with the highest digest: when one is added or taken away, only its own names move.
        return max(self._servers, key=lambda server: blake2b(f"{server} {name}".encode()).digest())


class _Tally:
    """Counters that several threads add to."""

    def __init__(self) -> None:
        self._lock = Lock()
        self.counters = CacheCounters()

    def add(self, **more: int) -> None:
        with self._lock:
            counters = self.counters
            self.counters = replace(
                counters, **{name: getattr(counters, name) + n for name, n in more.items()}
            )


class _Server:
    """One server: connections to it that are not in use, and whether it answers."""

    def __init__(self, host: str, port: int, pause: float, clock: Callable[[], float], tally: _Tally) -> None:
        self._address = (host, port)
        self._circuit = Circuit(pause)
        self._clock = clock
        self._tally = tally
        self._idle: list[Client] = []
        self._lock = Lock()
        self._closed = False

    def __str__(self) -> str:
        return "{}:{}".format(*self._address)

    def is_out(self, deadline: float) -> bool:
        """Whether it is useless to prepare something to be kept."""
        now = self._clock()
        return self._closed or now >= deadline or self._circuit.is_open(now, dispensable=True)

    def get(self, deadline: float, keys: Collection[str]) -> dict[str, bytes]:
        found = self._ask(lambda client: client.get_many(keys), deadline) or {}
        self._tally.add(bytes_read=sum(map(len, found.values())))
        return found

    def set(self, deadline: float, items: Mapping[str, bytes]) -> None:
        if not items:
            return
        failed = self._ask(lambda client: client.set_many(items), deadline, dispensable=True)
        if failed is not None:
            kept = items.keys() - set(failed)
            self._tally.add(bytes_written=sum(len(items[key]) for key in kept))

    def delete(self, deadline: float, keys: Collection[str]) -> None:
        self._ask(lambda client: client.delete_many(keys), deadline)

    def close(self) -> None:
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for client in idle:
            client.close()

    def _ask(
        self, question: Callable[[Client], T], deadline: float, *, dispensable: bool = False
    ) -> T | None:
        now = self._clock()
        # Who has no time left has been kept waiting by another server.
        if self._closed or now >= deadline or not self._circuit.enter(now, dispensable=dispensable):
            return None
        try:
            with self._connected(deadline) as client:
                answer = question(client)
        except Exception as error:
            # Not only what sockets raise: a server that talks nonsense makes the driver stumble in many ways.
            self._tally.add(failures=1)
            if not _is_refusal(error):
                self._circuit.failed(self._clock())
            return None
        self._circuit.succeeded()
        return answer

    @contextmanager
    def _connected(self, deadline: float) -> Iterator[Client]:
        client = self._quiet(deadline) or self._new(deadline)
        try:
            yield client
        except BaseException:
            client.close()  # half an answer may be left in it
            raise
        with self._lock:
            kept = not self._closed and len(self._idle) < _MOST_IDLE
            if kept:
                self._idle.append(client)
        if not kept:
            client.close()

    def _quiet(self, deadline: float) -> Client | None:
        """A connection that is there already, unless its server has closed it."""
        while True:
            with self._lock:
                if not self._idle:
                    return None
                client = self._idle.pop()
            if client.sock.is_quiet():
                client.sock.deadline = deadline
                return client
            client.close()

    def _new(self, deadline: float) -> Client:
        # noreply, the default, loses errors, or leaves them in the connection for the next answer.
        client = Client(self._address, default_noreply=False)
        client.sock = DeadlineSocket(*self._address, deadline, self._clock)
        return client


def _is_refusal(error: Exception) -> bool:
    """Whether the server did answer: that it has no room, mostly."""
    return isinstance(error, MemcacheServerError) and not isinstance(error, MemcacheUnexpectedCloseError)
