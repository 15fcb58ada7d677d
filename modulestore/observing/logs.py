"""An observer that writes to a log of the standard library."""

from __future__ import annotations

from dataclasses import fields
from logging import DEBUG, WARNING, Logger
from typing import Any

from modulestore.errors import CommitContention, Conflict, InvalidInput, NotFound
from modulestore.observing.events import CacheCall, Event

__all__ = ["LogObserver"]

_ANSWERS = (InvalidInput, NotFound, Conflict)


class LogObserver:
    """Logs every event: as a warning what was slow or failed, all else for debugging.

    It is no failure that something is not there, is refused or has to be decided, nor that a caller gave up.
    It is one that a cache did not answer or had something else in it, and that others kept a commit from
    being done.

    A record carries the event's values in its attribute ``modulestore``, a dict of what JSON has.

    Args:
        slow: seconds from which on something is slow.
    """

    def __init__(self, logger: Logger, *, slow: float = 1.0) -> None:
        self._logger = logger
        self._slow = slow

    def __call__(self, event: Event) -> None:
        """Log an event."""
        level = WARNING if event.seconds >= self._slow or _failed(event) else DEBUG
        if self._logger.isEnabledFor(level):
            self._logger.log(
                level,
                "%s %s: %s",
                event.subject,
                event.name,
                ", ".join(_parts(event)),
                extra={"modulestore": _values(event)},
            )


def _failed(event: Event) -> bool:
    if isinstance(event, CacheCall) and (event.rejected or event.failures):
        return True
    error = event.error
    if error is None or not issubclass(error, Exception):
        return False
    return issubclass(error, CommitContention) or not issubclass(error, _ANSWERS)


def _parts(event: Event) -> list[str]:
    values = _values(event)
    parts = [f"{event.seconds * 1000:.1f} ms"]
    parts += [f"{values['key']}"] if "key" in values else []
    parts += [f"{name} {values[name]:g}" for name in event.counts if values[name]]
    return parts + ([event.error.__name__] if event.error else [])


def _values(event: Event) -> dict[str, Any]:
    values = {one.name: getattr(event, one.name) for one in fields(event)}
    values["error"] = event.error.__name__ if event.error else None
    if "key" in values:
        values |= {"key": str(values["key"]), "branches": list(values["branches"])}
    return {"subject": event.subject, "name": event.name, **values}
