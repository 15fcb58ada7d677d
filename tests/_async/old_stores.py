"""The platform's older store, in memory and in a database, and what tests look at afterwards."""

from __future__ import annotations

import io
import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import bson
from bson import SON
from pymongo import MongoClient

from modulestore._async.mongo import open_mongo
from modulestore._async.ports import Backend, OldStore
from modulestore._async.sqlite import open_sqlite
from modulestore._async.store import AsyncStore
from modulestore._async.waiting import Stream, closing
from modulestore.keys import as_course_key
from modulestore.model.course import Course
from modulestore.model.files import CourseFile
from tests.old_store import document
from tests.servers import MongoDB

__all__ = [
    "ListedOldStore",
    "files_of",
    "old_database",
    "old_store_of",
    "put_file",
    "tree",
    "two_runs",
]


class ListedOldStore(OldStore):
    """Documents of a list, which a test may change."""

    def __init__(self, documents: Sequence[dict[str, Any]]) -> None:
        self.documents = list(documents)

    async def courses(self) -> list[bytes]:
        return [
            bson.encode({"_id": one["_id"]})
            for one in self.documents
            if one["_id"].get("category") == "course"
        ]

    async def blocks(self, org: str, course: str, *, batch: int = 1000) -> Stream[Sequence[bytes]]:
        for one in self.documents:
            if (one["_id"].get("org"), one["_id"].get("course")) == (org, course):
                yield [bson.encode(one)]


async def old_store_of(documents: Sequence[dict[str, Any]]) -> tuple[AsyncStore, ListedOldStore]:
    """A store beside which these documents are, and the list of them."""
    backend: Backend = await open_sqlite(":memory:")
    backend.old_store = listed = ListedOldStore(documents)
    return AsyncStore(backend), listed


@asynccontextmanager
async def old_database(
    server: MongoDB, admin: MongoClient[dict[str, Any]], documents: Sequence[dict[str, Any]]
) -> AsyncIterator[Backend]:
    """A MongoDB database that a platform of then has left."""
    name = f"ms_old_{secrets.token_hex(6)}"
    admin[name]["modulestore"].insert_many(documents)
    backend = await open_mongo(server.url(name))
    try:
        yield backend
    finally:
        await backend.close()
        admin.drop_database(name)


def two_runs() -> list[SON[str, Any]]:
    return [
        document("course", "r1", {}, [("chapter", "both"), ("chapter", "one")]),
        document("course", "r2", {}, [("chapter", "both"), ("chapter", "two")]),
        *(document("chapter", name, {}, [], display_name=name) for name in ("both", "one", "two", "none")),
        document("about", "overview", "text"),
    ]


async def put_file(backend: Backend, key: str, name: str, data: bytes) -> None:
    course = as_course_key(key)
    await backend.files.put(
        CourseFile(key=course.asset(name), length=len(data), display_name=name, content_type="text/plain"),
        io.BytesIO(data),
    )


async def files_of(backend: Backend, key: str) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    for file in await backend.files.list(as_course_key(key)):
        async with closing(backend.files.read(file.key)) as pieces:
            found[str(file.key)] = b"".join([piece async for piece in pieces])
    return found


def tree(course: Course) -> dict[str, list[str]]:
    return {block.id: [child.id for child in block.children] for block in course.blocks()}
