"""Authors add blocks to one unit at the same moment: how fast, and how many of the blocks are there then.

They go in step: each has read the head before any of them writes, so that what is lost does not depend on
who is how fast.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from threading import Barrier

import modulestore
from modulestore.errors import ModuleStoreError
from modulestore.keys import BlockKey
from tools.bench.authoring import a_unit, on_all
from tools.bench.cases import Call, Case, Goal, Job, Outcome, Variant
from tools.bench.edits import course_names, platform_writes
from tools.bench.platform_path import Key
from tools.bench.scratch import AUTHOR, scratch
from tools.bench.world import World

__all__ = ["JOB"]

_GOAL = Goal(lossless=True)
_TEXT = "<p>A new text.</p>"


@dataclass(frozen=True, slots=True)
class Plan:
    """So many authors, each of whom adds so many blocks to the unit."""

    key: str
    unit: Key
    authors: int
    each: int

    @property
    def asked(self) -> int:
        """Blocks that all add."""
        return self.authors * self.each

    def all_at_once(self, add: Callable[[int, str, Barrier], bool]) -> int:
        """Let every author add blocks, in a thread each; how many are accepted."""
        barrier = Barrier(self.authors)

        def author(number: int) -> int:
            try:
                return sum(add(number, f"by-{number}-{turn}", barrier) for turn in range(self.each))
            except BaseException:
                barrier.abort()  # nobody waits for one who does not come
                raise

        with ThreadPoolExecutor(self.authors) as threads:
            return sum(threads.map(author, range(self.authors)))

    def survived(self, url: str) -> int:
        """How many of the blocks are in the unit."""
        with modulestore.connect(url) as store:
            unit = store.open(self.key, branch="draft")[BlockKey(*self.unit)]
            children = [child.block_key.id for child in unit.children]
        return sum(
            children.count(f"by-{number}-{turn}") == 1
            for number in range(self.authors)
            for turn in range(self.each)
        )


@dataclass(frozen=True, slots=True)
class Ours:
    """Our way: a store and an edit session each."""

    url: str
    plan: Plan

    @contextmanager
    def ready(self) -> Iterator[Call]:
        """New stores, connected."""
        plan, accepted = self.plan, [0]
        with scratch(self.url) as own, ExitStack() as stack:
            stores = [stack.enter_context(modulestore.connect(own)) for _ in range(plan.authors)]

            def add(number: int, name: str, barrier: Barrier) -> bool:
                try:
                    with stores[number].edit(plan.key, author=AUTHOR + number) as session:
                        session.add("html", BlockKey(*plan.unit), id=name, data=_TEXT)
                        barrier.wait()
                except ModuleStoreError:
                    return False
                return True

            def run() -> int:
                accepted[0] = plan.all_at_once(add)
                return plan.asked

            yield Call(run, outcome=lambda: Outcome(plan.asked, accepted[0], plan.survived(own)))


@dataclass(frozen=True, slots=True)
class Platform:
    """The platform's way: a client and an operation each; no author is ever told no."""

    url: str
    plan: Plan

    @contextmanager
    def ready(self) -> Iterator[Call]:
        """New clients, connected."""
        plan, course, accepted = self.plan, course_names(self.plan.key), [0]
        with scratch(self.url) as own, ExitStack() as stack:
            platforms = [stack.enter_context(platform_writes(own)) for _ in range(plan.authors)]

            def add(number: int, name: str, barrier: Barrier) -> bool:
                loaded = platforms[number].load(course)
                barrier.wait()
                platforms[number].add(loaded, plan.unit, Key("html", name), {"data": _TEXT})
                return True

            def run() -> int:
                accepted[0] = plan.all_at_once(add)
                return plan.asked

            yield Call(run, outcome=lambda: Outcome(plan.asked, accepted[0], plan.survived(own)))


def cases(world: World) -> Iterator[Case]:
    """Eight authors once; four again and again."""
    for size in world.sizes(1000):
        course = world.stored(size)
        unit, _ = a_unit(course)
        for authors, each, rounds in ((8, 1, None), (4, 2 if world.quick else 20, 3)):
            plan = Plan(course.key, unit, authors, each)
            ours = on_all(course, "modulestore", partial(Ours, plan=plan))
            goals = [(variant, _GOAL) for variant in ours]
            data = f"{authors} authors, {plan.asked} blocks, {course.name}"
            if course.server:
                platform = Variant("platform path", "server", Platform(course.platform, plan))
                variants = [ours[0], platform, ours[1]]
                yield Case("authors", data, variants, platform, goals, rounds=rounds)
            else:
                yield Case("authors", data, ours, goals=goals, rounds=rounds)


JOB = Job("authors", "authors add blocks to one unit at the same moment", cases)
