"""What a store tells its observer of what it does: every read and every commit, once, however it ends."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from modulestore._async.observing import ObservedBackend
from modulestore._async.store import AsyncStore
from modulestore.errors import (
    CommitContention,
    CommitUnknown,
    DefinitionNotFound,
    EditConflict,
    HeadMoved,
    StorageUnavailable,
)
from modulestore.keys import as_course_key
from modulestore.observing import CommitEnded, VersionsRead
from modulestore.testing._async.checking import check_store
from modulestore.testing._async.courses import SMALL_COURSE, make_small_course
from modulestore.testing._async.faults import CountingBackend, FaultyBackend
from modulestore.testing._async.overtaking import OvertakenBackend
from modulestore.testing.crash import Crash
from modulestore.testing.samples import (
    new_version_id,
)
from tests._async.seeing import Seen
from tests._async.stores import BACKENDS, fresh_backend

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
