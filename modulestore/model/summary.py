"""A course in a list of courses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from modulestore.keys import ContextKey, LibraryKey, VersionId
from modulestore.model.branches import DRAFT, LIBRARY, PUBLISHED
from modulestore.model.course import Course
from modulestore.model.index import IndexEntry
from modulestore.model.structure import Structure

__all__ = ["CourseSummary", "shown_branch", "summarize"]


@dataclass(frozen=True, slots=True)
class CourseSummary:
    """What a list of courses says of one.

    Attributes:
        kind: ``course`` or ``library``.
        title: display name of the root block of the shown branch: published, draft if it was never published,
        library.
        blocks: blocks that this root leads to.
        heads: structure id by branch.
        edited_on: when the shown head was made.
    """

    key: ContextKey
    kind: str
    title: str
    blocks: int
    heads: Mapping[str, VersionId]
    edited_on: datetime


def shown_branch(entry: IndexEntry) -> str | None:
    """The branch that stands for a course; None for an entry without any branch that we know."""
    return next((branch for branch in (PUBLISHED, DRAFT, LIBRARY) if branch in entry.heads), None)


def summarize(entry: IndexEntry, structure: Structure | None) -> CourseSummary:
    """The summary of a course whose shown head is ``structure``; None if that is not there."""
    kind = "library" if isinstance(entry.key, LibraryKey) else "course"
    if structure is None or structure.root is None:
        edited_on = entry.last_update or entry.edited_on
        return CourseSummary(entry.key, kind, "", 0, entry.heads, edited_on)
    course = Course(entry.key, structure)
    return CourseSummary(
        key=entry.key,
        kind=kind,
        title=course.root.display_name,
        blocks=len(structure.outline.order),
        heads=entry.heads,
        edited_on=course.edited_on,
    )
