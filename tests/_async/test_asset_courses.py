"""What can be done with the files of a course, thumbnails and links among them, over all stores."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from modulestore._async.observing import ObservedBackend
from modulestore._async.ports import Backend
from modulestore._async.store import AsyncStore
from modulestore.errors import (
    AssetExists,
)
from modulestore.keys import AssetKey
from modulestore.model.files import CourseFile
from modulestore.model.thumbnails import Thumbnail
from modulestore.testing._async.faults import CountingBackend
from modulestore.testing._async.overtaking import OvertakenBackend
from tests._async.file_courses import KEY, LARGE, OTHER, content, courses
from tests._async.stores import BACKENDS, COURSE, COURSE_KEY, fresh_backend
from tests.pictures import png

pytestmark = pytest.mark.anyio


@pytest.fixture
async def backend(kind: str, request: pytest.FixtureRequest) -> AsyncIterator[Backend]:
    """A database with some courses and a library."""
    async with courses(kind, request) as backend:
        yield backend


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
