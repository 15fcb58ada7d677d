"""Show a course to one user of many: start dates, staff only, groups, table of contents, counts.

Beside it the same on an open course, block by block, without anything that was collected before.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

import modulestore
from modulestore import Block, ContentGroups, GradableCounts, HideFromToc, StaffOnly, StartDates, User
from tools.bench.authoring import on_all
from tools.bench.cases import Call, Case, Goal, Job
from tools.bench.world import World

__all__ = ["JOB"]

_GOAL = Goal(at_most=0.5)

# Late enough for courses without a date.
_USER = User(datetime(2040, 1, 1, tzinfo=UTC), groups={50: 1})
_TRANSFORMERS = (StartDates(), StaffOnly(), ContentGroups(), HideFromToc(), GradableCounts())


@dataclass(frozen=True, slots=True)
class View:
    """A view for one user; warm if somebody else has looked at the course before."""

    url: str
    key: str
    warm: bool

    @contextmanager
    def ready(self) -> Iterator[Call]:
        """A new store, connected."""
        with modulestore.connect(self.url) as store:
            if self.warm:
                self._run(store)
            yield Call(lambda: self._run(store))

    def _run(self, store: modulestore.Store) -> int:
        view = store.view(self.key, transformers=_TRANSFORMERS, user=_USER)
        hidden = view.annotations["hidden_from_toc"]
        return 2 * len(view) - len(hidden) + int(view.root.annotations["gradable"])


@dataclass(frozen=True, slots=True)
class Plain:
    """The course, opened and looked through; warm if somebody else has opened it before."""

    url: str
    key: str
    warm: bool

    @contextmanager
    def ready(self) -> Iterator[Call]:
        """A new store, connected."""
        with modulestore.connect(self.url) as store:
            if self.warm:
                self._run(store)
            yield Call(lambda: self._run(store))

    def _run(self, store: modulestore.Store) -> int:
        course = store.open(self.key)
        seen = list(course.walk(prune=_is_hidden))
        there = set(seen)
        shown = list(course.walk(prune=lambda block: block not in there or bool(block.get("hide_from_toc"))))
        counts: dict[Block, int] = {}
        for block in course.walk(order="post", prune=lambda block: block not in there):
            below = sum(counts.get(child, 0) for child in block.children)
            counts[block] = below + _is_gradable(block)
        return len(seen) + len(shown) + counts[course.root]


def _is_hidden(block: Block) -> bool:
    if block.get("start") > _USER.now or block.get("visible_to_staff_only"):
        return True
    access = block.get("group_access").items()
    return any(groups and _USER.groups.get(int(partition)) not in groups for partition, groups in access)


def _is_gradable(block: Block) -> bool:
    return block.type == "problem" and bool(block.get("graded")) and block.get("weight") != 0


def cases(world: World) -> Iterator[Case]:
    """A course that somebody has looked at before, and one that nobody has."""
    for size in world.sizes(4000):
        course = world.stored(size)
        for warm, data in ((True, "looked at before"), (False, "first look")):
            ours = on_all(course, "view", partial(View, key=course.key, warm=warm))
            plain = on_all(course, "open and look through", partial(Plain, key=course.key, warm=warm))
            goals = [(ours[-1], _GOAL)] if warm else []
            yield Case("views", f"{data}, {course.name}", [*ours, *plain], plain[-1], goals)


JOB = Job("views", "show a course to one user of many", cases)
