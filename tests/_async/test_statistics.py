"""What is counted is what is there: to the byte."""

from __future__ import annotations

import pytest

from modulestore._async.ports import Backend
from modulestore._async.store import AsyncStore
from modulestore._async.waiting import closing
from modulestore.errors import CourseNotFound
from modulestore.formats.structures import built_on
from modulestore.keys import VersionId, as_course_key
from modulestore.storage.documents import encode
from modulestore.testing._async.faults import FaultyBackend
from modulestore.upkeep.statistics import Amount, Form
from tests._async.histories import KEY, LIBRARY, History
from tests._async.stores import BACKENDS, COURSE, COURSE_KEY, everything, fresh_backend

pytestmark = pytest.mark.anyio

AGAIN = as_course_key("course-v1:Example+MS101+2027")


async def chain(store: AsyncStore, key: object, *branches: str) -> set[VersionId]:
    """The versions behind heads."""
    return {one.version for branch in branches for one in await store.history(key, branch=branch)}


def amount(documents: dict[VersionId, bytes]) -> tuple[int, int, int]:
    sizes = [len(document) for document in documents.values()]
    return len(sizes), sum(sizes), max(sizes, default=0)


def seen(found: Amount) -> tuple[int, int, int]:
    return found.count, found.bytes, found.largest


@BACKENDS
async def test_every_figure(kind: str, request: pytest.FixtureRequest) -> None:
    async with fresh_backend(kind, request) as inner:
        store = AsyncStore(inner)
        history = History(store, seed=4)
        await history.begin()
        await history.go_on(30)
        await store.import_course(COURSE, author=7)
        await store.rerun(COURSE_KEY, AGAIN, title="Again", author=7)
        async with store.edit(COURSE_KEY, author=7, message="words") as edit:
            edit.update(("html", "columns"), display_name="Columns")
        await store.tag(COURSE_KEY, "draft", "spring")
        own = await chain(store, COURSE_KEY, "draft", "published")
        again = await chain(store, AGAIN, "draft", "published")
        small = await chain(store, KEY, "draft", "published")
        library = await chain(store, LIBRARY, "library")
        await store.delete(COURSE_KEY, author=7)
        every = await everything(inner)
        structures, definitions = every["structures"], every["definitions"]

        counted = FaultyBackend(inner)
        found = await AsyncStore(counted).statistics()
        assert counted.writes == []
        assert seen(found.versions) == amount(structures)
        assert seen(found.definitions) == amount(definitions)
        deltas = {one: document for one, document in structures.items() if built_on(document)}
        whole = {one: document for one, document in structures.items() if one not in deltas}
        form = Form.PLATFORM if kind.endswith("format-1") else Form.BASE
        expected = {form: amount(whole), Form.DELTA: amount(deltas)}
        assert {one: seen(some) for one, some in found.structures.items()} == {
            one: some for one, some in expected.items() if some[0]
        }
        courses = {course.key: course for course in found.courses}
        assert [course.key for course in found.courses if course.deleted] == [COURSE_KEY]
        assert (found.entries, len(courses)) == (3, 4)
        for key, versions, shared in (
            (str(KEY), small, set[VersionId]()),
            (LIBRARY, library, set[VersionId]()),
            (COURSE_KEY, own, own & again),
            (str(AGAIN), again, own & again),
        ):
            course = courses[key]
            assert seen(course.versions) == amount({one: structures[one] for one in versions})
            assert seen(course.shared) == amount({one: structures[one] for one in shared})
            assert course.newest is not None
        reached = own | again | small | library
        assert seen(found.no_course) == amount(
            {one: document for one, document in structures.items() if one not in reached}
        )
        files = [await inner.files.list(key) for key in (as_course_key(COURSE_KEY), AGAIN)]
        lengths = [file.length for listed in files for file in listed]
        assert (found.files.count, found.files.bytes) == (len(lengths), sum(lengths)) != (0, 0)
        assert courses[COURSE_KEY].files.bytes == courses[str(AGAIN)].files.bytes == sum(lengths) // 2
        assert sum(day.versions for day in found.days) == len(structures)
        assert sum(day.bytes for day in found.days) == found.versions.bytes
        records = await inner.records.starting("")
        records = [one for one in records if one.kind.split()[0] in ("tag", "message", "deleted", "conflict")]
        sizes = [len(encode(one.value, "")) for one in records]
        assert (found.records.count, found.records.bytes) == (len(sizes), sum(sizes)) != (0, 0)


@BACKENDS
async def test_one_course(kind: str, request: pytest.FixtureRequest) -> None:
    async with fresh_backend(kind, request) as backend:
        store = AsyncStore(backend)
        await History(store).begin()
        await store.import_course(COURSE, author=7)
        await store.rerun(COURSE_KEY, AGAIN, title="Again", author=7)
        every = await everything(backend)
        whole = {course.key: course for course in (await store.statistics()).courses}
        for key in (str(AGAIN), COURSE_KEY, str(KEY), LIBRARY):
            found = await store.statistics(key)
            assert found.courses == (whole[key],)
            assert found.versions == whole[key].versions
            assert (found.no_course, found.entries) == (Amount(), 1)
            assert (found.files.count, found.files.bytes) == (whole[key].files.count, whole[key].files.bytes)
            branches = ["library"] if key == LIBRARY else ["draft", "published"]
            versions = await chain(store, key, *branches)
            assert found.versions.count == len(versions)
            # Those of one stored version, without what it builds on.
            references = await backend.structures.references(versions)
            named = {one for some in references.values() for one in some.definitions}
            assert seen(found.definitions) == amount({one: every["definitions"][one] for one in named})
        with pytest.raises(CourseNotFound):
            await store.statistics("course-v1:Example+None+2026")


@BACKENDS
async def test_a_course_that_was_deleted_and_is_there_again(
    kind: str, request: pytest.FixtureRequest
) -> None:
    async with fresh_backend(kind, request) as backend:
        store = AsyncStore(backend)
        await store.import_course(COURSE, author=7)
        old = await store.statistics()
        await store.delete(COURSE_KEY, author=7)
        await store.import_course(COURSE, author=7)
        (course,) = (await store.statistics()).courses
        assert (course.key, course.deleted) == (COURSE_KEY, False)
        assert course.versions.count == 2 * old.versions.count, "undelete would bring the old ones back"


@BACKENDS
async def test_nothing(kind: str, request: pytest.FixtureRequest) -> None:
    async with fresh_backend(kind, request) as backend:
        found = await AsyncStore(backend).statistics()
        assert (found.versions, found.definitions, found.files) == (Amount(), Amount(), Amount())
        assert (found.courses, found.days, found.entries) == ((), (), 0)


@BACKENDS
async def test_batches_make_no_difference(
    kind: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with fresh_backend(kind, request) as backend:
        await History(AsyncStore(backend)).begin()
        found = await AsyncStore(backend).statistics()
        monkeypatch.setattr("modulestore._async.statistics._BATCH", 3)
        said: list[tuple[str, int, int]] = []
        assert await AsyncStore(backend).statistics(progress=lambda *what: said.append(what)) == found
        assert ("counting versions", found.versions.count, found.versions.count) in said
        assert await every_id(backend) == found.versions.count


async def every_id(backend: Backend) -> int:
    async with closing(backend.structures.ids()) as batches:
        return sum([len(batch) async for batch in batches])
