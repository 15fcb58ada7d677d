"""One event of every kind."""

from __future__ import annotations

from modulestore.errors import CommitContention
from modulestore.observing import CacheCall, CommitEnded, Event, StorageCall, VersionsRead
from modulestore.testing.samples import COURSE

__all__ = ["EVENTS"]

EVENTS: list[Event] = [
    StorageCall("structures.get_many", 0.25, documents=2, bytes=1000),
    CacheCall("get", 0.5, asked=3, hits=2, misses=1, bytes=400),
    VersionsRead("structures", 0.125, asked=3, at_hand=1, fetched=2, built_on=1, decoding=0.0625),
    CommitEnded(
        "contention",
        2.0,
        CommitContention,
        COURSE,
        branches=("draft", "published"),
        tries=7,
        deltas=2,
        bytes=90,
    ),
]
