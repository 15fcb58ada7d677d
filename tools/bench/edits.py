"""Edits of blocks, our way and the platform's: what several jobs are made of."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass

import modulestore
from modulestore.keys import BlockKey, parse_course_key
from tools.bench.cases import Call
from tools.bench.places import connected, said_hello
from tools.bench.platform_path import PlatformPath
from tools.bench.platform_writes import Change, PlatformWrites
from tools.bench.scratch import AUTHOR, added, document_bytes, scratch

__all__ = ["OurEdit", "PlatformEdit", "apply_changes", "course_names", "platform_writes", "store_call"]


def course_names(key: str) -> tuple[str, str, str]:
    """Organisation, course and run."""
    return parse_course_key(key).identity


@contextmanager
def store_call(
    url: str,
    run: Callable[[modulestore.Store], int],
    before: Callable[[modulestore.Store], object] = lambda store: None,
    *,
    at_hand: str = "",
) -> Iterator[Call]:
    """A call on a new store, connected; ``before`` is done untimed, by another store.

    ``at_hand``: key of a course that this store has edited and published before, as that of a service has.
    """
    with scratch(url) as own, modulestore.connect(own) as store:
        said_hello(store)
        if at_hand:
            _edited_before(store, at_hand)
        with modulestore.connect(own) as other:
            before(other)
        size = document_bytes(own)
        yield Call(lambda: run(store), lambda: added(own, size))


def _edited_before(store: modulestore.Store, key: str) -> None:
    draft = store.open(key, branch="draft")
    unit = next(unit for unit in draft.blocks("vertical") if unit.children)
    with store.edit(key, author=AUTHOR) as session:
        session.update(unit.children[0], display_name="Edited before")
    store.publish(key, unit, author=AUTHOR)


@contextmanager
def platform_writes(url: str, *, cached: bool = False) -> Iterator[PlatformWrites]:
    """The platform's way, on a new client."""
    with connected(url) as client:
        path = PlatformPath(client.get_default_database(), {} if cached else None)
        yield PlatformWrites(path, AUTHOR)


def apply_changes(store: modulestore.Store, key: str, changes: Sequence[Change]) -> int:
    """Make changes in one edit session."""
    with store.edit(key, author=AUTHOR) as session:
        for change in changes:
            session.update(BlockKey(*change.key), **change.settings, **change.content)
    return len(changes)


@dataclass(frozen=True, slots=True)
class OurEdit:
    """An edit session; ``cold``: nothing of the course is at hand in the process."""

    url: str
    key: str
    changes: Sequence[Change]
    cold: bool = False

    def ready(self) -> AbstractContextManager[Call]:
        """A new store."""
        return store_call(self.url, self._run, at_hand="" if self.cold else self.key)

    def _run(self, store: modulestore.Store) -> int:
        return apply_changes(store, self.key, self.changes)


@dataclass(frozen=True, slots=True)
class PlatformEdit:
    """The same on the platform path: one block loaded and saved, or several in one bulk operation."""

    url: str
    key: str
    changes: Sequence[Change]
    cached: bool = False

    @contextmanager
    def ready(self) -> Iterator[Call]:
        """A new client; with a cache, the head is in it."""
        course = course_names(self.key)
        with scratch(self.url), platform_writes(self.url, cached=self.cached) as platform:
            if self.cached:
                platform.load(course)
            yield Call(lambda: self._run(platform, course))

    def _run(self, platform: PlatformWrites, course: tuple[str, str, str]) -> int:
        if len(self.changes) == 1:
            platform.edit(course, self.changes[0])
        else:
            platform.save(course, self.changes)
        return len(self.changes)
