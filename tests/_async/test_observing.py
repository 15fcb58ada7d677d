"""What a store tells its observer: every call, every read and every commit, once, however it ends."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from modulestore._async.connect import connect_async
from modulestore._async.observing import ObservedBackend
from modulestore._async.ports import Backend, Definitions, Files, Index, Record, Records, Structures
from modulestore._async.sqlite import open_sqlite
from modulestore._async.store import AsyncStore
from modulestore._async.waiting import Call, Stream, closing
from modulestore._async.wrappers import WrappedBackend
from modulestore.errors import (
    CommitContention,
    CommitUnknown,
    CourseNotFound,
    DefinitionNotFound,
    EditConflict,
    HeadMoved,
    InvalidInput,
    StorageUnavailable,
)
from modulestore.keys import CourseKey, as_course_key
from modulestore.model.files import FileVersion
from modulestore.observing import CommitEnded, Event, VersionsRead, fan_out
from modulestore.testing._async.checking import check_store
from modulestore.testing._async.courses import SMALL_COURSE, make_small_course
from modulestore.testing._async.faults import CountingBackend, FaultyBackend
from modulestore.testing._async.overtaking import OvertakenBackend
from modulestore.testing.crash import Crash
from modulestore.testing.samples import (
    COURSE,
    definition_document,
    new_entry,
    new_file,
    new_version_id,
    structure_document,
)
from modulestore.upkeep.migrations import load_steps
from tests._async.seeing import Seen
from tests._async.stores import BACKENDS, fresh_backend
from tests._async.stores import COURSE as SAMPLE
from tools.memcached import Memcached

pytestmark = pytest.mark.anyio

KEY = as_course_key(SMALL_COURSE)
BEFORE = datetime(2020, 1, 1, tzinfo=UTC)
A1, A2, B1 = ("html", "a1"), ("problem", "a2"), ("html", "b1")


@pytest.fixture
async def backend(kind: str, request: pytest.FixtureRequest) -> AsyncIterator[CountingBackend]:
    """A database with the small course in it."""
    async with fresh_backend(kind, request) as fresh:
        await make_small_course(AsyncStore(fresh))
        yield CountingBackend(fresh)
        assert await check_store(fresh) == []


# --- calls of the database


async def drained(stream: Stream[Any]) -> list[Any]:
    async with closing(stream) as items:
        return [item async for item in items]


def calls_of(backend: Backend) -> dict[str, Call[object]]:
    """A call of everything that a backend can be asked, by name."""
    version = new_version_id()
    document, definition = structure_document(version), definition_document(version)
    entry, file = new_entry(), new_file()
    steps = [index for step in load_steps() for index in step.indexes]
    record = Record("kind", "key", 1, {})
    stored = [file]

    async def put() -> None:
        stored.append(await backend.files.put(file, io.BytesIO(b"bytes")))

    return {
        "now": backend.now,
        "is_empty": backend.is_empty,
        "create_indexes": lambda: backend.create_indexes(steps),
        "missing_indexes": lambda: backend.missing_indexes(steps),
        "index.insert": lambda: backend.index.insert(entry),
        "index.get": lambda: backend.index.get(COURSE),
        "index.list": backend.index.list,
        "index.list_readable": backend.index.list_readable,
        "index.swap": lambda: backend.index.swap(entry, entry.heads, {"draft": version}),
        "index.delete": lambda: backend.index.delete(entry),
        "structures.put_many": lambda: backend.structures.put_many({version: document}),
        "structures.get_many": lambda: backend.structures.get_many([version]),
        "structures.replace_many": lambda: backend.structures.replace_many({version: document}),
        "structures.headers": lambda: drained(backend.structures.headers()),
        "structures.ids": lambda: drained(backend.structures.ids()),
        "structures.links": lambda: backend.structures.links([version]),
        "structures.references": lambda: backend.structures.references([version]),
        "structures.sizes": lambda: backend.structures.sizes([version]),
        "structures.faulty_headers": lambda: backend.structures.faulty_headers([version]),
        "structures.restore_headers": lambda: backend.structures.restore_headers([version]),
        "structures.relink": lambda: backend.structures.relink({version: None}),
        "structures.delete_many": lambda: backend.structures.delete_many([version]),
        "definitions.put_many": lambda: backend.definitions.put_many({version: definition}),
        "definitions.get_many": lambda: backend.definitions.get_many([version]),
        "definitions.ids": lambda: drained(backend.definitions.ids()),
        "definitions.sizes": lambda: backend.definitions.sizes([version]),
        "definitions.delete_many": lambda: backend.definitions.delete_many([version]),
        "files.put": put,
        "files.fetch": lambda: backend.files.fetch(stored[-1], 0, 5),
        "files.copy": lambda: backend.files.copy(stored[-1:], CourseKey("Another", "Course", "2026")),
        "files.set_digest": lambda: backend.files.set_digest(stored[-1], "0" * 32),
        "files.put_many": lambda: backend.files.put_many([(file, b"bytes")]),
        "files.get": lambda: backend.files.get(file.key),
        "files.list": lambda: backend.files.list(COURSE),
        "files.update": lambda: backend.files.update(file, replace(file, locked=True)),
        "files.read": lambda: drained(backend.files.read(file.key)),
        "files.discard": lambda: backend.files.discard(file.key),
        "files.trash": lambda: backend.files.trash(COURSE),
        "files.history": lambda: backend.files.history(file.key),
        "files.restore": lambda: backend.files.restore(FileVersion(stored[-1], None)),
        "files.delete": lambda: backend.files.delete(file.key),
        "files.problems": lambda: drained(backend.files.problems()),
        "files.leftovers": lambda: drained(backend.files.leftovers(BEFORE)),
        "files.delete_leftovers": lambda: backend.files.delete_leftovers([], BEFORE),
        "records.put_if_absent": lambda: backend.records.put_if_absent("kind", "key", {}),
        "records.get": lambda: backend.records.get("kind", "key"),
        "records.list": lambda: backend.records.list("kind"),
        "records.starting": lambda: backend.records.starting("kind"),
        "records.swap": lambda: backend.records.swap(record, {}),
        "records.delete": lambda: backend.records.delete(record),
    }


STREAMS = {
    "structures.headers",
    "structures.ids",
    "definitions.ids",
    "files.leftovers",
    "files.problems",
    "files.read",
}


async def test_every_method_of_every_port_is_tried() -> None:
    ports = {
        "index": Index,
        "structures": Structures,
        "definitions": Definitions,
        "files": Files,
        "records": Records,
    }
    names = {f"{port}.{name}" for port, kind in ports.items() for name in kind.__abstractmethods__}
    names |= {"files.read", "files.set_digest"}  # which a backend need not have of its own
    names |= Backend.__abstractmethods__ - {"close", "group"}
    backend = await open_sqlite(":memory:")
    assert calls_of(backend).keys() == names
    await backend.close()


@BACKENDS
async def test_every_call_is_told(kind: str, request: pytest.FixtureRequest) -> None:
    async with fresh_backend(kind, request) as fresh:
        seen = Seen()
        for name, call in calls_of(ObservedBackend(fresh, seen)).items():
            seen.clear()
            await call()
            assert {event.name for event in seen} == {name}
            assert all(event.error is None and 0 <= event.seconds < 60 for event in seen)
            assert len(seen) == 1 or name in STREAMS


async def test_every_call_that_fails_is_told() -> None:
    inner = await open_sqlite(":memory:")

    async def fail(name: str, call: Call[Any], /) -> Any:
        raise StorageUnavailable("the connection was lost")

    seen = Seen()
    backend = ObservedBackend(WrappedBackend(inner, fail), seen)
    for name, call in calls_of(backend).items():
        seen.clear()
        with pytest.raises(StorageUnavailable):
            await call()
        (event,) = seen.storage
        assert (event.name, event.error) == (name, StorageUnavailable)
        assert (event.documents, event.bytes) == (0, 0)
    seen.clear()
    with pytest.raises(StorageUnavailable):
        async with backend.group():
            pass
    assert [(event.name, event.error) for event in seen] == [("group.begin", StorageUnavailable)]
    await inner.close()


@BACKENDS
async def test_how_much_is_told(kind: str, request: pytest.FixtureRequest) -> None:
    async with fresh_backend(kind, request) as fresh:
        seen = Seen()
        backend: Backend = ObservedBackend(fresh, seen)
        documents = {version: structure_document(version) for version in (new_version_id(), new_version_id())}
        size = sum(map(len, documents.values()))
        content = bytes(300_000)
        file = new_file()
        async with backend.group() as group:
            await group.structures.put_many(documents)
            await group.definitions.put_many({})
            await group.structures.replace_many(documents)
        await backend.structures.get_many([*documents, new_version_id()])
        await backend.files.put(file, io.BytesIO(content))
        await backend.files.put_many([(file, content), (new_file("other"), b"other")])
        assert b"".join(await drained(backend.files.read(file.key))) == content
        sizes: dict[str, tuple[int, int]] = {}
        for event in seen.storage:
            before = sizes.get(event.name, (0, 0))
            sizes[event.name] = (before[0] + event.documents, before[1] + event.bytes)
        assert sizes == {
            "group.begin": (0, 0),
            "structures.put_many": (2, size),
            "definitions.put_many": (0, 0),
            "structures.replace_many": (2, size),
            "group.commit": (0, 0),
            "structures.get_many": (2, size),
            "files.put": (1, len(content)),
            "files.put_many": (2, len(content) + 5),
            "files.read": (0, len(content)),
        }


async def test_a_stream_is_a_call_for_each_item_and_one_for_the_end() -> None:
    inner = await open_sqlite(":memory:")
    versions = [new_version_id() for _ in range(5)]
    await inner.structures.put_many({version: structure_document(version) for version in versions})
    seen, counting = Seen(), CountingBackend(inner)
    backend = ObservedBackend(counting, seen)
    assert len(await drained(backend.structures.headers(batch=2))) == 3
    assert [(event.name, event.error) for event in seen] == [("structures.headers", None)] * 4
    assert counting.calls == {"structures.headers": 4}
    seen.clear()
    async with closing(backend.structures.headers(batch=2)) as batches:
        await batches.__anext__()
    assert len(seen) == 1, "what is not asked for is not told"
    await inner.close()


async def work(store: AsyncStore) -> None:
    """A bit of everything, which has gone as it should."""
    await store.import_course(SAMPLE)
    await make_small_course(store)
    course = await store.open(KEY, branch="draft")
    await store.load_content(course.blocks("html"))
    async with store.edit(KEY, author="ben") as mine:
        async with store.edit(KEY, author="ana") as theirs:
            theirs.update(A1, display_name="T", data="<p>T</p>")
        mine.update(B1, display_name="M")
    async with store.edit(KEY, author="ana") as theirs:
        theirs.update(A1, display_name="T 2")
    mine = store.edit(KEY, author="ben", base=course.version)
    await mine.__aenter__()
    mine.update(A1, display_name="M 2")
    with pytest.raises(EditConflict) as caught:
        await mine.__aexit__(None, None, None)
    await store.resolve(caught.value.conflict.id, overwrite=True)
    await store.publish(KEY, author="ana")
    with pytest.raises(InvalidInput):
        async with store.edit(KEY, author="ana") as edit:
            edit.update(A1, display_name=object())
    with pytest.raises(CourseNotFound):
        await store.open("course-v1:No+Such+Course")
    await store.tag(KEY, "draft", "a tag")
    await store.delete(KEY)
    await store.undelete(KEY)
    course = await store.open(KEY)
    names = {"a1": "M 2", "b1": "M", "c1": "C one"}
    assert {block.id: block.display_name for block in course.blocks("html")} == names
    assert len(await store.history(KEY)) == 4


@BACKENDS
async def test_calls_are_told_as_often_as_they_are_made(kind: str, request: pytest.FixtureRequest) -> None:
    async with fresh_backend(kind, request) as fresh:
        seen, counting = Seen(), CountingBackend(fresh)
        await work(AsyncStore(ObservedBackend(counting, seen), observe=seen))
        assert Counter(event.name for event in seen.storage) == counting.calls
        assert len(counting.calls) > 15
        assert {event.outcome for event in seen.commits} == {"committed", "conflict", "failed"}


@BACKENDS
async def test_an_observer_that_raises_changes_nothing(
    kind: str, request: pytest.FixtureRequest, caplog: pytest.LogCaptureFixture
) -> None:
    calls: list[Event] = []

    def wrong(event: Event) -> None:
        calls.append(event)
        raise ValueError("the observer is wrong")

    async with fresh_backend(kind, request) as fresh:
        await work(AsyncStore(ObservedBackend(fresh, fan_out(wrong)), observe=wrong))
        assert await check_store(fresh) == []
    assert {event.subject for event in calls} == {"storage", "read", "commit"}
    assert len(calls) > 100
    assert [record.name for record in caplog.records] == ["modulestore.observing"] * 2


async def test_an_observer_that_raises_is_logged_once_for_all_that_it_observes(
    tmp_path: Path, memcached: Memcached, caplog: pytest.LogCaptureFixture
) -> None:
    def wrong(event: Event) -> None:
        raise ValueError("the observer is wrong")

    url, cache = f"sqlite:///{tmp_path}/store.db", f"memcached://{memcached.address}"
    async with await connect_async(url, cache=cache, observe=wrong) as store:
        await work(store)
    assert [record.name for record in caplog.records] == ["modulestore.observing"]


# --- reads


@BACKENDS
async def test_what_is_read_is_told_with_where_it_came_from(backend: CountingBackend, kind: str) -> None:
    await rename(AsyncStore(backend), "new")
    seen = Seen()
    store = AsyncStore(backend, observe=seen)
    course = await store.open(KEY, branch="draft")
    (read,) = seen.reads
    assert (read.name, read.asked, read.at_hand, read.fetched) == ("structures", 1, 0, 1)
    assert (read.built_on > 0) == (not kind.endswith("format-1"))
    assert 0 < read.decoding <= read.seconds
    seen.clear()
    backend.calls.clear()
    await store.open(KEY, branch="draft")
    (read,) = seen.reads
    assert read == VersionsRead("structures", read.seconds, asked=1, at_hand=1)
    assert backend.calls == {"index.get": 1}
    seen.clear()
    blocks = [*course.blocks("html")]
    await store.load_content(blocks[:2])
    await store.load_content(blocks)
    assert [(read.name, read.asked, read.at_hand, read.fetched) for read in seen.reads] == [
        ("definitions", 2, 0, 2),
        ("definitions", 3, 2, 1),
    ]
    seen.clear()
    with pytest.raises(DefinitionNotFound):
        await store._reader.definitions([new_version_id(), blocks[0].definition])
    (read,) = seen.reads
    assert (read.error, read.asked, read.at_hand, read.fetched) == (DefinitionNotFound, 2, 1, 0)


# --- commits


async def rename(store: AsyncStore, name: str, block: tuple[str, str] = A1) -> None:
    async with store.edit(KEY, author="ana") as edit:
        edit.update(block, display_name=name)


@BACKENDS
async def test_a_commit_is_told(backend: CountingBackend, kind: str) -> None:
    seen = Seen()
    store = AsyncStore(ObservedBackend(backend, seen), observe=seen)
    async with store.edit(KEY, author="ana") as edit:
        edit.update(A1, display_name="new", data="<p>new</p>")
    (commit,) = seen.commits
    whole = kind.endswith("format-1")
    written = sum(event.bytes for event in seen.storage if event.name.endswith(".put_many"))
    assert commit == CommitEnded(
        "committed",
        commit.seconds,
        None,
        KEY,
        branches=("draft",),
        tries=1,
        definitions=1,
        deltas=0 if whole else 1,
        bases=1 if whole else 0,
        bytes=written,
    )
    assert commit.name == "committed"
    assert 0 < commit.seconds < 60
    seen.clear()
    await rename(store, "One", ("chapter", "one"))
    assert seen.commits == [], "nothing to commit"
    async with store.edit(KEY, author="ana") as edit:
        edit.update(("chapter", "one"), display_name="Renamed")
    assert seen.commits[0].branches == ("draft", "published")
    assert seen.commits[0].deltas + seen.commits[0].bases == 2
    seen.clear()
    await store.publish(KEY)
    await store.publish(KEY)
    assert [(one.outcome, one.branches, one.bytes > 0) for one in seen.commits] == [
        ("committed", ("published",), True),
        ("unchanged", (), False),
    ]


@BACKENDS
async def test_a_commit_that_meets_others_is_told(backend: CountingBackend) -> None:
    seen, others, overtaken = Seen(), AsyncStore(backend), OvertakenBackend(backend)
    store = AsyncStore(overtaken, observe=seen)
    await store.open(KEY)
    overtaken.then(lambda: rename(others, "theirs"))
    overtaken.then(lambda: rename(others, "theirs again"))
    await rename(store, "mine", B1)
    (commit,) = seen.commits
    assert (commit.outcome, commit.tries, commit.merged) == ("committed", 3, True)
    assert (commit.deltas + commit.bases, commit.error) == (1, None), "of the last try"

    seen.clear()
    overtaken.then(lambda: rename(others, "theirs"))
    await store.publish(KEY, KEY.usage(*B1))
    (commit,) = seen.commits
    assert (commit.outcome, commit.tries, commit.merged) == ("committed", 1, False), "the draft is another"

    seen.clear()
    overtaken.then(lambda: rename(others, "theirs, not mine"))
    with pytest.raises(EditConflict) as caught:
        await rename(store, "mine")
    (commit,) = seen.commits
    assert (commit.outcome, commit.error, commit.tries) == ("conflict", EditConflict, 2)
    seen.clear()
    await store.resolve(caught.value.conflict.id, overwrite=True)
    (commit,) = seen.commits
    assert (commit.outcome, commit.tries, commit.merged) == ("committed", 1, True)

    seen.clear()
    edit = store.edit(KEY, author="ana", on_conflict="abort")
    await edit.__aenter__()
    edit.update(B1, display_name="not mine")
    await rename(others, "theirs, too")
    with pytest.raises(HeadMoved):
        await edit.__aexit__(None, None, None)
    assert [(one.outcome, one.error) for one in seen.commits] == [("conflict", HeadMoved)]

    seen.clear()
    store._committer = replace(store._committer, patience=0.0)
    overtaken.then(lambda: rename(others, "always faster"))
    with pytest.raises(CommitContention):
        await rename(store, "never mine", B1)
    (commit,) = seen.commits
    assert (commit.outcome, commit.tries, commit.branches) == ("contention", 1, ("draft",))


@BACKENDS
async def test_a_commit_that_fails_is_told(backend: CountingBackend, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("modulestore._async.committing._PAUSES", (0.0, 0.0, 0.0))
    seen, faulty = Seen(), FaultyBackend(backend)
    store = AsyncStore(faulty, observe=seen)
    faulty.fail_after(name="index.swap")
    await rename(store, "the reply was lost")
    (commit,) = seen.commits
    assert (commit.outcome, commit.tries, commit.error) == ("committed", 1, None)

    seen.clear()
    faulty.fail_after(name="index.swap")
    for number in (2, 3):
        faulty.fail_before(number, name="index.swap")
    with pytest.raises(CommitUnknown):
        await rename(store, "who knows")
    (commit,) = seen.commits
    assert (commit.outcome, commit.error, commit.branches) == ("unknown", CommitUnknown, ("draft",))
    assert commit.bytes > 0

    seen.clear()
    faulty.fail_before(name="structures.put_many")
    with pytest.raises(StorageUnavailable):
        await rename(store, "not written")
    assert [(one.outcome, one.error) for one in seen.commits] == [("failed", StorageUnavailable)]

    seen.clear()
    faulty.fail_before(name="index.swap", error=Crash())
    with pytest.raises(Crash):
        await rename(store, "killed")
    assert [(one.outcome, one.error) for one in seen.commits] == [("interrupted", Crash)]


@BACKENDS
async def test_what_is_done_is_told_as_done_whatever_comes_after(backend: CountingBackend) -> None:
    seen, others = Seen(), AsyncStore(backend)
    faulty = FaultyBackend(backend)
    overtaken = OvertakenBackend(faulty)
    store = AsyncStore(overtaken, observe=seen)
    overtaken.then(lambda: rename(others, "theirs"))
    # What the first try has left is removed once the second is done.
    faulty.fail_before(name="structures.delete_many", error=Crash())
    with pytest.raises(Crash):
        await rename(store, "mine", B1)
    assert [(one.outcome, one.error, one.tries) for one in seen.commits] == [("committed", Crash, 2)]
    faulty.disarm()

    seen.clear()

    def wrong(commit: object) -> None:
        raise ZeroDivisionError

    store.on_commit(wrong)
    with pytest.raises(ZeroDivisionError):
        await rename(store, "done")
    assert [(one.outcome, one.error) for one in seen.commits] == [("committed", None)]
