"""What the parts of the store share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime

from modulestore._async.commits import Committer
from modulestore._async.ports import Backend
from modulestore.formats import v1
from modulestore.keys import VersionId
from modulestore.storage.caching import Cache

__all__ = ["StoreBase"]


class StoreBase:
    """A backend, and what commits to it."""

    def __init__(
        self,
        backend: Backend,
        *,
        writes_allowed: bool = False,
        cache: Cache | None = None,
        now: Callable[[], datetime] | None = None,
        ids: Iterator[VersionId] | None = None,
    ) -> None:
        """A store on a backend.

        Args:
            writes_allowed: whether a database with a platform's documents may be written to.
            cache: keeps what was worked out from versions; closed with the store.
            now: the clock; aware, cut to milliseconds by the store. Default: the machine's.
            ids: where new ids come from. Default: as MongoDB makes them.
        """
        self._backend = backend
        self._writes_allowed = writes_allowed
        self._cache = cache
        self._clock = now or (lambda: datetime.now(UTC))
        self._ids = ids or iter(v1.new_version_id, None)
        self._committer = Committer(backend, writes_allowed, self._now, self._ids)

    def _now(self) -> datetime:
        now = self._clock().astimezone(UTC)
        return now.replace(microsecond=now.microsecond // 1000 * 1000)
