"""Authors who edit one course at random, what they were told, and whether it was true."""

from __future__ import annotations

import random
import time
from collections import Counter
from dataclasses import dataclass, field

from modulestore._sync.ports import Backend
from modulestore._sync.reading import load_chain
from modulestore._sync.store import Store
from modulestore.errors import (
    BlockNotFound,
    CommitContention,
    CommitUnknown,
    Conflict,
    EditConflict,
    StorageUnavailable,
)
from modulestore.keys import BlockKey, as_course_key
from modulestore.model.commit import Commit
from modulestore.model.course import Course
from modulestore.model.merging import ConflictKind
from modulestore.testing._sync.checking import check_store
from modulestore.testing._sync.courses import SMALL_COURSE

__all__ = ["KEY", "Told", "expect_true", "work"]

KEY = as_course_key(SMALL_COURSE)
UNITS = [BlockKey("vertical", name) for name in "abc"]
SHARED = [BlockKey("html", "a1"), BlockKey("html", "b1"), BlockKey("html", "c1"), BlockKey("chapter", "one")]
ODDS = {"mark": 5, "add": 5, "rename": 5, "move": 3, "delete": 2, "reorder": 1, "publish": 1}


@dataclass(slots=True)
class Told:
    """What the store told one author.

    Attributes:
        versions: heads that are this author's, by branch.
        marks: by block, the last number that was accepted as a setting of its own.
        refused: numbers of which it was said that they are not written.
        unknown: numbers of which nobody knows.
        added, deleted: blocks; those of which nobody knows are in ``maybe``.
        conflicts: ids of those that were left to decide.
    """

    author: str
    versions: dict[str, list[str]] = field(default_factory=lambda: {"draft": [], "published": []})
    marks: dict[str, int] = field(default_factory=dict)
    refused: set[int] = field(default_factory=set)
    unknown: set[int] = field(default_factory=set)
    added: set[str] = field(default_factory=set)
    deleted: set[str] = field(default_factory=set)
    maybe: set[str] = field(default_factory=set)
    conflicts: set[str] = field(default_factory=set)
    outcomes: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)

    @property
    def accepted(self) -> int:
        """How many commits."""
        return self.outcomes["accepted"]

    def done(self, commit: Commit | None) -> None:
        """A commit was accepted."""
        if commit is not None and commit.moves:
            self.outcomes["accepted"] += 1
            for branch, move in commit.moves.items():
                self.versions[branch].append(str(move.after))


def work(store: Store, author: str, until: float) -> Told:
    """Edit until the time is over."""
    told = Told(author)
    dice = random.Random(author)
    number = 0
    while time.time() < until:
        number += 1
        try:
            _one(store, told, dice, number)
        except (CommitContention, BlockNotFound):  # the block was deleted before this author looked
            told.outcomes["refused"] += 1
            told.refused.add(number)
        except CommitUnknown:
            told.outcomes["unknown"] += 1
            told.unknown.add(number)
            told.maybe.add(f"{author}-{number}")
        except StorageUnavailable:
            told.outcomes["unavailable"] += 1
            told.refused.add(number)
            time.sleep(0.01)
        except Exception as error:  # noqa: BLE001, RUF100
            told.failures.append(repr(error))
    return told


def _one(store: Store, told: Told, dice: random.Random, number: int) -> None:
    own = sorted(told.added - told.deleted - told.maybe)
    what = dice.choices(
        ["mark", "add", "rename", "move", "delete", "reorder", "publish"], [5, 5, 5, 3, 2, 1, 1]
    )[0]
    if what == "publish":
        told.done(store.publish(KEY, KEY.usage(*dice.choice(UNITS)), author=told.author))
        return
    name = f"{told.author}-{number}"
    mine = BlockKey("html", dice.choice(own)) if own else None
    marked = dice.choice(SHARED)
    try:
        with store.edit(KEY, author=told.author) as edit:
            if what == "add" or mine is None:
                what = "add"
                edit.add("html", dice.choice(UNITS), id=name, display_name=name, data=f"<p>{name}</p>")
            elif what == "mark":
                edit.update(marked, **{told.author: number})
            elif what == "rename":
                edit.update(marked, display_name=name)
            elif what == "move":
                edit.move(mine, dice.choice(UNITS), 0)
            elif what == "delete":
                edit.delete(mine)
            else:
                children = list(edit.course[dice.choice(UNITS)].children)
                edit.reorder(
                    children[0].parents[0], dice.sample(children, len(children))
                ) if children else None
            time.sleep(dice.random() * 0.02)  # while others are at work too
    except EditConflict as error:
        _decide(store, told, dice, error)
        return
    except CommitUnknown:
        if what == "delete" and mine is not None:
            told.maybe.add(mine.id)
        raise
    told.done(edit.commit)
    if what == "add":
        told.added.add(name)
    elif what == "delete" and mine is not None:
        told.deleted.add(mine.id)
    elif what == "mark":
        told.marks[f"{marked.type}/{marked.id}"] = number


def _decide(store: Store, told: Told, dice: random.Random, error: EditConflict) -> None:
    told.outcomes["conflicts"] += 1
    kept = error.conflict
    fields = all(item.kind is ConflictKind.FIELD for item in kept.items)
    if not fields or dice.random() < 0.5:
        told.conflicts.add(kept.id)
        return
    told.maybe.add("decided")
    try:
        told.done(store.resolve(kept.id, overwrite=True))
    except (StorageUnavailable, CommitUnknown, Conflict):
        told.outcomes["undecided"] += 1


def expect_true(backend: Backend, all_told: list[Told]) -> None:
    """What the authors were told is what is there."""
    failures = [failure for told in all_told for failure in told.failures]
    assert not failures, failures
    problems = check_store(backend)
    assert not problems, problems[:10]
    store = Store(backend)
    for branch in ("draft", "published"):
        course = store.open(KEY, branch=branch)
        chain = [str(header.id) for header in load_chain(backend, course.version)]
        accepted = [version for told in all_told for version in told.versions[branch]]
        assert len(set(accepted)) == len(accepted)
        assert set(accepted) <= set(chain), "an accepted version is not behind the head"
    head = store.open(KEY, branch="draft")
    waiting = {kept.id for kept in store.conflicts(KEY)}
    for told in all_told:
        _expect_marks(head, told)
        there = {block.id for block in head.blocks("html") if block.id.startswith(f"{told.author}-")}
        sure = told.added - told.deleted - told.maybe
        assert sure <= there, "an added block is lost"
        assert there <= sure | told.maybe, "a deleted or refused block is there"
        assert told.conflicts <= waiting, "a conflict is lost"


def _expect_marks(head: Course, told: Told) -> None:
    for block in SHARED:
        last = told.marks.get(f"{block.type}/{block.id}")
        there = head[block].settings.get(told.author)
        allowed = {last, *(number for number in told.unknown if number > (last or 0))}
        assert there in allowed, f"{told.author} was told {last} of {block}, and {there} is there"
        assert there not in told.refused


def tell(all_told: list[Told], seconds: float) -> None:
    """Print what happened."""
    outcomes: Counter[str] = Counter()
    for told in all_told:
        outcomes.update(told.outcomes)
    accepted = outcomes.pop("accepted", 0)
    rest = ", ".join(f"{count} {what}" for what, count in sorted(outcomes.items())) or "nothing else"
    print(f"\n{accepted} accepted, {accepted / seconds:.0f} per second; {rest}")
    assert accepted > 10
