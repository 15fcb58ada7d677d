"""Roots: the references from outside that make a structure needed.

Only what is *opened* counts. The other ids in a structure (``update_version``, ``source_version``,
``previous_version``) are marks that are compared and passed over: a history says "pruned" there.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from modulestore.keys import VersionId

__all__ = ["Root", "RootKind"]


class RootKind(StrEnum):
    """Who refers to a structure."""

    HEAD = "head"
    SQL_HEAD = "SQL head"
    DELETED = "deleted course"
    TAG = "tag"
    CONFLICT = "conflict"
    RERUN = "re-run under way"


@dataclass(frozen=True, slots=True)
class Root:
    """One reference.

    Attributes:
        course: key of the course or library.
        name: of the branch, the tag, or the conflict and its side.
        record: key of the record that it comes from, if it comes from one.
    """

    kind: RootKind
    version: VersionId
    course: str
    name: str
    record: str = field(default="", compare=False)

    def __str__(self) -> str:
        return f"{self.kind} {self.name} of {self.course}"
