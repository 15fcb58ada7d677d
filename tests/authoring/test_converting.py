"""A conversion that dies at any write, or meets others at any step: nothing is lost, and it goes on."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from modulestore._async.converting import CONVERSION
from modulestore._async.ports import Backend
from modulestore._async.reading import Reader
from modulestore._async.store import AsyncStore
from modulestore._sync.sqlite import open_sqlite
from modulestore._sync.store import Store
from modulestore.errors import Conflict, StorageUnavailable
from modulestore.formats import layers, v1
from modulestore.formats.structures import Schema
from modulestore.keys import VersionId
from modulestore.model.commit import Commit
from modulestore.testing._async.checking import check_store
from modulestore.testing._async.faults import FaultyBackend
from modulestore.testing._sync.faults import FaultyBackend as FaultyTwin
from modulestore.testing.crash import Crash
from tests._async.histories import KEY, History, contents, schemas
from tests._async.stores import everything
from tests._sync import histories as twin
from tests._sync.stores import everything as everything_there
from tests.authoring.stepping import Outcome, Snapshot, SteppedBackend, finish, random_schedule

BOTH_WAYS = pytest.mark.parametrize("there", [2, 1])


class Start(NamedTuple):
    """A database in each format, what every version in it says, and its documents in format 1."""

    image: dict[int, Snapshot]
    said: dict[VersionId, bytes]
    documents: dict[VersionId, bytes]


async def at_once(function: Callable[..., Any], /, *args: Any) -> Any:
    """Instead of a worker thread: these coroutines run without an event loop."""
    return function(*args)


async def no_pause(attempt: int) -> None:
    """Before a commit is made again."""


@pytest.fixture(autouse=True, scope="module")
def small() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(layers, "_ALIKE", 2)
        patch.setattr(layers, "_SHARE", 50.0)
        for colour in ("_async", "_sync"):
            patch.setattr(f"modulestore.{colour}.converting._BATCH", 5)
        patch.setattr("modulestore._async.converting.run_blocking", at_once)
        patch.setattr("modulestore._async.commits.back_off", no_pause)
        yield


@pytest.fixture(scope="module")
def start(small: None) -> Start:
    backend = Snapshot().backend()
    history = History(AsyncStore(backend, schema=1), seed=5)
    finish(history.begin())
    finish(history.go_on(15))
    image = {1: Snapshot.of(backend)}
    documents = finish(everything(backend))["structures"]
    finish(AsyncStore(backend).convert(2))
    return Start({**image, 2: Snapshot.of(backend)}, finish(contents(backend)), documents)


# --- dying


@BOTH_WAYS
@pytest.mark.parametrize("error", [Crash(), StorageUnavailable("the connection was lost")])
def test_it_dies_at_any_write_and_is_begun_again(start: Start, there: Schema, error: BaseException) -> None:
    """As on a server, where every write is visible by itself."""
    untroubled = FaultyBackend(start.image[3 - there].backend())
    expected = finish(AsyncStore(untroubled).convert(there))
    writes = untroubled.writes
    assert len(writes) > 10
    for number in range(1, len(writes) + 1):
        for arm in (FaultyBackend.fail_before, FaultyBackend.fail_after):
            backend = FaultyBackend(start.image[3 - there].backend())
            arm(backend, number, error)
            with pytest.raises(type(error)):
                finish(AsyncStore(backend).convert(there))
            backend.disarm()
            assert finish(contents(backend)) == start.said, f"{arm.__name__} {number}, {writes[number - 1]}"
            assert finish(check_store(backend, tree=False)) == []
            finish(History(AsyncStore(backend), number).go_on(1))
            said = finish(contents(backend))
            begun = finish(backend.records.get(*CONVERSION)) is not None
            again = finish(AsyncStore(backend).convert(there))
            assert again.left == ()
            assert again.converted + again.already == len(said)
            if begun and arm == FaultyBackend.fail_before:
                assert again.converted >= expected.converted - 5, "a batch may have been done and not counted"
            assert finish(schemas(backend)) == {there}
            assert finish(contents(backend)) == said
            assert finish(backend.records.get(*CONVERSION)) is None
            if there == 1:
                stored = finish(everything(backend))["structures"]
                assert {version: stored[version] for version in start.documents} == start.documents


@BOTH_WAYS
def test_it_dies_at_any_write_of_a_file(start: Start, there: Schema, tmp_path: Path) -> None:
    """Where a batch is one transaction, what is told in the end is what would have been told."""
    expected = None
    number = 0
    while True:
        path = tmp_path / f"{number}.db"
        start.image[3 - there].write(path)
        backend = FaultyTwin(open_sqlite(path))
        if number:
            backend.fail_before(number, Crash())
        with suppress(Crash):
            done = Store(backend).convert(there)
            expected = expected or done
            if number:
                break
        backend.disarm()
        assert twin.contents(backend) == start.said
        done = Store(backend).convert(there)
        assert number == 0 or done == expected
        if there == 1:
            assert everything_there(backend)["structures"] == start.documents
        backend.close()
        number += 1
    backend.close()
    assert number > 20


# --- meeting others


def read_all(start: Start, backend: Backend) -> Coroutine[Any, Any, object]:
    """Somebody with nothing at hand reads every version, and finds in it what it says."""

    async def read() -> int:
        for version, said in start.said.items():
            structure = await Reader(backend).structure(version)
            assert v1.encode_structure(structure) == said
        return len(start.said)

    return read()


def edit(backend: Backend, block: tuple[str, str], name: str) -> Coroutine[Any, Any, object]:
    async def commit() -> Commit | None:
        session = AsyncStore(backend).edit(KEY, author=7)
        async with session:
            session.update(block, display_name=name)
        return session.commit

    return commit()


@pytest.mark.parametrize("seed", range(25))
@BOTH_WAYS
def test_readers_and_authors_at_every_step(start: Start, there: Schema, seed: int) -> None:
    inner = start.image[3 - there].backend()
    backend = SteppedBackend(inner)

    def begin() -> list[Coroutine[Any, Any, object]]:
        return [
            AsyncStore(backend).convert(there),
            read_all(start, backend),
            edit(backend, ("chapter", "one"), "from one"),
            edit(backend, ("chapter", "two"), "from two"),
        ]

    done, read, *commits = random_schedule(begin, seed)
    assert read == len(start.said)
    assert done.left == ()
    check_end(start, inner, there, commits)


@pytest.mark.parametrize("seed", range(25))
def test_two_conversions_at_every_step(start: Start, seed: int) -> None:
    """To the same format, or to different ones: one of them goes on to the end, and nothing is lost."""
    inner = start.image[1 + seed % 2].backend()
    backend = SteppedBackend(inner)

    def begin() -> list[Coroutine[Any, Any, object]]:
        return [
            AsyncStore(backend).convert(2),
            AsyncStore(backend).convert(1 if seed % 3 else 2),
            read_all(start, backend),
            edit(backend, ("chapter", "one"), "from one"),
        ]

    one, other, read, *commits = random_schedule(begin, seed)
    assert read == len(start.said)
    outcomes = (one, other)
    assert all(isinstance(outcome, Conflict) or outcome.left == () for outcome in outcomes), outcomes
    assert not all(isinstance(outcome, Conflict) for outcome in outcomes)
    check_end(start, inner, 1 if seed % 5 else 2, commits)


def check_end(start: Start, backend: Backend, there: Schema, commits: list[Outcome]) -> None:
    assert finish(check_store(backend, tree=False)) == []
    chain = {one.version for one in finish(AsyncStore(backend).history(KEY, branch="draft"))}
    assert {commit.moves["draft"].after for commit in commits} <= chain
    said = finish(contents(backend))
    assert {version: said[version] for version in start.said} == start.said
    # Who was about to write the other format when it ended has left a version of it.
    assert finish(AsyncStore(backend).convert(there)).left == ()
    assert finish(schemas(backend)) == {there}
    assert finish(contents(backend)) == said
