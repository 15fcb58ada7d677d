"""A cache whose every call is told to an observer."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from threading import Lock
from time import monotonic
from typing import Literal

from modulestore.observing.events import CacheCall
from modulestore.observing.hook import Observer
from modulestore.storage.caching import Cache, CacheCounters

__all__ = ["ObservedCache"]


class ObservedCache(Cache):
    """Like the cache that it wraps. The observer is called in the thread that calls the cache."""

    def __init__(self, cache: Cache, observe: Observer) -> None:
        self._cache = cache
        self._observe = observe
        self._told = cache.counters
        self._lock = Lock()

    @property
    def counters(self) -> CacheCounters:
        return self._cache.counters

    def get_many(self, names: Collection[str]) -> dict[str, bytes]:
        with self._telling("get", len(names)) as counts:
            found = self._cache.get_many(names)
            hits = len(found)
            counts.update(hits=hits, misses=len(names) - hits, bytes=sum(map(len, found.values())))
        return found

    def put_many(self, values: Mapping[str, bytes]) -> None:
        with self._telling("put", len(values)) as counts:
            counts.update(bytes=sum(map(len, values.values())))
            self._cache.put_many(values)

    def delete_many(self, names: Collection[str]) -> None:
        with self._telling("delete", len(names)):
            self._cache.delete_many(names)

    def close(self) -> None:
        self._cache.close()

    @contextmanager
    def _telling(self, name: Literal["get", "put", "delete"], asked: int) -> Iterator[dict[str, int]]:
        """Tells of one call, with the counts that are put into what it gives."""
        counts: dict[str, int] = {}
        error = None
        began = monotonic()
        try:
            yield counts
        except BaseException as raised:
            error = type(raised)
            raise
        finally:
            seconds = monotonic() - began
            rejected, failures = self._since_last()
            self._observe(
                CacheCall(name, seconds, error, asked=asked, rejected=rejected, failures=failures, **counts)
            )

    def _since_last(self) -> tuple[int, int]:
        """What was rejected and failed, and not told yet: counters do not say in which call it was."""
        with self._lock:
            now = self._cache.counters
            before, self._told = self._told, now
        return now.rejected - before.rejected, now.failures - before.failures
