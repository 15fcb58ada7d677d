"""``--verbose``: what a command does with its store, told on standard error while it happens.

The events are those of :mod:`modulestore.observing`, by way of a log whose handler writes them for people.
"""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any

from modulestore.cli.output import counted
from modulestore.cli.terminal import print_lines
from modulestore.observing import Event, LogObserver, Observer, Totals, VersionsRead, fan_out
from modulestore.storage.urls import shown_url
from modulestore.upkeep.sizes import shown_bytes

__all__ = ["Teller"]

_COUNTS = (
    *("documents", "asked", "hits", "misses", "rejected", "failures"),
    *("tries", "definitions", "deltas", "bases", "bytes"),
)


class Teller:
    """Tells what is done with stores, and at the end what it came to.

    Args:
        began: when the command began, as ``time.perf_counter`` says.

    Attributes:
        observe: the observer of these stores.
    """

    def __init__(self, began: float) -> None:
        self._began = began
        self._totals = Totals()
        self._lines = _Lines()
        log = logging.Logger("modulestore.cli", logging.DEBUG)
        log.addHandler(self._lines)
        self._log = LogObserver(log)
        self.observe: Observer = fan_out(self._totals, self._tell)

    def opened(self, url: str) -> None:
        """A store is about to be used."""
        _write(f"store {shown_url(url)[1:-1]}")

    def ended(self) -> None:
        """The command is over."""
        self._lines.flush()
        seen = self._totals.snapshot()
        parts = [f"{_milliseconds(time.perf_counter() - self._began)} in all"]
        for subject, name in (("storage", "the database"), ("cache", "the cache")):
            if subject in seen:
                sums = seen[subject].values()
                seconds, calls = sum(of["seconds"] for of in sums), sum(of["calls"] for of in sums)
                parts.append(f"{_milliseconds(seconds)} in {counted(calls, 'call')} of {name}")
        _write("; ".join(parts))

    def _tell(self, event: Event) -> None:
        if not isinstance(event, VersionsRead):  # the calls that it took are told
            self._log(event)


class _Lines(logging.Handler):
    """Writes a line for every event. Of calls of one name in a row, as a stream makes them, the first has a
    line, and the others have one together.
    """

    def __init__(self) -> None:
        super().__init__()
        self._name = ""
        self._more: list[Mapping[str, Any]] = []

    def emit(self, record: logging.LogRecord) -> None:
        event: Mapping[str, Any] = vars(record)["modulestore"]
        name = event["name"] if event["subject"] == "storage" else f"{event['subject']} {event['name']}"
        if name == self._name and event["error"] is None:
            self._more.append(event)
            return
        self._write_more()
        self._name = name
        _write(_told(name, [event]))

    def flush(self) -> None:
        self.acquire()
        try:
            self._write_more()
        finally:
            self.release()

    def _write_more(self) -> None:
        if self._more:
            _write(_told(self._name, self._more, f"{len(self._more):,} more"))
            self._more = []


def _told(name: str, events: Sequence[Mapping[str, Any]], *details: str) -> str:
    """How long it took, what it was, and what was moved."""
    parts = [*details, *(str(event["key"]) for event in events if "key" in event)]
    amounts = {count: sum(event.get(count, 0) for event in events) for count in _COUNTS}
    parts += [
        shown_bytes(amount) if count == "bytes" else f"{count} {amount:,}"
        for count, amount in amounts.items()
        if amount
    ]
    parts += [event["error"] for event in events if event["error"]]
    return f"{_milliseconds(sum(event['seconds'] for event in events)):>10}  {name:24}  {', '.join(parts)}"


def _milliseconds(seconds: float) -> str:
    return f"{seconds * 1000:,.1f} ms"


def _write(line: str) -> None:
    # The stream of this moment: while there is a progress bar, one that writes above it.
    print_lines([f"-- {line}".rstrip()], hang=3, stream=sys.stderr)
