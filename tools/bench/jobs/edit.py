"""Edit one block: open the course (which a service has at hand), change a setting or the content, commit."""

from __future__ import annotations

from collections.abc import Iterator

from tools.bench.authoring import edit_goals, edits, on_all
from tools.bench.cases import Case, Goal, Job, Variant
from tools.bench.edits import OurEdit, PlatformEdit
from tools.bench.world import Stored, World

__all__ = ["JOB"]

_GROWTH = Goal(at_most=1.5)


def cases(world: World) -> Iterator[Case]:
    """A setting and a content in courses of three sizes; then how that grows."""
    courses = [world.stored(size) for size in world.sizes(1000, 4000, 12000)]
    for course in courses:
        yield _case(course, "setting")
        yield _case(course, "content")
    for place in world.places:
        same = [_of_place(course, place.name) for course in courses]
        goals = [(same[-1], _GROWTH)] if len(same) > 1 else []
        yield Case("edit", f"larger courses, {place.name}", same, same[0], goals)


def _case(course: Stored, kind: str) -> Case:
    changes = edits(course, 1, content=kind == "content")
    ours = on_all(course, "modulestore", lambda url: OurEdit(url, course.key, changes))
    cold = on_all(course, "nothing at hand", lambda url: OurEdit(url, course.key, changes, cold=True))
    data, goals = f"one {kind}, {course.name}", edit_goals(course, ours)
    if not course.server:
        return Case("edit", data, [*ours, *cold], goals=goals)
    where = (course.platform, course.key, changes)
    platform = Variant("platform path", "server", PlatformEdit(*where))
    cached = Variant("platform path, cache", "server", PlatformEdit(*where, cached=True))
    variants = [ours[0], cold[0], platform, cached, ours[1], cold[1]]
    return Case("edit", data, variants, cached, goals)


def _of_place(course: Stored, place: str) -> Variant:
    url = course.sqlite if place == "sqlite" else course.server
    return Variant(f"modulestore, {course.blocks:,}", place, OurEdit(url, course.key, edits(course, 1)))


JOB = Job("edit", "open a course, edit one block, commit", cases)
