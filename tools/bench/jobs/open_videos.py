"""Open a course that nothing in the process knows of, and list its videos by name."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import modulestore
from modulestore.keys import parse_course_key
from tools.bench.cases import Call, Case, Goal, Job, Variant
from tools.bench.places import connected
from tools.bench.platform_path import PlatformPath
from tools.bench.world import World

__all__ = ["JOB"]

_GOAL = Goal(at_most=1)


@dataclass(frozen=True, slots=True)
class Ours:
    """Our way: in document order, each with its path."""

    url: str
    key: str

    @contextmanager
    def ready(self) -> Iterator[Call]:
        """A new store, connected."""
        with modulestore.connect(self.url) as store:
            yield Call(lambda: self._run(store))

    def _run(self, store: modulestore.Store) -> int:
        course = store.open(self.key)
        return len(
            [
                (video.key, video.display_name, [block.display_name for block in video.path])
                for video in course.blocks("video")
            ]
        )


@dataclass(frozen=True, slots=True)
class Platform:
    """The platform's way: in any order, without paths."""

    url: str
    key: str
    cached: bool

    @contextmanager
    def ready(self) -> Iterator[Call]:
        """A new client, connected; with a cache, the structure is in it."""
        course = parse_course_key(self.key).identity
        with connected(self.url) as client:
            path = PlatformPath(client.get_default_database(), {} if self.cached else None)
            if self.cached:
                path.open(course)
            yield Call(lambda: len(path.open_and_list(course, "video")))


def cases(world: World) -> Iterator[Case]:
    """Courses of three sizes."""
    for size in world.sizes(1000, 4000, 12000):
        course = world.stored(size)
        sqlite = Variant("modulestore", "sqlite", Ours(course.sqlite, course.key))
        if not course.server:
            yield Case("open-videos", course.name, [sqlite])
            continue
        ours = Variant("modulestore", "server", Ours(course.server, course.key))
        platform = Variant("platform path", "server", Platform(course.server, course.key, cached=False))
        cached = Variant("platform path, cache", "server", Platform(course.server, course.key, cached=True))
        yield Case("open-videos", course.name, [ours, platform, cached, sqlite], platform, [(ours, _GOAL)])


JOB = Job("open-videos", "open a course and list its videos, nothing in the process", cases)
