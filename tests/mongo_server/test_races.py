"""Sixteen threads on one server: every atomic statement has exactly one winner."""

from __future__ import annotations

import datetime as dt
import random
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from bson import ObjectId
from pymongo import ReturnDocument
from pymongo.database import Database
from pymongo.errors import DuplicateKeyError

DB = Database[dict[str, Any]]

THREADS = 16


def in_threads(work: Callable[[int], object]) -> list[Any]:
    """Do `work` in all threads at once; what each returned."""
    barrier = threading.Barrier(THREADS)

    def one(number: int) -> object:
        barrier.wait()
        return work(number)

    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(one, range(THREADS)))


def swap(new: ObjectId) -> list[dict[str, Any]]:
    """The update of a branch's head, with a time of the server's that always grows."""
    grown = {"$max": ["$$NOW", {"$add": ["$last_update", 1]}]}
    return [{"$set": {"versions.draft-branch": new, "last_update": grown}}]


def update_one(db: DB, old: ObjectId, new: ObjectId) -> bool:
    return db.heads.update_one({"_id": 1, "versions.draft-branch": old}, swap(new)).modified_count == 1


def find_one_and_update(db: DB, old: ObjectId, new: ObjectId) -> bool:
    heads = {"_id": 1, "versions.draft-branch": old}
    after = db.heads.find_one_and_update(heads, swap(new), return_document=ReturnDocument.AFTER)
    assert after is None or after["versions"]["draft-branch"] == new
    return after is not None


@pytest.mark.parametrize("swapped", [update_one, find_one_and_update])
def test_a_head_is_swapped_by_one_thread_only(
    db: DB, swapped: Callable[[DB, ObjectId, ObjectId], bool]
) -> None:
    head, others = ObjectId(), ObjectId()
    db.heads.insert_one({"_id": 1, "versions": {"draft-branch": head, "published-branch": others}})
    last = dt.datetime(2020, 1, 1)  # noqa: DTZ001 - as the driver gives them back
    for _ in range(20):
        new = [ObjectId() for _ in range(THREADS)]
        won = in_threads(lambda i, old=head, new=new: swapped(db, old, new[i]))  # type: ignore[misc]
        assert won.count(True) == 1
        found = db.heads.find_one()
        assert found is not None
        head = new[won.index(True)]
        assert found["versions"] == {"draft-branch": head, "published-branch": others}
        assert found["last_update"] > last
        last = found["last_update"]


@pytest.mark.parametrize("before", [None, dt.datetime(2020, 1, 1), dt.datetime(2999, 1, 1), "missing"])  # noqa: DTZ001
def test_last_update_is_the_servers_time_and_grows(db: DB, before: dt.datetime | str | None) -> None:
    old, new = ObjectId(), ObjectId()
    entry: dict[str, Any] = {"_id": 1, "versions": {"draft-branch": old}}
    db.heads.insert_one(entry if before == "missing" else entry | {"last_update": before})
    found = db.heads.find_one_and_update(
        {"_id": 1, "versions.draft-branch": old}, swap(new), return_document=ReturnDocument.AFTER
    )
    assert found is not None
    assert found["versions"] == {"draft-branch": new}
    if isinstance(before, dt.datetime) and before.year == 2999:
        assert found["last_update"] == before + dt.timedelta(milliseconds=1)
    else:
        now = dt.datetime.now(dt.UTC).replace(tzinfo=None)
        assert abs(found["last_update"] - now) < dt.timedelta(minutes=1)


def test_times_of_racing_updates_are_all_different(db: DB) -> None:
    db.heads.insert_one({"_id": 1})
    update = [{"$set": {"last_update": {"$max": ["$$NOW", {"$add": ["$last_update", 1]}]}}}]
    after = ReturnDocument.AFTER

    def times(_: int) -> list[dt.datetime]:
        found = (db.heads.find_one_and_update({"_id": 1}, update, return_document=after) for _ in range(20))
        return [document["last_update"] for document in found if document]

    seen = [each for part in in_threads(times) for each in part]
    assert len(set(seen)) == len(seen) == 20 * THREADS


def test_optimistic_updates_lose_nothing(db: DB) -> None:
    db.items.insert_one({"_id": 1, "v": 0, "log": []})

    def work(number: int) -> list[int]:
        won: list[int] = []
        while len(won) < 10:
            found = db.items.find_one({"_id": 1})
            assert found is not None
            time.sleep(random.random() * 0.001)
            update = {"$set": {"v": found["v"] + 1}, "$push": {"log": number}}
            if db.items.update_one({"_id": 1, "v": found["v"]}, update).modified_count:
                won.append(found["v"])
        return won

    won = [each for part in in_threads(work) for each in part]
    found = db.items.find_one()
    assert found is not None
    assert found["v"] == len(found["log"]) == len(set(won)) == 10 * THREADS


def test_optimistic_replacements_lose_nothing(db: DB) -> None:
    db.items.insert_one({"_id": 1, "v": 0})

    def work(_: int) -> None:
        won = 0
        while won < 10:
            found = db.items.find_one({"_id": 1})
            assert found is not None
            filter_ = {"_id": 1, "v": found["v"]}
            won += db.items.find_one_and_replace(filter_, {"v": found["v"] + 1}) is not None

    in_threads(work)
    assert db.items.find_one() == {"_id": 1, "v": 10 * THREADS}


def test_counters(db: DB) -> None:
    update = {"$inc": {"v": 1}}
    after = ReturnDocument.AFTER
    db.items.insert_one({"_id": 2, "v": 0})

    def work(_: int) -> list[int]:
        got = []
        for _ in range(20):
            found = db.items.find_one_and_update({"_id": 1}, update, upsert=True, return_document=after)
            assert found is not None
            got.append(found["v"])
            db.items.update_one({"_id": 2}, update)
        return got

    got = sorted(each for part in in_threads(work) for each in part)
    assert got == list(range(1, 20 * THREADS + 1))
    assert db.items.find_one({"_id": 2}) == {"_id": 2, "v": 20 * THREADS}


def test_one_winner_per_unique_key(db: DB) -> None:
    db.items.create_index("a", unique=True)

    def work(_: int) -> int:
        won = 0
        for key in range(20):
            try:
                db.items.insert_one({"a": key})
                won += 1
            except DuplicateKeyError:
                pass
        return won

    assert sum(in_threads(work)) == db.items.count_documents({}) == 20


def test_racing_upserts(db: DB) -> None:
    db.items.create_index("a", unique=True)

    def work(_: int) -> None:
        for key in range(20):
            try:
                db.items.update_one({"a": key}, {"$inc": {"n": 1}}, upsert=True)
            except DuplicateKeyError:  # allowed by the manual: try again
                db.items.update_one({"a": key}, {"$inc": {"n": 1}}, upsert=True)

    in_threads(work)
    counts = [document["n"] for document in db.items.find()]
    assert len(counts) == 20
    assert sum(counts) == 20 * THREADS


def test_put_if_absent_has_one_winner(db: DB) -> None:
    for each in range(10):
        done = in_threads(
            lambda i, each=each: db.items.update_one({"_id": each}, {"$setOnInsert": {"by": i}}, upsert=True)  # type: ignore[misc]
        )
        winners = [number for number, result in enumerate(done) if result.upserted_id is not None]
        assert [document["by"] for document in db.items.find({"_id": each})] == winners


def test_the_first_use_of_a_collection(db: DB) -> None:
    for each in range(3):
        collection = db[f"new{each}"]
        in_threads(lambda i, to=collection: to.insert_many([{"_id": i * 10 + j} for j in range(10)]))  # type: ignore[misc]
        assert collection.count_documents({}) == 10 * THREADS


def test_the_same_index_by_all(db: DB) -> None:
    in_threads(lambda _: db.items.create_index("a", unique=True))
    assert set(db.items.index_information()) == {"_id_", "a_1"}


def test_large_documents_and_deletions(db: DB) -> None:
    payload = "x" * 1_000_000

    def work(number: int) -> None:
        ids = [number * 10 + j for j in range(3)]
        for each in ids:
            db.items.insert_one({"_id": each, "p": payload})
            found = db.items.find_one({"_id": each})
            assert found is not None
            assert len(found["p"]) == 1_000_000
            db.items.replace_one({"_id": each}, {"p": payload + "1"})
        db.items.delete_many({"_id": {"$in": ids[:2]}})

    in_threads(work)
    assert db.items.count_documents({}) == THREADS


def test_transactions(db: DB) -> None:
    if "setName" not in db.client.admin.command("hello"):
        pytest.skip("transactions need a replica set, and the server in use is none")
    db.items.insert_one({"_id": 1, "v": 0})

    def work(_: int) -> None:
        with db.client.start_session() as session:
            for _ in range(5):
                session.with_transaction(increment)

    def increment(session: Any) -> None:
        found = db.items.find_one({"_id": 1}, session=session)
        assert found is not None
        db.items.update_one({"_id": 1}, {"$set": {"v": found["v"] + 1}}, session=session)

    in_threads(work)
    assert db.items.find_one() == {"_id": 1, "v": 5 * THREADS}
