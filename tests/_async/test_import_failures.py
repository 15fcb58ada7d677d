"""An import that fails leaves the store as it was; an unknown fate is called so; a crash dangles nothing."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from modulestore._async.ports import Backend
from modulestore._async.reading import Reader
from modulestore._async.store import AsyncStore
from modulestore._async.waiting import race
from modulestore.errors import (
    CommitUnknown,
    DocumentTooLarge,
    HeadMoved,
    StorageError,
    StorageFull,
    StorageUnavailable,
)
from modulestore.testing._async.faults import FaultyBackend
from modulestore.testing.crash import Crash
from tests._async.stores import BACKENDS, COURSE, COURSE_KEY, LIBRARY, changed_copy, everything, fresh_backend

pytestmark = pytest.mark.anyio


@pytest.fixture
async def backend(kind: str, request: pytest.FixtureRequest) -> AsyncIterator[FaultyBackend]:
    """A database with a library in it, so that there is something to damage."""
    async with fresh_backend(kind, request) as inner:
        backend = FaultyBackend(inner)
        await AsyncStore(backend).import_course(LIBRARY)
        yield backend


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tries after a lost reply follow each other at once."""
    monkeypatch.setattr("modulestore._async.committing._PAUSES", (0.0, 0.0, 0.0))


@pytest.fixture(autouse=True)
def few_files_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """The sample's files are sent in several batches, and the largest one by itself."""
    monkeypatch.setattr("modulestore._async.importing._TOGETHER", 317)


async def expect_whole(backend: Backend) -> None:
    """Everything that the index leads to is there."""
    for entry in await backend.index.list():
        reader = Reader(backend)
        structures = await reader.structures(set(entry.heads.values()))
        for structure in structures.values():
            await reader.definitions(structure.definitions)


async def count_writes(backend: FaultyBackend, path: Path, **options: Any) -> int:
    before = len(backend.writes)
    await AsyncStore(backend).import_course(path, **options)
    return len(backend.writes) - before


@BACKENDS
async def test_a_write_that_fails_leaves_everything_as_before(backend: FaultyBackend, kind: str) -> None:
    before = await everything(backend)
    failed = 0
    for number in range(1, 100):
        backend.fail_before(number, StorageFull("no room"))
        try:
            await AsyncStore(backend).import_course(COURSE)
        except StorageFull:
            failed += 1
        else:
            break
        backend.disarm()
        if kind.startswith("mongodb") and backend.writes[-1] == "group.commit":
            await expect_whole(backend)  # there is no such write: what failed came after the commit
            continue
        assert await everything(backend) == before, f"after write {number} failed"
    assert failed > 5
    backend.disarm()
    assert not (await AsyncStore(backend).import_course(COURSE)).changed


@BACKENDS
@pytest.mark.parametrize("write", ["files.put", "files.put_many"])
async def test_files_whose_reply_is_lost_are_taken_back(backend: FaultyBackend, write: str) -> None:
    before = await everything(backend)
    backend.fail_after(1, name=write)
    with pytest.raises(StorageUnavailable):
        await AsyncStore(backend).import_course(COURSE)
    assert backend.writes.count(write) == 1
    assert await everything(backend) == before


@BACKENDS
async def test_a_crash_at_any_write_leaves_the_course_out_or_whole(backend: FaultyBackend, kind: str) -> None:
    before = await everything(backend)
    crashes = 0
    for number in range(1, 100):
        for arm in (backend.fail_before, backend.fail_after):
            arm(number, Crash())
            try:
                await AsyncStore(backend).import_course(COURSE)
            except Crash:
                crashes += 1
            backend.disarm()
            await expect_whole(backend)
            after = await everything(backend)
            if len(after["entries"]) == len(before["entries"]):
                assert after["entries"] == before["entries"]
                assert before["structures"].items() <= after["structures"].items()
                assert before["definitions"].items() <= after["definitions"].items()
                if kind.startswith("sqlite"):
                    assert after == before
                continue
            # Visible: then all of it is there, and an import has nothing left to do.
            assert not (await AsyncStore(backend).import_course(COURSE)).changed
            assert crashes > 5
            return
    pytest.fail("the import never came through")


@BACKENDS
async def test_a_lost_reply_of_the_commit_is_not_an_error(backend: FaultyBackend, tmp_path: Path) -> None:
    backend.fail_after(1, name="index.insert")
    report = await AsyncStore(backend).import_course(COURSE)
    assert (await AsyncStore(backend).open(COURSE_KEY)).version == report.version
    changed = changed_copy(COURSE, tmp_path, "html/columns.html", "03:40", "03:41")
    backend.fail_after(1, name="index.swap")
    second = await AsyncStore(backend).import_course(changed)
    course = await AsyncStore(backend).open(COURSE_KEY)
    assert (course.version, course.previous_version) == (second.version, report.version)


@BACKENDS
async def test_a_commit_whose_fate_cannot_be_learnt_says_so(backend: FaultyBackend) -> None:
    for _ in range(3):
        backend.fail_after(1, name="index.insert")
    for number in range(1, 4):
        backend.fail_before(number, name="index.insert")
    with pytest.raises(CommitUnknown):
        await AsyncStore(backend).import_course(COURSE)
    backend.disarm()
    await expect_whole(backend)


@BACKENDS
async def test_a_structure_that_is_too_large_is_refused_before_anything_is_written(
    backend: FaultyBackend, tmp_path: Path
) -> None:
    before = await everything(backend)
    writes = len(backend.writes)
    long_value = os.urandom(17 * 1024 * 1024).hex()  # which nothing makes much smaller
    course = changed_copy(
        COURSE,
        tmp_path,
        "policies/2026/policy.json",
        '"display_name"',
        f'"long": "{long_value}", "display_name"',
    )
    with pytest.raises(DocumentTooLarge, match="structure") as caught:
        await AsyncStore(backend).import_course(course)
    assert caught.value.size > caught.value.limit == 16 * 1024 * 1024
    assert await everything(backend) == before
    assert len(backend.writes) > writes, "it was the database's border that refused it"


@BACKENDS
async def test_imports_at_the_same_time_are_each_whole(backend: FaultyBackend, tmp_path: Path) -> None:
    store = AsyncStore(backend)
    await store.import_course(COURSE)
    copies = [
        changed_copy(COURSE, tmp_path / str(number), "html/columns.html", "03:40", f"03:{41 + number}")
        for number in range(4)
    ]

    async def one(copy: Path) -> object:
        try:
            return (await AsyncStore(backend).import_course(copy)).version
        except (HeadMoved, StorageError) as error:
            return error

    outcomes = await race(*[lambda copy=copy: one(copy) for copy in copies])
    await expect_whole(backend)
    course = await store.open(COURSE_KEY)
    assert course.version in outcomes
    # Nobody's version was written over: each that was reported is in the history of the head.
    history = set()
    while True:
        history.add(course.version)
        if course.previous_version is None:
            break
        course = await store.open(COURSE_KEY, version=course.previous_version)
    assert {outcome for outcome in outcomes if not isinstance(outcome, Exception)} <= history
