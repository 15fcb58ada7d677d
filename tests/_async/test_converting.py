"""Converting a database between stored formats: there and back again, and everything that gets in the way."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from modulestore._async.cached import CachedBackend
from modulestore._async.converting import CONVERSION
from modulestore._async.ports import Backend
from modulestore._async.preparing import FORMAT
from modulestore._async.sqlite import open_sqlite
from modulestore._async.store import AsyncStore
from modulestore.errors import (
    Conflict,
    DocumentTooLarge,
    InvalidAuthor,
    InvalidInput,
    ReadOnlyStore,
)
from modulestore.formats import columns, layers
from modulestore.formats.cells import Cell, split
from modulestore.formats.headers import decode_header
from modulestore.formats.structures import built_on, encode_structure, schema_of
from modulestore.keys import VersionId
from modulestore.model.deriving import derive
from modulestore.testing._async.checking import check_store
from modulestore.testing._async.courses import SMALL_COURSE, make_small_course
from modulestore.testing._async.faults import CountingBackend
from modulestore.testing._async.overtaking import OvertakenBackend
from modulestore.upkeep.conversion import Conversion
from tests._async.histories import KEY, History, contents, schemas
from tests._async.stores import everything, fresh_backend
from tests.cache.caches import MemoryCache

pytestmark = pytest.mark.anyio

FORMAT_1 = pytest.mark.parametrize("kind", ["sqlite-format-1", "mongodb-format-1"])
FORMAT_2 = pytest.mark.parametrize("kind", ["sqlite", "mongodb"])


@pytest.fixture
async def backend(kind: str, request: pytest.FixtureRequest) -> AsyncIterator[Backend]:
    async with fresh_backend(kind, request) as backend:
        yield backend


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tiers and batches of a few, and hardly ever a base, so that a short history has all of it."""
    monkeypatch.setattr(layers, "_ALIKE", 2)
    monkeypatch.setattr(layers, "_SHARE", 50.0)
    monkeypatch.setattr("modulestore._async.converting._BATCH", 5)


async def with_history(backend: Backend, steps: int = 40, seed: int = 1) -> History:
    history = History(AsyncStore(backend), seed)
    await history.begin()
    await history.go_on(steps)
    return history


async def records(backend: Backend) -> list[Any]:
    return [await backend.records.get(*name) for name in (FORMAT, CONVERSION)]


@FORMAT_1
@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_there_and_back_is_the_same_document_for_document(backend: Backend, seed: int) -> None:
    history = await with_history(backend, seed=seed)
    before, said = await everything(backend), await contents(backend)
    assert await schemas(backend) == {1}
    up = await AsyncStore(backend).convert(2)
    assert await schemas(backend) == {2}
    assert await contents(backend) == said
    total = len(before["structures"])
    assert up == Conversion(
        2, total, deltas=up.deltas, bytes_before=up.bytes_before, bytes_after=up.bytes_after
    )
    assert up.bytes_before == sum(map(len, before["structures"].values()))
    middle = await everything(backend)
    assert up.bytes_after == sum(map(len, middle["structures"].values()))
    assert up.deltas == sum(bool(built_on(document)) for document in middle["structures"].values())
    assert up.deltas > total / 2
    assert {**middle, "structures": {}} == {**before, "structures": {}}
    down = await AsyncStore(backend).convert(1)
    assert await everything(backend) == before
    assert (down.converted, down.already, down.left, down.deltas) == (total, 0, (), 0)
    assert (down.bytes_before, down.bytes_after) == (up.bytes_after, up.bytes_before)
    await history.go_on(5)
    assert await schemas(backend) == {1}
    assert await check_store(backend, tree=False) == []


@FORMAT_2
async def test_what_was_written_in_format_2_there_and_back(backend: Backend) -> None:
    history = await with_history(backend)
    said = await contents(backend)
    down = await AsyncStore(backend).convert(1)
    assert (down.converted, down.left) == (len(said), ())
    assert await schemas(backend) == {1}
    assert await contents(backend) == said
    await history.go_on(5)  # by somebody who has structures at hand as they were stored before
    assert await schemas(backend) == {1}
    up = await AsyncStore(backend).convert(2)
    assert up.converted > down.converted
    assert up.left == ()
    await history.go_on(5)
    assert await schemas(backend) == {2}
    assert {version: (await contents(backend))[version] for version in said} == said
    assert await check_store(backend, tree=False) == []


@FORMAT_1
async def test_doing_it_again_does_nothing(backend: Backend) -> None:
    await with_history(backend, 10)
    store = AsyncStore(backend)
    first = await store.convert(2)
    before, kept = await everything(backend), await records(backend)
    assert kept[1] is None, "nothing is left of the conversion"
    assert await store.convert(2) == Conversion(2, already=first.converted)
    assert await everything(backend) == before
    assert (await records(backend))[0].value == kept[0].value


@FORMAT_1
async def test_a_dry_run_tells_and_changes_nothing(backend: Backend) -> None:
    await with_history(backend, 20)
    before, kept = await everything(backend), await records(backend)
    store = AsyncStore(backend)
    told = await store.convert(2, dry_run=True)
    assert await everything(backend) == before
    assert await records(backend) == kept
    assert await store.convert(2) == told
    told = await store.convert(1, dry_run=True)
    assert await schemas(backend) == {2}
    assert await store.convert(1) == told


@FORMAT_1
async def test_what_it_costs(backend: Backend) -> None:
    await with_history(backend, 20)
    count = len((await everything(backend))["structures"])
    batches = -(-count // 5)
    counting = CountingBackend(backend)
    await AsyncStore(counting).convert(2)
    assert counting.calls["structures.replace_many"] == batches
    assert counting.calls["structures.get_many"] == batches, "what others build on was at hand"
    assert counting.calls["records.swap"] == batches + 1


@FORMAT_1
async def test_progress(backend: Backend) -> None:
    await with_history(backend, 5)
    count = len((await everything(backend))["structures"])
    told: list[tuple[str, int, int]] = []
    store = AsyncStore(backend)
    await store.convert(2, progress=lambda *what: told.append(what))
    assert told[0] == ("converting", 0, count)
    assert ("converting", count, count) in told
    told.clear()
    await store.convert(1, progress=lambda *what: told.append(what))
    assert [what for what, done, total in told if done == total == count] == ["measuring", "converting"]


@pytest.mark.parametrize("schema", [0, 3, "2", None])
async def test_a_format_that_there_is_not(schema: Any) -> None:
    store = AsyncStore(await open_sqlite(":memory:"))
    with pytest.raises(InvalidInput, match="no stored format"):
        await store.convert(schema)
    await store.close()


# --- what stays as it is


@FORMAT_1
async def test_what_would_come_out_otherwise_stays_as_it_is(
    backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An encoder that loses the weight of problems is found out, version by version."""
    await with_history(backend, 15)
    before, said = await everything(backend), await contents(backend)

    def lossy(document: Any) -> Cell:
        fields = {name: value for name, value in document.get("fields", {}).items() if name != "weight"}
        return split({**document, "fields": fields})

    monkeypatch.setattr(columns, "split", lossy)
    done = await AsyncStore(backend).convert(2)
    monkeypatch.undo()
    after = (await everything(backend))["structures"]
    untouched = {version for version, document in after.items() if schema_of(document) == 1}
    assert {left.version for left in done.left} == untouched
    assert {left.reason for left in done.left} == {"what would be stored is not what was there"}
    assert 0 < done.converted < len(after)
    assert {version: after[version] for version in untouched} == {
        version: before["structures"][version] for version in untouched
    }
    assert await contents(backend) == said
    again = await AsyncStore(backend).convert(2)
    assert (again.converted, again.already, again.left) == (len(untouched), done.converted, ())
    assert await contents(backend) == said


@FORMAT_2
async def test_what_cannot_be_read_stays_as_it_is(backend: Backend) -> None:
    await with_history(backend, 10)
    documents = (await everything(backend))["structures"]
    broken = max(version for version, document in documents.items() if built_on(document))
    damaged = documents[broken][:-20] + b"\1" * 19 + b"\0"
    await backend.structures.replace_many({broken: damaged})
    done = await AsyncStore(backend).convert(1)
    assert [left.version for left in done.left] == [broken]
    assert "digest" in done.left[0].reason
    assert done.converted == len(documents) - 1
    assert (await backend.structures.get_many([broken]))[broken] == damaged


async def with_large_version(backend: Backend, size: int) -> VersionId:
    """A version whose document of format 1 is large, and whose document of format 2 is not."""
    async with AsyncStore(backend).edit(SMALL_COURSE, author=7) as edit:
        for name in ("a1", "b1", "c1"):
            edit.update(("html", name), display_name=name * (size // 6))
    assert edit.version is not None
    return edit.version


@FORMAT_2
async def test_a_version_that_does_not_fit_is_refused_beforehand(backend: Backend) -> None:
    await make_small_course(AsyncStore(backend))
    version = await with_large_version(backend, backend.max_document)
    async with AsyncStore(backend).edit(SMALL_COURSE, author=7) as edit:
        edit.update(("html", "a1"), display_name="small")
    before, kept = await everything(backend), await records(backend)
    store = AsyncStore(backend)
    with pytest.raises(DocumentTooLarge) as caught:
        await store.convert(1)
    assert caught.value.place == f"structure {version}"
    assert caught.value.size > caught.value.limit == backend.max_document
    assert f"{caught.value.size:,}" in caught.value.message
    assert await everything(backend) == before
    assert await records(backend) == kept
    told = await store.convert(1, dry_run=True)
    assert [left.version for left in told.left] == [version]
    assert told.converted == len(before["structures"]) - 1


@FORMAT_2
async def test_a_version_that_does_not_fit_and_comes_late_stays_as_it_is(backend: Backend) -> None:
    await make_small_course(AsyncStore(backend))
    overtaken = OvertakenBackend(backend, before="records.put_if_absent")
    late: list[VersionId] = []

    async def somebody() -> None:
        late.append(await with_large_version(backend, backend.max_document))

    overtaken.then(somebody)
    done = await AsyncStore(overtaken).convert(1)
    assert [left.version for left in done.left] == late
    assert "in format 1 it would have" in done.left[0].reason
    assert await schemas(backend) == {1, 2}
    assert await check_store(backend) == []


# --- while others read and write


@FORMAT_1
@pytest.mark.parametrize("there", [2, 1])
async def test_authors_and_readers_go_on(
    backend: Backend, there: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between every two batches something is edited, published, restored, and everything is read."""
    monkeypatch.setattr("modulestore._async.converting._BATCH", 2)
    history = await with_history(backend, 15)
    fresh = AsyncStore(backend)
    if there == 1:
        await fresh.convert(2)
    said = await contents(backend)
    overtaken = OvertakenBackend(backend)
    moments = 0

    async def somebody() -> None:
        nonlocal moments
        moments += 1
        await history.go_on(1)
        now = await contents(backend)
        assert {version: now[version] for version in said} == said
        said.update(now)
        assert await check_store(backend, tree=False) == []

    for _ in range(40):
        overtaken.then(somebody)
    done = await AsyncStore(overtaken).convert(there)
    assert moments > 10
    assert done.left == ()
    assert await schemas(backend) == {there}
    assert await contents(backend) == said
    assert len(await fresh.history(KEY, branch="draft")) > 15
    await history.go_on(3)
    assert await schemas(backend) == {there}


async def put_copy(backend: Backend, version: VersionId) -> None:
    """Put a version that is the same as the draft, in format 1, as an import or a kept conflict does."""
    head = (await AsyncStore(backend).open(KEY, branch="draft")).structure
    header = head.header._replace(id=version, previous_version=head.id)
    made = derive(head, header, {}, assets=head.assets)
    await backend.structures.put_many({version: encode_structure(made, 1).document})


@FORMAT_1
async def test_who_was_about_to_write_the_old_format_is_caught_up_with(backend: Backend) -> None:
    await with_history(backend, 10)
    overtaken = OvertakenBackend(backend)
    late = VersionId(b"\0" * 11 + b"\1")  # an id that it has passed by then

    async def somebody() -> None:
        await put_copy(backend, late)

    overtaken.then(somebody)
    done = await AsyncStore(overtaken).convert(2)
    assert done.left == ()
    assert await schemas(backend) == {2}
    assert late in await contents(backend)


@FORMAT_1
async def test_what_is_relinked_or_deleted_meanwhile_is_not_brought_back(backend: Backend) -> None:
    await with_history(backend, 10)
    gone, linked = VersionId(b"\0" * 11 + b"\1"), sorted((await everything(backend))["structures"])[3]
    await put_copy(backend, gone)
    said = await contents(backend)
    ids = sorted(said)
    overtaken = OvertakenBackend(backend)

    async def prune() -> None:
        await backend.structures.relink({linked: None})
        await backend.structures.delete_many([gone])

    overtaken.then(prune)
    done = await AsyncStore(overtaken).convert(2)
    assert done.left == ()
    assert done.converted == len(ids) - 1
    after = (await everything(backend))["structures"]
    assert set(after) == set(ids) - {gone}
    assert {schema_of(document) for document in after.values()} == {2}
    assert decode_header(after[linked]).previous_version is None
    now = await contents(backend)
    assert {one: now[one] for one in now if one != linked} == {
        one: said[one] for one in said if one not in (gone, linked)
    }


@FORMAT_1
async def test_what_never_stands_still_is_left(backend: Backend, monkeypatch: pytest.MonkeyPatch) -> None:
    await with_history(backend, 5)
    ids = sorted((await everything(backend))["structures"])
    overtaken = OvertakenBackend(backend)
    turn = 0

    async def relink() -> None:
        nonlocal turn
        turn += 1
        await backend.structures.relink({ids[0]: None if turn % 2 == 0 else ids[1]})

    for _ in range(100):
        overtaken.then(relink)
    done = await AsyncStore(overtaken).convert(2)
    assert [left.version for left in done.left] == [ids[0]]
    assert "kept on changing" in done.left[0].reason
    assert await schemas(backend) == {1, 2}


@FORMAT_1
@pytest.mark.parametrize("other", [1, 2])
async def test_who_begins_later_goes_on_and_the_other_stops(backend: Backend, other: Any) -> None:
    await with_history(backend, 10)
    said = await contents(backend)
    overtaken = OvertakenBackend(backend)
    second: list[Conversion] = []

    async def somebody() -> None:
        second.append(await AsyncStore(backend).convert(other))

    async def nobody() -> None:
        """The first batch is done in peace."""

    overtaken.then(nobody)
    overtaken.then(somebody)
    with pytest.raises(Conflict, match="begun to convert") as caught:
        await AsyncStore(overtaken).convert(2)
    assert caught.value.hint
    assert second[0].left == ()
    assert await contents(backend) == said
    done = await AsyncStore(backend).convert(other)
    assert done.left == ()
    assert await schemas(backend) == {other}
    assert await contents(backend) == said
    assert (await records(backend))[1] is None


@FORMAT_1
async def test_a_stale_cache_hides_nothing_from_it(backend: Backend) -> None:
    """What the cache still has of an earlier form does not count: a platform reads the database."""
    await with_history(backend, 10)
    cache = MemoryCache()
    store = AsyncStore(CachedBackend(backend, cache))
    old = await everything(backend)
    targets: tuple[Any, ...] = (2, 1, 2)
    for target in targets:
        stale = {f"structure/{version}": document for version, document in old["structures"].items()}
        cache.put_many(stale)
        await store.convert(target)
        assert await schemas(backend) == {target}
        cache.put_many(stale)
        assert await contents(CachedBackend(backend, cache)) == await contents(backend)
        old = await everything(backend) if target == 2 else old


# --- whose database it is


@FORMAT_1
async def test_a_platforms_database_is_converted_on_request_only(backend: Backend) -> None:
    history = await with_history(backend, 5)
    record = await backend.records.get(*FORMAT)
    assert record is not None
    await backend.records.delete(record)  # as a platform leaves it
    before = await everything(backend)
    targets: tuple[Any, ...] = (1, 2)
    for target in targets:
        with pytest.raises(ReadOnlyStore, match="Open edX") as caught:
            await history.store.convert(target)
        assert "writes=yes" in str(caught.value.hint)
    told = await history.store.convert(2, dry_run=True)
    assert await everything(backend) == before
    assert await records(backend) == [None, None]
    allowed = AsyncStore(backend, writes_allowed=True)
    assert await allowed.convert(1) == Conversion(1, already=told.converted)
    assert await records(backend) == [None, None], "it is still the platform's"
    with pytest.raises(InvalidAuthor):
        await allowed.create_course("course-v1:A+B+C", author="ana")
    assert await allowed.convert(2) == told
    assert await schemas(backend) == {2}
    await AsyncStore(backend).create_course("course-v1:A+B+C", author="ana")
    await AsyncStore(backend).convert(1)
    assert {
        version: (await everything(backend))["structures"][version] for version in before["structures"]
    } == (before["structures"])


# --- what it is good for


async def test_a_history_in_format_2_is_a_fraction_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    backend = await open_sqlite(":memory:")
    store = AsyncStore(backend, schema=1)
    await store.create_course(KEY, author=7)
    async with store.edit(KEY, author=7) as edit:
        for chapter in range(10):
            above = edit.add("chapter", edit.course.root, id=f"c{chapter}", display_name=f"Chapter {chapter}")
            for number in range(29):
                edit.add("vertical", above, id=f"v{chapter}-{number}", display_name=f"Unit {number}")
    for number in range(200):
        async with store.edit(KEY, author=7) as edit:
            edit.update(("vertical", f"v{number % 10}-{number % 29}"), display_name=f"Number {number}")
    done = await store.convert(2)
    assert done.converted > 200
    assert done.deltas > 150
    assert done.bytes_after < done.bytes_before / 40
    await backend.close()
