"""Databases whose files are stored once, for tests of MongoDB."""

from __future__ import annotations

import hashlib
import io
from datetime import UTC, datetime
from typing import Any, Final

from pymongo.database import Database

from modulestore._sync.mongo import open_mongo
from modulestore._sync.mongo.backend import MongoBackend
from modulestore._sync.preparing import WriteRules, prepare_write
from modulestore.keys import CourseKey
from modulestore.model.files import CourseFile, Leftover
from modulestore.testing.samples import new_file, random_bytes

__all__ = [
    "DATA",
    "FILE",
    "FILES",
    "LATE",
    "OTHER",
    "PLACE",
    "SHA",
    "Plain",
    "found",
    "leftovers",
    "prepared",
    "put",
]

LATE: Final = datetime(2100, 1, 1, tzinfo=UTC)
OTHER: Final = CourseKey("A", "B", "C")
FILE: Final = new_file(
    "a.bin", content_type="image/png", import_path="sub/a.bin", thumbnail="a.jpg", locked=True
)
PLACE: Final = str(FILE.key)
DATA: Final = random_bytes(600_000)
SHA: Final = hashlib.sha256(DATA).digest()
FILES: Final = "modulestore.files"

Plain = Database[dict[str, Any]]


def prepared(url: str, rules: WriteRules = WriteRules()) -> MongoBackend:  # noqa: B008
    """A new database, prepared as at its first write."""
    backend = open_mongo(url)
    prepare_write(backend, -1, rules)
    return backend


def put(backend: MongoBackend, file: CourseFile = FILE, data: bytes = DATA) -> CourseFile:
    """Store a file."""
    return backend.files.put(file, io.BytesIO(data))


def found(backend: MongoBackend, *, deep: bool = False) -> list[tuple[str, str]]:
    """Problems: where, and what."""
    return [
        (problem.place, problem.message)
        for checked in backend.files.problems(deep=deep)
        for problem in checked.problems
    ]


def leftovers(backend: MongoBackend, before: datetime = LATE) -> list[Leftover]:
    """What nobody has needed since a time."""
    return [leftover for batch in backend.files.leftovers(before) for leftover in batch]
