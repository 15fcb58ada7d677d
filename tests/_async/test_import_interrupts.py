"""An import that is interrupted at any write: before it is visible all that is new is taken back, after it nothing.

Unlike a process that dies, one that is interrupted tidies up, and must know what is needed by then.
"""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from modulestore._async.ports import Backend
from modulestore._async.store import AsyncStore
from modulestore.errors import StorageUnavailable
from modulestore.keys import as_course_key
from modulestore.testing._async.checking import check_store
from modulestore.testing._async.faults import FaultyBackend
from tests._async.stores import BACKENDS, COURSE, COURSE_KEY, everything, fresh_backend

pytestmark = pytest.mark.anyio

KEY = as_course_key(COURSE_KEY)
NEW, REPLACED, PAGE = "static/new.txt", "static/harbour-en.srt", "html/columns.html"
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


def new_in(state: dict[str, Any], before: dict[str, Any]) -> dict[str, set[Any]]:
    """Ids of what one state has and the other has not; files by name."""
    files = [{file.key for file in one["files"]} for one in (state, before)]
    return {
        "structures": state["structures"].keys() - before["structures"].keys(),
        "definitions": state["definitions"].keys() - before["definitions"].keys(),
        "files": files[0] - files[1],
    }


NOTHING: dict[str, set[Any]] = {"structures": set(), "definitions": set(), "files": set()}


async def expect_all_or_nothing(backend: Backend, before: dict[str, Any], path: Path) -> bool:
    """Whether it is visible; then nothing was taken back, else all that was new."""
    assert await check_store(backend) == []
    after = await everything(backend)
    if after["entries"] == before["entries"]:
        # Files of a course that is not there are in no state: looked at by its key.
        left = {file.key for file in await backend.files.list(KEY)} - {file.key for file in before["files"]}
        assert ({**new_in(after, before), "files": left}, "not visible") == (NOTHING, "not visible")
        return False
    assert not (await AsyncStore(backend).import_course(path)).changed, "visible, and all of it is there"
    assert await everything(backend) == after
    return True


@BACKENDS
@INTERRUPTS
async def test_of_a_new_course(backend: Backend, error: type[BaseException], tmp_path: Path) -> None:
    for after in (False, True):
        visible = []
        for number in range(1, 100):
            before = await everything(backend)
            faulty = FaultyBackend(backend)
            (faulty.fail_after if after else faulty.fail_before)(number, error())
            path = version(tmp_path / str(after), number)
            try:
                await AsyncStore(faulty).import_course(path)
            except error:
                visible.append(await expect_all_or_nothing(backend, before, path))
            else:
                break
            if visible[-1]:
                await AsyncStore(backend).delete(KEY)
                for file in await backend.files.list(KEY):
                    await backend.files.delete(file.key)
        assert visible == sorted(visible), "once visible, it stays"
        assert len(visible) > 5
        assert visible[0] is False
        assert visible[-1] is after or visible[-2] is False
        await AsyncStore(backend).delete(KEY)
        for file in await backend.files.list(KEY):
            await backend.files.delete(file.key)


@BACKENDS
@INTERRUPTS
async def test_of_a_course_that_is_there(
    backend: Backend, error: type[BaseException], tmp_path: Path
) -> None:
    await AsyncStore(backend).import_course(COURSE)
    for after in (False, True):
        visible = []
        for number in range(1, 100):
            before = await everything(backend)
            faulty = FaultyBackend(backend)
            (faulty.fail_after if after else faulty.fail_before)(number, error())
            path = version(tmp_path / str(after), number)
            try:
                await AsyncStore(faulty).import_course(path)
            except error:
                visible.append(await expect_all_or_nothing(backend, before, path))
            else:
                break
            if visible[-1]:
                await backend.files.delete(KEY.asset("new.txt"))
        assert visible == sorted(visible), "once visible, it stays"
        assert len(visible) > 4
        assert visible[0] is False
        await backend.files.delete(KEY.asset("new.txt"))


@BACKENDS
async def test_an_error_after_it_is_visible(backend: Backend, tmp_path: Path) -> None:
    """Of the end of the group, which may be a transaction's: nothing is taken back."""
    await AsyncStore(backend).import_course(COURSE)
    before = await everything(backend)
    path = version(tmp_path, 1)
    faulty = FaultyBackend(backend)
    faulty.fail_after(name="group.commit")
    with pytest.raises(StorageUnavailable):
        await AsyncStore(faulty).import_course(path)
    assert await expect_all_or_nothing(backend, before, path)
