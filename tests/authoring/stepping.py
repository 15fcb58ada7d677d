"""Coroutines that are stepped by hand, one call of the database at a time, in every order there is.

No event loop, no thread, no chance: a schedule is a list of choices, and the same list does the same again.
The database is SQLite in memory without a group's transaction, so that every write is visible by itself, as
on a server.
"""

from __future__ import annotations

import random
import sqlite3
from collections.abc import AsyncIterator, Callable, Coroutine, Generator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

from modulestore._async.ports import Backend
from modulestore._async.sqlite.backend import SqliteBackend
from modulestore._async.sqlite.session import Session
from modulestore._async.waiting import Call
from modulestore._async.wrappers import WrappedBackend
from modulestore.storage.sqlite.database import MEMORY, Database

__all__ = [
    "MEETINGS",
    "Outcome",
    "Snapshot",
    "SteppedBackend",
    "every_schedule",
    "finish",
    "random_schedule",
]

P = ParamSpec("P")
T = TypeVar("T")

Outcome = Any  # what a coroutine returned, or the exception that it raised

MEETINGS = frozenset(
    {
        "definitions.delete_many",
        "index.delete",
        "index.get",
        "index.insert",
        "index.swap",
        "records.delete",
        "records.list",
        "records.put_if_absent",
        "records.swap",
        "structures.delete_many",
        "structures.get_many",
    }
)
"""Calls whose order counts. The others write documents under new ids, or read what never changes: it makes no
difference whether somebody else does something before or after them.
"""


class _Session(Session):
    """Every call at once, in this thread."""

    def __init__(self, database: Database) -> None:
        self.database = database

    async def read(
        self, function: Callable[Concatenate[sqlite3.Connection, P], T], /, *args: P.args, **kwargs: P.kwargs
    ) -> T:
        return self.database.read(function, *args, **kwargs)

    async def write(
        self, function: Callable[Concatenate[sqlite3.Connection, P], T], /, *args: P.args, **kwargs: P.kwargs
    ) -> T:
        return self.database.write(function, *args, **kwargs)

    @asynccontextmanager
    async def group(self) -> AsyncIterator[Session]:
        yield self

    async def close(self) -> None:
        self.database.close()


class Snapshot:
    """A database that can be had as often as one likes."""

    def __init__(self, image: bytes | None = None) -> None:
        self._image = image

    def backend(self) -> SqliteBackend:
        """A backend on a copy of it."""
        database = Database(MEMORY, 0)
        database.open(must_exist=False)
        image = self._image
        if image is not None:
            database.read(lambda connection: connection.deserialize(image))
        return SqliteBackend(_Session(database))

    def write(self, file: Path) -> None:
        """Make it a file, for who needs one."""
        file.write_bytes(self._image or b"")

    @classmethod
    def of(cls, backend: SqliteBackend) -> Snapshot:
        """What a backend of ours holds now."""
        session = backend._session
        assert isinstance(session, _Session)
        return cls(session.database.read(lambda connection: connection.serialize()))


class _Switch:
    """Lets somebody else go on."""

    def __await__(self) -> Generator[None, None, None]:
        yield


class SteppedBackend(WrappedBackend):
    """Stops before each of these calls; before every call if none are named.

    A call and what is computed after it, up to the next one, is one step: nobody can see in between.
    """

    def __init__(self, backend: Backend, calls: frozenset[str] = frozenset()) -> None:
        super().__init__(backend, self._stop)
        self._calls = calls

    async def _stop(self, name: str, call: Call[T], /) -> T:
        if not self._calls or name in self._calls:
            await _Switch()
        return await call()


def finish(coroutine: Coroutine[Any, Any, T]) -> T:
    """What a coroutine returns when nobody else is there."""
    while True:
        try:
            coroutine.send(None)
        except StopIteration as stop:
            result: T = stop.value
            return result


def run(
    coroutines: list[Coroutine[Any, Any, object]], choose: Callable[[int, int | None], int]
) -> list[Outcome]:
    """Run to the end; the outcome of each. ``choose`` says which of so many goes on; it is told which of them
    went last, if it still can.
    """
    outcomes: list[Outcome] = [None] * len(coroutines)
    waiting = list(range(len(coroutines)))
    number = -1
    while waiting:
        last = waiting.index(number) if number in waiting else None
        at = choose(len(waiting), last) if len(waiting) > 1 else 0
        number = waiting[at]
        try:
            coroutines[number].send(None)
        except StopIteration as stop:
            outcomes[number] = stop.value
            del waiting[at]
        except Exception as error:  # noqa: BLE001, RUF100
            outcomes[number] = error
            del waiting[at]
    return outcomes


Start = Callable[[], list[Coroutine[Any, Any, object]]]


def every_schedule(
    start: Start, *, most: int, switches: int | None = None
) -> Iterator[tuple[list[int], list[Outcome]]]:
    """Every order in which coroutines can be stepped, the first ``most`` of them, and what comes of it.

    With ``switches``, only those in which one that could have gone on has to wait so often.
    """
    prefix: list[int] = []
    for _ in range(most):
        taken: list[tuple[int, int]] = []

        def choose(
            waiting: int,
            last: int | None,
            taken: list[tuple[int, int]] = taken,
            prefix: list[int] = prefix,
        ) -> int:
            # The first choice is to let the last one go on.
            switched = sum(choice != 0 for choice, _ in taken)
            options = 1 if switches is not None and last is not None and switched >= switches else waiting
            choice = prefix[len(taken)] if len(taken) < len(prefix) else 0
            taken.append((choice, options))
            return ((last or 0) + choice) % waiting

        outcomes = run(start(), choose)
        yield [choice for choice, _ in taken], outcomes
        while taken and taken[-1][0] + 1 == taken[-1][1]:
            taken.pop()
        if not taken:
            return
        prefix = [choice for choice, _ in taken]
        prefix[-1] += 1


def random_schedule(start: Start, seed: int) -> list[Outcome]:
    """One order, as the seed has it."""
    dice = random.Random(seed)
    return run(start(), lambda waiting, last: dice.randrange(waiting))
