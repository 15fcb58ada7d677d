"""Open a course that nothing in the process knows of, and list its videos by name.

The platform's cache is a dictionary in the process, ours is memcached on the other side of a socket.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import modulestore
from modulestore.keys import parse_course_key
from tools.bench.cases import Call, Case, Goal, Job, Variant
from tools.bench.places import connected, said_hello
from tools.bench.platform_path import PlatformPath
from tools.bench.world import World

__all__ = ["JOB"]

_GOALS = {4000: Goal(at_most=1 / 20), 12000: Goal(at_most=1 / 30)}


@dataclass(frozen=True, slots=True)
class Ours:
    """Our way, in document order; with ``paths``, each video also with the names of what it is in.

    Attributes:
        cache: URL of a cache, which has the course already; empty for none.
    """

    url: str
    key: str
    cache: str = ""
    paths: bool = False

    @contextmanager
    def ready(self) -> Iterator[Call]:
        """A new store, connected."""
        cache = self.cache or None
        if cache:
            with modulestore.connect(self.url, cache=cache) as store:
                self._run(store)
        with modulestore.connect(self.url, cache=cache) as store:
            said_hello(store)
            yield Call(lambda: self._run(store))

    def _run(self, store: modulestore.Store) -> int:
        videos = store.open(self.key).blocks("video")
        if self.paths:
            return len([(video, video.display_name, names_above(video)) for video in videos])
        return len([(video, video.display_name) for video in videos])


def names_above(block: modulestore.Block) -> list[str]:
    """Names of what a block is in, from the course down."""
    return [above.display_name for above in block.path]


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
        paths = Variant("modulestore, with paths", "sqlite", Ours(course.sqlite, course.key, paths=True))
        old = Variant("modulestore, format 1", "sqlite", Ours(course.sqlite_1, course.key))
        variants = [sqlite, paths, old]
        if not course.server:
            yield Case("open-videos", course.name, variants)
            continue
        ours = Variant("modulestore", "server", Ours(course.server, course.key))
        if world.memcached:
            warm = Ours(course.server, course.key, cache=world.memcached)
            ours = Variant("modulestore, memcached", "server", warm)
            variants = [Variant("modulestore", "server", Ours(course.server, course.key)), *variants]
        platform = Variant("platform path", "server", Platform(course.platform, course.key, cached=False))
        cached = Variant("platform path, cache", "server", Platform(course.platform, course.key, cached=True))
        goals = [(ours, _GOALS[size])] if size in _GOALS else []
        yield Case("open-videos", course.name, [ours, cached, platform, *variants], cached, goals)


JOB = Job("open-videos", "open a course and list its videos, nothing in the process", cases)
