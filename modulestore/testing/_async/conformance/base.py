"""What a backend's author supplies."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any, ClassVar

import pytest

from modulestore._async.ports import Backend
from modulestore.upkeep.migrations import load_steps

__all__ = ["SuiteBase"]


class SuiteBase:
    """Where the databases of a suite come from.

    Attributes:
        has_second_handles: one place can be opened twice at the same time.
        keeps_what_is_read: who reads a file goes on reading the same bytes when it is replaced meanwhile.
        keeps_history: a name remembers all that it has stood for: the layout *content*. Else only what is
            there, or what is in the trash.
    """

    has_second_handles: ClassVar[bool] = True
    keeps_what_is_read: ClassVar[bool] = False
    keeps_history: ClassVar[bool] = False

    @pytest.fixture
    def place(self) -> Any:
        """To be overridden: where a fresh, empty database is to be; anything that `open` understands."""
        raise NotImplementedError

    async def open(self, place: Any) -> Backend:
        """To be overridden: a backend on the database at ``place``."""
        raise NotImplementedError

    async def put_raw_entry(self, place: Any, document: Mapping[str, Any]) -> None:
        """May be overridden: store an index entry's document as it is, past the backend."""
        pytest.skip("this suite cannot write past the backend")

    async def prepare(self, backend: Backend) -> None:
        """What the store does before it writes to a new, empty database."""
        for step in load_steps():
            await backend.create_indexes(step.indexes)

    @pytest.fixture
    async def backend(self, place: Any) -> AsyncIterator[Backend]:
        """The backend under test."""
        backend = await self.open(place)
        yield backend
        await backend.close()

    @pytest.fixture
    async def second(self, place: Any, backend: Backend) -> AsyncIterator[Backend]:
        """Another backend on the same database."""
        if not self.has_second_handles:
            pytest.skip("a place of this backend cannot be opened twice")
        second = await self.open(place)
        yield second
        await second.close()
