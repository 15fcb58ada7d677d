"""Backends that stop before each call that counts, so that a pruner and a writer can be stepped."""

from __future__ import annotations

from typing import Any, TypeVar

from modulestore._async.guarding import Guard
from modulestore._async.ports import Backend
from modulestore._async.waiting import Call
from modulestore._async.wrappers import WrappedBackend
from modulestore.keys import VersionId
from tests.authoring.stepping import _Switch

__all__ = ["AtOnceGuard", "PrunersBackend", "SteppedBackend"]

T = TypeVar("T")

PRUNERS = frozenset(
    {
        "definitions.delete_many",
        "index.list",
        "records.delete",
        "records.get",
        "records.put_if_absent",
        "records.starting",
        "records.swap",
        "structures.delete_many",
        "structures.ids",
        "structures.links",
        "structures.relink",
    }
)
WRITERS = frozenset(
    {
        "definitions.put_many",
        "index.delete",
        "index.insert",
        "index.swap",
        "records.delete",
        "records.get",
        "records.list",
        "records.put_if_absent",
        "records.swap",
        "structures.delete_many",
        "structures.put_many",
        "structures.replace_many",
        "structures.sizes",
    }
)


class SteppedBackend(WrappedBackend):
    """Stops before each call of a writer that counts, but not from a look at the condemned to the swap."""

    def __init__(self, backend: Backend) -> None:
        super().__init__(backend, self._stop)
        self.looks = 0
        self.looked = False

    async def _stop(self, name: str, call: Call[T], /) -> T:
        if name in WRITERS and not self.looks and not self.looked:
            await _Switch()
        if name in ("index.swap", "index.insert", "structures.replace_many"):
            self.looked = False
        return await call()


class AtOnceGuard(Guard):
    """Looks at the condemned in one step, and lets nobody in before what comes after it."""

    stepped: SteppedBackend
    converts = False

    async def expect(self, *given: Any, **named: Any) -> None:
        await _Switch()
        self.stepped.looks += 1
        try:
            await super().expect(*given, **named)
            self.stepped.looked = True
        finally:
            self.stepped.looks -= 1

    async def gone(self, *given: Any) -> set[VersionId]:
        if self.converts:
            await _Switch()
            self.stepped.looked = True
        return await super().gone(*given)


class PrunersBackend(WrappedBackend):
    """What a pruner works on: it stops before each of its calls."""

    def __init__(self, backend: Backend) -> None:
        super().__init__(backend, self._stop)

    async def _stop(self, name: str, call: Call[T], /) -> T:
        if name in PRUNERS:
            await _Switch()
        return await call()
