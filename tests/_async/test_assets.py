"""What can be done with one file of a course, over all stores."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from modulestore._async.ports import Backend
from modulestore._async.store import AsyncStore
from modulestore._async.waiting import Call, race
from modulestore._async.wrappers import ReadOnlyBackend
from modulestore.errors import (
    AssetExists,
    AssetNotFound,
    CourseNotFound,
    InvalidInput,
    ReadOnlyStore,
    StorageUnavailable,
)
from modulestore.keys import CourseKey, LibraryKey
from modulestore.model.files import CourseFile
from modulestore.testing._async.faults import FaultyBackend
from tests._async.file_courses import KEY, LARGE, LIBRARY, OTHER, content, courses, pieces
from tests._async.stores import BACKENDS

pytestmark = pytest.mark.anyio


@pytest.fixture
async def backend(kind: str, request: pytest.FixtureRequest) -> AsyncIterator[Backend]:
    """A database with some courses and a library."""
    async with courses(kind, request) as backend:
        yield backend


@BACKENDS
async def test_a_file_goes_in_and_comes_out(backend: Backend, tmp_path: Path) -> None:
    store = AsyncStore(backend)
    (tmp_path / "large.bin").write_bytes(LARGE)
    behind = io.BytesIO(b"not this" + LARGE)
    behind.seek(8)
    sources: list[Any] = [
        LARGE,
        tmp_path / "large.bin",
        str(tmp_path / "large.bin"),
        behind,
        pieces(LARGE, 70_001),
    ]
    for number, source in enumerate(sources):
        stored = (await store.assets.put(KEY, f"{number}.bin", source)).file
        assert stored.length == len(LARGE)
        assert await store.assets.get(stored.key) == stored == await store.assets.stat(str(stored.key))
        assert await content(store, stored.key) == LARGE
        assert await store.assets.fetch(stored, 5, 2_000_000) == LARGE[5:2_000_000]
    empty = (await store.assets.put(KEY, "empty.txt", b"")).file
    assert (empty.length, await content(store, empty.key)) == (0, b"")


@BACKENDS
async def test_what_is_not_said_of_a_file(backend: Backend) -> None:
    assets = AsyncStore(backend).assets
    file = (await assets.put(KEY, "images/pic name (1).png", b"one")).file
    assert file.key == KEY.asset("images_pic_name__1_.png")
    assert (file.display_name, file.import_path) == ("pic name (1).png", "images/pic name (1).png")
    assert (file.content_type, file.locked, file.thumbnail) == ("image/png", False, None)
    said = await assets.put(
        KEY, file.key.name, b"two", display_name="A picture", locked=True, content_type="image/x; q=1"
    )
    assert (said.file.display_name, said.file.locked) == ("A picture", True)
    assert said.file.content_type == "image/x; q=1"
    again = (await assets.put(KEY, "images/pic name (1).png", b"three")).file
    assert (again.display_name, again.locked) == ("A picture", True), "as they were, the lock above all"
    assert again.import_path == "images/pic name (1).png"
    assert (again.content_type, again.length) == ("image/png", 5), "what the bytes are is said anew"
    unlocked = await assets.put(KEY, file.key.name, b"four", locked=False)
    assert not unlocked.file.locked


@BACKENDS
async def test_a_library_has_files_too(backend: Backend) -> None:
    store = AsyncStore(backend)
    file = (await store.assets.put(LIBRARY, "a.txt", b"of the library")).file
    assert file.key == LIBRARY.asset("a.txt")
    assert list(await store.assets.list(LIBRARY)) == [file]
    assert list(await store.assets.list(KEY)) == []
    assert await content(store, file.key) == b"of the library"


@BACKENDS
async def test_what_cannot_be_stored(backend: Backend, tmp_path: Path) -> None:
    assets = AsyncStore(backend).assets

    async def refused(name: str, source: Any = b"bytes", **said: Any) -> None:
        with pytest.raises(InvalidInput):
            await assets.put(KEY, name, source, **said)

    for name in ("", "..", "/a.png", "a/../b.png", "a//b.png", "a\n/b.png"):
        await refused(name)
    await refused("a.png", content_type="image/png\r\nX-Evil: yes")
    await refused("a.png", content_type="nonsense")
    await refused("a.png", display_name=" ")
    await refused("a.png", display_name="two\nlines")
    await refused("a.png", import_path="../../etc/passwd")
    await refused("a.png", import_path="images/a.png")  # which is imported as images_a.png
    await refused("a.png", tmp_path / "nowhere.png")
    await refused("a.png", tmp_path)
    await refused("a.png", 7)
    await refused("a.png", io.StringIO("text"))
    for key in (CourseKey("No", "Such", "Course"), LibraryKey("No", "Such")):
        with pytest.raises(CourseNotFound):
            await assets.put(key, "a.png", b"bytes")
    assert list(await assets.list(KEY)) == []


@BACKENDS
async def test_what_is_not_there(backend: Backend) -> None:
    assets = AsyncStore(backend).assets
    key = KEY.asset("nowhere.png")
    assert await assets.get(key) is None
    for call in (
        assets.stat,
        assets.open,
        assets.lock,
        assets.unlock,
        assets.delete,
        assets.history,
        assets.restore,
    ):
        with pytest.raises(AssetNotFound):
            await call(key)
    with pytest.raises(AssetNotFound):
        await assets.rename(key, "name")
    with pytest.raises(AssetNotFound):
        await assets.copy(KEY, OTHER, names=["nowhere.png"])
    nowhere = CourseKey("No", "Such", "Course")
    for course_call in (assets.list, assets.trash, assets.used, assets.unused, assets.digest):
        with pytest.raises(CourseNotFound):
            await course_call(nowhere)
    with pytest.raises(CourseNotFound):
        await assets.copy(KEY, nowhere)


@BACKENDS
async def test_locks_and_names(backend: Backend) -> None:
    assets = AsyncStore(backend).assets
    file = (await assets.put(KEY, "a.pdf", b"one")).file
    assert (await assets.lock(file.key)).locked
    renamed = await assets.rename(str(file.key), "Syllabus")
    assert (renamed.locked, renamed.display_name, renamed.key) == (True, "Syllabus", file.key)
    assert await assets.get(file.key) == renamed
    assert not (await assets.unlock(file.key)).locked
    with pytest.raises(InvalidInput):
        await assets.rename(file.key, "")


@BACKENDS
async def test_the_trash(backend: Backend) -> None:
    store = AsyncStore(backend)
    file = (await store.assets.put(KEY, "a.txt", b"one", locked=True)).file
    await store.assets.put(KEY, "b.txt", b"b")
    assert await store.assets.delete(file.key) == file
    assert await store.assets.get(file.key) is None
    (deleted,) = await store.assets.trash(KEY)
    assert (deleted.file.key, deleted.file.md5, deleted.file.locked) == (file.key, file.md5, True)
    assert deleted.ended_on is not None
    assert list(await store.assets.history(file.key)) == [deleted]
    restored = await store.assets.restore(file.key)
    assert (restored.key, restored.locked, restored.sha256) == (file.key, True, file.sha256)
    assert await content(store, file.key) == b"one"
    assert list(await store.assets.trash(KEY)) == []
    with pytest.raises(AssetExists):
        await store.assets.restore(file.key)
    await store.assets.delete(file.key)
    await store.assets.put(KEY, "a.txt", b"new")
    with pytest.raises(AssetExists):
        await store.assets.restore(file.key)


@BACKENDS
async def test_what_a_name_has_stood_for(backend: Backend, kind: str) -> None:
    store = AsyncStore(backend)
    key = KEY.asset("a.txt")
    for data in (b"one", b"two", b"three"):
        await store.assets.put(KEY, "a.txt", data)
    newest, *older = await store.assets.history(key)
    assert (newest.file.length, newest.ended_on) == (5, None)
    if not older:  # the layout "platform" remembers no more
        assert kind == "mongodb-format-1"
        return
    assert [version.ended_on is None for version in older] == [False, False]
    restored = await store.assets.restore(older[-1])
    assert restored.sha256 == older[-1].file.sha256
    assert await content(store, key) == b"one"
    assert len(await store.assets.history(key)) == 4, "what was replaced so can be restored too"
    await store.assets.lock(key)
    assert (await store.assets.restore(newest)).locked, "what was open once is not for everybody again"
    assert (await store.assets.stat(key)).locked


@BACKENDS
async def test_a_read_only_store_is_only_read(backend: Backend) -> None:
    file = (await AsyncStore(backend).assets.put(KEY, "a.txt", b"one")).file
    (await AsyncStore(backend).assets.put(KEY, "b.txt", b"one"))
    assets = AsyncStore(ReadOnlyBackend(backend, "open it for writing")).assets
    assert await assets.stat(file.key) == file
    calls: list[Any] = [
        lambda: assets.put(KEY, "c.txt", b"two"),
        lambda: assets.lock(file.key),
        lambda: assets.rename(file.key, "name"),
        lambda: assets.delete(file.key),
        lambda: assets.restore(file.key),
        lambda: assets.copy(KEY, OTHER),
    ]
    for call in calls:
        with pytest.raises(ReadOnlyStore):
            await call()


@BACKENDS
async def test_an_upload_that_breaks_off_leaves_the_old_file(backend: Backend) -> None:
    store = AsyncStore(backend)
    old = (await store.assets.put(KEY, "a.txt", b"old")).file

    async def broken() -> AsyncIterator[bytes]:
        yield LARGE
        raise ConnectionResetError("the browser was closed")

    with pytest.raises(ConnectionResetError):
        await store.assets.put(KEY, "a.txt", broken())
    faulty = FaultyBackend(backend)
    faulty.fail_before(1, name="files.put")
    with pytest.raises(StorageUnavailable):
        await AsyncStore(faulty).assets.put(KEY, "a.txt", LARGE)
    assert await store.assets.get(old.key) == old
    assert await content(store, old.key) == b"old"


@BACKENDS
async def test_uploads_of_one_name_at_once(backend: Backend) -> None:
    """One of them stands, whole, and the lock that was there stays."""
    store = AsyncStore(backend)
    key = (await store.assets.put(KEY, "a.bin", b"before", locked=True)).file.key
    datas = [bytes([number]) * 600_000 for number in range(4)]

    def upload(data: bytes) -> Call[CourseFile]:
        async def put() -> CourseFile:
            return (await store.assets.put(KEY, "a.bin", data)).file

        return put

    uploaded = await race(*map(upload, datas))
    file = await store.assets.stat(key)
    assert file.locked
    assert file in uploaded
    assert await content(store, key) == datas[uploaded.index(file)]
