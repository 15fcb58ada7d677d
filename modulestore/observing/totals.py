"""An observer that adds up."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

from modulestore.observing.events import Event

__all__ = ["Totals"]


class Totals:
    """Counts and times of everything so far, by subject and name. Safe for several threads, and may observe
    several stores.
    """

    def __init__(self) -> None:
        self._sums: dict[tuple[str, str], _Sum] = {}
        self._lock = Lock()

    def __call__(self, event: Event) -> None:
        """Add an event."""
        with self._lock:
            of = self._sums.get((event.subject, event.name))
            if of is None:
                of = self._sums[event.subject, event.name] = _Sum(dict.fromkeys(event.counts, 0))
            of.add(event)

    def snapshot(self) -> dict[str, dict[str, dict[str, Any]]]:
        """Everything so far, as plain values that JSON has.

        By subject (``storage``, ``cache``, ``read``, ``commit``) and name: ``calls``, ``errors`` by class,
        ``seconds`` of all together and of the ``slowest``, and sums of what such events count.
        """
        shown: dict[str, dict[str, dict[str, Any]]] = {}
        with self._lock:
            for (subject, name), of in sorted(self._sums.items()):
                shown.setdefault(subject, {})[name] = of.shown()
        return shown


@dataclass(slots=True)
class _Sum:
    """Everything of one name."""

    counts: dict[str, float]
    calls: int = 0
    errors: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0
    slowest: float = 0.0

    def add(self, event: Event) -> None:
        self.calls += 1
        self.seconds += event.seconds
        if event.seconds > self.slowest:
            self.slowest = event.seconds
        if event.error is not None:
            self.errors[event.error.__name__] += 1
        for name in self.counts:
            self.counts[name] += getattr(event, name)

    def shown(self) -> dict[str, Any]:
        return {
            "calls": self.calls,
            "errors": dict(self.errors),
            "seconds": self.seconds,
            "slowest": self.slowest,
            **self.counts,
        }
