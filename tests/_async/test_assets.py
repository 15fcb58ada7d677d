"""Files of courses, over all stores."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from modulestore._async.observing import ObservedBackend
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
from modulestore.keys import AssetKey, CourseKey, LibraryKey, as_course_key
from modulestore.model.files import CourseFile
from modulestore.model.thumbnails import Thumbnail
from modulestore.testing._async.courses import SMALL_COURSE, make_small_course
from modulestore.testing._async.faults import CountingBackend, FaultyBackend
from modulestore.testing._async.overtaking import OvertakenBackend
from tests._async.stores import BACKENDS, COURSE, COURSE_KEY, fresh_backend
from tests.pictures import png

pytestmark = pytest.mark.anyio

KEY = as_course_key(SMALL_COURSE)
OTHER = CourseKey("Example", "Other", "2026")
LIBRARY = LibraryKey("Example", "Shelf")
LARGE = bytes(range(256)) * 9000  # 2.3 MB: several pieces of every layout


@pytest.fixture
async def backend(kind: str, request: pytest.FixtureRequest) -> AsyncIterator[Backend]:
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


# --- one file


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


# --- the files of a course


@BACKENDS
async def test_lists(backend: Backend) -> None:
    assets = AsyncStore(backend).assets
    for number in range(7):
        await assets.put(
            KEY,
            f"f{number}.{'png' if number % 2 else 'pdf'}",
            b"x" * (7 - number),
            locked=number == 3,
            display_name=f"File {'gfedcba'[number]}",
        )

    def names(files: Any) -> str:
        return "".join(file.key.name[1] for file in files)

    assert names(await assets.list(KEY)) == "0123456"
    assert names(await assets.list(KEY, descending=True)) == "6543210"
    assert names(await assets.list(KEY, sort="length")) == "6543210"
    assert names(await assets.list(KEY, sort="display_name", content_type="image/")) == "531"
    assert names(await assets.list(KEY, locked=True)) == "3"
    assert names(await assets.list(KEY, locked=False, name_contains="PNG")) == "15"
    assert names(await assets.list(KEY, sort="uploaded_on")) == "0123456"
    assert names(await assets.list(KEY, sort="content_type")) == "0246135"
    page = await assets.list(KEY, sort="length", limit=3)
    assert (names(page), len(page)) == ("654", 3)
    await assets.delete(KEY.asset("f4.pdf"))
    await assets.put(KEY, "f9.pdf", b"x" * 3)  # among those of the first page
    rest = await assets.list(KEY, sort="length", limit=9, after=page.after)
    assert (names(rest), rest.after) == ("93210", None)


@BACKENDS
async def test_files_are_copied_by_reference(backend: Backend) -> None:
    counting = CountingBackend(backend)
    store = AsyncStore(counting)
    for name in ("a.txt", "b.txt", "c.txt"):
        await store.assets.put(KEY, name, LARGE + name.encode(), locked=name == "b.txt")
    counting.calls.clear()
    (copied,) = await store.assets.copy(KEY, OTHER, names=["b.txt"])
    assert not {"files.put", "files.put_many", "files.fetch", "files.read"} & set(counting.calls)
    original = await store.assets.stat(KEY.asset("b.txt"))
    assert copied.key == OTHER.asset("b.txt")
    assert (copied.locked, copied.md5, copied.length) == (True, original.md5, original.length)
    assert await content(store, copied.key) == LARGE + b"b.txt"
    assert [file.key.name for file in await store.assets.copy(KEY, OTHER)] == ["a.txt", "c.txt"], "b is there"
    assert list(await store.assets.copy(KEY, OTHER)) == []
    await store.assets.put(OTHER, "c.txt", b"another")
    await store.assets.put(KEY, "d.txt", b"new")
    with pytest.raises(AssetExists) as caught:
        await store.assets.copy(KEY, OTHER)
    assert caught.value.place == str(OTHER.asset("c.txt"))
    assert caught.value.hint
    assert await store.assets.get(OTHER.asset("d.txt")) is None, "nothing was copied"
    assert await store.assets.copy(KEY, OTHER, names=["d.txt"])
    assert await content(store, OTHER.asset("c.txt")) == b"another"


@BACKENDS
async def test_a_name_that_is_taken_during_a_copy(backend: Backend) -> None:
    store = AsyncStore(backend)
    for name in ("a.txt", "b.txt"):
        await store.assets.put(KEY, name, name.encode())
    overtaken = OvertakenBackend(backend, before="group.begin")

    async def others() -> None:
        await store.assets.put(OTHER, "a.txt", b"another")

    overtaken.then(others)
    with pytest.raises(AssetExists):
        await AsyncStore(overtaken).assets.copy(KEY, OTHER)
    assert await content(store, OTHER.asset("a.txt")) == b"another"
    assert await store.assets.get(OTHER.asset("b.txt")) is None


@BACKENDS
async def test_digests_are_there_or_are_made(backend: Backend) -> None:
    store = AsyncStore(backend)
    await store.assets.put(KEY, "a.txt", LARGE)
    assert (await store.assets.digest(KEY)).files == 0


@BACKENDS
async def test_an_observer_sees_it_all(backend: Backend) -> None:
    seen: list[Any] = []
    assets = AsyncStore(ObservedBackend(backend, seen.append)).assets
    file = (await assets.put(KEY, "a.txt", b"one")).file
    await assets.lock(file.key)
    await assets.copy(KEY, OTHER)
    await assets.delete(file.key)
    await assets.trash(KEY)
    await assets.restore(file.key)
    await assets.history(file.key)
    await assets.fetch(await assets.stat(file.key), 0, 3)
    calls = {"put", "get", "update", "copy", "discard", "trash", "restore", "history", "fetch", "list"}
    assert {event.name for event in seen} >= {f"files.{call}" for call in calls}


# --- thumbnails


@BACKENDS
async def test_thumbnails_come_and_go_with_their_pictures(backend: Backend) -> None:
    store = AsyncStore(backend)
    upload = await store.assets.put(KEY, "pic.png", png(400, 300, "red"), thumbnail=Thumbnail(), locked=True)
    thumbnail = upload.thumbnail
    assert thumbnail is not None
    assert upload.problem is None
    assert upload.file.thumbnail == thumbnail.key.name == "pic-png.jpg"
    assert (thumbnail.key.type, thumbnail.content_type, thumbnail.locked) == ("thumbnail", "image/jpeg", True)
    assert list(await store.assets.list(KEY)) == [upload.file], "thumbnails are not listed"
    assert list(await store.assets.list(KEY, type="thumbnail")) == [thumbnail]
    await store.assets.unlock(upload.file.key)
    assert not (await store.assets.stat(thumbnail.key)).locked
    (copied, copy) = await store.assets.copy(KEY, OTHER, names=["pic.png"])
    assert (copied.key, copy.thumbnail) == (thumbnail.key.map_into(OTHER), "pic-png.jpg")
    first = await content(store, thumbnail.key)
    await store.assets.delete(upload.file.key)
    assert await store.assets.get(thumbnail.key) is None
    assert [version.file.key for version in await store.assets.trash(KEY)] == [upload.file.key]
    await store.assets.restore(upload.file.key)
    assert await content(store, thumbnail.key) == first


@BACKENDS
async def test_a_version_that_is_restored_has_its_own_thumbnail(backend: Backend) -> None:
    store = AsyncStore(backend)
    thumbnails = []
    for colour in ("red", "blue"):
        upload = await store.assets.put(KEY, "pic.png", png(300, 300, colour), thumbnail=Thumbnail())
        assert upload.thumbnail is not None
        thumbnails.append(await content(store, upload.thumbnail.key))
    _, *older = await store.assets.history(upload.file.key)
    for version in older:
        await store.assets.restore(version)
        assert upload.thumbnail is not None
        assert await content(store, upload.thumbnail.key) == thumbnails[0]
    await store.assets.put(KEY, "pic.png", b"no picture at all")
    assert await store.assets.get(AssetKey(KEY, "pic-png.jpg", "thumbnail")) is None, "it showed another one"


@BACKENDS
async def test_a_picture_without_a_thumbnail_is_stored_all_the_same(backend: Backend) -> None:
    store = AsyncStore(backend)
    broken = await store.assets.put(KEY, "pic.png", png(400, 300, "red")[:200], thumbnail=Thumbnail())
    assert broken.problem
    assert (broken.thumbnail, broken.file.thumbnail, broken.file.length) == (None, None, 200)
    svg = b'<svg xmlns="http://www.w3.org/2000/svg"/>'
    drawn = await store.assets.put(KEY, "drawing.svg", svg, thumbnail=Thumbnail(format="webp"))
    assert drawn.thumbnail is not None
    assert (drawn.thumbnail.key.name, drawn.thumbnail.content_type) == ("drawing.svg", "image/svg+xml")
    assert await content(store, drawn.thumbnail.key) == svg == await content(store, drawn.file.key)
    large = await store.assets.put(KEY, "large.svg", svg.ljust(2_000_000), thumbnail=Thumbnail())
    assert large.thumbnail is None
    assert large.problem
    text = await store.assets.put(KEY, "a.txt", b"text", thumbnail=Thumbnail())
    assert (text.thumbnail, text.problem) == (None, None)


# --- links and use


@BACKENDS
async def test_links_take_one_list(backend: Backend) -> None:
    counting = CountingBackend(backend)
    store = AsyncStore(counting)
    file = (await store.assets.put(KEY, "images/a.png", b"one")).file
    locked = (await store.assets.put(KEY, "b.pdf", b"two", locked=True)).file
    counting.calls.clear()
    links = await store.assets.links(KEY)
    assert dict(counting.calls) == {"files.list": 1}
    text = '<img src="/static/images/a.png"><a href="/static/b.pdf">b</a>'
    rewritten = links.rewrite(text, base="https://cdn.example.com")
    assert f'"https://cdn.example.com/assets/courseware/v1/{file.md5}/{file.key}"' in rewritten
    assert f'"/{locked.key}"' in rewritten
    assert links.portable(rewritten, base="https://cdn.example.com") == text


@BACKENDS
async def test_what_a_course_uses(backend: Backend) -> None:
    store = AsyncStore(backend)
    for name in (
        "drafted.png",
        "published.png",
        "handout.pdf",
        "style.css",
        "bg.png",
        "unused.css",
        "far.png",
    ):
        await store.assets.put(KEY, name, b"bytes")
    await store.assets.put(KEY, "style.css", b"a { background: url(bg.png) }")
    await store.assets.put(KEY, "unused.css", b"a { background: url(far.png) }")
    await store.assets.put(KEY, "subs_abc.srt.sjson", b"{}")
    await store.assets.put(KEY, "images/course_image.jpg", b"jpeg")
    picture = await store.assets.put(KEY, "pic.png", png(200, 200, "red"), thumbnail=Thumbnail())
    left = await store.assets.put(KEY, "left.png", png(200, 200, "red"), thumbnail=Thumbnail())
    async with store.edit(KEY, author="ana") as edit:
        edit.update(("html", "a1"), data='<img src="/static/published.png"><img src="/static/pic.png">')
        edit.add("video", ("vertical", "a"), id="v", sub="abc")
        edit.update(("static_tab", "news"), data="<a href='/static/handout.pdf'>")
    await store.publish(KEY, author="ana")
    async with store.edit(KEY, author="ana") as edit:
        edit.update(("html", "a1"), data='<link href="/static/style.css"> /static/drafted.png')
    used = {file.key.name for file in await store.assets.used(KEY)}
    assert used == {
        "drafted.png",
        "published.png",
        "handout.pdf",
        "style.css",
        "bg.png",
        "subs_abc.srt.sjson",
        "images_course_image.jpg",
        "pic.png",
        "pic-png.jpg",
    }
    assert picture.thumbnail in await store.assets.used(KEY)
    unused = await store.assets.unused(KEY)
    assert [file.key.name for file in unused] == ["far.png", "left-png.jpg", "left.png", "unused.css"]
    assert left.thumbnail in unused
    assert await store.assets.unused(OTHER) == []


@BACKENDS
async def test_the_sample_course(kind: str, request: pytest.FixtureRequest) -> None:
    async with fresh_backend(kind, request) as backend:
        store = AsyncStore(backend)
        await store.import_course(COURSE)
        files: list[CourseFile] = list(await store.assets.list(COURSE_KEY, type=None))
        used = list(await store.assets.used(COURSE_KEY))
        unused = list(await store.assets.unused(COURSE_KEY))
        assert sorted([*used, *unused], key=lambda file: file.key) == sorted(files, key=lambda file: file.key)
        assert used
