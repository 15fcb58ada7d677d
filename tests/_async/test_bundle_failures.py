"""Restores that fail, bundles that lack something, databases that have something else."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

import bson
import pytest

from modulestore._async.cached import CachedBackend
from modulestore._async.ports import Backend
from modulestore._async.reading import Reader
from modulestore._async.store import AsyncStore
from modulestore._async.waiting import Call, closing, race
from modulestore._async.wrappers import WrappedBackend
from modulestore.errors import Conflict, CourseExists, InvalidArchive, StorageFull, StorageUnavailable
from modulestore.formats import v1
from modulestore.formats.definitions import decode_definition, encode_definition
from modulestore.formats.encoding import OPTIONS
from modulestore.formats.headers import relinked
from modulestore.keys import as_course_key
from modulestore.model.files import CourseFile
from modulestore.storage import bundle_writing
from modulestore.storage.bundle_reading import BundleFile
from modulestore.testing._async.faults import FaultyBackend
from modulestore.testing.crash import Crash
from tests._async.bundles import (
    database,
    expect_readable,
    make_course,
)
from tests._async.bundles import small as small
from tests._async.histories import KEY, LIBRARY
from tests._async.stores import BACKENDS, COURSE, COURSE_KEY, everything
from tests.cache.caches import MemoryCache

pytestmark = pytest.mark.anyio

T = TypeVar("T")


@BACKENDS
async def test_a_write_that_fails_leaves_everything_as_before(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    async with database(kind, request, "a") as here, database(kind, request, "b") as inner:
        await make_course(here, 4)
        written = await AsyncStore(here).bundle(KEY, tmp_path / "b", history=True)
        await AsyncStore(inner).import_course(COURSE, author=7)  # something to damage
        before, records = await everything(inner), await remembered(inner)
        failed = 0
        for number in range(1, 200):
            there = FaultyBackend(inner)
            there.fail_before(number, StorageFull("no room"))
            try:
                await AsyncStore(there).restore_bundle(tmp_path / "b")
            except StorageFull:
                failed += 1
            else:
                break
            if kind.startswith("mongodb") and there.writes[-1] == "group.commit":
                break  # there is no such write: what failed came after the commit
            assert await everything(inner) == before, there.writes
            assert await remembered(inner) == records, there.writes
            assert await inner.files.list(KEY) == []
        assert failed > 20
        assert await AsyncStore(inner).bundle(KEY, tmp_path / "again", history=True) == written


@BACKENDS
async def test_replies_that_are_lost(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    """What was done all the same is taken back, but for the last: then the course is there."""
    async with database(kind, request, "a") as here, database(kind, request, "b") as inner:
        await make_course(here, 4)
        written = await AsyncStore(here).bundle(KEY, tmp_path / "b", history=True)
        await AsyncStore(inner).import_course(COURSE, author=7)
        before, lost = await everything(inner), 0
        for number in range(1, 200):
            there = FaultyBackend(inner)
            there.fail_after(number)
            try:
                await AsyncStore(there).restore_bundle(tmp_path / "b")
            except StorageUnavailable:
                lost += 1
            if await inner.index.get(as_course_key(KEY)) is not None:
                break
            assert await everything(inner) == before, there.writes
        assert lost > 20
        assert await AsyncStore(inner).bundle(KEY, tmp_path / "again", history=True) == written


async def remembered(backend: Backend) -> dict[tuple[str, str], Any]:
    every = await backend.records.starting("")
    # A claim that was lost is one that stays, and does no harm.
    return {(one.kind, one.key): one.value for one in every if one.kind != "restore claim"}


@BACKENDS
async def test_a_crash_anywhere_shows_nothing_and_a_second_try_works(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    async with database(kind, request, "a") as here, database(kind, request, "b") as inner:
        await make_course(here, 4)
        written = await AsyncStore(here).bundle(KEY, tmp_path / "b", history=True)
        crashes = 0
        for number in range(1, 200):
            for before in (True, False):
                there = FaultyBackend(inner)
                (there.fail_before if before else there.fail_after)(number, Crash())
                try:
                    await AsyncStore(there).restore_bundle(tmp_path / "b")
                except Crash:
                    crashes += 1
                await expect_readable(inner)
                if await inner.index.list():
                    break
            else:
                continue
            break
        assert crashes > 10
        await AsyncStore(inner).restore_bundle(tmp_path / "b")
        assert await AsyncStore(inner).bundle(KEY, tmp_path / "again", history=True) == written


@BACKENDS
async def test_of_several_at_once_one_restores_it(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    async with database(kind, request, "a") as here, database(kind, request, "b") as there:
        await make_course(here, 4)
        written = await AsyncStore(here).bundle(KEY, tmp_path / "b", history=True)

        async def restore() -> bool:
            try:
                return (await AsyncStore(there).restore_bundle(tmp_path / "b")).changed
            except Conflict:
                return False

        assert (await race(restore, restore, restore)).count(True) == 1
        assert await AsyncStore(there).bundle(KEY, tmp_path / "again", history=True) == written
        await expect_readable(there)


ON_A_SERVER = pytest.mark.parametrize("kind", ["mongodb", "mongodb-format-1"])
"""Where others write while a bundle is restored; in SQLite it is one transaction."""


@ON_A_SERVER
async def test_who_was_overtaken_takes_nothing_back(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """What he wrote is what the other counts on."""
    async with database(kind, request, "a") as here, database(kind, request, "b") as inner:
        await make_course(here, 4)
        written = await AsyncStore(here).bundle(KEY, tmp_path / "b", history=True)

        async def around(name: str, call: Call[T], /) -> T:
            if name == "index.insert":
                assert (await AsyncStore(inner).restore_bundle(tmp_path / "b")).changed
            return await call()

        with pytest.raises(CourseExists):
            await AsyncStore(WrappedBackend(inner, around)).restore_bundle(tmp_path / "b")
        assert await AsyncStore(inner).bundle(KEY, tmp_path / "again", history=True) == written
        await expect_readable(inner)


@ON_A_SERVER
@pytest.mark.parametrize("noun", ["structures", "definitions"])
async def test_what_somebody_removes_meanwhile_is_noticed(
    kind: str, noun: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    async with database(kind, request, "a") as here, database(kind, request, "b") as inner:
        await make_course(here, 4)
        written = await AsyncStore(here).bundle(KEY, tmp_path / "b", history=True)
        before = await everything(inner)

        async def around(name: str, call: Call[T], /) -> T:
            if name == "records.put_if_absent":
                port: Any = getattr(inner, noun)
                async with closing(port.ids(batch=1)) as batches:
                    async for first in batches:
                        await port.delete_many(list(first))
                        break
            return await call()

        with pytest.raises(Conflict, match="was removed while the bundle was restored"):
            await AsyncStore(WrappedBackend(inner, around)).restore_bundle(tmp_path / "b")
        assert await everything(inner) == before
        await AsyncStore(inner).restore_bundle(tmp_path / "b")
        assert await AsyncStore(inner).bundle(KEY, tmp_path / "again", history=True) == written


@BACKENDS
async def test_a_tag_of_another_version_is_in_the_way(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    async with database(kind, request, "a") as backend:
        store = AsyncStore(backend)
        await store.import_course(COURSE, author=7)
        await store.tag(COURSE_KEY, "draft", "spring", author=7)
        await store.bundle(COURSE_KEY, tmp_path / "b")
        await store.untag(COURSE_KEY, "spring")
        await store.tag(COURSE_KEY, "published", "spring", author=7)
        await store.delete(COURSE_KEY, author=7)
        before = await everything(backend)
        with pytest.raises(Conflict, match="remembers another tag 'spring'"):
            await store.restore_bundle(tmp_path / "b")
        assert await everything(backend) == before
        assert (await store.undelete(COURSE_KEY, author=7)).key == as_course_key(COURSE_KEY)


@BACKENDS
async def test_other_documents_of_the_same_ids(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """They are found, and nothing is restored; the same in another form is no other."""
    async with database(kind, request, "a") as here, database(kind, request, "b") as there:
        await AsyncStore(here).import_course(COURSE, author=7)
        written = await AsyncStore(here).bundle(COURSE_KEY, tmp_path / "b")
        every = await everything(here)
        head = written.heads["draft"]
        structure = await Reader(here).structure(head)
        same = relinked(v1.encode_structure(structure), head)
        await AsyncStore(there).create_library(LIBRARY, author=7)
        await there.structures.put_many({head: same})
        assert (await AsyncStore(there).restore_bundle(tmp_path / "b")).changed
        await AsyncStore(there).delete(COURSE_KEY, author=7)
        for noun in ("structures", "definitions"):
            port: Any = getattr(there, noun)
            if noun == "structures":
                wrong = v1.encode_structure(structure).replace(b"Tides", b"Tales")
                assert wrong != v1.encode_structure(structure)
                version = head
            else:
                version, document = next(iter(every["definitions"].items()))
                wrong = encode_definition(decode_definition(document)._replace(edited_by=99))
            right = (await port.get_many([version]))[version]
            await port.delete_many([version])
            await port.put_many({version: wrong})
            with pytest.raises(InvalidArchive, match="another document of this id") as caught:
                await AsyncStore(there).restore_bundle(tmp_path / "b")
            assert str(version) in str(caught.value.place)
            assert await there.index.get(as_course_key(COURSE_KEY)) is None
            assert (await port.get_many([version]))[version] == wrong
            await port.delete_many([version])
            await port.put_many({version: right})
        assert (await AsyncStore(there).restore_bundle(tmp_path / "b")).changed


@BACKENDS
async def test_what_a_cache_says_does_not_count(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    async with database(kind, request, "a") as here, database(kind, request, "b") as inner:
        await AsyncStore(here).import_course(COURSE, author=7)
        written = await AsyncStore(here).bundle(COURSE_KEY, tmp_path / "b")
        there = CachedBackend(inner, MemoryCache())
        await AsyncStore(there).restore_bundle(tmp_path / "b")
        await there.structures.get_many([written.heads["draft"]])
        await inner.structures.delete_many([written.heads["draft"]])
        await AsyncStore(inner).delete(COURSE_KEY, author=7)
        assert (await AsyncStore(there).restore_bundle(tmp_path / "b")).changed
        await expect_readable(inner)


async def rewritten(path: Path, change: Any) -> None:
    """A bundle of somebody who knows how bundles are made: ``change`` is given the writer's calls."""
    bundle = BundleFile(path)
    calls: dict[str, Any] = {
        "head": bundle.head,
        "versions": {one: doc for batch in bundle.batches("vers") for one, doc in batch.items()},
        "bases": {one: doc for batch in bundle.batches("base") for one, doc in batch.items()},
        "definitions": {one: doc for batch in bundle.batches("defs") for one, doc in batch.items()},
        "files": [],
        "records": list(bundle.records()),
    }
    bundle.close()
    change(calls)
    writer = bundle_writing.BundleWriter(path, force=True)
    writer.head(calls["head"])
    for name in ("versions", "bases", "definitions"):
        getattr(writer, name)([doc for _, doc in sorted(calls[name].items())])
    for file in calls["files"]:
        writer.file(file)
    writer.records(calls["records"])
    writer.end()
    writer.publish()
    writer.close()


def without_a_definition(calls: dict[str, Any]) -> None:
    calls["definitions"].popitem()


def without_a_base(calls: dict[str, Any]) -> None:
    calls["bases"].popitem()


def without_a_head(calls: dict[str, Any]) -> None:
    del calls["versions"][calls["head"].entry.heads["draft"]]


def twice(calls: dict[str, Any]) -> None:
    head = calls["head"].entry.heads["draft"]
    calls["bases"][head] = calls["versions"][head]


def under_two_names(calls: dict[str, Any]) -> None:
    """Two fields of one name: which of them counts depends on who reads it."""
    version, document = next(iter(calls["definitions"].items()))
    other = b"\x07_id\0" + bytes(11) + b"\1"
    body = document[4:-1] + other + b"\0"
    calls["definitions"][version] = (len(body) + 4).to_bytes(4, "little") + body


def of_nobody(calls: dict[str, Any]) -> None:
    version, document = next(iter(calls["versions"].items()))
    calls["versions"][version] = bson.encode({**bson.decode(document, OPTIONS), "edited_by": {"a": 1}})


def of_no_time(calls: dict[str, Any]) -> None:
    version, document = next(iter(calls["bases"].items()))
    calls["bases"][version] = bson.encode({**bson.decode(document, OPTIONS), "edited_on": "today"})


def without_a_root(calls: dict[str, Any]) -> None:
    version, document = next(iter(calls["versions"].items()))
    calls["versions"][version] = bson.encode({**bson.decode(document, OPTIONS), "root": [1, 2]})


def with_a_name_that_is_none(calls: dict[str, Any]) -> None:
    calls["files"] = [CourseFile(KEY.asset("a/b+c@d\0"), 0, "x")]


def of_no_version(calls: dict[str, Any]) -> None:
    value = {**calls["records"][-1].value, "version": "0" * 23 + "7"}
    calls["records"][-1] = type(calls["records"][-1])("tag", "spring", value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (without_a_definition, "its definition .* is not in the bundle"),
        (without_a_base, "which is not there"),
        (without_a_head, "the head .* is not in the bundle"),
        (twice, "is there twice"),
        (under_two_names, "the document is of 000000000000000000000001"),
        (of_nobody, "by whom and when"),
        (of_no_time, "by whom and when"),
        (without_a_root, "which block is its root"),
        (with_a_name_that_is_none, "cannot be the name of a file"),
        (of_no_version, "its version 000000000000000000000007 is not in the bundle"),
    ],
)
async def test_bundles_that_lack_something(
    change: Any, message: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    async with database("sqlite", request, "a") as here, database("sqlite", request, "b") as inner:
        await make_course(here)
        await AsyncStore(here).bundle(KEY, tmp_path / "b")
        await rewritten(tmp_path / "b", change)
        there = FaultyBackend(inner)
        with pytest.raises(InvalidArchive, match=message):
            await AsyncStore(there).import_course(tmp_path / "b")
        assert there.writes == []
