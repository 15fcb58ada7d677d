"""Pruning again and again while eight people work on the same courses: what can be named is there.

Each runs for ``MODULESTORE_STRESS_SECONDS`` (5 without it; ``make stress`` gives it a minute).
"""

from __future__ import annotations

import multiprocessing
import os
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

import pytest

from modulestore._sync.mongo import open_mongo
from modulestore._sync.ports import Backend
from modulestore._sync.sqlite import open_sqlite
from modulestore._sync.store import Store
from modulestore._sync.waiting import Call
from modulestore._sync.wrappers import WrappedBackend
from modulestore.errors import Conflict, ProblemsFound
from modulestore.testing._sync.checking import check_store
from modulestore.testing._sync.courses import SMALL_COURSE, make_small_course
from modulestore.upkeep.pruning.plan import read_plan
from modulestore.upkeep.pruning.policy import Policy, Retention
from tests.stress.pruned import OLD, Outcome, SlowToSwap, copy_past, skewed, work

pytestmark = pytest.mark.stress

T = TypeVar("T")

SECONDS = float(os.environ.get("MODULESTORE_STRESS_SECONDS", "5"))
IS_SHORT = "MODULESTORE_STRESS_SECONDS" not in os.environ
POLICY = Policy(Retention(keep=3), min_age=timedelta(0))
GRACE = 3.0  # seconds; writers stop for less
HOUR = timedelta(hours=1)


@dataclass
class Pruned:
    """What came of it."""

    outcomes: list[Outcome] = field(default_factory=list)
    prunings: int = 0
    deleted: int = 0
    spared: int = 0
    problems: list[str] = field(default_factory=list)


def prune_again_and_again(
    store: Store, folder: Path, grace: float, over: threading.Event, pruned: Pruned, *, once: bool = False
) -> None:
    """Plan and apply until it is over, or once."""
    while not over.is_set() and not (once and pruned.prunings):
        try:
            store.plan_pruning(POLICY, folder / "plan")
            report = store.apply_pruning(folder / "plan", grace=timedelta(seconds=grace), batch=200)
        except Conflict:
            continue  # outdated before it was begun: a new plan
        except ProblemsFound as error:
            pruned.problems.append(str(error))
            return
        pruned.prunings += 1
        pruned.deleted += report.deleted
        pruned.spared += report.spared


def run(
    backend: Backend,
    folder: Path,
    pruner: Callable[[Path, float, threading.Event, Pruned], None],
    *,
    skew: bool = False,
    grace: float = GRACE,
    longest: float = 0.7,
) -> Pruned:
    """Let eight work while ``pruner`` prunes; none stops for longer than ``longest`` seconds."""
    ids = copy_past(backend)
    over = threading.Event()
    pruned = Pruned()
    clocks = [(-HOUR, HOUR)[number % 2] if skew else timedelta(0) for number in range(8)]

    def one(number: int) -> Outcome:
        writer = SlowToSwap(backend, longest, number)
        store = Store(writer, **skewed(clocks[number]))  # type: ignore[arg-type]
        return work(store, f"writer{number}", ids, over)

    with ThreadPoolExecutor(9) as pool:
        workers = [pool.submit(one, number) for number in range(8)]
        pruning = pool.submit(pruner, folder, grace, over, pruned)
        time.sleep(max(SECONDS, 3 * grace))
        over.set()
        pruned.outcomes = [worker.result() for worker in workers]
        pruning.result()
    return pruned


def expect_true(backend: Backend, folder: Path, pruned: Pruned) -> None:
    """What anybody can name is there, most of what may go is gone, and the database is sound."""
    failures = [failure for outcome in pruned.outcomes for failure in outcome.failures]
    assert not failures + pruned.problems, (failures[:5], pruned.problems)
    store = Store(backend)
    for outcome in pruned.outcomes:
        for (key, name), version in outcome.tagged.items():
            assert store.version(key, name).version == version
            course = store.open(key, version=version)
            assert store.load_content(course.blocks())
    expect_mostly_gone(store, folder, pruned)
    for _ in range(2):  # the second one links anew what was spared at the last moment
        store.plan_pruning(POLICY, folder / "last")
        store.apply_pruning(folder / "last", grace=timedelta(0))
    problems = check_store(backend)
    assert not problems, problems[:10]


def expect_mostly_gone(store: Store, folder: Path, pruned: Pruned) -> None:
    """Of the past at least four fifths of what nobody needs."""
    store.plan_pruning(POLICY, folder / "last")
    with (folder / "last").open("rb") as lines:
        left = read_plan(lines, "last").deleted
    past_left = sum(version.time.timestamp() < time.time() - 86400 for version in left)
    kept = {row for outcome in pruned.outcomes for row in outcome.tagged.values()}
    gone = OLD * 5 - past_left - len(kept)
    counts: Counter[str] = Counter()
    for outcome in pruned.outcomes:
        counts.update(outcome.counts)
    print(f"\n{pruned.prunings} prunings, {pruned.deleted} deleted, {pruned.spared} spared; {dict(counts)}")
    assert pruned.prunings
    assert counts["restore"]
    assert counts["tag"]
    assert gone >= 0.8 * (gone + past_left), f"{past_left} of the past are left"


@pytest.fixture(params=["mongodb", "sqlite"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    is_file = request.param == "sqlite"
    return str(tmp_path / "store.db") if is_file else str(request.getfixturevalue("mongodb_url"))


@pytest.fixture
def backend(place: str) -> Iterator[Backend]:
    backend = open_mongo(place) if place.startswith("mongodb") else open_sqlite(place)
    yield backend
    backend.close()


@pytest.mark.parametrize("skew", [False, True], ids=["clocks agree", "clocks an hour off"])
def test_pruning_while_eight_work(backend: Backend, tmp_path: Path, skew: bool) -> None:
    if IS_SHORT and skew == backend.has_atomic_groups:
        pytest.skip("one of the clocks for each database; `make stress` tries both for both")
    store = Store(backend)
    grace = 0.0 if backend.has_atomic_groups else GRACE
    pruned = run(
        backend, tmp_path, lambda *given: prune_again_and_again(store, *given), skew=skew, grace=grace
    )
    expect_true(backend, tmp_path, pruned)


class HeldBeforeSwap(WrappedBackend):
    """A writer that stops just before it moves a head, until it is let go."""

    def __init__(self, backend: Backend) -> None:
        super().__init__(backend, self._hold)
        self.stopped, self.let_go = threading.Event(), threading.Event()

    def _hold(self, name: str, call: Call[T], /) -> T:
        if name == "index.swap":
            self.stopped.set()
            assert self.let_go.wait(60)
        return call()


@pytest.mark.parametrize("grace", [3.0, 0.0], ids=["grace", "no grace"])
def test_grace_is_for_who_has_looked_and_not_yet_moved_the_head(
    mongodb_url: str, tmp_path: Path, grace: float
) -> None:
    """Taken out, the head that a slow writer moves leads nowhere."""
    backend = open_mongo(mongodb_url)
    make_small_course(Store(backend))
    slow = HeldBeforeSwap(backend)

    def write() -> None:
        with Store(slow, **skewed(-HOUR)).edit(SMALL_COURSE, author="slow") as edit:  # type: ignore[arg-type]
            edit.update(("html", "a1"), data="<p>late</p>")

    store = Store(backend)
    with ThreadPoolExecutor(2) as pool:
        writing = pool.submit(write)
        assert slow.stopped.wait(60)
        store.plan_pruning(POLICY, tmp_path / "plan")
        applying = pool.submit(store.apply_pruning, tmp_path / "plan", grace=timedelta(seconds=grace))
        if grace:
            time.sleep(grace / 3)  # less than it
        else:
            applying.result()
        slow.let_go.set()
        writing.result()
        report = applying.result()
    problems = check_store(backend)
    assert (report.spared, problems == []) == ((2, True) if grace else (0, False)), problems
    backend.close()


def prune_there(place: str, folder: Path, number: int) -> None:
    """In a process of its own, which will be killed."""
    store = Store(open_mongo(place) if place.startswith("mongodb") else open_sqlite(place))
    while True:
        with suppress(Conflict):
            store.plan_pruning(POLICY, folder / "killed")
            (folder / f"began {number}").touch()
            store.apply_pruning(folder / "killed", grace=timedelta(seconds=0.5), batch=50)


def test_a_pruner_that_is_killed_again_and_again(place: str, backend: Backend, tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    kills = 0

    def pruner(folder: Path, grace: float, over: threading.Event, pruned: Pruned) -> None:
        nonlocal kills
        dice = random.Random(7)
        while not over.is_set() or kills < 3:
            process = context.Process(target=prune_there, args=(place, folder, kills))
            process.start()
            while process.is_alive() and not (folder / f"began {kills}").exists():
                time.sleep(0.01)
            process.join(dice.uniform(0, 2.0))
            process.kill()
            process.join()
            kills += 1
        # As it was left, and what nobody has done yet.
        prune_again_and_again(Store(backend), folder, 0.5, threading.Event(), pruned, once=True)

    pruned = run(backend, tmp_path, pruner, longest=0.1)
    print(f"\n{kills} kills")
    assert kills > 2
    expect_true(backend, tmp_path, pruned)
