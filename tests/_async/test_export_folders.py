"""Folders that exports are written into, and brought up to date."""

from __future__ import annotations

import gc
import gzip
import io
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from modulestore._async.sqlite import open_sqlite
from modulestore._async.store import AsyncStore
from modulestore.errors import AssetNotFound, InvalidInput, StorageError
from modulestore.keys import CourseKey
from modulestore.model.files import CourseFile
from modulestore.testing._async.courses import SMALL_COURSE, make_small_course

pytestmark = pytest.mark.anyio

A1, B1, UNIT = ("html", "a1"), ("html", "b1"), ("vertical", "a")
OF_OTHERS = {"README": b"mine", "drafts/notes.txt": b"mine", "static/mine": b"mine", ".git/x": b"mine"}


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[AsyncStore]:
    async with AsyncStore(await open_sqlite(tmp_path / "modulestore.db")) as store:
        await make_small_course(store)
        yield store


def files_of(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }


async def expect_up_to_date(store: AsyncStore, folder: Path, since: str) -> None:
    """It has what a full export has, and what others keep there."""
    await store.export_course(SMALL_COURSE, folder, since=since)
    whole = folder.with_name(f"{folder.name}-whole-{len(os.listdir(folder.parent))}")
    await store.export_course(SMALL_COURSE, whole)
    assert files_of(folder) == {**files_of(whole), **OF_OTHERS}


async def exported(store: AsyncStore, tmp_path: Path) -> Path:
    folder = tmp_path / "course"
    await store.export_course(SMALL_COURSE, folder)
    for path, data in OF_OTHERS.items():
        (folder / path).parent.mkdir(exist_ok=True)
        (folder / path).write_bytes(data)
    return folder


@pytest.mark.parametrize("branch", ["published", "draft"])
@pytest.mark.parametrize("then", ["publish", "discard", "delete", "unpublish"])
async def test_drafts_of_then(store: AsyncStore, tmp_path: Path, branch: str, then: str) -> None:
    """What is tagged is one branch, and the other one went on before the export and goes on after it."""
    if branch == "draft":
        async with store.edit(SMALL_COURSE) as edit:
            edit.update(A1, display_name="A draft", data="<p>draft</p>")
    await store.tag(SMALL_COURSE, branch, "tagged")
    if branch == "published":
        async with store.edit(SMALL_COURSE) as edit:
            edit.update(A1, display_name="A draft", data="<p>draft</p>")
            edit.add("html", UNIT, id="new", data="<p>new</p>")
    else:
        await store.publish(SMALL_COURSE)
    folder = await exported(store, tmp_path)
    unit = f"block-v1:{SMALL_COURSE[10:]}+type@vertical+block@a"
    if then == "publish":
        await store.publish(SMALL_COURSE)
    elif then == "unpublish":
        await store.unpublish(unit)
    elif then == "discard" and branch == "published":
        await store.discard(unit)
    else:
        async with store.edit(SMALL_COURSE) as edit:
            edit.delete(UNIT)
    await expect_up_to_date(store, folder, "tagged")


async def test_many_heads_between(store: AsyncStore, tmp_path: Path) -> None:
    await store.tag(SMALL_COURSE, "published", "tagged")
    for number in range(4):
        async with store.edit(SMALL_COURSE) as edit:
            edit.update(A1, display_name=f"Draft {number}")
            edit.add("html", UNIT, id=f"new-{number}", data="<p>new</p>")
        if number == 1:
            folder = await exported(store, tmp_path)
    async with store.edit(SMALL_COURSE) as edit:
        for number in range(4):
            edit.delete(("html", f"new-{number}"))
        edit.update(A1, display_name="A one")
    assert not await store.changes(SMALL_COURSE) or "drafts" in os.listdir(folder)
    await expect_up_to_date(store, folder, "tagged")


async def test_a_file_where_a_folder_was(store: AsyncStore, tmp_path: Path) -> None:
    await store.tag(SMALL_COURSE, "published", "tagged")
    below, above = "x/y.png", "x"
    archive = tmp_path / "with-files"
    await store.export_course(SMALL_COURSE, archive)
    (archive / "static" / "x").mkdir(parents=True)
    (archive / "static" / below).write_bytes(b"below")
    await store.import_course(archive)
    folder = await exported(store, tmp_path)
    key = f"asset-v1:{SMALL_COURSE[10:]}+type@asset+block@"
    await store.assets.delete(f"{key}x_y.png")
    await store.assets.put(SMALL_COURSE, above, io.BytesIO(b"above"))
    await expect_up_to_date(store, folder, "tagged")
    await store.assets.delete(f"{key}x")
    await store.assets.restore(f"{key}x_y.png")
    await expect_up_to_date(store, folder, "tagged")


@pytest.mark.parametrize("what", ["written", "removed"])
async def test_a_link_that_leads_out(store: AsyncStore, tmp_path: Path, what: str) -> None:
    """Nothing is written through it, and nothing removed."""
    await store.tag(SMALL_COURSE, "published", "tagged")
    folder, outside = await exported(store, tmp_path), tmp_path / "outside"
    os.rename(folder / "html", outside)
    os.symlink(outside, folder / "html")
    before = files_of(outside)
    async with store.edit(SMALL_COURSE) as edit:
        if what == "written":
            edit.update(A1, data="<p>other</p>")
        else:
            edit.delete(A1)
    await store.publish(SMALL_COURSE)
    inside = files_of(folder)
    with pytest.raises(InvalidInput, match="is a link") as caught:
        await store.export_course(SMALL_COURSE, folder, since="tagged")
    assert caught.value.place == str(folder / "html")
    assert (files_of(outside), files_of(folder)) == (before, inside)


async def test_a_file_that_is_a_link(store: AsyncStore, tmp_path: Path) -> None:
    """The link is replaced, what it leads to stays."""
    await store.tag(SMALL_COURSE, "published", "tagged")
    folder, outside = await exported(store, tmp_path), tmp_path / "mine.html"
    for name in ("a1", "b1"):
        (folder / "html" / f"{name}.html").unlink()
        outside.write_bytes(b"mine")
        os.symlink(outside, folder / "html" / f"{name}.html")
    async with store.edit(SMALL_COURSE) as edit:
        edit.update(A1, data="<p>other</p>")
        edit.delete(B1)
    await store.publish(SMALL_COURSE)
    await expect_up_to_date(store, folder, "tagged")
    assert outside.read_bytes() == b"mine"


async def test_an_empty_folder_stays_the_folder_that_it_is(
    store: AsyncStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may be where somebody works, or what a link leads to."""
    await store.export_course(SMALL_COURSE, tmp_path / "reference")
    reference = files_of(tmp_path / "reference")
    (tmp_path / "here").mkdir()
    inode = (tmp_path / "here").stat().st_ino
    monkeypatch.chdir(tmp_path / "here")
    await store.export_course(SMALL_COURSE, ".")
    assert (tmp_path / "here").stat().st_ino == inode
    assert files_of(tmp_path / "here") == reference
    (tmp_path / "empty").mkdir()
    os.symlink(tmp_path / "empty", tmp_path / "link")
    await store.export_course(SMALL_COURSE, tmp_path / "link")
    assert files_of(tmp_path / "empty") == reference
    for dest in (".", "..", "/", "", tmp_path / "nowhere"):
        if dest == tmp_path / "nowhere":
            os.symlink(tmp_path / "no-such-folder", dest)
        with pytest.raises(InvalidInput, match="is there already"):
            await store.export_course(SMALL_COURSE, dest)


async def test_what_breaks_off_leaves_an_empty_folder_empty(
    store: AsyncStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "empty").mkdir()
    rename = os.rename

    def no_more(source: Path, target: Path) -> None:
        if target.name == "policies":
            raise OSError(5, "input/output error")
        rename(source, target)

    monkeypatch.setattr(os, "rename", no_more)
    with pytest.raises(StorageError):
        await store.export_course(SMALL_COURSE, tmp_path / "empty")
    assert os.listdir(tmp_path / "empty") == []


async def test_a_stream_that_broke_off_is_not_whole(
    store: AsyncStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    await store.assets.put(SMALL_COURSE, "a.bin", io.BytesIO(os.urandom(100_000)))

    async def fetch_none(file: CourseFile, start: int, stop: int) -> bytes:
        raise AssetNotFound("it was deleted meanwhile")

    monkeypatch.setattr(store._backend.files, "fetch", fetch_none)
    stream = io.BytesIO()
    with pytest.raises(AssetNotFound):
        await store.export_course(SMALL_COURSE, stream)
    gc.collect()
    with pytest.raises(EOFError):
        gzip.decompress(stream.getvalue())


async def test_files_of_a_course_asked_for_in_the_old_style(store: AsyncStore, tmp_path: Path) -> None:
    await store.assets.put(SMALL_COURSE, "a.txt", io.BytesIO(b"a"))
    old = CourseKey(*CourseKey("Example", "Small", "2026").identity, deprecated=True)
    report = await store.export_course(old, tmp_path / "course")
    assert report.files == 1
    assert (tmp_path / "course" / "static" / "a.txt").read_bytes() == b"a"


async def test_a_page_that_is_taken_out(store: AsyncStore, tmp_path: Path) -> None:
    """Templates of tags have drafts, and no draft can say that one is gone."""
    async with store.edit(SMALL_COURSE) as edit:
        edit.add("custom_tag_template", id="t", data="<$x/>")
    assert (await store.export_course(SMALL_COURSE, tmp_path / "new")).problems == ()
    async with AsyncStore(await open_sqlite(tmp_path / "other.db")) as other:
        await other.import_course(tmp_path / "new", strict=True)
        assert ("custom_tag_template", "t") in await other.open(SMALL_COURSE, branch="draft")
        assert ("custom_tag_template", "t") not in await other.open(SMALL_COURSE)
    await store.publish(SMALL_COURSE, f"block-v1:{SMALL_COURSE[10:]}+type@custom_tag_template+block@t")
    async with store.edit(SMALL_COURSE) as edit:
        edit.delete(("custom_tag_template", "t"))
    (problem,) = (await store.export_course(SMALL_COURSE, tmp_path / "gone")).problems
    assert (problem.place, problem.action) == ("custom_tag_template/t", "as published")
