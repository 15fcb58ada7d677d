"""Stores for tests, and everything that is in one."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from modulestore._async.mongo import open_mongo
from modulestore._async.ports import Backend
from modulestore._async.preparing import WriteRules, prepare_write
from modulestore._async.sqlite import open_sqlite
from modulestore._async.waiting import closing
from modulestore.keys import VersionId
from tests._async.kinds import KINDS

SAMPLES = Path(__file__).resolve().parent.parent.parent / "docs" / "examples"
COURSE = SAMPLES / "sample-course"
LIBRARY = SAMPLES / "sample-library"
COURSE_KEY = "course-v1:Example+MS101+2026"

BACKENDS = pytest.mark.parametrize("kind", KINDS)


@asynccontextmanager
async def fresh_backend(kind: str, request: pytest.FixtureRequest) -> AsyncIterator[Backend]:
    """A backend on a new, empty database."""
    if kind.startswith("sqlite"):
        backend: Backend = await open_sqlite(request.getfixturevalue("tmp_path") / "store.db")
    else:
        backend = await open_mongo(request.getfixturevalue("mongodb_url"))
    try:
        if kind.endswith("format-1"):
            await prepare_write(backend, -1, WriteRules(new_schema=1))
        yield backend
    finally:
        await backend.close()


async def everything(backend: Backend) -> dict[str, Any]:
    """All that a database holds: entries, documents, files with their bytes."""
    entries = await backend.index.list()
    structures: dict[VersionId, bytes] = {}
    async with closing(backend.structures.headers()) as headers:
        async for batch in headers:
            structures.update(await backend.structures.get_many([header.id for header in batch]))
    definitions: dict[VersionId, bytes] = {}
    async with closing(backend.definitions.ids()) as batches:
        async for ids in batches:
            definitions.update(await backend.definitions.get_many(ids))
    files = {}
    for entry in entries:
        for file in await backend.files.list(entry.key):
            async with closing(backend.files.read(file.key)) as pieces:
                files[file] = b"".join([piece async for piece in pieces])
    return {"entries": entries, "structures": structures, "definitions": definitions, "files": files}


def changed_copy(folder: Path, tmp_path: Path, name: str, old: str, new: str) -> Path:
    """A copy of a course in which one file says something else."""
    copy = tmp_path / "changed"
    shutil.copytree(folder, copy, dirs_exist_ok=True)
    file = copy / name
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))
    return copy
