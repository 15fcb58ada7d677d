"""Courses whose files are tried."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from modulestore._async.ports import Backend
from modulestore._async.store import AsyncStore
from modulestore.keys import AssetKey, CourseKey, LibraryKey, as_course_key
from modulestore.testing._async.courses import SMALL_COURSE, make_small_course
from tests._async.stores import fresh_backend

KEY = as_course_key(SMALL_COURSE)
OTHER = CourseKey("Example", "Other", "2026")
LIBRARY = LibraryKey("Example", "Shelf")
LARGE = bytes(range(256)) * 9000  # 2.3 MB: several pieces of every layout


@asynccontextmanager
async def courses(kind: str, request: pytest.FixtureRequest) -> AsyncIterator[Backend]:
    """A database with the small course, another one and a library."""
    async with fresh_backend(kind, request) as backend:
        store = AsyncStore(backend)
        await make_small_course(store)
        await store.create_course(OTHER)
        await store.create_library(LIBRARY)
        yield backend


async def content(store: AsyncStore, key: AssetKey) -> bytes:
    return b"".join([piece async for piece in await store.assets.open(key)])


async def pieces(data: bytes, size: int) -> AsyncIterator[bytes]:
    for at in range(0, len(data), size):
        yield data[at : at + size]
