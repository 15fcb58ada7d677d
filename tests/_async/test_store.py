"""The store over both backends: import and read, what it costs, and what a failure leaves behind."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pymongo import AsyncMongoClient

from modulestore._async.connect import connect_async
from modulestore._async.ports import Backend
from modulestore._async.store import AsyncStore
from modulestore.errors import (
    BranchNotFound,
    CourseNotFound,
    InvalidInput,
    ProblemsFound,
    VersionNotFound,
)
from modulestore.keys import CourseKey, VersionId
from modulestore.testing._async.faults import CountingBackend
from tests._async.stores import BACKENDS, COURSE, COURSE_KEY, LIBRARY, changed_copy, everything, fresh_backend

pytestmark = pytest.mark.anyio

NOW = datetime(2026, 5, 1, 12, 0, 0, 123456, tzinfo=UTC)


@pytest.fixture
async def backend(kind: str, request: pytest.FixtureRequest) -> AsyncIterator[Backend]:
    async with fresh_backend(kind, request) as backend:
        yield backend


@BACKENDS
async def test_a_course_goes_in_and_is_walked(backend: Backend) -> None:
    store = AsyncStore(backend)
    report = await store.import_course(COURSE, author="ana")
    assert report.changed
    assert not report.problems
    assert (report.drafts > 0, report.detached > 0, report.assets) == (True, True, 6)
    course = await store.open(COURSE_KEY)
    assert course.branch == "published"
    assert course.version == report.version
    assert course.edited_by == "ana"
    assert len(list(course.blocks())) == report.blocks
    assert len(course) == report.blocks + report.detached
    videos = list(course.blocks("video"))
    assert len(videos) >= 3
    assert all(video.path[0] == course.root for video in videos)
    draft = await store.open(COURSE_KEY, branch="draft")
    assert draft.version == report.draft_version
    assert ("vertical", "a-walk-at-night") in draft
    assert ("vertical", "a-walk-at-night") not in course
    pages = list(course.blocks("html"))
    contents = await store.load_content(pages)
    assert list(contents) == pages
    assert "прилив" in contents[course["html", "hello"]]["data"]


@BACKENDS
async def test_the_same_archive_again_changes_nothing(backend: Backend) -> None:
    store = AsyncStore(backend)
    first = await store.import_course(COURSE)
    before = await everything(backend)
    again = await store.import_course(COURSE, author=99)
    assert not again.changed
    assert (again.version, again.draft_version) == (first.version, first.draft_version)
    assert await everything(backend) == before


@BACKENDS
async def test_a_changed_archive_shares_what_did_not_change(backend: Backend, tmp_path: Path) -> None:
    store = AsyncStore(backend)
    first = await store.import_course(COURSE)
    before = await everything(backend)
    changed = changed_copy(COURSE, tmp_path, "html/columns.html", "03:40", "03:41")
    second = await store.import_course(changed)
    assert second.definitions == 1
    assert second.version != first.version
    after = await everything(backend)
    assert len(after["structures"]) == len(before["structures"]) + 2, "one version per branch"
    assert len(after["definitions"]) == len(before["definitions"]) + 1
    old, new = await store.open(COURSE_KEY, version=first.version), await store.open(COURSE_KEY)
    assert new.previous_version == old.version
    different = {block.id for block in new.blocks() if block.definition != old[block.block_key].definition}
    assert different == {"columns"}
    assert after["files"] == before["files"]


@BACKENDS
async def test_a_changed_file_is_stored_without_a_new_version(backend: Backend, tmp_path: Path) -> None:
    store = AsyncStore(backend)
    first = await store.import_course(COURSE)
    changed = changed_copy(COURSE, tmp_path, "static/example-haven-september.csv", "0.7", "0.8")
    second = await store.import_course(changed)
    assert second.changed
    assert (second.version, second.draft_version) == (first.version, first.draft_version)
    files = (await everything(backend))["files"]
    (data,) = [data for file, data in files.items() if file.key.name == "example-haven-september.csv"]
    assert data == (changed / "static" / "example-haven-september.csv").read_bytes()


@BACKENDS
async def test_a_library(backend: Backend) -> None:
    store = AsyncStore(backend)
    report = await store.import_course(LIBRARY)
    assert report.draft_version is None
    library = await store.open(report.key)
    assert library.branch == "library"
    assert library.version == report.version
    with pytest.raises(BranchNotFound, match="published"):
        await store.open(report.key, branch="published")


@BACKENDS
async def test_courses_are_listed_with_what_their_heads_say(backend: Backend) -> None:
    store = AsyncStore(backend)
    assert await store.courses() == []
    course = await store.import_course(COURSE)
    library = await store.import_course(LIBRARY)
    rerun = await store.import_course(COURSE, key="course-v1:Example+MS101+2027")
    summaries = await store.courses()
    assert [(summary.key, summary.kind) for summary in summaries] == [
        (course.key, "course"),
        (rerun.key, "course"),
        (library.key, "library"),
    ]
    assert summaries[0].blocks == course.blocks
    assert summaries[0].heads == {"draft": course.draft_version, "published": course.version}
    assert summaries[0].title == (await store.open(course.key)).root.display_name


@BACKENDS
async def test_a_dry_run_and_a_refused_import_write_nothing(backend: Backend, tmp_path: Path) -> None:
    store = AsyncStore(backend)
    planned = await store.import_course(COURSE, dry_run=True)
    assert planned.changed
    assert await backend.is_empty()
    odd = changed_copy(
        COURSE, tmp_path, "chapter/why-tides.xml", "</chapter>", '<vertical url_name="gone"/></chapter>'
    )
    with pytest.raises(ProblemsFound, match="gone") as caught:
        await store.import_course(odd, strict=True)
    assert len(caught.value.problems) == 1
    assert await backend.is_empty()
    report = await store.import_course(odd)
    assert len(report.problems) == 1


@BACKENDS
async def test_every_way_to_name_a_version(backend: Backend, tmp_path: Path) -> None:
    moments = [NOW, NOW + timedelta(days=1)]
    store = AsyncStore(backend, now=lambda: moments[0])
    first = await store.import_course(COURSE)
    moments.pop(0)
    changed = changed_copy(COURSE, tmp_path, "html/columns.html", "03:40", "03:41")
    second = await store.import_course(changed)
    old = await store.open(f"{COURSE_KEY}+version@{first.version}")
    assert (old.version, old.branch, old.key) == (first.version, None, CourseKey("Example", "MS101", "2026"))
    assert (await store.open(f"course-v1:version@{first.version}")).version == first.version
    assert (await store.open(f"{COURSE_KEY}+branch@draft-branch")).version == second.draft_version
    assert (await store.open(COURSE_KEY, as_of=NOW)).version == first.version
    assert (await store.open(COURSE_KEY, as_of=NOW + timedelta(hours=23))).version == first.version
    assert (await store.open(COURSE_KEY, as_of=NOW + timedelta(days=2))).version == second.version
    assert old.edited_on == NOW.replace(microsecond=123000), "stored times have milliseconds"
    with pytest.raises(VersionNotFound, match="as old as"):
        await store.open(COURSE_KEY, as_of=NOW - timedelta(seconds=1))
    with pytest.raises(InvalidInput, match="not both"):
        await store.open(COURSE_KEY, as_of=NOW, version=first.version)
    with pytest.raises(InvalidInput, match="time zone"):
        await store.open(COURSE_KEY, as_of=NOW.replace(tzinfo=None))


@BACKENDS
async def test_what_is_not_there(backend: Backend) -> None:
    store = AsyncStore(backend)
    with pytest.raises(CourseNotFound, match="course-v1:Example"):
        await store.open(COURSE_KEY)
    await store.import_course(COURSE)
    with pytest.raises(InvalidInput, match="no branch 'nonsense'"):
        await store.open(COURSE_KEY, branch="nonsense")
    with pytest.raises(VersionNotFound):
        await store.open(COURSE_KEY, version=VersionId(b"x" * 12))
    with pytest.raises(CourseNotFound):
        await store.open("course-v1:example+MS101+2026")


@pytest.mark.parametrize("value", [{1: 2}, object(), 2**70, "\ud800"])
@pytest.mark.parametrize("field", ["data", "display_name"])
@BACKENDS
async def test_a_value_that_no_document_can_hold(backend: Backend, field: str, value: object) -> None:
    store = AsyncStore(backend)
    key = (await store.import_course(COURSE)).key
    before = (await store.open(key, branch="draft")).version
    with pytest.raises(InvalidInput) as caught:
        async with store.edit(key, author="ana") as edit:
            edit.update(("html", "columns"), **{field: value})
    assert caught.value.place == "html/columns"
    assert caught.value.hint
    assert (await store.open(key, branch="draft")).version == before


@BACKENDS
async def test_the_stored_spelling_of_a_key_is_used(backend: Backend) -> None:
    store = AsyncStore(backend)
    first = await store.import_course(COURSE)
    again = await store.import_course(COURSE, key="course-v1:EXAMPLE+ms101+2026")
    assert again.key == first.key
    assert not again.changed


async def test_a_database_of_the_callers_own_client_can_be_handed_in(mongodb_url: str) -> None:
    async with AsyncMongoClient[dict[str, Any]](mongodb_url) as client:
        database = client.get_default_database()
        async with await connect_async(database) as store:
            await store.import_course(LIBRARY)
        assert await database["modulestore.structures"].count_documents({}) == 1, "the client is still open"


@BACKENDS
async def test_what_reading_costs(backend: Backend) -> None:
    counting = CountingBackend(backend)
    store = AsyncStore(counting)
    await store.import_course(COURSE)
    counting.calls.clear()
    course = await store.open(COURSE_KEY)
    assert counting.calls == {"index.get": 1, "structures.get_many": 1}
    counting.calls.clear()
    for block in course.blocks():
        _ = (block.display_name, block.path, block.children, block.parents, block.effective())
    assert counting.calls == {}
    await store.load_content(course.blocks())
    assert counting.calls == {"definitions.get_many": 1}
    counting.calls.clear()
    await store.open(COURSE_KEY, version=course.version)
    await store.load_content(course.blocks())
    assert counting.calls == {}, "what was read is at hand"
    await AsyncStore(counting).open(COURSE_KEY, version=course.version)
    assert counting.calls == {"structures.get_many": 1}


@BACKENDS
async def test_what_an_import_costs(backend: Backend) -> None:
    counting = CountingBackend(backend)
    store = AsyncStore(counting)
    report = await store.import_course(COURSE)
    assert report.assets > 1
    once = ("definitions.put_many", "structures.put_many", "files.put_many", "index.insert")
    assert {name: counting.calls[name] for name in once} == dict.fromkeys(once, 1)
    assert counting.calls["files.put"] == 0
    counting.calls.clear()
    await store.import_course(COURSE)
    assert counting.calls == {
        "index.get": 1,
        "structures.get_many": 1,
        "definitions.get_many": 1,
        "files.list": 1,
    }


@BACKENDS
async def test_whether_the_database_answers(backend: Backend) -> None:
    counting = CountingBackend(backend)
    await AsyncStore(counting).ping()
    assert counting.calls == {"records.get": 1}
