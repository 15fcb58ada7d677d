"""A small course and a library, to be damaged past the store."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

import pytest

from modulestore._async.ports import Backend
from modulestore._async.reading import Reader
from modulestore._async.store import AsyncStore
from modulestore.formats.structures import encode_structure, schema_of
from modulestore.keys import BlockKey, VersionId, as_course_key
from modulestore.model.structure import BlockRecord, Structure
from modulestore.testing._async.courses import SMALL_COURSE, make_small_course
from tests._async.stores import fresh_backend
from tests.damage import Damage, damage_to

__all__ = ["A1", "A2", "KEY", "LIBRARY", "A", "B", "Blocks", "World", "children", "fresh_world"]

KEY = as_course_key(SMALL_COURSE)
LIBRARY = "library-v1:Example+Bank"

A, B = BlockKey("vertical", "a"), BlockKey("vertical", "b")
A1, A2 = BlockKey("html", "a1"), BlockKey("problem", "a2")

Blocks = dict[BlockKey, BlockRecord]


@dataclass
class World:
    """A database with a small course and a library, ways to damage it, and what it was before."""

    backend: Backend
    damage: Damage
    heads: dict[str, VersionId]
    library: VersionId

    @property
    def store(self) -> AsyncStore:
        """A store that has nothing at hand."""
        return AsyncStore(self.backend)

    def at(self, branch: str, block: BlockKey | None = None) -> str:
        """The place of a head, or of a block of it."""
        place = f"{SMALL_COURSE}, {branch}, version {self.heads[branch]}"
        return place if block is None else f"{place}, {block.type}/{block.id}"

    async def structure(self, branch: str) -> Structure:
        """A head."""
        return await Reader(self.backend).structure(self.heads[branch])

    async def change(self, branch: str, change: Callable[[Blocks], Sequence[BlockRecord] | None]) -> None:
        """Store a head again with other blocks, under its id."""
        document = (await self.backend.structures.get_many([self.heads[branch]]))[self.heads[branch]]
        structure = await self.structure(branch)
        blocks = {structure.key(at): structure.record(at) for at in range(len(structure))}
        records = change(blocks)
        made = Structure.of(structure.header, list(blocks.values()) if records is None else records)
        await self.backend.structures.delete_many([structure.id])
        await self.backend.structures.put_many(
            {structure.id: encode_structure(made, schema_of(document)).document}
        )

    async def definition_of(self, block: BlockKey) -> VersionId:
        """The definition of a block of the draft."""
        structure = await self.structure("draft")
        return structure.definitions[structure.index[block]]


@asynccontextmanager
async def fresh_world(kind: str, request: pytest.FixtureRequest) -> AsyncIterator[World]:
    """A database that is sound."""
    async with fresh_backend(kind, request) as backend:
        store = AsyncStore(backend)
        await make_small_course(store, author=7)
        async with store.edit(KEY, author=7) as edit:
            edit.update(A1, data="<p>again</p>")
        await store.publish(KEY, author=7)
        library = await store.create_library(LIBRARY, author=7)
        entry = await backend.index.get(KEY)
        assert entry is not None
        world = World(backend, damage_to(kind, request), dict(entry.heads), library.heads["library"])
        assert (await store.check(deep=True)).problems == ()
        yield world


def children(blocks: Blocks, parent: BlockKey, *wanted: BlockKey) -> None:
    """Give a block other children."""
    blocks[parent] = replace(blocks[parent], children=list(wanted))
