"""Condemning: the records that say what is about to be deleted, written and taken away.

Chunks are written before the state that names them: who sees the state sees them. While one of them is being
deleted nobody takes an id out of it; once it is gone all of its ids are.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace

from modulestore._async.guarding import PRUNING, condemned_kind, read_pruning
from modulestore._async.ports import Backend, Record
from modulestore.errors import Conflict
from modulestore.keys import VersionId
from modulestore.model.columns import VersionColumn
from modulestore.upkeep.pruning.condemned import KINDS, Chunk, Kind, PruningState, chunks_of

__all__ = ["Condemning"]


@dataclass(slots=True)
class Condemning:
    """The condemned ids of one pruning of one database.

    Attributes:
        state: as it was last written by us.
    """

    backend: Backend
    state: PruningState

    @classmethod
    async def begin(cls, backend: Backend, plan: str) -> Condemning:
        """Become the one who prunes. Whoever did so before notices, at the next chunk.

        What another one has condemned is condemned no more; but not what is being deleted: see `left_behind`.
        """
        while True:
            before = await read_pruning(backend)
            # What is left of another pruning goes on to be found under its number: see `left_behind`.
            mine = replace(before, plan=plan, under_way=True)
            if await _swap_state(backend, before, mine):
                return cls(backend, replace(mine, revision=before.revision + 1))

    def keys(self, kind: Kind) -> list[str]:
        """Keys of the chunks, in order of their ids."""
        return [self.state.chunk_key(start) for start in self.state.of(kind).starts]

    async def left_behind(self) -> Mapping[Kind, list[str]]:
        """Keys of the chunks that somebody who died was deleting. Others that were left are taken away."""
        return {
            kind: [
                record.key
                for record in await self.backend.records.list(condemned_kind(kind))
                if not await self._withdraw(kind, record.key)
            ]
            for kind in KINDS
        }

    async def condemn(self, ids: Mapping[Kind, VersionColumn]) -> None:
        """Let everybody know that these are about to be deleted. Nothing else may be condemned any more.

        Raises:
            Conflict: somebody else has begun to prune.
        """
        state = replace(self.state, run=self.state.revision)
        for kind, column in ids.items():
            chunks = chunks_of(column)
            for chunk in chunks:
                key = state.chunk_key(chunk.ids[0])
                await self.backend.records.put_if_absent(condemned_kind(kind), key, chunk.as_record())
            condemned = state.of(kind).with_chunks(chunks)
            state = (
                replace(state, structures=condemned)
                if kind == "structures"
                else replace(state, definitions=condemned)
            )
        await self._write(state)

    async def seize(
        self, kind: Kind, key: str, spared: Callable[[Collection[VersionId]], set[VersionId]]
    ) -> VersionColumn:
        """Begin to delete a chunk: its ids, without those that were taken out and those to be spared.

        Raises:
            Conflict: somebody else has begun to prune.
        """
        while True:
            await self._expect_ours()
            record = await self.backend.records.get(condemned_kind(kind), key)
            if record is None:
                raise _overtaken()
            chunk = Chunk.from_record(record.value)
            if not chunk.deleting:
                chunk = chunk.without(spared(chunk.ids))
            if chunk.deleting or await self.backend.records.swap(
                record, replace(chunk, deleting=True).as_record()
            ):
                return chunk.ids

    async def drop(self, kind: Kind, key: str) -> None:
        """A chunk whose ids are all gone."""
        record = await self.backend.records.get(condemned_kind(kind), key)
        if record is not None:
            await self.backend.records.delete(record)

    async def end(self) -> None:
        """All is done; what was condemned once is remembered."""
        state = self.state
        await self._write(
            replace(
                state,
                structures=state.structures.with_chunks([]),
                definitions=state.definitions.with_chunks([]),
                under_way=False,
            )
        )

    async def withdraw(self) -> None:
        """Nothing is condemned any more, and nothing was deleted."""
        for kind in KINDS:
            for key in self.keys(kind):
                await self._withdraw(kind, key)
        await self.end()

    async def _withdraw(self, kind: Kind, key: str) -> bool:
        """Take a chunk away, unless it is being deleted; whether it is away."""
        while (record := await self.backend.records.get(condemned_kind(kind), key)) is not None:
            if Chunk.from_record(record.value).deleting:
                return False
            if await self.backend.records.delete(record):  # else somebody has taken an id out of it
                break
        return True

    async def _write(self, state: PruningState) -> None:
        if not await _swap_state(self.backend, self.state, state):
            raise _overtaken()
        self.state = replace(state, revision=self.state.revision + 1)

    async def _expect_ours(self) -> None:
        if (await read_pruning(self.backend)).revision != self.state.revision:
            raise _overtaken()


async def _swap_state(backend: Backend, before: PruningState, after: PruningState) -> bool:
    if before.revision == 0:
        return await backend.records.put_if_absent(*PRUNING, after.as_record())
    record = Record(*PRUNING, before.revision, before.as_record())
    return await backend.records.swap(record, after.as_record())


def _overtaken() -> Conflict:
    return Conflict(
        "somebody else has begun to prune this database",
        hint="nothing is lost: wait until that is done, then make a new plan",
    )
