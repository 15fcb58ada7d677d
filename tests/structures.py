"""Small structures for tests, written down as their children lists."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from modulestore.keys import BlockKey, CourseKey, VersionId
from modulestore.model.course import Course
from modulestore.model.structure import BlockRecord, EditInfo, Structure, StructureHeader

KEY = CourseKey("Org", "Course", "Run")
NOW = datetime(2026, 1, 2, 3, 4, 5, 678000, tzinfo=UTC)


def version(number: int) -> VersionId:
    """An id that is easy to recognise."""
    return VersionId(number.to_bytes(12, "big"))


def block_key(name: str) -> BlockKey:
    """``video/v1`` as a key."""
    block_type, _, block_id = name.partition("/")
    return BlockKey(block_type, block_id)


def structure(
    children: Mapping[str, Sequence[str] | None],
    *,
    settings: Mapping[str, Mapping[str, Any]] | None = None,
    defaults: Mapping[str, Mapping[str, Any]] | None = None,
    root: str = "course/course",
    number: int = 1,
) -> Structure:
    """A structure of these blocks, in this order, each with these children."""
    records = [
        BlockRecord(
            key=block_key(name),
            definition=version(1000 + at),
            children=None if below is None else [block_key(child) for child in below],
            settings=(settings or {}).get(name, {}),
            defaults=(defaults or {}).get(name, {}),
            edit_info=EditInfo(update_version=version(number), edited_on=NOW, edited_by=7),
        )
        for at, (name, below) in enumerate(children.items())
    ]
    header = StructureHeader(version(number), block_key(root), None, version(number), 7, NOW)
    return Structure.of(header, records)


def course(
    children: Mapping[str, Sequence[str] | None],
    *,
    settings: Mapping[str, Mapping[str, Any]] | None = None,
    defaults: Mapping[str, Mapping[str, Any]] | None = None,
) -> Course:
    """The same as a course."""
    return Course(KEY, structure(children, settings=settings, defaults=defaults), "published")


TREE: Mapping[str, Sequence[str] | None] = {
    "course/course": ["chapter/a", "chapter/b"],
    "chapter/a": ["sequential/s"],
    "chapter/b": ["vertical/shared"],
    "sequential/s": ["vertical/u", "vertical/shared"],
    "vertical/u": ["video/v1", "html/h"],
    "vertical/shared": ["video/v2"],
    "video/v1": None,
    "html/h": None,
    "video/v2": None,
    "static_tab/t2": None,
    "static_tab/t1": None,
    "vertical/lost": ["html/lost"],
    "html/lost": None,
}
"""A course with a unit under two parents, two detached blocks, and an orphan with a child."""
