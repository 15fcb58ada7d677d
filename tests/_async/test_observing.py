"""What a store tells its observer of calls of the database: each once, however it ends."""

from __future__ import annotations

import io
from collections import Counter
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
    CourseNotFound,
    EditConflict,
    InvalidInput,
    StorageUnavailable,
)
from modulestore.keys import CourseKey, as_course_key
from modulestore.model.files import FileVersion
from modulestore.observing import Event, fan_out
from modulestore.testing._async.checking import check_store
from modulestore.testing._async.courses import SMALL_COURSE, make_small_course
from modulestore.testing._async.faults import CountingBackend
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
