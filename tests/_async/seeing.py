"""An observer for tests."""

from __future__ import annotations

from modulestore.observing import CacheCall, CommitEnded, Event, StorageCall, VersionsRead

__all__ = ["Seen"]


class Seen(list[Event]):
    """An observer that remembers."""

    def __call__(self, event: Event) -> None:
        self.append(event)

    @property
    def storage(self) -> list[StorageCall]:
        return [event for event in self if isinstance(event, StorageCall)]

    @property
    def cache(self) -> list[CacheCall]:
        return [event for event in self if isinstance(event, CacheCall)]

    @property
    def reads(self) -> list[VersionsRead]:
        return [event for event in self if isinstance(event, VersionsRead)]

    @property
    def commits(self) -> list[CommitEnded]:
        return [event for event in self if isinstance(event, CommitEnded)]
