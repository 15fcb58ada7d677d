"""Re-runs that fail, die or are interrupted, over both backends: what of them is there afterwards."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator

import pytest

from modulestore._async.ports import Backend
from modulestore._async.sqlite.backend import SqliteBackend
from modulestore._async.store import AsyncStore
from modulestore._async.waiting import closing
from modulestore.errors import CommitUnknown, Conflict, CourseExists, StorageFull, StorageUnavailable
from modulestore.keys import ContextKey, CourseKey, as_course_key
from modulestore.model.index import IndexEntry
from modulestore.testing._async.checking import check_store
from modulestore.testing._async.courses import SMALL_COURSE, make_small_course
from modulestore.testing._async.faults import FaultyBackend
from modulestore.testing._async.overtaking import OvertakenBackend
from modulestore.testing.crash import Crash
from modulestore.testing.samples import new_file
from tests._async.stores import BACKENDS, everything, fresh_backend

pytestmark = pytest.mark.anyio

KEY = as_course_key(SMALL_COURSE)
SOURCE = CourseKey("Example", "Small", "2025")
TARGET = CourseKey("Example", "Small", "2027")
FILES = {KEY: ["both.png", "key.png"], SOURCE: ["both.png", "source.png"]}


@pytest.fixture
async def backend(kind: str, request: pytest.FixtureRequest) -> AsyncIterator[Backend]:
    """A database with two courses that could be run again, each with two files."""
    async with fresh_backend(kind, request) as backend:
        for key, names in FILES.items():
            await make_small_course(AsyncStore(backend), str(key))
            for name in names:
                await backend.files.put(new_file(name, key, locked=True), io.BytesIO(content(key, name)))
        yield backend
        assert await check_store(backend) == []


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tries after a lost reply follow each other at once."""
    monkeypatch.setattr("modulestore._async.committing._PAUSES", (0.0, 0.0, 0.0))


def content(key: ContextKey, name: str) -> bytes:
    return f"{name} of {key}".encode()


async def files(backend: Backend, key: ContextKey) -> dict[str, bytes]:
    found = {}
    for file in await backend.files.list(key):
        async with closing(backend.files.read(file.key)) as pieces:
            found[file.key.name] = b"".join([piece async for piece in pieces])
    return found


async def expect_rerun(
    backend: Backend, entry: IndexEntry, source: ContextKey, *, cut_short: bool = False
) -> None:
    """It is there, with the source's files and where it came from; if it came to its end, without a claim."""
    assert await backend.index.get(TARGET) == entry
    there = await files(backend, TARGET)
    assert {name: there[name] for name in FILES[source]} == await files(backend, source)
    record = await backend.records.get("rerun", f"{TARGET} {entry.id}")
    assert record is not None
    assert record.value["source"] == str(source)
    assert cut_short or await backend.records.list("rerun claim") == []


async def rerun(backend: Backend, source: ContextKey) -> IndexEntry:
    return await AsyncStore(backend).rerun(source, TARGET, title="Again", author="ana")


async def writes(backend: Backend) -> list[str]:
    """What a re-run writes, in order."""
    counting = FaultyBackend(backend)
    entry = await rerun(counting, KEY)
    await AsyncStore(backend).delete(entry.key)
    for name in FILES[KEY]:
        await backend.files.delete(TARGET.asset(name))
    return counting.writes


@BACKENDS
async def test_a_rerun(backend: Backend) -> None:
    entry = await rerun(backend, KEY)
    await expect_rerun(backend, entry, KEY)
    assert list(await files(backend, TARGET)) == FILES[KEY]
    assert [file.locked for file in await backend.files.list(TARGET)] == [True, True]
    with pytest.raises(CourseExists):
        await rerun(backend, SOURCE)
    await expect_rerun(backend, entry, KEY)


@BACKENDS
async def test_after_one_that_died_comes_another(backend: Backend) -> None:
    """From another course: what came through has that one's files, and says that it is made from it."""
    count = len(await writes(backend))
    for number in range(1, count + 1):
        for after in (False, True):
            faulty = FaultyBackend(backend)
            (faulty.fail_after if after else faulty.fail_before)(number, Crash())
            with pytest.raises(Crash):
                await rerun(faulty, SOURCE)
            there = await backend.index.get(TARGET)
            if there is None:
                await expect_rerun(backend, await rerun(backend, KEY), KEY)
            else:
                await expect_rerun(backend, there, SOURCE, cut_short=True)
            await AsyncStore(backend).delete(TARGET)


@BACKENDS
async def test_one_that_fails_is_taken_back(backend: Backend) -> None:
    names = await writes(backend)
    visible = names.index("index.insert") + 1
    before = await everything(backend)
    for number, name in enumerate(names, 1):
        for after in (False, True):
            faulty = FaultyBackend(backend)
            (faulty.fail_after if after else faulty.fail_before)(number, StorageFull("no room"))
            if name == "group.commit" or (after and name == "index.insert") or number > visible:
                continue
            with pytest.raises(StorageFull):
                await rerun(faulty, KEY)
            assert await everything(backend) == before, f"{name}, {after}"
            assert await files(backend, TARGET) == {}, f"{name}, {after}"
            assert await backend.records.list("rerun claim") == []
    await expect_rerun(backend, await rerun(backend, SOURCE), SOURCE)


@BACKENDS
@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
async def test_one_that_is_interrupted(backend: Backend, error: type[BaseException]) -> None:
    """Unlike one that dies it can tidy up: what is visible by then must not be tidied away."""
    names = await writes(backend)
    before = await everything(backend)
    for number, name in enumerate(names, 1):
        faulty = FaultyBackend(backend)
        faulty.fail_after(number, error())
        with pytest.raises(error):
            await rerun(faulty, KEY)
        there = await backend.index.get(TARGET)
        if there is not None:
            await expect_rerun(backend, there, KEY, cut_short=True)
            await AsyncStore(backend).delete(TARGET)
        else:
            assert await everything(backend) == before, name
            assert await files(backend, TARGET) == {}, name
    assert there is not None, "the last write is the one that makes it visible"


@BACKENDS
async def test_a_lost_reply_when_it_becomes_visible_is_no_error(backend: Backend) -> None:
    faulty = FaultyBackend(backend)
    faulty.fail_after(name="index.insert")
    await expect_rerun(backend, await rerun(faulty, KEY), KEY)


@BACKENDS
async def test_a_lost_reply_of_a_file(backend: Backend) -> None:
    faulty = FaultyBackend(backend)
    faulty.fail_after(name="files.copy")
    with pytest.raises(StorageUnavailable):
        await rerun(faulty, KEY)
    assert await files(backend, TARGET) == {}


@pytest.mark.parametrize("kind", ["mongodb"])
@pytest.mark.parametrize(
    ("before", "number"),
    [
        ("records.put_if_absent", 1),  # its claim
        ("records.get", 3),  # the look before its files
        ("records.get", 4),  # the look before it becomes visible
    ],
)
async def test_one_that_is_overtaken(backend: Backend, before: str, number: int) -> None:
    """Without a transaction around it: the other's course stays as the other made it."""
    made: list[IndexEntry] = []

    async def other() -> None:
        made.append(await rerun(backend, SOURCE))
        await backend.files.put(new_file("both.png", TARGET), io.BytesIO(b"edited since"))

    async def nothing() -> None:
        """Let one pass."""

    overtaken = OvertakenBackend(backend, before=before)
    for _ in range(number - 1):
        overtaken.then(nothing)
    overtaken.then(other)
    with pytest.raises(Conflict):
        await rerun(overtaken, KEY)
    there = await files(backend, TARGET)
    assert there.pop("both.png") == b"edited since"
    assert there.pop("source.png") == content(SOURCE, "source.png")
    assert there in ({}, {"key.png": content(KEY, "key.png")})
    assert (await AsyncStore(backend).open(TARGET)).version == made[0].heads["published"]
    assert await backend.records.list("rerun claim") == []


@pytest.mark.parametrize("kind", ["mongodb"])
async def test_one_that_is_overtaken_while_it_becomes_visible(backend: Backend) -> None:
    """It was first, so its files are put back. If that fails, the course is not taken away."""

    async def other() -> None:
        (claim,) = await backend.records.list("rerun claim")
        await backend.records.swap(claim, {"entry": "another"})
        await backend.files.put(new_file("both.png", TARGET), io.BytesIO(b"another"))

    overtaken = OvertakenBackend(backend, before="index.insert")
    overtaken.then(other)
    await expect_rerun(backend, await rerun(overtaken, KEY), KEY, cut_short=True)
    await AsyncStore(backend).delete(TARGET)
    overtaken.then(other)
    faulty = FaultyBackend(overtaken)
    faulty.fail_before(2, name="files.copy")
    with pytest.raises(StorageUnavailable):
        await rerun(faulty, KEY)
    assert (await AsyncStore(backend).open(TARGET)).key.bare == TARGET


@BACKENDS
async def test_if_nobody_answers_nothing_is_taken_back(backend: Backend) -> None:
    for done in (False, True):
        faulty = FaultyBackend(backend)
        for number in range(1, 4):
            arm = faulty.fail_after if done and number == 1 else faulty.fail_before
            arm(number, name="index.insert")
        with pytest.raises(CommitUnknown):
            await rerun(faulty, KEY)
        there = await files(backend, TARGET)
        assert list(there) == ([] if isinstance(backend, SqliteBackend) else FILES[KEY])


@BACKENDS
async def test_files_that_were_there_are_not_taken_back(backend: Backend) -> None:
    """They may be of a course that was deleted, and can come back."""
    await backend.files.put(new_file("both.png", TARGET), io.BytesIO(b"old"))
    faulty = FaultyBackend(backend)
    faulty.fail_after(1, StorageFull("no room"), name="files.copy")
    with pytest.raises(StorageFull):
        await rerun(faulty, KEY)
    assert list(await files(backend, TARGET)) == ["both.png"]
