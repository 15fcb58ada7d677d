"""An observer that keeps the metrics of OpenTelemetry. Needs the extra ``opentelemetry``; nothing else of the
library does.
"""

from __future__ import annotations

from typing import Final, get_args

from modulestore.errors import ExtraMissing
from modulestore.observing.events import Event

try:
    from opentelemetry.metrics import Meter
except ImportError as error:
    raise ExtraMissing(
        f"there are no metrics: {error}", hint="pip install 'modulestore[opentelemetry]'"
    ) from error

__all__ = ["OpenTelemetryObserver"]

# Seconds. The default of OpenTelemetry is for milliseconds; its advice for calls of databases begins at 1 ms,
# which is slow for a read from SQLite.
_BOUNDARIES: Final = (0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10)

_UNITS: Final = {"bytes": "By", "decoding": "s"}


class OpenTelemetryObserver:
    """Records every event with the instruments of a meter.

    For each subject (``storage``, ``cache``, ``read``, ``commit``) there is a histogram
    ``modulestore.<subject>.duration`` in seconds, and a counter ``modulestore.<subject>.<count>`` for
    everything that its events count (``modulestore.cache.hits``, ``modulestore.commit.bytes``). Their
    attributes are ``modulestore.name``, the name of the event, and ``error.type``, if there was an error; no
    course is among them, since there may be many thousands.

    Args:
        meter: for example ``opentelemetry.metrics.get_meter("modulestore")``.
    """

    def __init__(self, meter: Meter) -> None:
        kinds = get_args(Event)
        self._durations = {
            kind.subject: meter.create_histogram(
                f"modulestore.{kind.subject}.duration",
                unit="s",
                explicit_bucket_boundaries_advisory=_BOUNDARIES,
            )
            for kind in kinds
        }
        self._counters = {
            kind.subject: {
                count: meter.create_counter(
                    f"modulestore.{kind.subject}.{count}", unit=_UNITS.get(count, "1")
                )
                for count in kind.counts
            }
            for kind in kinds
        }

    def __call__(self, event: Event) -> None:
        """Record an event."""
        attributes: dict[str, str] = {"modulestore.name": event.name}
        if event.error is not None:
            attributes["error.type"] = event.error.__name__
        self._durations[event.subject].record(event.seconds, attributes)
        for name, counter in self._counters[event.subject].items():
            if amount := getattr(event, name):
                counter.add(amount, attributes)
