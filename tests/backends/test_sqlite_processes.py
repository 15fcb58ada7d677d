"""Several processes on one SQLite file, and processes that are killed."""

from __future__ import annotations

import io
import os
import signal
from collections.abc import Iterator
from contextlib import closing
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pytest

from modulestore._sync.ports import Backend
from modulestore._sync.sqlite import open_sqlite
from modulestore.keys import CourseKey, VersionId
from modulestore.model.index import Swapped
from modulestore.testing.samples import (
    COURSE,
    definition_document,
    new_entry,
    new_file,
    new_version_id,
    random_bytes,
    structure_document,
)

PROCESSES = 4
SWAPS = 40

spawning = get_context("spawn")


def run(target: Any, *args: Any) -> Any:
    """What a process of its own sends back."""
    here, there = spawning.Pipe()
    process = spawning.Process(target=target, args=(there, *args))
    process.start()
    there.close()
    return process, here


def collect(runs: list[Any]) -> Iterator[Any]:
    for process, here in runs:
        yield here.recv()
        process.join()
        here.close()
        process.close()


def first_write(pipe: Connection, path: Path) -> None:
    with closing(open_sqlite(path)) as backend:
        pipe.send(backend.records.put_if_absent("first", "write", {"pid": os.getpid()}))


def test_many_processes_make_the_file_at_once(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    done = list(collect([run(first_write, path) for _ in range(PROCESSES)]))
    assert sorted(done) == [False] * (PROCESSES - 1) + [True]


def swap_often(pipe: Connection, path: Path) -> None:
    won: list[tuple[VersionId, VersionId]] = []
    with closing(open_sqlite(path)) as backend:
        entry = backend.index.get(COURSE)
        assert entry is not None
        while len(won) < SWAPS:
            head, new = entry.heads["draft"], new_version_id()
            with backend.group() as group:
                result = group.index.swap(entry, {"draft": head}, {"draft": new})
                if isinstance(result, Swapped):
                    group.structures.put_many({new: structure_document(new, previous=head)})
                    won.append((head, new))
            assert result.entry is not None
            entry = result.entry
    pipe.send(won)


def test_of_many_processes_that_swap_one_wins_each_time(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    first = new_entry()
    with closing(open_sqlite(path)) as backend:
        backend.index.insert(first)
        won = [pair for pairs in collect([run(swap_often, path) for _ in range(PROCESSES)]) for pair in pairs]
        after = dict(won)
        assert len(after) == len(won) == PROCESSES * SWAPS, "two swaps won from the same head"
        head, steps = first.heads["draft"], 0
        while head in after:
            head, steps = after[head], steps + 1
        assert steps == len(won)
        entry = backend.index.get(COURSE)
        assert entry is not None
        assert entry.heads == {"draft": head}
        assert len(backend.structures.get_many(list(after.values()))) == len(won)


STEPS = 5


def die_in_a_group(pipe: Connection, path: Path, last: int) -> None:
    backend = open_sqlite(path)
    entry = backend.index.get(COURSE)
    assert entry is not None
    version = new_version_id()

    def step(number: int) -> None:
        if number == last:
            pipe.send(number)
            os.kill(os.getpid(), signal.SIGKILL)

    with backend.group() as group:
        group.definitions.put_many({version: definition_document(version, size=2_000_000)})
        step(1)
        group.files.put(new_file("new.bin"), io.BytesIO(random_bytes(1_000_000, seed=2)))
        step(2)
        group.structures.put_many({version: structure_document(version)})
        step(3)
        group.index.swap(entry, entry.heads, {"draft": version})
        step(4)
    step(5)


def everything(backend: Backend) -> tuple[object, ...]:
    return (
        backend.index.list(),
        [header.id for batch in backend.structures.headers() for header in batch],
        [version for batch in backend.definitions.ids() for version in batch],
        backend.files.list(COURSE),
    )


@pytest.mark.parametrize("last", range(1, STEPS + 1))
def test_killed_process_leaves_the_store_as_before_or_as_after(tmp_path: Path, last: int) -> None:
    path = tmp_path / "store.db"
    with closing(open_sqlite(path)) as backend:
        backend.index.insert(new_entry())
        backend.files.put(new_file(), io.BytesIO(b"kept"))
        before = everything(backend)
        process, here = run(die_in_a_group, path, last)
        assert here.recv() == last
        process.join()
        assert process.exitcode == -signal.SIGKILL
        process.close()
        here.close()
        after = everything(backend)
        assert (after == before) is (last < STEPS)
        # The lock died with the process.
        backend.index.insert(new_entry(CourseKey("O", "C", "R")))
        if last == STEPS:
            entry = backend.index.get(COURSE)
            assert entry is not None
            head = entry.heads["draft"]
            assert (
                set(backend.structures.get_many([head]))
                == set(backend.definitions.get_many([head]))
                == {head}
            )
            assert b"".join(backend.files.read(new_file("new.bin").key)) == random_bytes(1_000_000, seed=2)
    with closing(open_sqlite(path)) as backend:
        assert len(backend.index.list()) == 2
