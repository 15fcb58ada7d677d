"""Many writers move the heads of one course: every accepted swap is a link of one chain, none is lost.

Runs for ``MODULESTORE_STRESS_SECONDS`` (3 without it; ``make stress`` gives it a minute).
"""

from __future__ import annotations

import multiprocessing
import os
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest

from modulestore._sync.mongo import open_mongo
from modulestore._sync.ports import Backend
from modulestore._sync.sqlite import open_sqlite
from modulestore.formats.ids import new_version_id
from modulestore.keys import CourseKey, VersionId
from modulestore.model.index import IndexEntry, Swapped

pytestmark = pytest.mark.stress

SECONDS = float(os.environ.get("MODULESTORE_STRESS_SECONDS", "3"))
KEY = CourseKey("Org", "Course", "Run")

Link = tuple[bytes, bytes]


def opened(place: str) -> Backend:
    return open_mongo(place) if place.startswith("mongodb") else open_sqlite(place)


def write_for(place: str, until: float) -> tuple[int, list[Link]]:
    """Move the head until the time is over; how often it was tried, and each move that was accepted."""
    backend = opened(place)
    try:
        return moves(backend, until)
    finally:
        backend.close()


def moves(backend: Backend, until: float) -> tuple[int, list[Link]]:
    tries, accepted = 0, []
    while time.time() < until:
        entry = backend.index.get(KEY)
        assert entry is not None
        old, new = entry.heads["draft"], new_version_id()
        result = backend.index.swap(entry, {"draft": old}, {"draft": new})
        tries += 1
        if isinstance(result, Swapped):
            accepted.append((bytes(old), bytes(new)))
            assert result.entry.last_update is not None
            assert entry.last_update is None or result.entry.last_update > entry.last_update
    return tries, accepted


def prepared(backend: Backend) -> VersionId:
    first = new_version_id()
    now = datetime(2026, 1, 1, tzinfo=UTC)
    backend.index.insert(IndexEntry(new_version_id(), KEY, {"draft": first}, 1, now, now))
    return first


def expect_one_chain(backend: Backend, first: VersionId, results: list[tuple[int, list[Link]]]) -> None:
    links = [link for _, accepted in results for link in accepted]
    after = dict(links)
    assert len(after) == len(links), "two writers moved the same head"
    head, length = bytes(first), 0
    while head in after:
        head, length = after[head], length + 1
    assert length == len(links), "an accepted move was written over"
    entry = backend.index.get(KEY)
    assert entry is not None
    assert bytes(entry.heads["draft"]) == head
    print(f"\n{len(links)} of {sum(tries for tries, _ in results)} moves accepted, in one chain")
    assert len(links) > 10


@pytest.mark.parametrize("kind", ["sqlite", "mongodb"])
def test_threads(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    place = str(tmp_path / "store.db") if kind == "sqlite" else request.getfixturevalue("mongodb_url")
    backend = opened(place)
    first = prepared(backend)
    until = time.time() + SECONDS
    with ThreadPoolExecutor(16) as pool:
        results = list(pool.map(lambda _: moves(backend, until), range(16)))
    expect_one_chain(backend, first, results)
    backend.close()


@pytest.mark.parametrize("kind", ["sqlite", "mongodb"])
def test_processes(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    place = str(tmp_path / "store.db") if kind == "sqlite" else request.getfixturevalue("mongodb_url")
    backend = opened(place)
    first = prepared(backend)
    until = time.time() + SECONDS + 1  # a process takes a while to begin
    with multiprocessing.get_context("spawn").Pool(4) as pool:
        results = pool.starmap(write_for, [(place, until)] * 4)
    expect_one_chain(backend, first, results)
    backend.close()
