"""An import that is interrupted at any write. Unlike a process that dies it tidies up, and must know what is
needed: before it is visible all that is new is taken back, from then on nothing.
"""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from modulestore._async.ports import Backend
from modulestore._async.sqlite.backend import SqliteBackend
from modulestore._async.store import AsyncStore
from modulestore._async.waiting import Call
from modulestore.errors import StorageUnavailable
from modulestore.keys import as_course_key
from modulestore.testing._async.checking import check_store
from modulestore.testing._async.faults import FaultyBackend
from tests._async.stores import BACKENDS, COURSE, COURSE_KEY, everything, fresh_backend

pytestmark = pytest.mark.anyio

KEY = as_course_key(COURSE_KEY)
NEW, REPLACED, PAGE = "static/new.txt", "static/harbour-en.srt", "html/columns.html"
SWAPS = {"index.insert", "index.swap"}
INTERRUPTS = pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])


@pytest.fixture
async def backend(kind: str, request: pytest.FixtureRequest) -> AsyncIterator[Backend]:
    async with fresh_backend(kind, request) as backend:
        yield backend


@pytest.fixture(autouse=True)
def few_files_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files are sent in several batches, and the largest one by itself."""
    monkeypatch.setattr("modulestore._async.importing._TOGETHER", 317)


def version(tmp_path: Path, number: int) -> Path:
    """The course, changed: a page and a file say something else, and there is another file."""
    copy = tmp_path / str(number)
    shutil.copytree(COURSE, copy)
    for name in (NEW, REPLACED, PAGE):
        text = (copy / name).read_text() if name != NEW else ""
        (copy / name).write_text(f"{text}\n{number}")
    return copy


async def outcome(
    backend: Backend, path: Path, error: BaseException, number: int, *, after: bool
) -> bool | None:
    """Interrupt an import before its n-th write is done, or after; None if it has not as many.

    Whether it is visible; then nothing was taken back, else all that was new.
    """
    before = await everything(backend)
    files_before = {file.key for file in await backend.files.list(KEY)}
    faulty = FaultyBackend(backend)
    (faulty.fail_after if after else faulty.fail_before)(number, error)
    try:
        await AsyncStore(faulty).import_course(path)
    except type(error):
        pass
    else:
        return None
    assert await check_store(backend) == []
    state = await everything(backend)
    if state["entries"] != before["entries"]:
        assert not (await AsyncStore(backend).import_course(path)).changed, "visible, and all of it is there"
        assert await everything(backend) == state
        return True
    if faulty.writes[number - 1] in SWAPS and not isinstance(backend, SqliteBackend):
        return False  # inside of that nobody knows whether it was done: what may be needed stays
    assert state["structures"] == before["structures"]
    assert state["definitions"] == before["definitions"]
    assert {file.key for file in await backend.files.list(KEY)} == files_before
    return False


async def outcomes(
    backend: Backend, tmp_path: Path, error: type[BaseException], prepare: Call[object]
) -> None:
    """At every write, from the same beginning each time."""
    for after in (False, True):
        found: list[bool] = []
        for number in range(1, 100):
            await prepare()
            path = version(tmp_path / f"{after}", number)
            visible = await outcome(backend, path, error(), number, after=after)
            if visible is None:
                break
            found.append(visible)
        assert len(found) > 5
        assert found == sorted(found), "once visible, it stays"
        assert (found[0], found[-1]) == (False, after or not isinstance(backend, SqliteBackend))


async def without_it(backend: Backend) -> None:
    for entry in await backend.index.list():
        await backend.index.delete(entry)
    for file in await backend.files.list(KEY):
        await backend.files.delete(file.key)


async def with_its_first_version(backend: Backend) -> None:
    await AsyncStore(backend).import_course(COURSE)
    await backend.files.delete(KEY.asset("new.txt"))


@BACKENDS
@INTERRUPTS
async def test_of_a_new_course(backend: Backend, error: type[BaseException], tmp_path: Path) -> None:
    await outcomes(backend, tmp_path, error, lambda: without_it(backend))


@BACKENDS
@INTERRUPTS
async def test_of_a_course_that_is_there(
    backend: Backend, error: type[BaseException], tmp_path: Path
) -> None:
    await outcomes(backend, tmp_path, error, lambda: with_its_first_version(backend))


@BACKENDS
async def test_an_error_after_it_is_visible(backend: Backend, tmp_path: Path) -> None:
    """Of the end of the group, which may be a transaction's: nothing is taken back."""
    await with_its_first_version(backend)
    counting = FaultyBackend(backend)
    await AsyncStore(counting).import_course(version(tmp_path, 1))
    await with_its_first_version(backend)
    last = len(counting.writes)
    assert counting.writes[-1] == "group.commit"
    lost = StorageUnavailable("the reply was lost")
    assert await outcome(backend, version(tmp_path, 2), lost, last, after=True)
