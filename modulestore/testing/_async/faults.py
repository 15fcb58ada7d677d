"""Backends that fail on purpose, or count."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from threading import Lock
from typing import TypeVar

from modulestore._async.ports import Backend
from modulestore._async.waiting import Call
from modulestore._async.wrappers import WRITES, WrappedBackend
from modulestore.errors import StorageUnavailable
from modulestore.testing.crash import Crash

__all__ = ["CountingBackend", "FaultyBackend"]

T = TypeVar("T")


@dataclass(slots=True)
class _Fault:
    name: str | None
    left: int
    after: bool
    error: BaseException


class FaultyBackend(WrappedBackend):
    """Fails where it is told to; until then it is like the backend that it wraps.

    ``fail_before(3)`` loses the connection before the third write from now is done. ``fail_after(1)`` does
    the next write and loses the reply. With the error ``Crash()`` the process dies there: every call after
    that is a crash too. In a group, ``group.commit`` is a write like the others.
    """

    def __init__(self, backend: Backend) -> None:
        super().__init__(backend, self._fail)
        self.writes: list[str] = []
        """Names of the writes so far, those that failed included."""
        self._faults: list[_Fault] = []
        self._crashed = False

    def fail_before(
        self, write: int = 1, error: BaseException | None = None, *, name: str | None = None
    ) -> None:
        """Raise instead of doing a write: the n-th from now, or the n-th of this name."""
        self._faults.append(
            _Fault(name, write, False, error or StorageUnavailable("the connection was lost"))
        )

    def fail_after(
        self, write: int = 1, error: BaseException | None = None, *, name: str | None = None
    ) -> None:
        """Do a write, then raise: the n-th from now, or the n-th of this name."""
        self._faults.append(_Fault(name, write, True, error or StorageUnavailable("the reply was lost")))

    def disarm(self) -> None:
        """Forget all that was not reached yet, and a crash."""
        self._faults.clear()
        self._crashed = False

    async def _fail(self, name: str, call: Call[T], /) -> T:
        if self._crashed:
            raise Crash
        fault = self._due(name)
        if fault is None:
            return await call()
        if fault.after:
            await call()
        self._crashed = isinstance(fault.error, Crash)
        raise fault.error

    def _due(self, name: str) -> _Fault | None:
        if name not in WRITES:
            return None
        self.writes.append(name)
        due = None
        for fault in self._faults:
            if fault.name in (None, name):
                fault.left -= 1
                due = fault if fault.left == 0 else due
        self._faults = [fault for fault in self._faults if fault.left > 0]
        return due


class CountingBackend(WrappedBackend):
    """Counts calls by name: ``backend.calls["structures.get_many"]``."""

    def __init__(self, backend: Backend) -> None:
        super().__init__(backend, self._count)
        self.calls: Counter[str] = Counter()
        self._lock = Lock()

    async def _count(self, name: str, call: Call[T], /) -> T:
        with self._lock:
            self.calls[name] += 1
        return await call()
