"""What a store does, told to an observer: ``connect(url, observe=…)``.

`OpenTelemetryObserver`, which needs an extra, is in :mod:`modulestore.observing.opentelemetry`.
"""

from modulestore.observing.events import CacheCall, CommitEnded, Event, Outcome, StorageCall, VersionsRead
from modulestore.observing.hook import Observer, fan_out
from modulestore.observing.logs import LogObserver
from modulestore.observing.totals import Totals

__all__ = [
    "CacheCall",
    "CommitEnded",
    "Event",
    "LogObserver",
    "Observer",
    "Outcome",
    "StorageCall",
    "Totals",
    "VersionsRead",
    "fan_out",
]
