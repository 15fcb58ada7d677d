"""Courses as archives: out of a store and back into one."""

from __future__ import annotations

import gzip
import io
import os
import tarfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from modulestore._async.exporting import ExportingStore
from modulestore._async.ports import Backend
from modulestore._async.sqlite import open_sqlite
from modulestore._async.store import AsyncStore
from modulestore.errors import AssetNotFound, CourseNotFound, InvalidInput, VersionNotFound
from modulestore.keys import CourseKey
from modulestore.model.course import Course
from modulestore.model.exporting import ExportReport
from modulestore.model.files import CourseFile
from modulestore.testing._async.courses import SMALL_COURSE, make_small_course
from tests._async.stores import BACKENDS, COURSE, COURSE_KEY, LIBRARY, fresh_backend

pytestmark = pytest.mark.anyio

KEY = CourseKey("Example", "MS101", "2026")


@pytest.fixture
async def backend(kind: str, request: pytest.FixtureRequest) -> AsyncIterator[Backend]:
    async with fresh_backend(kind, request) as backend:
        yield backend


async def reference(tmp_path: Path) -> AsyncStore:
    """A store of its own, on SQLite."""
    return AsyncStore(await open_sqlite(tmp_path / "reference.db"))


async def exported(store: ExportingStore, key: object = KEY, **how: Any) -> bytes:
    """A course as a tar file."""
    stream = io.BytesIO()
    await store.export_course(key, stream, **how)
    return gzip.decompress(stream.getvalue())


def files_of(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }


def shape(course: Course) -> dict[Any, Any]:
    """What readers see of the blocks that the root leads to, and of the pages."""
    return {
        (block.type, block.id): (block.settings, [(child.type, child.id) for child in block.children])
        for block in (*course.blocks(), *course.detached)
    }


async def contents(store: AsyncStore, course: Course) -> dict[Any, Any]:
    found = await store.load_content([*course.blocks(), *course.detached])
    return {(block.type, block.id): fields for block, fields in found.items()}


@BACKENDS
async def test_out_and_in_changes_nothing(backend: Backend, tmp_path: Path) -> None:
    store = AsyncStore(backend)
    imported = await store.import_course(COURSE)
    report = await store.export_course(COURSE_KEY, tmp_path / "a.tar.gz")
    assert report == ExportReport(
        key=KEY,
        version=imported.version,
        draft_version=imported.draft_version,
        blocks=imported.blocks + imported.detached,
        drafts=imported.drafts,
        files=imported.assets,
        bytes=(tmp_path / "a.tar.gz").stat().st_size,
        written=None,
        removed=(),
        problems=(),
    )
    again = await store.import_course(tmp_path / "a.tar.gz", strict=True)
    assert (again.changed, again.version, again.draft_version) == (
        False,
        imported.version,
        imported.draft_version,
    )


@BACKENDS
@pytest.mark.parametrize("source", [COURSE, LIBRARY], ids=["course", "library"])
async def test_the_same_bytes_from_whatever_database(backend: Backend, tmp_path: Path, source: Path) -> None:
    store = AsyncStore(backend)
    key = (await store.import_course(source)).key
    mine = await exported(store, key)
    (tmp_path / "mine.tar").write_bytes(mine)
    for origin in (source, tmp_path / "mine.tar"):
        async with AsyncStore(await open_sqlite(tmp_path / f"{origin.name}.db")) as other:
            await other.import_course(origin)
            assert await exported(other, key) == mine


@BACKENDS
async def test_what_authors_do(backend: Backend, tmp_path: Path) -> None:
    """Whatever they have done, another store shows the same on both branches."""
    store = AsyncStore(backend)
    await make_small_course(store)
    a, b = ("vertical", "a"), ("vertical", "b")
    async with store.edit(SMALL_COURSE, author="ana") as edit:
        unit = edit.add("vertical", edit.course[a].parents[0].block_key, id="new", index=0)
        edit.add("problem", unit, id="p", data="<problem>\n  <p>new</p>\n</problem>\n", weight=2.0)
        edit.update(("html", "a1"), data="<p>only a draft</p>", display_name='"quoted" & <b>')
        edit.move(b, edit.course[a].parents[0].block_key, 0)
    await store.publish(SMALL_COURSE, f"block-v1:{SMALL_COURSE.partition(':')[2]}+type@vertical+block@new")
    async with store.edit(SMALL_COURSE) as edit:
        edit.delete(a)
    report = await store.export_course(SMALL_COURSE, tmp_path / "course")
    assert report.problems == ()
    async with await reference(tmp_path) as other:
        await other.import_course(tmp_path / "course", strict=True)
        for branch in ("draft", "published"):
            one, two = (
                await store.open(SMALL_COURSE, branch=branch),
                await other.open(SMALL_COURSE, branch=branch),
            )
            mine, theirs = shape(one), shape(two)
            assert {key: theirs[key] for key in mine} == mine
            there = await contents(other, two)
            assert {key: there[key] for key in mine} == await contents(store, one)
        assert await exported(other, SMALL_COURSE) == await exported(store, SMALL_COURSE)


@BACKENDS
async def test_a_draft_that_has_become_what_is_published(backend: Backend, tmp_path: Path) -> None:
    """It was edited, and nothing is different any more: not for an import either."""
    store = AsyncStore(backend)
    await store.import_course(COURSE)
    await store.restore(COURSE_KEY, "published", author="ana")
    await store.export_course(COURSE_KEY, tmp_path / "course.tar")
    assert not (await store.import_course(tmp_path / "course.tar")).changed
    # An edit that the archive takes back leaves nothing unpublished, in the platform's eyes neither.
    async with store.edit(COURSE_KEY, author="ana") as edit:
        edit.update(("html", "columns"), display_name="Others")
    assert (await store.import_course(tmp_path / "course.tar")).changed
    draft, published = [await store.open(COURSE_KEY, branch=branch) for branch in ("draft", "published")]
    block = published["html", "columns"]
    assert block.edit_info.source_version == draft["html", "columns"].edit_info.update_version


@BACKENDS
async def test_one_version(backend: Backend, tmp_path: Path) -> None:
    store = AsyncStore(backend)
    await make_small_course(store)
    await store.tag(SMALL_COURSE, "published", "v1")
    before = await exported(store, SMALL_COURSE, version="v1")
    head = (await store.open(SMALL_COURSE, branch="published")).version
    async with store.edit(SMALL_COURSE) as edit:
        edit.update(("chapter", "one"), display_name="Renamed")
    await store.publish(SMALL_COURSE)
    assert await exported(store, SMALL_COURSE, version=head) == before
    assert await exported(store, SMALL_COURSE, version=str(head)) == before
    report = await store.export_course(SMALL_COURSE, tmp_path / "draft", version="draft")
    draft = (await store.open(SMALL_COURSE, branch="draft")).version
    assert (report.version, report.draft_version, report.drafts) == (draft, None, 0)
    assert not (tmp_path / "draft" / "drafts").exists()
    with pytest.raises(VersionNotFound):
        await store.export_course(SMALL_COURSE, tmp_path / "none", version="v2")
    assert not (tmp_path / "none").exists()


@BACKENDS
async def test_a_folder_is_brought_up_to_date(backend: Backend, tmp_path: Path) -> None:
    store = AsyncStore(backend)
    await store.import_course(COURSE)
    folder = tmp_path / "course"
    first = await store.export_course(KEY, folder)
    assert first.written is not None
    assert set(first.written) == files_of(folder).keys()
    (folder / "README.md").write_text("ours")
    await store.tag(KEY, "published", "v1")
    same = await store.export_course(KEY, folder, since="v1")
    assert (same.written, same.removed) == ((), ())
    course = await store.open(KEY, branch="draft")
    video = next(iter(course.blocks("video")))
    async with store.edit(KEY) as edit:
        edit.update(video.block_key, display_name="Another name")
        edit.delete(next(iter(course.blocks("html"))).block_key)
    await store.publish(KEY)
    await store.assets.put(KEY, "new.txt", b"new")
    (gone, *_) = (await store.assets.list(KEY, content_type="image/")).files
    await store.assets.delete(gone.key)
    changed = await store.export_course(KEY, folder, since="v1")
    assert changed.written is not None
    assert f"video/{video.id}.xml" in changed.written
    assert "static/new.txt" in changed.written
    assert len(changed.written) < 10
    assert f"static/{gone.import_path}" in changed.removed
    assert any(path.startswith("html/") for path in changed.removed)
    whole = tmp_path / "whole"
    await store.export_course(KEY, whole)
    assert files_of(folder) == {**files_of(whole), "README.md": b"ours"}
    assert (await store.import_course(folder)).changed is False


@BACKENDS
async def test_drafts_of_a_folder_are_those_of_now(backend: Backend, tmp_path: Path) -> None:
    store = AsyncStore(backend)
    await store.import_course(COURSE)
    await store.tag(KEY, "published", "v1")
    html, page, unit = (("html", "columns"), ("html", "hello"), ("vertical", "welcome"))
    title = (await store.open(KEY, branch="draft"))[unit].display_name
    for block in (html, page, unit):  # after the version that the folder will be said to have
        async with store.edit(KEY) as edit:
            edit.update(block, display_name="A draft")
    folder = tmp_path / "course"
    await store.export_course(KEY, folder)
    (folder / "README.md").write_text("ours")
    course = await store.open(KEY, branch="draft")
    await store.discard(course[html].key)
    async with store.edit(KEY) as edit:
        edit.update(page, display_name="Another draft")
        edit.update(unit, display_name=title)
    changed = await store.export_course(KEY, folder, since="v1")
    assert any(path.startswith("drafts/") for path in changed.removed)
    await store.export_course(KEY, tmp_path / "whole")
    assert files_of(folder) == {**files_of(tmp_path / "whole"), "README.md": b"ours"}
    assert (await store.import_course(folder)).changed is False
    again = await store.export_course(KEY, folder, since="v1")
    assert not [path for path in again.written or () if path.startswith("drafts/")]


@BACKENDS
async def test_without_files(backend: Backend, tmp_path: Path) -> None:
    store = AsyncStore(backend)
    await store.import_course(COURSE)
    report = await store.export_course(KEY, tmp_path / "course", files=False)
    assert report.files == 0
    assert not (tmp_path / "course" / "static").exists()


async def test_archives_are_the_same_everywhere(tmp_path: Path) -> None:
    async with await reference(tmp_path) as store:
        await store.import_course(COURSE)
        for name in ("a.tar.gz", "b.tgz", "c.tar"):
            await store.export_course(KEY, tmp_path / name)
        assert (tmp_path / "a.tar.gz").read_bytes() == (tmp_path / "b.tgz").read_bytes()
        assert gzip.decompress((tmp_path / "a.tar.gz").read_bytes()) == (tmp_path / "c.tar").read_bytes()
        with tarfile.open(tmp_path / "c.tar") as archive:
            members = archive.getmembers()
        assert [member.name for member in members] == sorted(member.name for member in members)
        assert {(one.mtime, one.uid, one.gid, one.mode, one.uname) for one in members} == {
            (0, 0, 0, 0o644, "")
        }
        assert {member.name.partition("/")[0] for member in members} == {"course"}


async def test_what_is_there_already(tmp_path: Path) -> None:
    async with await reference(tmp_path) as store:
        await store.import_course(COURSE)
        (tmp_path / "a.tar.gz").write_text("mine")
        (tmp_path / "folder").mkdir()
        (tmp_path / "folder" / "mine").write_text("mine")
        for name in ("a.tar.gz", "folder"):
            with pytest.raises(InvalidInput, match="is there already"):
                await store.export_course(KEY, tmp_path / name)
        assert (tmp_path / "a.tar.gz").read_text() == "mine"
        await store.export_course(KEY, tmp_path / "a.tar.gz", force=True)
        assert (await store.import_course(tmp_path / "a.tar.gz")).changed is False
        (tmp_path / "empty").mkdir()
        await store.export_course(KEY, tmp_path / "empty")
        with pytest.raises(InvalidInput, match="only a folder"):
            await store.export_course(KEY, tmp_path / "b.tar.gz", since="published")
        for name in ("no/folder", "no/a.tar.gz"):
            with pytest.raises(InvalidInput):
                await store.export_course(KEY, tmp_path / name)


async def test_there_is_no_such_course(tmp_path: Path) -> None:
    async with await reference(tmp_path) as store:
        with pytest.raises(CourseNotFound):
            await store.export_course(KEY, tmp_path / "a.tar.gz")
    assert not (tmp_path / "a.tar.gz").exists()


async def test_what_breaks_off_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with await reference(tmp_path) as store:
        await store.import_course(COURSE)
        files = store._backend.files
        fetch = files.fetch

        async def fetch_none(file: CourseFile, start: int, stop: int) -> bytes:
            await fetch(file, start, stop)
            raise AssetNotFound("it was deleted meanwhile")

        monkeypatch.setattr(files, "fetch", fetch_none)
        before = sorted(os.listdir(tmp_path))
        for name in ("a.tar.gz", "folder"):
            with pytest.raises(AssetNotFound):
                await store.export_course(KEY, tmp_path / name)
        assert sorted(os.listdir(tmp_path)) == before


async def test_a_run_that_can_be_no_folder(tmp_path: Path) -> None:
    async with await reference(tmp_path) as store:
        await store.create_course("course-v1:A+B+..")
        with pytest.raises(InvalidInput, match="cannot be the name of a folder"):
            await store.export_course("course-v1:A+B+..", tmp_path / "a.tar.gz")
