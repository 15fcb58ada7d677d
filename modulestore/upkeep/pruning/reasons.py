"""Why a structure is kept."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum
from typing import Final, NamedTuple

from modulestore.keys import VersionId
from modulestore.upkeep.pruning.policy import shown_duration
from modulestore.upkeep.roots import Root, RootKind

__all__ = ["MUST_BE_THERE", "NOT_KEPT", "Reason", "ReasonKind"]

NOT_KEPT: Final = (
    "nothing that is kept refers to it, it is not among the versions to keep, and it is old enough"
)
"""Why a structure goes, whichever it is."""


class ReasonKind(StrEnum):
    """What kinds of reasons there are; those of roots are named like these."""

    HEAD = RootKind.HEAD.value
    SQL_HEAD = RootKind.SQL_HEAD.value
    DELETED = RootKind.DELETED.value
    TAG = RootKind.TAG.value
    CONFLICT = RootKind.CONFLICT.value
    RERUN = RootKind.RERUN.value
    ORIGINAL = "original"
    NEWEST = "newest"
    WITHIN = "within"
    STAYS = "stays"
    YOUNG = "young"
    LATELY = "lately"
    BASE = "base"
    PIN = "pin"


MUST_BE_THERE: Final = frozenset({*map(str, RootKind), ReasonKind.BASE})
"""What is kept for one of these is missed if it is gone; a history or a library may have been cut off."""


class Reason(NamedTuple):
    """One reason: its kind, and what people read."""

    kind: ReasonKind
    text: str

    @classmethod
    def of_root(cls, root: Root) -> Reason:
        """Somebody refers to it."""
        return cls(ReasonKind(root.kind.value), str(root))

    @classmethod
    def original(cls, root: Root) -> Reason:
        """A history begins with it."""
        return cls(ReasonKind.ORIGINAL, f"first version of the history of {root}")

    @classmethod
    def newest(cls, root: Root, number: int, keep: int) -> Reason:
        """It is the ``number``-th of a branch, counted from its head."""
        return cls(ReasonKind.NEWEST, f"number {number} of the newest {keep} of {root.name} of {root.course}")

    @classmethod
    def within(cls, root: Root, duration: timedelta) -> Reason:
        """It was a head within the time to keep."""
        ago = shown_duration(duration)
        return cls(ReasonKind.WITHIN, f"head of {root.name} of {root.course} within the last {ago}")

    @classmethod
    def stays(cls) -> Reason:
        """It is younger than the plan, or was kept by it."""
        return cls(ReasonKind.STAYS, "the plan does not delete it")

    @classmethod
    def young(cls, min_age: timedelta) -> Reason:
        """Somebody may be about to refer to it."""
        return cls(ReasonKind.YOUNG, f"younger than {shown_duration(min_age)}")

    @classmethod
    def lately(cls, min_age: timedelta) -> Reason:
        """Somebody may still be at work on it."""
        return cls(
            ReasonKind.LATELY, f"another version took its place less than {shown_duration(min_age)} ago"
        )

    @classmethod
    def base(cls, version: VersionId) -> Reason:
        """A version that is kept cannot be read without it."""
        return cls(ReasonKind.BASE, f"{version} is stored on it")

    @classmethod
    def pin(cls, version: VersionId) -> Reason:
        """A version that is kept opens it."""
        return cls(ReasonKind.PIN, f"blocks of {version} come from it")
