"""Databases and courses for tests of bundles."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from secrets import token_hex
from typing import Any

import pytest

from modulestore._async.mongo import open_mongo
from modulestore._async.ports import Backend
from modulestore._async.preparing import WriteRules, prepare_write
from modulestore._async.reading import Reader
from modulestore._async.sqlite import open_sqlite
from modulestore._async.store import AsyncStore
from modulestore._async.waiting import closing
from modulestore.errors import EditConflict
from modulestore.formats import layers
from modulestore.keys import as_course_key
from modulestore.storage import bundle_writing
from tests._async.histories import KEY, History
from tests._async.stores import COURSE

NOW = datetime(2026, 1, 1, tzinfo=UTC)
NEW = as_course_key("course-v1:Example+New+2027")


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Deltas on deltas, and many sections, so that a short history has all of it."""
    monkeypatch.setattr(layers, "_ALIKE", 2)
    monkeypatch.setattr(layers, "_SHARE", 50.0)
    monkeypatch.setattr(bundle_writing, "_PIECE", 2000)
    for module in ("unbundling", "bundled_documents"):
        monkeypatch.setattr(f"modulestore._async.{module}._TOGETHER", 1500)
    monkeypatch.setattr("modulestore._async.committing._PAUSES", (0.0, 0.0, 0.0))


@asynccontextmanager
async def database(kind: str, request: pytest.FixtureRequest, name: str) -> AsyncIterator[Backend]:
    """One of several databases of a test."""
    unique = f"ms_test_{name}_{token_hex(6)}"
    if kind.startswith("sqlite"):
        backend: Backend = await open_sqlite(request.getfixturevalue("tmp_path") / f"{name}.db")
    else:
        backend = await open_mongo(request.getfixturevalue("mongodb_server").url(unique))
    try:
        if kind.endswith("format-1"):
            await prepare_write(backend, -1, WriteRules(new_schema=1))
        yield backend
    finally:
        await backend.close()
        if kind.startswith("mongodb"):
            request.getfixturevalue("mongodb_admin").drop_database(unique)


async def make_course(backend: Backend, steps: int = 25) -> History:
    """A course with a history, files, tags, messages, a kept conflict, and blocks of a library."""
    store = AsyncStore(backend)
    history = History(store, seed=5)
    await history.begin()
    await history.go_on(steps)
    await store.import_course(COURSE, key=KEY, author=7)
    await store.tag(KEY, "published", "spring", author=7)
    async with store.edit(KEY, author=7, message="the last words") as edit:
        edit.update(("html", "columns"), display_name="Columns")
    with pytest.raises(EditConflict):
        await edit_the_same(store)
    return history


async def edit_the_same(store: AsyncStore) -> None:
    async with store.edit(KEY, author=7, message="too late") as mine:
        mine.update(("html", "columns"), display_name="mine")
        async with store.edit(KEY, author=8) as theirs:
            theirs.update(("html", "columns"), display_name="theirs")


async def files_of(backend: Backend, key: Any) -> dict[tuple[Any, ...], bytes]:
    found = {}
    for file in await backend.files.list(key):
        async with closing(backend.files.read(file.key)) as pieces:
            data = b"".join([piece async for piece in pieces])
        found[file.key.name, file.display_name, file.content_type, file.locked, file.import_path] = data
    return found


async def said_of(backend: Backend, key: Any) -> list[Any]:
    """What is known of a course beside its documents."""
    store = AsyncStore(backend)
    branches = ["draft", "published"]
    return [
        [await store.history(key, branch=branch) for branch in branches],
        [[block.key for block in (await store.open(key, branch=branch)).blocks()] for branch in branches],
        [(one.id, one.items, one.author, one.message) for one in await store.conflicts(key)],
        await files_of(backend, key),
    ]


async def expect_readable(backend: Backend) -> None:
    """Everything that the index leads to is there."""
    for entry in await backend.index.list():
        structures = await Reader(backend).structures(set(entry.heads.values()))
        for structure in structures.values():
            await Reader(backend).definitions(structure.definitions)
