"""Plans and their application on long histories, on every database."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from modulestore._async.cached import CachedBackend
from modulestore._async.ports import Backend
from modulestore._async.preparing import FORMAT
from modulestore._async.reading import Reader
from modulestore._async.sqlite import open_sqlite
from modulestore._async.store import AsyncStore
from modulestore._async.waiting import closing
from modulestore.errors import (
    Conflict,
    CorruptDocument,
    CourseNotFound,
    DefinitionNotFound,
    EditConflict,
    InvalidInput,
    NotFound,
    ProblemsFound,
    ReadOnlyStore,
    VersionNotFound,
)
from modulestore.keys import VersionId, as_course_key
from modulestore.model.structure import StructureHeader
from modulestore.testing._async.checking import check_store
from modulestore.testing._async.overtaking import OvertakenBackend
from modulestore.upkeep.pruning.plan import PlanSummary, read_plan
from modulestore.upkeep.pruning.policy import Policy, Retention
from modulestore.upkeep.pruning.report import PruneReport
from tests._async.histories import KEY, LIBRARY, History
from tests._async.stores import BACKENDS, everything, fresh_backend
from tests.cache.caches import MemoryCache
from tests.pruning.past import long_ago

pytestmark = pytest.mark.anyio

HEADS = Policy(Retention(keep=1), min_age=timedelta(0))
A1 = ("html", "a1")
GONE = "course-v1:Example+Small+gone"


class Scene(NamedTuple):
    """A course and a library with a long past, and what refers to it.

    Attributes:
        tagged: a version in the middle; its tag is "spring".
        conflict: id of a conflict that waits.
        pin: the version of the library that the course's bank stays with.
        chain: versions of the draft, newest first, as they were.
    """

    store: AsyncStore
    tagged: VersionId
    conflict: str
    pin: VersionId
    chain: list[VersionId]


@pytest.fixture
async def backend(kind: str, request: pytest.FixtureRequest) -> AsyncIterator[Backend]:
    async with fresh_backend(kind, request) as backend:
        yield backend


async def made(backend: Backend) -> Scene:
    store = AsyncStore(backend, **long_ago())
    history = History(store, seed=5)
    await history.begin()
    await history.go_on(25)
    async with store.edit(KEY, author=7) as edit:
        unit = edit.add("vertical", ("sequential", "second"), id="kept")
        bank = edit.add("library_content", unit, id="kept")
    await store.copy_from_library(bank, LIBRARY, author=7)
    versions = await store.history(KEY, branch="draft")
    tagged = await store.tag(KEY, versions[len(versions) // 2].version, "spring")
    await store.rerun(KEY, GONE)
    await numbered(store, GONE, 1)
    await numbered(store, GONE, 2)
    await store.tag(GONE, "draft", "gone")
    await store.delete(GONE)
    session = store.edit(KEY, author="late")
    await session.__aenter__()
    session.update(("chapter", "one"), display_name="late")
    async with store.edit(KEY, author="ana") as edit:
        edit.update(("chapter", "one"), display_name="ana")
    with pytest.raises(EditConflict) as error:
        await session.__aexit__(None, None, None)
    for number in range(5):
        await numbered(store, str(KEY), number)
    draft = await store.open(KEY, branch="draft")
    pin = VersionId.parse(str(draft["library_content", "kept"].get("source_library_version")))
    for number in range(4):
        async with store.edit(LIBRARY, author=7) as edit:
            edit.update(
                ("problem", "two"), display_name=f"number {number}", data=f"<problem>{number}</problem>"
            )
    chain = [version.version for version in await store.history(KEY, branch="draft")]
    return Scene(AsyncStore(backend), tagged, error.value.conflict.id, pin, chain)


async def numbered(store: AsyncStore, key: str, number: int) -> VersionId:
    async with store.edit(key, author="past", message=f"number {number}") as edit:
        edit.update(("chapter", "two"), display_name=f"number {number}")
        edit.set_aside(("chapter", "two"), "note", {"number": number})
    assert edit.version is not None
    return edit.version


async def plan(store: AsyncStore, folder: Path, policy: Policy = HEADS, **options: Any) -> PlanSummary:
    return await store.plan_pruning(policy, folder / "plan", **options)


async def apply(store: AsyncStore, folder: Path, **options: Any) -> PruneReport:
    return await store.apply_pruning(folder / "plan", grace=timedelta(0), batch=5, **options)


async def prune(store: AsyncStore, folder: Path, policy: Policy = HEADS, **options: Any) -> PruneReport:
    await plan(store, folder, policy, **options)
    return await apply(store, folder)


async def whole(store: AsyncStore, key: object, version: VersionId | None = None, **options: Any) -> Any:
    """A version, read by somebody who has nothing at hand, with all of its content."""
    fresh = AsyncStore(store._backend.past_cache())
    course = await fresh.open(key, version=version, **options)
    await fresh.load_content(course.blocks())
    return course


async def headers(backend: Backend) -> dict[VersionId, StructureHeader]:
    found: dict[VersionId, StructureHeader] = {}
    async with closing(backend.structures.headers()) as batches:
        async for batch in batches:
            found.update((header.id, header) for header in batch)
    return found


@BACKENDS
async def test_what_can_be_named_is_there_afterwards(backend: Backend, tmp_path: Path) -> None:
    scene = await made(backend)
    store = scene.store
    draft = await whole(store, KEY, branch="draft")
    summary = await plan(store, tmp_path)
    before = await everything(backend)
    assert summary.deleted > 10
    assert summary.definitions > 5
    assert {"head", "tag", "conflict", "deleted course", "pin", "original"} <= summary.reasons.keys()
    assert await everything(backend) == before
    report = await apply(store, tmp_path)
    assert (report.deleted, report.definitions) == (summary.deleted, summary.definitions)
    assert (report.spared, report.absent) == (0, 0)
    assert report.bytes == summary.bytes
    assert len((await everything(backend))["structures"]) == summary.kept
    assert await check_store(backend) == []

    for branch in ("draft", "published"):
        await whole(store, KEY, branch=branch)
    again = await whole(store, KEY, branch="draft")
    assert [block.key for block in again.blocks()] == [block.key for block in draft.blocks()]
    await whole(store, KEY, scene.tagged)
    assert (await whole(store, LIBRARY, scene.pin)).version == scene.pin
    kept = await store.conflict(scene.conflict)
    for version in (kept.base, kept.mine):
        await whole(store, KEY, version)
    await AsyncStore(backend).resolve(scene.conflict, overwrite=True)
    assert (await whole(store, KEY, branch="draft"))["chapter", "one"].display_name == "late"
    await AsyncStore(backend).undelete(GONE)
    assert (await whole(store, GONE, branch="draft"))["chapter", "two"].display_name == "number 2"
    await whole(store, GONE, (await store.version(GONE, "gone")).version)
    assert await check_store(backend) == []


@BACKENDS
async def test_a_history_reads_on_where_it_was_cut(backend: Backend, tmp_path: Path) -> None:
    scene = await made(backend)
    await prune(scene.store, tmp_path, Policy(Retention(keep=3), min_age=timedelta(0)))
    left = await headers(backend)
    expected = [version for version in scene.chain if version in left]
    versions = await AsyncStore(backend).history(KEY, branch="draft")
    assert [version.version for version in versions] == expected
    assert [version.message for version in versions[:3]] == ["number 4", "number 3", "number 2"]
    assert ("spring",) in [version.tags for version in versions]
    # Of what is gone nobody says anything any more.
    messages = await backend.records.list(f"message {KEY}")
    assert {VersionId.parse(record.key) for record in messages} <= left.keys()
    assert await AsyncStore(backend).block_history(KEY.usage("chapter", "two"), branch="draft")


@BACKENDS
async def test_planned_and_applied_again_nothing_happens(backend: Backend, tmp_path: Path) -> None:
    scene = await made(backend)
    await prune(scene.store, tmp_path)
    left = await everything(backend)
    report = await apply(scene.store, tmp_path)
    assert (report.deleted, report.definitions, report.relinked) == (0, 0, 0)
    summary = await plan(scene.store, tmp_path)
    assert (summary.deleted, summary.definitions, summary.relinked) == (0, 0, 0)
    assert await everything(backend) == left


@BACKENDS
async def test_each_course_as_its_policy_says(backend: Backend, tmp_path: Path) -> None:
    scene = await made(backend)
    policy = Policy(
        Retention(keep=1), {str(KEY): Retention(within=timedelta(days=9999))}, min_age=timedelta(0)
    )
    before = len(await scene.store.history(LIBRARY))
    await prune(scene.store, tmp_path, policy)
    left = await headers(backend)
    assert set(scene.chain) <= left.keys()
    assert len(await scene.store.history(LIBRARY)) < before


@BACKENDS
async def test_one_course_only(backend: Backend, tmp_path: Path) -> None:
    scene = await made(backend)
    store = scene.store
    before = await everything(backend)
    report = await prune(store, tmp_path, course=LIBRARY)
    assert report.deleted
    assert report.definitions == 0
    left = await headers(backend)
    assert set(scene.chain) <= left.keys()
    assert (await everything(backend))["definitions"] == before["definitions"]
    assert await check_store(backend) == []
    await whole(store, LIBRARY, scene.pin)
    with pytest.raises(CourseNotFound):
        await plan(store, tmp_path, course="course-v1:Example+No+such")


@BACKENDS
async def test_deleted_courses_expire(backend: Backend, tmp_path: Path) -> None:
    scene = await made(backend)
    store = scene.store
    policy = Policy(Retention(keep=1), min_age=timedelta(0), deleted_after=timedelta(days=30))
    summary = await plan(store, tmp_path, policy)
    assert summary.expired == 1
    # Taken back before it is done, it stays.
    await store.undelete(GONE)
    with pytest.raises(Conflict, match="outdated"):
        await apply(store, tmp_path)
    await whole(store, GONE, branch="draft")
    late = AsyncStore(backend, **long_ago())
    await late.delete(GONE)
    await plan(store, tmp_path, policy)
    assert (await apply(store, tmp_path)).expired == 1
    with pytest.raises(CourseNotFound):
        await store.undelete(GONE)
    for kind in (f"tag {GONE}", f"message {GONE}"):
        assert await backend.records.list(kind) == []
    summary = await plan(store, tmp_path, policy)
    assert (summary.deleted, summary.definitions) == (0, 0)
    assert await check_store(backend) == []


@BACKENDS
async def test_a_plan_that_a_head_has_overtaken_is_refused(backend: Backend, tmp_path: Path) -> None:
    scene = await made(backend)
    await plan(scene.store, tmp_path)
    with (tmp_path / "plan").open("rb") as lines:
        gone = set(read_plan(lines, "plan").deleted)
    old = next(version for version in scene.chain if version in gone)
    entry = await backend.index.get(KEY)
    assert entry is not None
    await backend.index.swap(entry, {}, {"draft": old})
    before = await everything(backend)
    with pytest.raises(Conflict, match="outdated"):
        await apply(scene.store, tmp_path)
    assert await everything(backend) == before
    assert await backend.records.list("condemned structures") == []
    assert await backend.records.get("database", "pruning") is None


@BACKENDS
async def test_a_missing_head(backend: Backend, tmp_path: Path) -> None:
    scene = await made(backend)
    entry = await backend.index.get(as_course_key(LIBRARY))
    assert entry is not None
    await backend.structures.delete_many(list(entry.heads.values()))
    with pytest.raises(ProblemsFound, match=str(entry.heads["library"])):
        await plan(scene.store, tmp_path)
    assert not (tmp_path / "plan").exists()
    assert list(tmp_path.glob("*.part")) == []
    await plan(scene.store, tmp_path, ignore_missing=True)
    with pytest.raises(ProblemsFound):
        await apply(scene.store, tmp_path)
    assert await backend.records.list("condemned structures") == []
    assert (await apply(scene.store, tmp_path, ignore_missing=True)).deleted
    await whole(scene.store, KEY, branch="draft")


@BACKENDS
async def test_the_heads_of_a_platform(backend: Backend, tmp_path: Path) -> None:
    scene = await made(backend)
    record = await backend.records.get(*FORMAT)
    assert record is not None
    await backend.records.delete(record)
    with pytest.raises(InvalidInput, match="SQL"):
        await plan(scene.store, tmp_path)
    old = scene.chain[4]
    heads = {str(KEY): {"draft": old}}
    with pytest.raises(InvalidInput):
        await plan(scene.store, tmp_path, sql_heads=heads, no_sql_index=True)
    summary = await plan(scene.store, tmp_path, sql_heads=heads)
    assert summary.reasons["SQL head"] == 1
    with pytest.raises(InvalidInput, match="SQL"):
        await apply(scene.store, tmp_path)
    assert await scene.store.reasons_to_keep(old, HEADS, sql_heads=heads)
    with pytest.raises(ReadOnlyStore):
        await apply(scene.store, tmp_path, sql_heads=heads)
    store = AsyncStore(backend, writes_allowed=True)
    await apply(store, tmp_path, sql_heads=heads)
    await whole(scene.store, KEY, old)
    # Where SQL has gone to what a plan deletes, the plan is outdated.
    await plan(scene.store, tmp_path, no_sql_index=True)
    with pytest.raises(Conflict, match="outdated"):
        await apply(store, tmp_path, sql_heads=heads)
    assert (await apply(store, tmp_path, no_sql_index=True)).deleted
    assert await check_store(backend) == []


@BACKENDS
async def test_what_is_referred_to_since_the_plan_is_spared(backend: Backend, tmp_path: Path) -> None:
    scene = await made(backend)
    store = scene.store
    await plan(store, tmp_path)
    with (tmp_path / "plan").open("rb") as lines:
        gone = set(read_plan(lines, "plan").deleted)
    old, older = [version for version in scene.chain if version in gone][:2]
    await store.tag(KEY, old, "autumn")
    await store.restore(KEY, older, author="ana")
    assert (await apply(store, tmp_path)).spared
    await whole(store, KEY, (await store.version(KEY, "autumn")).version)
    await whole(store, KEY, branch="draft")
    assert await check_store(backend) == []
    pruned = min(gone - (await headers(backend)).keys())
    with pytest.raises(VersionNotFound):
        await AsyncStore(backend).tag(KEY, pruned, "winter")


@BACKENDS
async def test_who_remembers_what_is_gone(backend: Backend, tmp_path: Path) -> None:
    """A process that has read old versions, and goes on with them when they have been pruned."""
    scene = await made(backend)
    late = AsyncStore(backend)
    for version in scene.chain:
        course = await late.open(KEY, version=version)
        await late.load_content(course.blocks())
    await prune(AsyncStore(backend), tmp_path)
    left = await headers(backend)
    gone = [version for version in scene.chain if version not in left]
    assert gone
    for number, version in enumerate(gone[::4]):
        with pytest.raises(VersionNotFound):
            await late.tag(KEY, version, f"tag {number}")
        with suppress(DefinitionNotFound):
            await late.restore(KEY, version)
        with suppress(NotFound, EditConflict):
            async with late.edit(KEY, base=version) as edit:
                edit.update(A1, display_name=f"late {number}")
        with suppress(NotFound, EditConflict, InvalidInput):
            await late.undo(KEY, version)
        with suppress(NotFound):
            async with late.edit(KEY.for_version(version)) as edit:
                edit.update(("chapter", "two"), display_name=f"detached {number}")
            assert edit.version is not None
            await late.tag(KEY, edit.version, f"detached {number}")
        await whole(late, KEY, branch="draft")
        assert await check_store(backend) == []
    assert await backend.records.list(f"tag {KEY}")


@pytest.mark.parametrize("kind", ["sqlite"])
async def test_what_was_pruned_is_not_in_the_cache(backend: Backend, tmp_path: Path) -> None:
    cache = MemoryCache()
    scene = await made(CachedBackend(backend, cache))
    reader = AsyncStore(CachedBackend(backend, cache))
    for version in scene.chain:
        await reader.open(KEY, version=version)
    await prune(scene.store, tmp_path)
    left = await headers(backend)
    gone = [version for version in scene.chain if version not in left]
    assert gone
    for version in gone:
        with pytest.raises(VersionNotFound):
            await AsyncStore(CachedBackend(backend, cache)).open(KEY, version=version)
    # Nor is what was linked anew there as it was.
    for version in scene.chain:
        if version in left:
            course = await AsyncStore(CachedBackend(backend, cache)).open(KEY, version=version)
            assert course.structure.header.previous_version == left[version].previous_version


@pytest.mark.parametrize("kind", ["sqlite"])
async def test_an_unreadable_version_that_is_kept(backend: Backend, tmp_path: Path) -> None:
    scene = await made(backend)
    entry = await backend.index.get(KEY)
    assert entry is not None
    head = entry.heads["draft"]
    document = (await backend.structures.get_many([head]))[head]
    await backend.structures.replace_many({head: document[:-40] + b"\0" * 39 + document[-1:]})
    before = await everything(backend)
    with pytest.raises(ProblemsFound, match="cannot be read"):
        await plan(scene.store, tmp_path)
    assert await everything(backend) == before


async def test_ages_of_any_length(tmp_path: Path) -> None:
    forever = timedelta(days=999_999)
    backend = await open_sqlite(":memory:")
    store = AsyncStore(backend, **long_ago())
    await History(store).begin()
    for policy in (
        Policy(Retention(within=forever), min_age=timedelta(0)),
        Policy(Retention(keep=1), min_age=forever),
        Policy(Retention(within=forever), min_age=timedelta(0), deleted_after=forever),
    ):
        assert (await plan(store, tmp_path, policy)).deleted == 0
    await backend.close()


async def test_the_time_of_grace_is_waited_for(tmp_path: Path) -> None:
    backend = await open_sqlite(":memory:")
    store = AsyncStore(backend, **long_ago())
    await History(store).begin()
    await plan(store, tmp_path)
    told: list[str] = []
    began = datetime.now(UTC)
    await store.apply_pruning(
        tmp_path / "plan",
        grace=timedelta(seconds=0.3),
        delay=timedelta(milliseconds=1),
        progress=lambda what, done, total: told.append(what),
    )
    assert datetime.now(UTC) - began >= timedelta(seconds=0.3)
    assert "waiting for those who write" in told
    with pytest.raises(InvalidInput):
        await store.apply_pruning(tmp_path / "plan", batch=0)
    with pytest.raises(InvalidInput, match="cannot be read"):
        await store.apply_pruning(tmp_path / "no plan")
    await backend.close()


@pytest.mark.parametrize("kind", ["sqlite", "mongodb"])
@pytest.mark.parametrize("whole", [True, False], ids=["all of it", "what it is built on"])
async def test_a_version_that_goes_while_it_is_read(
    kind: str, whole: bool, request: pytest.FixtureRequest
) -> None:
    """Between the two fetches of a reader: then it is not there, unless the database is damaged."""
    async with fresh_backend(kind, request) as backend:
        scene = await made(backend)
        links = await backend.structures.links(scene.chain)
        version, bases = next((version, link.bases) for version, link in links.items() if link.bases)
        overtaken = OvertakenBackend(backend, before="structures.get_many")

        async def nothing() -> None: ...

        async def prune() -> None:
            await backend.structures.delete_many([version, *bases] if whole else bases)

        overtaken.then(nothing)
        overtaken.then(prune)
        with pytest.raises(VersionNotFound if whole else CorruptDocument):
            await Reader(overtaken).structure(version)
