"""Moments and durations, in the spellings that archives and old documents have."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone

__all__ = ["from_epoch", "parse_date", "parse_time"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_DATE = re.compile(
    r"""
    (?P<year>\d{4}) (?: - (?P<month>\d{1,2}) - (?P<day>\d{1,2}) | (?P<month2>\d\d) (?P<day2>\d\d) )
    (?: [T ]\s*
        (?P<hour>\d{1,2})
        (?: :? (?P<minute>\d\d) (?: :? (?P<second>\d\d) (?: [.,] (?P<fraction>\d+) )? )? )?
        \s* (?P<zone> Z | UTC | GMT | (?P<sign>[+-]) (?P<zone_hours>\d\d) :? (?P<zone_minutes>\d\d)? )?
    )?
    """,
    re.VERBOSE | re.IGNORECASE | re.ASCII,
)
_TIME = re.compile(r"(\d{1,2}):([0-5]?\d):([0-5]?\d)", re.ASCII)


def parse_date(text: str) -> datetime | None:
    """The moment that a text in a spelling of ISO 8601 names, in UTC and whole milliseconds.

    No zone means UTC. None if it names no moment: there is no month or day, say.
    """
    match = _DATE.fullmatch(text.strip())
    if match is None:
        return None
    part = match.groupdict()
    fraction = (part["fraction"] or "")[:3].ljust(3, "0")
    try:
        moment = datetime(
            int(part["year"]),
            int(part["month"] or part["month2"]),
            int(part["day"] or part["day2"]),
            int(part["hour"] or 0),
            int(part["minute"] or 0),
            int(part["second"] or 0),
            int(fraction) * 1000,
            _zone(part),
        )
        return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def from_epoch(milliseconds: float) -> datetime | None:
    """The moment so many milliseconds after the beginning of 1970; None if no calendar reaches that far."""
    try:
        return _EPOCH + timedelta(milliseconds=int(milliseconds))
    except (OverflowError, ValueError):
        return None


def parse_time(text: str) -> str | None:
    """A moment within a video as ``HH:MM:SS``, up to 24 hours; None if the text names none."""
    match = _TIME.fullmatch(text.strip())
    if match is None:
        return None
    hours, minutes, seconds = (int(part) for part in match.groups())
    if hours * 3600 + minutes * 60 + seconds > 24 * 3600:
        return None
    return f"{hours:02}:{minutes:02}:{seconds:02}"


def _zone(part: dict[str, str | None]) -> timezone:
    if part["sign"] is None:
        return UTC
    offset = timedelta(hours=int(part["zone_hours"] or 0), minutes=int(part["zone_minutes"] or 0))
    return timezone(-offset if part["sign"] == "-" else offset)
