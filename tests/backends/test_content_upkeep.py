"""Files stored once on MongoDB that were damaged past the store, and what is left over of others."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

import pytest
from bson import ObjectId
from pymongo import MongoClient

from modulestore._sync.mongo.backend import MongoBackend
from modulestore.errors import CorruptDocument
from modulestore.storage.mongo.blobs import CHUNK
from modulestore.testing.samples import new_file
from tests.backends.content_databases import (
    DATA,
    FILE,
    FILES,
    LATE,
    OTHER,
    PLACE,
    SHA,
    Plain,
    found,
    leftovers,
    prepared,
    put,
)


@pytest.fixture
def raw(mongodb_url: str) -> Iterator[Plain]:
    with MongoClient[dict[str, Any]](mongodb_url) as client:
        yield client.get_default_database()


@pytest.fixture
def backend(mongodb_url: str) -> Iterator[MongoBackend]:
    with closing(prepared(mongodb_url)) as backend:
        yield backend


def chunk(raw: Plain, number: int) -> dict[str, Any]:
    (blob,) = raw["modulestore.blobs"].find({"_id": SHA})
    return {"_id": blob["upload"].binary + number.to_bytes(4)}


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (
            lambda raw: raw["modulestore.blob_chunks"].delete_one(chunk(raw, 1)),
            "1 of 3 chunks of its bytes are not there",
        ),
        (
            lambda raw: raw["modulestore.blob_chunks"].insert_one({**chunk(raw, 3), "data": b"x"}),
            "chunks beyond its length of 600,000 bytes: 1",
        ),
        (
            lambda raw: raw["modulestore.blob_chunks"].update_one(chunk(raw, 2), {"$set": {"data": b"x"}}),
            "it has 524,289 bytes instead of 600,000",
        ),
        (
            lambda raw: raw["modulestore.blobs"].delete_one({"_id": SHA}),
            "none of its bytes are there",
        ),
        (
            lambda raw: raw["modulestore.blobs"].update_one({"_id": SHA}, {"$set": {"upload": None}}),
            "none of its bytes are there",
        ),
        (
            lambda raw: raw["modulestore.blobs"].update_one({"_id": SHA}, {"$set": {"length": 5}}),
            "its bytes are said to be 5 instead of 600,000",
        ),
        (
            lambda raw: raw[FILES].update_one({"_id": PLACE}, {"$set": {"blobs": []}}),
            "pruning would take its bytes for unused",
        ),
        (
            lambda raw: raw[FILES].update_one({"_id": PLACE}, {"$set": {"course": "x"}}),
            "it is listed under x",
        ),
        (
            lambda raw: raw[FILES].update_one({"_id": PLACE}, {"$unset": {"current.md5": 1}}),
            "unreadable file document: KeyError('md5')",
        ),
    ],
)
def test_damage(backend: MongoBackend, raw: Plain, damage: Callable[[Plain], object], message: str) -> None:
    put(backend)
    put(backend, new_file("b.bin"), b"sound")
    damage(raw)
    assert found(backend) == [(PLACE, message)]


def test_other_bytes_are_found_by_reading_them(backend: MongoBackend, raw: Plain) -> None:
    put(backend)
    raw[FILES].update_one({}, {"$set": {"current.md5": bytes(16)}})
    assert found(backend) == []
    assert found(backend, deep=True) == [(PLACE, "the stored MD5 is not that of its bytes")]
    raw["modulestore.blob_chunks"].update_one(chunk(raw, 0), {"$set": {"data": bytes(CHUNK)}})
    assert found(backend) == []
    message = "its bytes are not those that were stored: the SHA-256 differs"
    assert found(backend, deep=True) == [(PLACE, message)]


def test_missing_bytes_are_found_out_by_who_reads(backend: MongoBackend, raw: Plain) -> None:
    stored = put(backend)
    raw["modulestore.blob_chunks"].delete_one(chunk(raw, 1))
    assert backend.files.fetch(stored, 0, CHUNK) == DATA[:CHUNK]
    with pytest.raises(CorruptDocument, match="missing"):
        backend.files.fetch(stored, 0, len(DATA))


def test_bytes_go_with_the_last_file_that_has_them(backend: MongoBackend, raw: Plain) -> None:
    put(backend)
    put(backend, new_file("same.bin", OTHER))
    backend.files.delete(FILE.key)
    assert [leftover.size for leftover in leftovers(backend)] == [0]
    backend.files.delete(new_file("same.bin", OTHER).key)
    first, second = leftovers(backend)
    assert (first.size, second.size) == (0, len(DATA))
    assert backend.files.delete_leftovers([first.name], LATE) == 0
    assert backend.files.delete_leftovers([first.name, second.name], LATE) == len(DATA)
    for name in (FILES, "modulestore.blobs", "modulestore.blob_chunks"):
        assert raw[name].count_documents({}) == 0


def test_an_upload_that_broke_off(backend: MongoBackend, raw: Plain) -> None:
    """Chunks that no document names; and how old they are is said by their upload."""
    put(backend)
    old = ObjectId.from_datetime(datetime(2020, 1, 1, tzinfo=UTC))
    chunks = [{"_id": old.binary + n.to_bytes(4), "data": bytes(100)} for n in range(2)]
    raw["modulestore.blob_chunks"].insert_many(chunks)
    assert leftovers(backend, datetime(2019, 1, 1, tzinfo=UTC)) == []
    (leftover,) = leftovers(backend, datetime(2021, 1, 1, tzinfo=UTC))
    assert leftover.size == 200
    assert backend.files.delete_leftovers([leftover.name], datetime(2019, 1, 1, tzinfo=UTC)) == 0
    assert backend.files.delete_leftovers([leftover.name], LATE) == 200
    assert leftovers(backend) == []
    assert found(backend, deep=True) == []


def test_what_was_pruned_in_the_middle_of_its_chunks(backend: MongoBackend, raw: Plain) -> None:
    put(backend)
    backend.files.delete(FILE.key)
    names = [one.name for one in leftovers(backend)]
    raw["modulestore.blobs"].delete_many({})
    backend.files.delete_leftovers(names, LATE)
    (leftover,) = leftovers(backend)
    assert leftover.size == len(DATA)
    assert backend.files.delete_leftovers([leftover.name], LATE) == len(DATA)


def test_names_that_mean_nothing(backend: MongoBackend) -> None:
    put(backend)
    names = ["", "file", "file x", f"file {ObjectId()} {PLACE}", f"blob {SHA.hex()}", "blob 12", "blob x" * 9]
    names += [f"upload {ObjectId()}", "upload x", f"file {ObjectId()} none"]
    assert backend.files.delete_leftovers(names, LATE) == 0
    assert found(backend, deep=True) == []
