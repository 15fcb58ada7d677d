"""Views that are made without a store."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from modulestore.model.course import Course
from modulestore.model.views import (
    BLOCKS,
    BlockTable,
    Collector,
    CourseView,
    EffectiveField,
    Transformers,
    User,
    needed_collectors,
    transform,
)
from tests.structures import course

LONG_AGO = datetime(2001, 2, 3, tzinfo=UTC)
TODAY = datetime(2026, 5, 1, 12, tzinfo=UTC)
NEXT_YEAR = datetime(2027, 1, 1, tzinfo=UTC)
LEARNER = User(TODAY)
STAFF = User(TODAY, is_staff=True)

Settings = Mapping[str, Mapping[str, Any]]


def collected(made: Course, collector: Collector, size: int) -> Any:
    """What a collector gives of a course; it has to accept that itself."""
    data = collector.collect(made)
    assert collector.accepts(data, size)
    return data


def view_of(made: Course, transformers: Transformers = (), fields: Collection[str] = ()) -> CourseView:
    """A view of everything, with what these transformers need and these fields."""
    table = BlockTable(collected(made, BLOCKS, 0))
    needed = [*needed_collectors(transformers), *map(EffectiveField, fields)]
    data = {one.name: collected(made, one, len(table)) for one in needed}
    return CourseView(made.key, made.branch, made.version, table, data)


def seen(made: Course, transformers: Transformers, user: User = LEARNER) -> CourseView:
    """What a user sees of a course."""
    return transform(view_of(made, transformers), transformers, user)


def names(view: CourseView) -> list[str]:
    """The blocks of a view, as text."""
    return [f"{block.type}/{block.id}" for block in view.blocks()]


# A unit that two sequences have, one in each chapter.
SHARED: Mapping[str, Sequence[str] | None] = {
    "course/course": ["chapter/a", "chapter/b"],
    "chapter/a": ["sequential/a"],
    "chapter/b": ["sequential/b"],
    "sequential/a": ["vertical/shared", "vertical/own"],
    "sequential/b": ["vertical/shared"],
    "vertical/shared": ["problem/p"],
    "vertical/own": ["problem/q"],
    "problem/p": None,
    "problem/q": None,
}
ALL = [
    "course/course",
    "chapter/a",
    "sequential/a",
    "vertical/shared",
    "problem/p",
    "vertical/own",
    "problem/q",
    "chapter/b",
    "sequential/b",
]


def shared(settings: Settings) -> Course:
    """The course of the shared unit, long since started."""
    return course(
        SHARED,
        settings={**settings, "course/course": {"start": LONG_AGO, **settings.get("course/course", {})}},
    )
