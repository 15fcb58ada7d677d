"""Courses with a long past, and people who edit, restore, tag, re-run and delete while it is pruned."""

from __future__ import annotations

import itertools
import random
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TypeVar

from modulestore._sync.ports import Backend
from modulestore._sync.preparing import WriteRules, prepare_write
from modulestore._sync.sqlite import open_sqlite
from modulestore._sync.store import Store
from modulestore._sync.waiting import Call
from modulestore._sync.wrappers import WrappedBackend
from modulestore.errors import (
    CommitContention,
    Conflict,
    DefinitionNotFound,
    EditConflict,
    NotFound,
    StorageUnavailable,
)
from modulestore.keys import VersionId
from modulestore.testing._sync.courses import make_small_course

__all__ = ["COURSES", "OLD", "Outcome", "SlowToSwap", "copy_past", "past", "skewed", "work"]

T = TypeVar("T")

COURSES = [f"course-v1:Example+Old{number}+run" for number in range(5)]
OLD = 1000  # versions of each
LEAVES = [("html", "a1"), ("html", "b1"), ("html", "c1")]
_counter = itertools.count(random.randrange(1 << 23))


def skewed(by: timedelta) -> dict[str, object]:
    """The clock, and the ids, of somebody whose clock is off."""

    def now() -> datetime:
        return datetime.now(UTC) + by

    return {"now": now, "ids": ids_of(now)}


def ids_of(now: Call[datetime]) -> Iterator[VersionId]:
    """Ids with the time of a clock."""
    who = random.randbytes(5)
    while True:
        seconds = int(now().timestamp()).to_bytes(4, "big")
        yield VersionId(seconds + who + (next(_counter) % (1 << 24)).to_bytes(3, "big"))


class _Calendar:
    """A clock that goes on when it is told to."""

    def __init__(self, start: datetime) -> None:
        self.now = start

    def __call__(self) -> datetime:
        return self.now


@cache
def past() -> Backend:
    """A database in memory: five courses, each edited a thousand times in the last three months."""
    backend = open_sqlite(":memory:")
    calendar = _Calendar(datetime.now(UTC) - timedelta(days=100))
    store = Store(backend, now=calendar, ids=ids_of(calendar))
    for key in COURSES:
        make_small_course(store, key)
    for number in range(OLD):
        for key in COURSES:
            calendar.now += timedelta(days=90) / (OLD * len(COURSES))
            with store.edit(key, author="past") as edit:
                block = LEAVES[number % 3]
                edit.update(block, display_name=f"number {number}", data=f"<p>{key} {number}</p>")
            if number % 50 == 0:
                store.publish(key, author="past")
    return backend


def copy_past(target: Backend) -> list[VersionId]:
    """Give a new, empty database the same past; the ids of all its structures."""
    source = past()
    prepare_write(target, "maker", WriteRules())
    ids: list[VersionId] = []
    for column in source.structures.ids():
        ids += column
        target.structures.put_many(source.structures.get_many(list(column)))
    for column in source.definitions.ids():
        target.definitions.put_many(source.definitions.get_many(list(column)))
    for entry in source.index.list():
        target.index.insert(entry)
    return ids


class SlowToSwap(WrappedBackend):
    """Now and then a writer stops for a moment before it makes visible what it has written."""

    def __init__(self, backend: Backend, longest: float, seed: object = 0) -> None:
        super().__init__(backend, self._slow)
        self._longest = longest
        self._dice = random.Random(str(seed))

    def _slow(self, name: str, call: Call[T], /) -> T:
        if name in ("index.swap", "index.insert") and self._dice.random() < 0.3:
            time.sleep(self._dice.uniform(0.5, 1) * self._longest)
        return call()


@dataclass(slots=True)
class Outcome:
    """What one of them did, and was told.

    Attributes:
        tagged: versions that have a tag of theirs, by (course, tag).
    """

    counts: Counter[str] = field(default_factory=Counter)
    tagged: dict[tuple[str, str], VersionId] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)


def work(store: Store, who: str, ids: list[VersionId], over: threading.Event) -> Outcome:
    """Do this and that until it is over."""
    outcome = Outcome()
    dice = random.Random(who)
    number = 0
    while not over.is_set():
        number += 1
        what = dice.choices(
            ["edit", "publish", "restore", "tag", "rerun", "conflict", "delete"], [6, 2, 4, 4, 1, 1, 1]
        )[0]
        try:
            _DOINGS[what](store, dice, f"{who}-{number}", ids, outcome)
            outcome.counts[what] += 1
        except DefinitionNotFound:
            outcome.counts["content is gone"] += 1
        except NotFound:
            outcome.counts["is gone"] += 1
        except (CommitContention, Conflict):
            outcome.counts["conflict"] += 1
        except StorageUnavailable:
            outcome.counts["unavailable"] += 1
        except Exception as error:  # noqa: BLE001, RUF100
            outcome.failures.append(f"{what}: {error!r}")
    return outcome


def _edit(store: Store, dice: random.Random, name: str, ids: list[VersionId], outcome: Outcome) -> None:
    with store.edit(dice.choice(COURSES), author=name) as edit:
        edit.update(dice.choice(LEAVES), display_name=name, data=f"<p>{name}</p>")


def _publish(store: Store, dice: random.Random, name: str, ids: list[VersionId], outcome: Outcome) -> None:
    store.publish(dice.choice(COURSES), author=name)


def _restore(store: Store, dice: random.Random, name: str, ids: list[VersionId], outcome: Outcome) -> None:
    """Any old version of any of the courses: for the store a version is a version."""
    store.restore(dice.choice(COURSES), dice.choice(ids), author=name)


def _tag(store: Store, dice: random.Random, name: str, ids: list[VersionId], outcome: Outcome) -> None:
    key = dice.choice(COURSES)
    outcome.tagged[key, name] = store.tag(key, dice.choice(ids), name)


def _rerun(store: Store, dice: random.Random, name: str, ids: list[VersionId], outcome: Outcome) -> None:
    target = f"course-v1:Example+Again+{name}"
    store.rerun(dice.choice(COURSES), target, title=name if dice.random() < 0.5 else None, author=name)
    with store.edit(target, author=name) as edit:
        edit.update(dice.choice(LEAVES), display_name=name)


def _conflict(store: Store, dice: random.Random, name: str, ids: list[VersionId], outcome: Outcome) -> None:
    """Two edits of one thing; the conflict is kept, or decided at once."""
    key, leaf = dice.choice(COURSES), dice.choice(LEAVES)
    mine = store.edit(key, author=name)
    try:
        with mine:
            mine.update(leaf, display_name=name)
            with store.edit(key, author=f"{name}-other") as theirs:
                theirs.update(leaf, display_name=f"other {name}")
    except EditConflict as error:
        if dice.random() < 0.5:
            with suppress(Conflict):
                store.resolve(error.conflict.id, overwrite=True)


def _delete(store: Store, dice: random.Random, name: str, ids: list[VersionId], outcome: Outcome) -> None:
    """A course of one's own, which is edited, deleted, and perhaps taken back."""
    target = f"course-v1:Example+Gone+{name}"
    store.rerun(dice.choice(COURSES), target, author=name)
    with store.edit(target, author=name) as edit:
        edit.update(dice.choice(LEAVES), display_name=name)
    store.delete(target)
    if dice.random() < 0.5:
        store.undelete(target)


_DOINGS = {
    "edit": _edit,
    "publish": _publish,
    "restore": _restore,
    "tag": _tag,
    "rerun": _rerun,
    "conflict": _conflict,
    "delete": _delete,
}
