"""Open a course again that the process has opened before: by version, or with an index entry that may be
old.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

import modulestore
from modulestore.keys import VersionId
from tools.bench.authoring import on_all
from tools.bench.cases import Call, Case, Goal, Job
from tools.bench.world import World

__all__ = ["JOB"]

_TIMES = 100
_GOAL = Goal(milliseconds=0.05 * _TIMES)


@dataclass(frozen=True, slots=True)
class Again:
    """A course, opened a hundred times."""

    url: str
    key: str
    how: str

    @contextmanager
    def ready(self) -> Iterator[Call]:
        """A store that has opened it once."""
        with modulestore.connect(self.url) as store:
            version = store.open(self.key).version
            yield Call(lambda: sum(self._open(store, version) for _ in range(_TIMES)))

    def _open(self, store: modulestore.Store, version: VersionId) -> int:
        if self.how == "version":
            return len(store.open(self.key, version=version))
        return len(store.open(self.key, staleness=60.0 if self.how == "staleness" else 0.0))


def cases(world: World) -> Iterator[Case]:
    """A hundred times each."""
    for size in world.sizes(4000, 12000):
        course = world.stored(size)
        ways = {
            how: on_all(course, name, partial(Again, key=course.key, how=how))
            for how, name in (
                ("version", "by version"),
                ("staleness", "index entry up to a minute old"),
                ("index", "index read each time"),
            )
        }
        goals = [(variant, _GOAL) for how in ("version", "staleness") for variant in ways[how]]
        every = [variant for variants in ways.values() for variant in variants]
        yield Case("reopen", f"{_TIMES} times, {course.name}", every, goals=goals)


JOB = Job("reopen", "open a course again, 100 times", cases)
