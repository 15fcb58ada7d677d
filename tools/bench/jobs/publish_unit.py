"""Publish a unit with one edited block in it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial

import modulestore
from modulestore.keys import parse_course_key
from tools.bench.authoring import a_unit, edit_goals, on_all
from tools.bench.cases import Call, Case, Job, Variant
from tools.bench.edits import OurEdit, apply_changes, course_names, platform_writes, store_call
from tools.bench.platform_path import Key
from tools.bench.platform_writes import Change, PlatformWrites
from tools.bench.scratch import AUTHOR, scratch
from tools.bench.world import World

__all__ = ["JOB"]


@dataclass(frozen=True, slots=True)
class Ours:
    """Our way."""

    url: str
    key: str
    unit: Key
    change: Change

    def ready(self) -> AbstractContextManager[Call]:
        """A new store; the block has been edited."""
        return store_call(
            self.url,
            self._run,
            lambda store: apply_changes(store, self.key, [self.change]),
            at_hand=self.key,
        )

    def _run(self, store: modulestore.Store) -> int:
        unit = parse_course_key(self.key).usage(*self.unit)
        commit = store.publish(self.key, unit, author=AUTHOR)
        return len(commit.moves)


@dataclass(frozen=True, slots=True)
class Platform:
    """The platform's way."""

    url: str
    key: str
    unit: Key
    change: Change

    @contextmanager
    def ready(self) -> Iterator[Call]:
        """A new client; the block has been edited."""
        course = course_names(self.key)
        with scratch(self.url), platform_writes(self.url) as platform:
            platform.edit(course, self.change)
            yield Call(lambda: self._run(platform, course))

    def _run(self, platform: PlatformWrites, course: tuple[str, str, str]) -> int:
        platform.publish(course, self.unit)
        return 1


def cases(world: World) -> Iterator[Case]:
    """Courses of three sizes, beside an edit of ours."""
    for size in world.sizes(1000, 4000, 12000):
        course = world.stored(size)
        unit, change = a_unit(course)
        ours = on_all(course, "modulestore", partial(Ours, key=course.key, unit=unit, change=change))
        edit = on_all(
            course,
            "edit of one block",
            partial(OurEdit, key=course.key, changes=[change]),
        )
        variants, platform = [*ours, *edit], None
        if course.server:
            platform = Variant("platform path", "server", Platform(course.platform, course.key, unit, change))
            variants = [ours[0], platform, edit[0], ours[1], edit[1]]
        yield Case("publish-unit", course.name, variants, platform, edit_goals(course, ours))


JOB = Job("publish-unit", "publish a unit with one edited block in it", cases)
