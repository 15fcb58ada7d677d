"""Totals: right, also when eight threads add to them."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from modulestore._sync.observing import ObservedBackend
from modulestore._sync.sqlite import open_sqlite
from modulestore._sync.store import Store
from modulestore.errors import StorageFull, StorageUnavailable
from modulestore.observing import CommitEnded, Event, StorageCall, Totals, fan_out
from modulestore.testing._sync.courses import SMALL_COURSE, make_small_course
from modulestore.testing._sync.faults import CountingBackend
from tests.observing.events import EVENTS

THREADS = 8


def test_a_snapshot_has_everything_and_is_json() -> None:
    totals = Totals()
    assert totals.snapshot() == {}
    for event in EVENTS:
        totals(event)
    totals(StorageCall("structures.get_many", 0.5, StorageUnavailable))
    totals(StorageCall("structures.get_many", 0.125, StorageFull))
    totals(StorageCall("structures.get_many", 0.125, StorageFull))
    shown = totals.snapshot()
    assert shown == {
        "storage": {
            "structures.get_many": {
                "calls": 4,
                "errors": {"StorageUnavailable": 1, "StorageFull": 2},
                "seconds": 1.0,
                "slowest": 0.5,
                "documents": 2,
                "bytes": 1000,
            }
        },
        "cache": {
            "get": {
                "calls": 1,
                "errors": {},
                "seconds": 0.5,
                "slowest": 0.5,
                "asked": 3,
                "hits": 2,
                "misses": 1,
                "rejected": 0,
                "failures": 0,
                "bytes": 400,
            }
        },
        "read": {
            "structures": {
                "calls": 1,
                "errors": {},
                "seconds": 0.125,
                "slowest": 0.125,
                "asked": 3,
                "at_hand": 1,
                "fetched": 2,
                "built_on": 1,
                "decoding": 0.0625,
            }
        },
        "commit": {
            "contention": {
                "calls": 1,
                "errors": {"CommitContention": 1},
                "seconds": 2.0,
                "slowest": 2.0,
                "tries": 7,
                "definitions": 0,
                "deltas": 2,
                "bases": 0,
                "bytes": 90,
            }
        },
    }
    assert json.loads(json.dumps(shown)) == shown
    totals(EVENTS[0])
    assert shown["storage"]["structures.get_many"]["calls"] == 4, "a snapshot stays as it is"


@pytest.fixture
def often_switching() -> Iterator[None]:
    """Threads take turns far more often than they usually do."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("often_switching")
def test_eight_threads_lose_nothing() -> None:
    totals, each = Totals(), 3000

    def add(number: int) -> None:
        for _ in range(each):
            totals(StorageCall("index.get", 0.5, StorageFull, documents=1, bytes=number))
            totals(StorageCall(f"of thread {number}", 0.5))

    with ThreadPoolExecutor(THREADS) as threads:
        list(threads.map(add, range(THREADS)))
    shown = totals.snapshot()["storage"]
    assert shown["index.get"] == {
        "calls": THREADS * each,
        "errors": {"StorageFull": THREADS * each},
        "seconds": 0.5 * THREADS * each,
        "slowest": 0.5,
        "documents": THREADS * each,
        "bytes": each * sum(range(THREADS)),
    }
    assert all(shown[f"of thread {number}"]["calls"] == each for number in range(THREADS))


@pytest.mark.usefixtures("often_switching")
def test_a_store_of_eight_threads_is_observed(tmp_path: Path) -> None:
    totals, seen = Totals(), list[Event]()
    counting = CountingBackend(open_sqlite(tmp_path / "store.db"))
    observe = fan_out(totals, seen.append)
    store = Store(ObservedBackend(counting, observe), observe=observe)
    make_small_course(store)

    def author(number: int) -> None:
        for turn in range(5):
            with store.edit(SMALL_COURSE, author=f"author {number}") as edit:
                edit.add("html", ("vertical", "a"), id=f"by-{number}-{turn}")

    with ThreadPoolExecutor(THREADS) as threads:
        list(threads.map(author, range(THREADS)))
    shown: dict[str, Any] = totals.snapshot()
    assert {name: of["calls"] for name, of in shown["storage"].items()} == counting.calls
    assert sum(of["calls"] for kind in shown.values() for of in kind.values()) == len(seen)
    commits = [event for event in seen if isinstance(event, CommitEnded)]
    assert Counter(event.outcome for event in commits) == {"committed": 2 + THREADS * 5}
    assert shown["commit"]["committed"]["tries"] == counting.calls["index.swap"]
    assert any(event.merged for event in commits)
    store.close()
