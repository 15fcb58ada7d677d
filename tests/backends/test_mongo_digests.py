"""Digests for the files of a platform that have none."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from pymongo import MongoClient
from pymongo.database import Database

import modulestore
from modulestore import CourseFile, CourseKey, Store
from modulestore.errors import ReadOnlyStore
from modulestore.model.files import Digested

Plain = Database[dict[str, Any]]
COURSES = [CourseKey("Example", "Digests", "2026"), CourseKey("Example", "Digests", "2012", deprecated=True)]
LARGE = bytes(range(256)) * 8000


@pytest.fixture
def url(mongodb_url: str) -> str:
    return f"{mongodb_url}{'&' if '?' in mongodb_url else '?'}format=1"


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    with modulestore.connect(url) as store:
        yield store


@pytest.fixture
def database(mongodb_url: str, mongodb_admin: MongoClient[Any]) -> Plain:
    return mongodb_admin[urlsplit(mongodb_url).path.strip("/")]


def uploaded(store: Store, database: Plain, course: CourseKey = COURSES[0]) -> list[CourseFile]:
    """Three files of which one has a digest; of the others none, as old drivers and copies of courses do."""
    store.create_course(course)
    for name, data in (("a.bin", LARGE), ("b.bin", b""), ("c.bin", b"c")):
        store.assets.put(course, name, data)
    wanted = {"content_son.name": {"$in": ["a.bin", "b.bin"]}}
    assert database["fs.files"].update_many(wanted, {"$unset": {"custom_md5": 1}}).modified_count == 2
    return [store.assets.stat(course.asset(name)) for name in ("a.bin", "b.bin", "c.bin")]


@pytest.mark.parametrize("course", COURSES, ids=str)
def test_files_get_the_digests_that_they_lack(store: Store, database: Plain, course: CourseKey) -> None:
    files = uploaded(store, database, course)
    assert [file.md5 is None for file in files] == [True, True, False]
    assert store.assets.links(course).rewrite('"/static/a.bin"').count("/assets/") == 0
    with store.assets.open(files[0].key) as reading:
        first = reading.read(100_000)
        assert store.assets.digest(course) == Digested(2, ())
        assert first + reading.read() == LARGE, "who reads a file meanwhile reads on"
    after = [store.assets.stat(file.key) for file in files]
    assert [file.md5 for file in after] == [
        hashlib.md5(data, usedforsecurity=False).hexdigest() for data in (LARGE, b"", b"c")
    ]
    assert [file.uploaded_on for file in after] == [file.uploaded_on for file in files]
    assert f"/{after[0].md5}/" in store.assets.links(course).rewrite('"/static/a.bin"')
    assert store.assets.digest(course) == Digested(0, ())


def test_a_file_that_changes_meanwhile_is_left_alone(store: Store, database: Plain) -> None:
    """Whatever becomes of it between the reading of its bytes and the writing of their digest."""
    replaced, deleted, given = uploaded(store, database)
    files = store._backend.files
    store.assets.put(COURSES[0], "a.bin", LARGE[::-1])
    database["fs.files"].update_many({"content_son.name": "a.bin"}, {"$unset": {"custom_md5": 1}})
    assert not files.set_digest(replaced, "0" * 32)
    assert store.assets.stat(replaced.key).md5 is None
    store.assets.delete(deleted.key)
    assert not files.set_digest(deleted, "0" * 32)
    assert not files.set_digest(given, "0" * 32), "it has one"
    assert store.assets.stat(given.key) == given


def test_a_damaged_file_does_not_stop_the_others(store: Store, database: Plain) -> None:
    damaged, *_ = uploaded(store, database)
    database["fs.chunks"].delete_one({"files_id": str(damaged.key), "n": 3})
    found = store.assets.digest(COURSES[0])
    assert found.files == 1
    (problem,) = found.problems
    assert problem.place == str(damaged.key)


def test_a_platforms_database_is_left_alone(store: Store, database: Plain, mongodb_url: str) -> None:
    uploaded(store, database)
    database["modulestore.records"].delete_many({})
    with modulestore.connect(mongodb_url) as platform, pytest.raises(ReadOnlyStore):
        platform.assets.digest(COURSES[0])
    with modulestore.connect(mongodb_url) as platform, pytest.raises(ReadOnlyStore):
        platform.assets.put(COURSES[0], "d.bin", io.BytesIO(b"d"))
    writable = f"{mongodb_url}{'&' if '?' in mongodb_url else '?'}writes=yes"
    with modulestore.connect(writable) as platform:
        assert platform.assets.digest(COURSES[0]).files == 2
        assert platform.assets.put(COURSES[0], "d.bin", io.BytesIO(b"d")).file.md5
