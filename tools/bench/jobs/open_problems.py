"""Open a course and read the content of 500 problems."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import Any

from bson import ObjectId
from pymongo.collection import Collection

import modulestore
from modulestore.keys import parse_course_key
from tools.bench.cases import Call, Case, Goal, Job, Variant
from tools.bench.places import connected, said_hello
from tools.bench.platform_path import Key, PlatformPath
from tools.bench.world import World

__all__ = ["JOB"]

_GOAL = Goal(at_most=1.5, commands=2)
_PROBLEMS = 500


@dataclass(frozen=True, slots=True)
class Ours:
    """Our way: all contents at once; ``cold``: nothing of the course is at hand in the process."""

    url: str
    key: str
    cold: bool = False

    @contextmanager
    def ready(self) -> Iterator[Call]:
        """A new store, connected, which has the course at hand, but no content."""
        with modulestore.connect(self.url) as store:
            said_hello(store)
            if not self.cold:
                list(store.open(self.key).blocks())
            yield Call(lambda: self._run(store))

    def _run(self, store: modulestore.Store) -> int:
        problems = islice(store.open(self.key).blocks("problem"), _PROBLEMS)
        return _characters(store.load_content(problems).values())


@dataclass(frozen=True, slots=True)
class Platform:
    """The platform's way: a read per problem."""

    url: str
    key: str

    @contextmanager
    def ready(self) -> Iterator[Call]:
        """A new client, connected."""
        course = parse_course_key(self.key).identity
        with connected(self.url) as client:
            path = PlatformPath(client.get_default_database())
            yield Call(lambda: self._run(path, course))

    def _run(self, path: PlatformPath, course: tuple[str, str, str]) -> int:
        structure = path.open(course)
        return _characters(path.load_content(structure, _problems(structure)).values())


@dataclass(frozen=True, slots=True)
class OneFind:
    """The contents alone, by ids that are known: one command, and decoding."""

    url: str
    key: str

    @contextmanager
    def ready(self) -> Iterator[Call]:
        """A new client, connected, and the ids of the definitions."""
        course = parse_course_key(self.key).identity
        with connected(self.url) as client:
            database = client.get_default_database()
            structure = PlatformPath(database).open(course)
            ids = [structure["blocks"][key].definition for key in _problems(structure)]
            del structure
            yield Call(lambda: self._run(database["modulestore.definitions"], ids))

    def _run(self, definitions: Collection[dict[str, Any]], ids: list[ObjectId]) -> int:
        found = definitions.find({"_id": {"$in": ids}}, batch_size=len(ids) + 1)
        return _characters(document["fields"] for document in found)


def cases(world: World) -> Iterator[Case]:
    """Courses of three sizes."""
    for size in world.sizes(1000, 4000, 12000):
        course = world.stored(size)
        sqlite = Variant("modulestore", "sqlite", Ours(course.sqlite, course.key))
        if not course.server:
            yield Case("open-problems", course.name, [sqlite])
            continue
        ours = Variant("modulestore", "server", Ours(course.server, course.key))
        platform = Variant("platform path", "server", Platform(course.platform, course.key))
        cold = Variant("nothing at hand", "server", Ours(course.server, course.key, cold=True))
        find = Variant("one find of the 500", "server", OneFind(course.platform, course.key))
        yield Case("open-problems", course.name, [ours, cold, platform, find, sqlite], find, [(ours, _GOAL)])


JOB = Job("open-problems", "open a course and read the content of 500 problems", cases)


def _problems(structure: dict[str, Any]) -> Iterator[Key]:
    return islice((key for key in structure["blocks"] if key.type == "problem"), _PROBLEMS)


def _characters(contents: Iterable[Mapping[str, Any]]) -> int:
    return sum(len(content["data"]) for content in contents)
