"""Many authors edit one course: no accepted edit is lost, and the course is sound, whatever happens to the
server.

Each runs for ``MODULESTORE_STRESS_SECONDS`` (3 without it; ``make stress`` gives it a minute).
"""

from __future__ import annotations

import multiprocessing
import os
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from modulestore._sync.mongo import open_mongo
from modulestore._sync.ports import Backend
from modulestore._sync.sqlite import open_sqlite
from modulestore._sync.store import Store
from modulestore.testing._sync.courses import make_small_course
from tests.servers import PrivateMongoDB
from tests.stress.authors import KEY, Told, expect_true, tell, work

pytestmark = pytest.mark.stress

SECONDS = float(os.environ.get("MODULESTORE_STRESS_SECONDS", "3"))
QUICKLY = "serverSelectionTimeoutMS=2000&retryWrites=false&retryReads=false"
UNIT = ("vertical", "a")


def opened(place: str) -> Backend:
    return open_mongo(place) if place.startswith("mongodb") else open_sqlite(place)


@pytest.fixture
def place(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> str:
    return str(tmp_path / "store.db") if kind == "sqlite" else request.getfixturevalue("mongodb_url")


@pytest.fixture
def backend(place: str) -> Iterator[Backend]:
    """The small course."""
    backend = opened(place)
    make_small_course(Store(backend))
    yield backend
    backend.close()


BOTH = pytest.mark.parametrize("kind", ["sqlite", "mongodb"])


def work_here(backend: Backend, threads: int, seconds: float) -> list[Told]:
    store = Store(backend)
    until = time.time() + seconds
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(lambda number: work(store, f"author_{number}", until), range(threads)))


def work_there(place: str, number: int, until: float) -> Told:
    backend = opened(place)
    try:
        return work(Store(backend), f"author_{number}", until)
    finally:
        backend.close()


@BOTH
def test_threads(backend: Backend) -> None:
    all_told = work_here(backend, 16, SECONDS)
    expect_true(backend, all_told)
    tell(all_told, SECONDS)


@BOTH
def test_processes(place: str, backend: Backend) -> None:
    until = time.time() + SECONDS + 1  # a process takes a while to begin
    with ProcessPoolExecutor(4, mp_context=multiprocessing.get_context("spawn")) as pool:
        all_told = list(pool.map(work_there, [place] * 4, range(4), [until] * 4))
    expect_true(backend, all_told)
    tell(all_told, SECONDS)


def hurt(private_mongodb: PrivateMongoDB, name: str, hurting: Callable[[], None]) -> None:
    """Let authors work while something happens to the server again and again."""
    backend = open_mongo(f"{private_mongodb.url(name)}&{QUICKLY}")
    make_small_course(Store(backend))
    seconds = max(3.0, SECONDS * 0.6)
    over = threading.Event()

    def again_and_again() -> None:
        while not over.wait(0.5):
            hurting()

    trouble = threading.Thread(target=again_and_again)
    trouble.start()
    try:
        all_told = work_here(backend, 8, seconds)
    finally:
        over.set()
        trouble.join()
    backend.close()
    # Connections that the last trouble has cut are not those that are looked through.
    with closing(open_mongo(private_mongodb.url(name))) as looking:
        expect_true(looking, all_told)
    tell(all_told, seconds)


def test_a_server_that_dies_again_and_again(private_mongodb: PrivateMongoDB) -> None:
    def die() -> None:
        private_mongodb.server.kill()
        private_mongodb.server.restart()

    hurt(private_mongodb, "authors_die", die)


def test_replies_that_are_lost(private_mongodb: PrivateMongoDB) -> None:
    def lose() -> None:
        commands = ("update", "findAndModify", "insert", "delete")
        with private_mongodb.failing(*commands, times=5, close_connection=True, after_execution=True):
            time.sleep(0.2)

    hurt(private_mongodb, "authors_lose", lose)


@BOTH
def test_eight_add_to_one_unit_at_the_same_moment(backend: Backend) -> None:
    store = Store(backend)
    ready = threading.Barrier(8)

    def add(number: int) -> None:
        with store.edit(KEY, author=f"author_{number}") as edit:
            edit.add("html", UNIT, id=f"new-{number}")
            ready.wait(30)

    start = time.monotonic()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(add, range(8)))
    added = {child.id for child in store.open(KEY, branch="draft")[UNIT].children} - {"a1", "a2"}
    print(f"\n{len(added)} of 8 in {time.monotonic() - start:.2f} s")
    assert added == {f"new-{number}" for number in range(8)}


@BOTH
def test_eighty_edits_by_four(backend: Backend) -> None:
    store = Store(backend)

    def add(author: int) -> None:
        for number in range(20):
            with store.edit(KEY, author=f"author_{author}") as edit:
                edit.add("html", UNIT, id=f"{author}-{number}")

    start = time.monotonic()
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(add, range(4)))
    added = {child.id for child in store.open(KEY, branch="draft")[UNIT].children} - {"a1", "a2"}
    seconds = time.monotonic() - start
    print(f"\n{len(added)} of 80, {len(added) / seconds:.0f} per second")
    assert len(added) == 80
