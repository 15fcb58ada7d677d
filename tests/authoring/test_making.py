"""Two who make one course at once, in every order of their steps: whose it is, its files are theirs.

A look at the claim and the write that follows it are one step here: what is under way when a claim is lost is
not called back, which is the one thing that re-runs do not promise.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Coroutine
from itertools import combinations_with_replacement
from typing import Any, TypeVar

import pytest

from modulestore._async.ports import Backend
from modulestore._async.store import AsyncStore
from modulestore._async.waiting import closing
from modulestore.errors import Conflict
from modulestore.keys import CourseKey
from modulestore.model.index import IndexEntry
from modulestore.testing._async.checking import check_store
from modulestore.testing.samples import new_file
from tests.authoring.stepping import (
    Snapshot,
    SteppedBackend,
    every_schedule,
    finish,
    random_schedule,
)
from tests.profiles import FEW_SWITCHES, IS_STRESS

T = TypeVar("T")

ONE, TWO = CourseKey("Example", "One", "2026"), CourseKey("Example", "Two", "2026")
TARGET = CourseKey("Example", "New", "2027")
LOOKS = frozenset({"records.get", "records.swap", "index.insert"})
CALLS = LOOKS | {"index.get", "records.put_if_absent", "records.delete"}


async def one(store: AsyncStore) -> IndexEntry:
    return await store.rerun(ONE, TARGET)


async def two(store: AsyncStore) -> IndexEntry:
    """Its author edits the file as soon as it is there."""
    entry = await store.rerun(TWO, TARGET)
    await store._backend.files.put(new_file("pic.png", TARGET), io.BytesIO(b"edited"))
    return entry


async def create(store: AsyncStore) -> IndexEntry:
    """Its author has another file of the same name."""
    entry = await store.create_course(TARGET)
    await store._backend.files.put(new_file("pic.png", TARGET), io.BytesIO(b"edited"))
    return entry


MAKERS: dict[str, Callable[[AsyncStore], Coroutine[Any, Any, IndexEntry]]] = {
    "one": one,
    "two": two,
    "create": create,
}
SOURCES = {"one": str(ONE), "two": str(TWO), "create": None}


async def directly(function: Callable[..., T], /, *args: object, **kwargs: object) -> T:
    """In this thread: there is no event loop here."""
    return function(*args, **kwargs)


@pytest.fixture
def snapshot(monkeypatch: pytest.MonkeyPatch) -> Snapshot:
    """Two courses with files."""
    monkeypatch.setattr("modulestore._async.sqlite.files.run_blocking", directly)

    async def prepare(backend: Backend) -> None:
        for key in (ONE, TWO):
            await AsyncStore(backend).create_course(key)
            await backend.files.put(new_file("pic.png", key), io.BytesIO(str(key).encode()))

    backend = Snapshot().backend()
    finish(prepare(backend))
    return Snapshot.of(backend)


class Run:
    """One schedule after the other, each on a database of its own."""

    def __init__(self, snapshot: Snapshot, whos: tuple[str, ...], calls: frozenset[str]) -> None:
        self.whos = whos
        self.backend: Backend = snapshot.backend()
        self._snapshot = snapshot
        self._calls = calls
        self._checked = 0

    def start(self) -> list[Coroutine[Any, Any, object]]:
        self.backend = self._snapshot.backend()
        return [MAKERS[who](AsyncStore(SteppedBackend(self.backend, self._calls))) for who in self.whos]

    async def expect_one_winner(self, outcomes: list[object]) -> str:
        for outcome in outcomes:
            if isinstance(outcome, Exception) and not isinstance(outcome, Conflict):
                raise outcome
        self._checked += 1
        if IS_STRESS or self._checked % 5 == 1:  # all of the database
            assert await check_store(self.backend) == []
        assert await self.backend.records.list("rerun claim") == []
        (winner,) = (at for at, outcome in enumerate(outcomes) if isinstance(outcome, IndexEntry))
        entry = outcomes[winner]
        assert isinstance(entry, IndexEntry)
        assert await self.backend.index.get(TARGET) == entry
        record = await self.backend.records.get("rerun", f"{TARGET} {entry.id}")
        assert (record and record.value["source"]) == SOURCES[self.whos[winner]]
        return self.whos[winner]

    async def expect_file_of(self, winner: str) -> None:
        async with closing(self.backend.files.read(TARGET.asset("pic.png"))) as pieces:
            there = b"".join([piece async for piece in pieces])
        assert there == (str(ONE).encode() if winner == "one" else b"edited")


PAIRS = [pair for pair in combinations_with_replacement(MAKERS, 2) if pair != ("create", "create")]


@pytest.mark.parametrize("whos", PAIRS, ids=" and ".join)
def test_every_order_of_two(snapshot: Snapshot, whos: tuple[str, str]) -> None:
    run = Run(snapshot, whos, LOOKS)
    schedules = 0
    for choices, outcomes in every_schedule(run.start, most=20000, switches=FEW_SWITCHES):
        schedules += 1
        try:
            winner = finish(run.expect_one_winner(outcomes))
            finish(run.expect_file_of(winner))
        except Exception as error:
            raise AssertionError(f"schedule {choices}: {outcomes}") from error
    assert schedules < 20000
    print(f"\n{schedules} schedules")


@pytest.mark.parametrize("count", [2, 3])
def test_many_orders_of_more_steps(snapshot: Snapshot, count: int) -> None:
    """With a stop at every call there is one winner too, and no trace of a claim."""
    whos = tuple([*MAKERS][:count])
    for number in range(300):
        run = Run(snapshot, whos, frozenset() if number % 2 else CALLS)
        outcomes = random_schedule(run.start, number)
        try:
            finish(run.expect_one_winner(outcomes))
        except Exception as error:
            raise AssertionError(f"number {number}: {outcomes}") from error
