"""Files that were damaged past the store, in both databases: what is said of them, and what is left over."""

from __future__ import annotations

import io
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from bson import ObjectId
from pymongo import MongoClient
from pymongo.database import Database

from modulestore._sync.mongo import open_mongo
from modulestore._sync.ports import Backend
from modulestore._sync.sqlite import open_sqlite
from modulestore.keys import CourseKey
from modulestore.model.files import Leftover
from modulestore.testing.samples import COURSE, new_file, random_bytes

LATE = datetime(2100, 1, 1, tzinfo=UTC)
SIZE = 600_000
FILE = new_file("a.bin")
PLACE = str(FILE.key)

Plain = Database[dict[str, Any]]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store.db"


@pytest.fixture
def embedded(path: Path) -> Iterator[Backend]:
    with closing(open_sqlite(path)) as backend:
        put(backend)
        yield backend


@pytest.fixture
def database(mongodb_url: str) -> Iterator[Plain]:
    with MongoClient[dict[str, Any]](mongodb_url) as client:
        yield client.get_default_database()


@pytest.fixture
def server(mongodb_url: str) -> Iterator[Backend]:
    with closing(open_mongo(mongodb_url)) as backend:
        put(backend)
        yield backend


def put(backend: Backend) -> None:
    backend.files.put(FILE, io.BytesIO(random_bytes(SIZE)))
    backend.files.put(new_file("b.bin"), io.BytesIO(b"sound"))


def found(backend: Backend, *, deep: bool = False) -> list[tuple[str, str]]:
    return [
        (problem.place, problem.message)
        for checked in backend.files.problems(deep=deep)
        for problem in checked.problems
    ]


def leftovers(backend: Backend, before: datetime = LATE) -> list[Leftover]:
    return [leftover for batch in backend.files.leftovers(before) for leftover in batch]


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        ("DELETE FROM slices WHERE blob = 1", "3 of 3 slices of its bytes are not there"),
        ("DELETE FROM slices WHERE blob = 1 AND number = 1", "1 of 3 slices of its bytes are not there"),
        ("INSERT INTO slices VALUES (1, 3, x'00')", "slices beyond its length of 600,000 bytes: 1"),
        ("UPDATE slices SET data = x'00' WHERE blob = 1 AND number = 2", "it has 524,289 bytes instead of"),
        ("UPDATE blobs SET length = 599999 WHERE id = 1", "it has 600,000 bytes instead of 599,999"),
        ("PRAGMA foreign_keys = OFF; DELETE FROM blobs WHERE id = 1", "none of its bytes are there"),
    ],
)
def test_damage_in_sqlite(embedded: Backend, path: Path, damage: str, message: str) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(damage)
    ((place, said),) = found(embedded)
    assert place == PLACE
    assert said.startswith(message)


def test_a_name_in_sqlite_that_is_no_key(embedded: Backend, path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE files SET key = 'x' WHERE id = 1")
    ((place, message),) = found(embedded)
    assert place == "x"
    assert message.startswith("this is no key of a file")


def test_other_bytes_are_found_by_reading_them(
    embedded: Backend, path: Path, server: Backend, database: Plain
) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE slices SET data = zeroblob(length(data)) WHERE blob = 1 AND number = 0")
    (chunk,) = database["fs.chunks"].find({"files_id": PLACE, "n": 0})
    database["fs.chunks"].update_one({"_id": chunk["_id"]}, {"$set": {"data": bytes(len(chunk["data"]))}})
    for backend, digest in ((embedded, "SHA-256"), (server, "MD5")):
        assert found(backend) == []
        ((place, message),) = found(backend, deep=True)
        assert place == PLACE
        assert message == f"its bytes are not those that were stored: the {digest} differs"


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (
            lambda chunks, files: chunks.delete_many({"files_id": PLACE}),
            "3 of 3 chunks of its bytes are not there",
        ),
        (
            lambda chunks, files: chunks.delete_one({"files_id": PLACE, "n": 1}),
            "1 of 3 chunks of its bytes are not there",
        ),
        (
            lambda chunks, files: chunks.insert_one({"files_id": PLACE, "n": 3, "data": b"x"}),
            "chunks beyond its length of 600,000 bytes: 1",
        ),
        (
            lambda chunks, files: chunks.update_one({"files_id": PLACE, "n": 2}, {"$set": {"data": b"x"}}),
            "it has 522,241 bytes instead of 600,000",
        ),
        (
            lambda chunks, files: chunks.update_one({"files_id": PLACE, "n": 2}, {"$set": {"data": "text"}}),
            "it has 522,240 bytes instead of 600,000",
        ),
        (
            lambda chunks, files: files.update_one({"_id": PLACE}, {"$unset": {"length": 1}}),
            "its document says no length",
        ),
    ],
)
def test_damage_in_mongodb(
    server: Backend, database: Plain, damage: Callable[[Any, Any], object], message: str
) -> None:
    damage(database["fs.chunks"], database["fs.files"])
    assert found(server) == [(PLACE, message)]
    assert leftovers(server) == []


def test_old_bytes_in_sqlite_go_with_the_last_file_that_has_them(embedded: Backend, path: Path) -> None:
    same = new_file("same.bin", CourseKey("A", "B", "C"))
    embedded.files.put(same, io.BytesIO(random_bytes(SIZE)))
    embedded.files.delete(FILE.key)
    assert [leftover.size for leftover in leftovers(embedded)] == [0]
    embedded.files.delete(same.key)
    first, second = leftovers(embedded)
    assert (first.size, second.size) == (0, SIZE)
    assert embedded.files.delete_leftovers([first.name], LATE) == 0
    assert embedded.files.delete_leftovers([first.name, second.name], LATE) == SIZE
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT count(*), count(DISTINCT blob) FROM slices").fetchone() == (1, 1)


def test_a_blob_that_no_file_ever_had(embedded: Backend, path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("INSERT INTO blobs VALUES (9, x'00', 5)")
        connection.execute("INSERT INTO slices VALUES (9, 0, x'0102030405')")
    (leftover,) = leftovers(embedded)
    assert leftover.size == 5
    embedded.files.delete(FILE.key)  # not left over for long enough
    names = [one.name for one in leftovers(embedded)]
    assert embedded.files.delete_leftovers(names, datetime.now(UTC) - timedelta(hours=1)) == 5
    assert embedded.files.delete_leftovers(names, LATE) == SIZE


def test_names_that_mean_nothing(embedded: Backend, server: Backend) -> None:
    assert embedded.files.delete_leftovers(["", "file", "file x", "blob 99", "file 1"], LATE) == 0
    assert server.files.delete_leftovers(["", "{", '"no such file"', f'"{PLACE}"'], LATE) == 0
    assert found(embedded) == found(server) == []


OLD_STYLE = {"category": "asset", "name": "x", "course": "C", "tag": "c4x", "org": "O", "revision": None}


@pytest.mark.parametrize("name", [ObjectId(), OLD_STYLE, "asset-v1:A+B+C+type@asset+block@x.png"])
def test_chunks_without_a_file(server: Backend, database: Plain, name: Any) -> None:
    """Of an upload that was broken off, and of files whose documents are gone."""
    old, young = datetime(2020, 1, 1, tzinfo=UTC), datetime(2021, 1, 1, tzinfo=UTC)
    chunks = [
        {"_id": ObjectId.from_datetime(time), "files_id": name, "n": n, "data": bytes(100)}
        for n, time in enumerate((old, young))
    ]
    database["fs.chunks"].insert_many(chunks)
    assert leftovers(server, young) == []
    (leftover,) = leftovers(server, young + timedelta(seconds=1))
    assert leftover.size == 200
    assert server.files.delete_leftovers([leftover.name], young) == 0
    # Its document is back: the file needs them.
    database["fs.files"].insert_one({"_id": name, "length": 200, "chunkSize": 100})
    assert leftovers(server) == []
    assert server.files.delete_leftovers([leftover.name], LATE) == 0
    database["fs.files"].delete_one({"_id": name})
    assert server.files.delete_leftovers([leftover.name], LATE) == 200
    assert leftovers(server) == []
    assert database["fs.chunks"].count_documents({}) == 4
    assert found(server, deep=True) == []


def test_chunks_whose_time_nobody_knows_stay(server: Backend, database: Plain) -> None:
    database["fs.chunks"].insert_one({"_id": "mine", "files_id": "gone", "n": 0, "data": b"x"})
    assert leftovers(server) == []
    assert server.files.delete_leftovers(['"gone"'], LATE) == 0


def test_files_of_one_course(server: Backend, embedded: Backend, path: Path, database: Plain) -> None:
    other = CourseKey("A", "B", "C")
    for backend in (server, embedded):
        backend.files.put(new_file("c", other), io.BytesIO(b"more"))
    database["fs.chunks"].delete_many({})
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("DELETE FROM slices")
    for backend in (server, embedded):
        for course, count in ((COURSE, 2), (other, 1), (None, 3)):
            problems = [p for checked in backend.files.problems(course) for p in checked.problems]
            assert len(problems) == count
