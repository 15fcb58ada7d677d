"""A process that dies, and replies that are lost, at each single write of every operation.

Afterwards the store opens and is sound, and what it shows is what was before or what should be.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, suppress
from itertools import count
from typing import Any

import pytest

from modulestore._sync.ports import Backend
from modulestore._sync.preparing import WriteRules, prepare_write
from modulestore._sync.sqlite import open_sqlite
from modulestore._sync.store import Store
from modulestore.errors import (
    CommitUnknown,
    Conflict,
    NotFound,
    StorageFull,
    StorageUnavailable,
)
from modulestore.testing._sync.checking import check_store
from modulestore.testing._sync.courses import SMALL_COURSE, make_small_course
from modulestore.testing._sync.faults import FaultyBackend
from modulestore.testing.crash import Crash
from tests._sync.stores import BACKENDS, fresh_backend
from tests.authoring.operations import OPERATIONS, Operation
from tests.authoring.states import state_of

EVERY = pytest.mark.parametrize("name", OPERATIONS)
NOTES = {
    "tag",
    "keep a conflict",
}  # operations that write nothing but a note, whose lost reply is simply an error
MOVES = {"edit", "edit the outline", "merge", "resolve", "publish", "unpublish", "discard", "restore", "undo"}
MOVES |= {"copy from a library", "update from a library"}
FEWER = pytest.mark.parametrize(
    ("kind", "name"), [("sqlite", name) for name in sorted(MOVES)] + [("mongodb", "edit the outline")]
)


class Bench:
    """A database in which the small course is run again for every try."""

    def __init__(self, backend: FaultyBackend) -> None:
        self.backend = backend
        self.store = Store(backend)
        self._numbers = count(1)
        make_small_course(self.store)

    def fresh(self, operation: Operation) -> tuple[str, Any]:
        """A course that nobody has done anything to, ready for the operation."""
        key = SMALL_COURSE.replace("2026", f"run-{next(self._numbers)}")
        self.store.rerun(SMALL_COURSE, key)
        return key, operation.prepare(self.store, key)

    def state(self, key: str) -> dict[str, Any]:
        """What it shows now: it, the course that is made from it, and the conflicts that wait."""
        self.backend.disarm()
        assert check_store(self.backend) == []
        course = state_of(self.backend, key)
        return {
            "course": course,
            "other": state_of(self.backend, f"{key}-again"),
            "conflicts": course is not None and bool(Store(self.backend).conflicts(key)),
        }

    def outcomes(self, operation: Operation) -> tuple[dict[str, Any], dict[str, Any], list[str]]:
        """What is before and after the operation when nothing happens, and the writes that it does."""
        key, given = self.fresh(operation)
        before = self.state(key)
        start = len(self.backend.writes)
        operation.run(self.store, key, given)
        writes = self.backend.writes[start:]
        return before, self.state(key), writes

    def again(self, operation: Operation, key: str, given: Any) -> dict[str, Any]:
        """What comes of it when the operation is done again."""
        with suppress(Conflict, NotFound):  # it was done, and says so
            operation.run(self.store, key, given)
        return self.state(key)


@pytest.fixture
def bench(kind: str, request: pytest.FixtureRequest) -> Iterator[Bench]:
    if kind.startswith("sqlite"):  # in memory: these deaths are played, and nothing has to reach a disk
        memory: Backend = open_sqlite(":memory:")
        with closing(memory):
            prepare_write(memory, -1, WriteRules(new_schema=1 if kind.endswith("format-1") else 2))
            yield Bench(FaultyBackend(memory))
        return
    with fresh_backend(kind, request) as backend:
        yield Bench(FaultyBackend(backend))


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tries after a lost reply follow each other at once."""
    monkeypatch.setattr("modulestore._sync.committing._PAUSES", (0.0, 0.0, 0.0))


@BACKENDS
@EVERY
def test_a_crash_at_any_write(bench: Bench, kind: str, name: str) -> None:
    operation = OPERATIONS[name]
    before, after, writes = bench.outcomes(operation)
    assert before != after
    seen = []
    for number in range(1, len(writes) + 1):
        for arm in (bench.backend.fail_before, bench.backend.fail_after):
            if kind.startswith("mongodb") and number > 1 and arm == bench.backend.fail_before:
                continue  # as after the write before; a server takes its time
            key, given = bench.fresh(operation)
            arm(number, Crash())
            with pytest.raises(Crash):
                operation.run(bench.store, key, given)
            state = bench.state(key)
            if name == "resolve" and state["course"] == after["course"]:
                state["conflicts"] = (
                    False  # it may still be listed: deciding it again does no harm, see below
                )
            assert state in (before, after), f"{arm.__name__} write {number}, {writes[number - 1]}"
            seen.append(state == after)
            assert bench.again(operation, key, given) == after
    assert seen[0] is False
    assert seen[-1] is True
    assert seen == sorted(seen), "once visible, it stays"


@BACKENDS
@EVERY
def test_a_lost_reply_at_any_write(bench: Bench, kind: str, name: str) -> None:
    """An error means that nothing was done; no error, that all was."""
    operation = OPERATIONS[name]
    before, after, writes = bench.outcomes(operation)
    for number, write in enumerate(writes, 1):
        if write == "group.commit":
            continue  # inside this process: there is no reply that could be lost
        key, given = bench.fresh(operation)
        bench.backend.fail_after(number)
        try:
            operation.run(bench.store, key, given)
        except StorageUnavailable:
            state = bench.state(key)
            assert state == before or (name in NOTES and state == after), (
                f"the reply of write {number}, {write}"
            )
        else:
            state = bench.state(key)
            if name == "resolve" and state["course"] == after["course"]:
                state["conflicts"] = False
            assert state == after, f"the reply of write {number}, {write}"
        assert bench.again(operation, key, given) == after


@pytest.mark.parametrize("kind", ["sqlite"])
@EVERY
def test_a_write_that_fails(bench: Bench, kind: str, name: str) -> None:
    """An error of the database is one of the author's too, and nothing is changed."""
    operation = OPERATIONS[name]
    before, after, writes = bench.outcomes(operation)
    for number, write in enumerate(writes, 1):
        key, given = bench.fresh(operation)
        bench.backend.fail_before(number, StorageFull("no room"))
        try:
            operation.run(bench.store, key, given)
        except StorageFull:
            assert bench.state(key) == before, f"write {number}, {write}"
        assert bench.again(operation, key, given) == after


@FEWER
@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_an_interrupt_at_any_write(bench: Bench, name: str, error: type[BaseException]) -> None:
    """Unlike a crash it lets the process tidy up: what is visible by then must not be tidied away."""
    operation = OPERATIONS[name]
    before, after, writes = bench.outcomes(operation)
    for number in range(1, len(writes) + 1):
        key, given = bench.fresh(operation)
        bench.backend.fail_after(number, error())
        with suppress(error):
            operation.run(bench.store, key, given)
        state = bench.state(key)
        assert state["course"] in (before["course"], after["course"])
        assert bench.again(operation, key, given) == after


@FEWER
def test_only_if_nobody_answers_is_the_outcome_unknown(bench: Bench, name: str) -> None:
    operation = OPERATIONS[name]
    before, after, _ = bench.outcomes(operation)
    for done in (True, False):
        key, given = bench.fresh(operation)
        for number in range(1, 4):
            arm = bench.backend.fail_after if done and number == 1 else bench.backend.fail_before
            arm(number, name="index.swap")
        with pytest.raises(CommitUnknown) as caught:
            operation.run(bench.store, key, given)
        assert caught.value.hint
        state = bench.state(key)
        assert state["course"] in (before["course"], after["course"])
        assert bench.again(operation, key, given) == after
