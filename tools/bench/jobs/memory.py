"""What a process takes that has a hundred courses open."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import modulestore
from modulestore import Course
from tools.bench.cases import Call, Case, Job, Variant
from tools.bench.world import World

__all__ = ["JOB"]

_COURSES = 100


@dataclass(frozen=True, slots=True)
class Open:
    """Courses opened and kept, each by a store of its own, so that they share nothing.

    Attributes:
        look: what is done with each: nothing, ``videos``, or ``all``.
    """

    url: str
    key: str
    look: str
    count: int

    @contextmanager
    def ready(self) -> Iterator[Call]:
        """Nothing open."""
        kept: list[Course] = []

        def run() -> int:
            for _ in range(self.count):
                with modulestore.connect(self.url) as store:
                    course = store.open(self.key)
                kept.append(course)
                for block in _looked_at(course, self.look):
                    _ = block.display_name
            return len(kept)

        yield Call(run)


def _looked_at(course: Course, look: str) -> Sequence[modulestore.Block]:
    if look == "nothing":
        return ()
    return list(course.blocks("video" if look == "videos" else None))


def cases(world: World) -> Iterator[Case]:
    """Opened; a type looked at; everything looked at; in both formats."""
    for size in world.sizes(4000):
        course = world.stored(size)
        count = 3 if world.quick else _COURSES
        variants = [
            Variant(f"{name}, {look} looked at", "sqlite", Open(url, course.key, look, count))
            for name, url in (("format 2", course.sqlite), ("format 1", course.sqlite_1))
            for look in ("nothing", "videos", "all")
        ]
        yield Case("memory", f"{count} times {course.name}", variants, rounds=1)


JOB = Job("memory", "what a process takes that has a hundred courses open", cases)
