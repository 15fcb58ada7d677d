"""Courses of any size: opening, editing and publishing as they grow to 50,000 blocks, which no document of
the platform could hold.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from tools.bench.authoring import a_unit, edits, on_all
from tools.bench.cases import Case, Job, Variant
from tools.bench.edits import OurEdit
from tools.bench.jobs.open_videos import Ours as Videos
from tools.bench.jobs.publish_unit import Ours as Publish
from tools.bench.world import Stored, World

__all__ = ["JOB"]

_LARGE = 50_000


def cases(world: World) -> Iterator[Case]:
    """The same in courses of every size; ratios are to the smallest."""
    courses = [world.large(size) for size in world.sizes(1000, 4000, 12000, _LARGE)]
    for place in world.places:
        yield _growth("open and list videos", courses, place.name, _opened)
        yield _growth("edit a setting", courses, place.name, _edited)
        yield _growth("publish a unit", courses, place.name, _published)


def _growth(what: str, courses: list[Stored], place: str, make: object) -> Case:
    assert callable(make)
    variants: list[Variant] = [
        variant for course in courses for variant in make(course) if variant.place == place
    ]
    return Case("large", f"{what}, {place}", variants, variants[0], same=False)


def _opened(course: Stored) -> list[Variant]:
    return on_all(course, f"{course.blocks:,} blocks", partial(Videos, key=course.key))


def _edited(course: Stored) -> list[Variant]:
    changes = edits(course, 1)
    return on_all(course, f"{course.blocks:,} blocks", partial(OurEdit, key=course.key, changes=changes))


def _published(course: Stored) -> list[Variant]:
    unit, change = a_unit(course)
    return on_all(
        course, f"{course.blocks:,} blocks", partial(Publish, key=course.key, unit=unit, change=change)
    )


JOB = Job("large", "open, edit and publish as a course grows to 50,000 blocks", cases)
