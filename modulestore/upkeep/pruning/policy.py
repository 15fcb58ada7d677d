"""What is to be kept beyond what is referred to."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

from modulestore.errors import InvalidInput

__all__ = ["DAY", "Policy", "Retention", "parse_duration", "shown_duration"]

DAY: Final = timedelta(days=1)

_UNITS: Final = {
    "s": timedelta(seconds=1),
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": DAY,
    "w": timedelta(weeks=1),
    "y": timedelta(days=365),
}
_is_duration = re.compile(r"(\d+(?:\.\d+)?)\s*([smhdwy])").fullmatch


@dataclass(frozen=True, slots=True)
class Retention:
    """How much of a branch's history is kept.

    Attributes:
        keep: its newest versions, the head among them; None if they are not counted.
        within: every version that was its head within this time; None if time does not matter.
    """

    keep: int | None = None
    within: timedelta | None = None

    def __post_init__(self) -> None:
        if self.keep is not None and self.keep < 1:
            raise InvalidInput(f"{self.keep} versions cannot be kept", hint="1 keeps the heads alone")
        if self.within is not None and self.within < timedelta(0):
            raise InvalidInput("a time to keep versions for cannot be negative")

    @property
    def is_empty(self) -> bool:
        """Whether it says nothing."""
        return self.keep is None and self.within is None

    def as_json(self) -> dict[str, Any]:
        """It as JSON has it; durations are in seconds."""
        return {"keep": self.keep, "within": _seconds(self.within)}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Retention:
        """What `as_json` gave.

        Raises:
            KeyError, TypeError: it is not that.
        """
        return cls(value["keep"], _duration(value["within"]))


@dataclass(frozen=True, slots=True)
class Policy:
    """What is kept of all courses.

    Attributes:
        retention: of every branch of every course.
        courses: of some courses, by key, in its place.
        min_age: what stopped being referred to less than this ago is kept, whatever it is.
        deleted_after: courses that were deleted longer ago can be taken back no more; None: they always can.

    Raises:
        InvalidInput: it says nothing of what to keep, or what cannot be.
    """

    retention: Retention = Retention()
    courses: Mapping[str, Retention] = field(default_factory=dict)
    min_age: timedelta = DAY
    deleted_after: timedelta | None = None

    def __post_init__(self) -> None:
        if self.retention.is_empty:
            raise InvalidInput(
                "the policy does not say what to keep",
                hint="for example --keep 5, --within 90d, or both; --keep 1 keeps the heads alone",
            )
        for course, retention in self.courses.items():
            if retention.is_empty:
                raise InvalidInput("the policy does not say what to keep", place=course)
        if self.min_age < timedelta(0) or (self.deleted_after or DAY) < timedelta(0):
            raise InvalidInput("an age cannot be negative")

    def of(self, course: str) -> Retention:
        """What is kept of each branch of a course."""
        return self.courses.get(course, self.retention)

    def as_json(self) -> dict[str, Any]:
        """It as JSON has it; durations are in seconds."""
        return {
            **self.retention.as_json(),
            "courses": {course: retention.as_json() for course, retention in sorted(self.courses.items())},
            "min_age": _seconds(self.min_age),
            "deleted_after": _seconds(self.deleted_after),
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Policy:
        """What `as_json` gave.

        Raises:
            KeyError, TypeError, AttributeError: it is not that.
        """
        courses = {course: Retention.from_json(of) for course, of in value["courses"].items()}
        return cls(
            Retention.from_json(value),
            courses,
            timedelta(seconds=value["min_age"]),
            _duration(value["deleted_after"]),
        )


def parse_duration(text: str) -> timedelta:
    """``90d``, ``12h``, ``1.5y``: a number, and s, m, h, d, w or y (365 days).

    Raises:
        InvalidInput: it is none.
    """
    match = _is_duration(text.strip().lower())
    if match is None:
        raise InvalidInput(
            f"{text!r} is no duration", hint="a number and a unit: 90d, 12h; units are s, m, h, d, w, y"
        )
    try:
        return float(match[1]) * _UNITS[match[2]]
    except OverflowError:
        raise InvalidInput(f"{text!r} is too long") from None


def shown_duration(duration: timedelta) -> str:
    """A duration as `parse_duration` reads it: ``90d``."""
    for unit in ("d", "h", "m"):
        if duration and duration % _UNITS[unit] == timedelta(0):
            return f"{duration // _UNITS[unit]}{unit}"
    seconds = f"{duration.total_seconds():f}"
    return f"{seconds.rstrip('0').rstrip('.')}s"


def _seconds(duration: timedelta | None) -> float | None:
    return None if duration is None else duration.total_seconds()


def _duration(seconds: float | None) -> timedelta | None:
    return None if seconds is None else timedelta(seconds=seconds)
