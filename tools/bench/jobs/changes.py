"""What has changed since publishing, in a whole course."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial

import modulestore
from tools.bench.authoring import edits, on_all
from tools.bench.cases import Call, Case, Goal, Job, Variant
from tools.bench.edits import apply_changes, course_names, platform_writes, store_call
from tools.bench.platform_writes import Change
from tools.bench.scratch import scratch
from tools.bench.world import World

__all__ = ["JOB"]

_GOAL = Goal(milliseconds=5)
_EDITED = 20


@dataclass(frozen=True, slots=True)
class Ours:
    """Our way: which blocks, and how they differ."""

    url: str
    key: str
    changes: Sequence[Change]

    def ready(self) -> AbstractContextManager[Call]:
        """A new store; blocks have been edited."""
        return store_call(
            self.url,
            self._run,
            lambda store: apply_changes(store, self.key, self.changes),
            at_hand=self.key,
        )

    def _run(self, store: modulestore.Store) -> int:
        return len(store.changes(self.key))


@dataclass(frozen=True, slots=True)
class Platform:
    """The platform's way, marks alone: both heads, and down from the root."""

    url: str
    key: str
    changes: Sequence[Change]

    @contextmanager
    def ready(self) -> Iterator[Call]:
        """A new client; blocks have been edited."""
        course = course_names(self.key)
        with scratch(self.url), platform_writes(self.url) as platform:
            platform.save(course, self.changes)
            yield Call(lambda: platform.count_changes(course))


def cases(world: World) -> Iterator[Case]:
    """Nothing has changed; some blocks have."""
    for size in world.sizes(4000):
        course = world.stored(size)
        edited = edits(course, _EDITED)
        for data, changes in (("nothing changed", ()), (f"{len(edited)} blocks edited", edited)):
            ours = on_all(course, "modulestore", partial(Ours, key=course.key, changes=changes))
            goals = [(variant, _GOAL) for variant in ours]
            if course.server:
                platform = Variant("platform path", "server", Platform(course.platform, course.key, changes))
                variants = [ours[0], platform, ours[1]]
                yield Case("changes", f"{data}, {course.name}", variants, platform, goals)
            else:
                yield Case("changes", f"{data}, {course.name}", ours, goals=goals)


JOB = Job("changes", "what has changed since publishing, in a whole course", cases)
