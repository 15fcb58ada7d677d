"""What the parts of the store share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime

from modulestore._async.collected import Collected
from modulestore._async.commits import Committer
from modulestore._async.guarding import Guard
from modulestore._async.ports import Backend
from modulestore._async.preparing import WriteRules
from modulestore._async.reading import Reader
from modulestore.formats.ids import new_version_id
from modulestore.formats.structures import Schema
from modulestore.keys import VersionId
from modulestore.observing.hook import Observer, fan_out
from modulestore.storage.caching import Cache
from modulestore.storage.memory import MEMORY_BYTES, Memory

__all__ = ["StoreBase"]


class StoreBase:
    """A backend, and what commits to it."""

    def __init__(
        self,
        backend: Backend,
        *,
        writes_allowed: bool = False,
        schema: Schema = 2,
        memory: int = MEMORY_BYTES,
        cache: Cache | None = None,
        observe: Observer | None = None,
        now: Callable[[], datetime] | None = None,
        ids: Iterator[VersionId] | None = None,
    ) -> None:
        """A store on a backend.

        Args:
            writes_allowed: whether a database with a platform's documents may be written to.
            schema: the format of structures, if the database is new and empty: 1, the platform's; 2, our own.
            memory: bytes of decoded structures and definitions that are kept in the process, about.
            cache: keeps what was worked out from versions; closed with the store.
            observe: is told of commits, and of the versions that are read. Of calls of the database and the
                cache it is told by these, if they are observed: `connect` sees to that.
            now: the clock; aware, cut to milliseconds by the store. Default: the machine's.
            ids: where new ids come from. Default: as MongoDB makes them.
        """
        self._backend = backend
        self._rules = WriteRules(writes_allowed, schema)
        self._cache = cache
        told = None if observe is None else fan_out(observe)
        self._reader = Reader(backend, Memory(memory), told)
        self._collected = Collected(self._reader, cache)
        self._clock = now or (lambda: datetime.now(UTC))
        self._ids = ids or iter(new_version_id, None)
        self._guard = Guard(self._rules)
        self._committer = Committer(backend, self._reader, self._guard, self._now, self._ids, observe=told)

    def _now(self) -> datetime:
        now = self._clock().astimezone(UTC)
        return now.replace(microsecond=now.microsecond // 1000 * 1000)
