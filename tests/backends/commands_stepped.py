"""Commands to a MongoDB server and to an object storage, one at a time: who goes on is chosen by the test, or
a process dies there.

Every method that sends a command stops before it does. Each of those who are stepped has a thread of its own,
and all but one of them stand still.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest
from pymongo.errors import AutoReconnect
from pymongo.synchronous.collection import Collection

from modulestore.errors import StorageUnavailable
from modulestore.storage.objects import ObjectStorage
from modulestore.testing.crash import Crash

__all__ = ["Faults", "every_order", "faults", "run_stepped"]

READS = {Collection: ("find", "find_one", "aggregate"), ObjectStorage: ("read", "size", "names")}
WRITES = {
    Collection: (
        "bulk_write",
        "delete_many",
        "find_one_and_delete",
        "insert_many",
        "update_many",
        "update_one",
    ),
    ObjectStorage: ("write", "delete"),
}
NO_REPLY: dict[type, Callable[[], Exception]] = {
    Collection: lambda: AutoReconnect("no reply"),
    ObjectStorage: lambda: StorageUnavailable("no reply"),
}


class _Actor(threading.Thread):
    """Does something, and stops before every command."""

    def __init__(self, doing: Callable[[], object]) -> None:
        super().__init__(daemon=True)
        self._doing = doing
        self._may_go = threading.Semaphore(0)
        self._has_stopped = threading.Semaphore(0)
        self.outcome: Any = None
        self.done = False

    def run(self) -> None:
        self._may_go.acquire()
        try:
            self.outcome = self._doing()
        except Exception as error:  # noqa: BLE001, RUF100
            self.outcome = error
        self.done = True
        self._has_stopped.release()

    def go_on(self) -> None:
        """To the next command, or to the end."""
        self._may_go.release()
        self._has_stopped.acquire()

    def stop(self) -> None:
        self._has_stopped.release()
        self._may_go.acquire()


def run_stepped(doings: Sequence[Callable[[], object]], choose: Callable[[int], int]) -> Iterator[list[Any]]:
    """Run to the end, ``choose`` saying which of so many goes on. After every step, the outcomes so far."""
    actors = [_Actor(doing) for doing in doings]
    for actor in actors:
        actor.start()
    with pytest.MonkeyPatch.context() as patch:
        for owner in WRITES:
            for name in (*READS[owner], *WRITES[owner]):
                patch.setattr(owner, name, _stopping(getattr(owner, name)))
        while waiting := [actor for actor in actors if not actor.done]:
            waiting[choose(len(waiting)) if len(waiting) > 1 else 0].go_on()
            yield [actor.outcome for actor in actors]


def _stopping(method: Callable[..., Any]) -> Callable[..., Any]:
    def stopping(*args: Any, **kwargs: Any) -> Any:
        actor = threading.current_thread()
        if isinstance(actor, _Actor):
            actor.stop()
        return method(*args, **kwargs)

    return stopping


def every_order(run: Callable[[Callable[[int], int]], None], *, switches: int | None = None) -> int:
    """Run in every order of steps that two can have; how many there were.

    With ``switches``, only those in which one that could have gone on has to wait so often.
    """
    prefix: list[int] = []
    for count in range(1, 100_000):
        taken: list[tuple[int, int]] = []

        def choose(options: int, taken: list[tuple[int, int]] = taken, prefix: list[int] = prefix) -> int:
            # The first choice is to let the last one go on.
            choice = prefix[len(taken)] if len(taken) < len(prefix) else 0
            before = sum(choice for choice, _ in taken)
            taken.append((choice, 1 if switches is not None and before >= switches else options))
            return (before + choice) % options

        run(choose)
        while taken and taken[-1][0] + 1 == taken[-1][1]:
            taken.pop()
        if not taken:
            return count
        prefix = [choice for choice, _ in taken]
        prefix[-1] += 1
    raise AssertionError("too many orders")


class Faults:
    """Fails at one write: the process dies there, or gets no reply."""

    def __init__(self) -> None:
        self.writes: list[str] = []
        self._at = 0
        self._after = False
        self._dies = False
        self._dead = False

    def arm(self, at: int, *, after: bool, dies: bool) -> None:
        """Fail at the n-th write from now, before it is done or after."""
        self.writes.clear()
        self._at, self._after, self._dies, self._dead = at, after, dies, False

    def disarm(self) -> None:
        """Fail no more."""
        self._at, self._dead = 0, False

    def around(self, owner: type, name: str) -> Callable[..., Any]:
        """A method that fails when it is told to."""
        method: Callable[..., Any] = getattr(owner, name)

        def failing(*args: Any, **kwargs: Any) -> Any:
            if self._dead:
                raise Crash
            if name in READS[owner]:
                return method(*args, **kwargs)
            self.writes.append(name)
            if len(self.writes) != self._at:
                return method(*args, **kwargs)
            if self._after:
                method(*args, **kwargs)
            self._dead = self._dies
            raise Crash if self._dies else NO_REPLY[owner]()

        return failing


@contextmanager
def faults() -> Iterator[Faults]:
    """All commands of this process fail as they are told to."""
    told = Faults()
    with pytest.MonkeyPatch.context() as patch:
        for owner in WRITES:
            for name in (*READS[owner], *WRITES[owner]):
                patch.setattr(owner, name, told.around(owner, name))
        yield told
