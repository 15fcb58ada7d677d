"""What a writer refers to must stay: the look at what is condemned, before a reference counts.

Pruning writes down what it is about to delete, waits, and then looks once more who refers to it. Whoever
makes a new reference to something that is stored (or makes visible what it stored a while ago) first writes
the reference where pruning looks, then comes here. So one of the two sees the other, whoever is first. What
is condemned is taken out of the condemned, if it is not too late for that.

What is left to time: between the look here and the swap that makes a new version the head of a branch must be
less than the time for which pruning waits. See docs/decisions/0021-pruning.md.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final

from modulestore._async.ports import Backend
from modulestore._async.preparing import FORMAT, WriteRules, prepare_write
from modulestore.errors import DefinitionNotFound, HeadMoved, VersionNotFound
from modulestore.formats.structures import Schema, built_on
from modulestore.keys import VersionId
from modulestore.model.values import Author
from modulestore.upkeep.pruning.condemned import Chunk, Kind, PruningState

__all__ = ["PRUNING", "Guard", "Lost", "Written", "condemned_kind", "read_pruning"]

PRUNING: Final = (FORMAT[0], "pruning")
"""Kind and key of the record with the state of pruning; of the kind of `FORMAT`, to be read with it."""

_MOST_SAFE: Final = 50_000


def condemned_kind(kind: Kind) -> str:
    """Kind of the records of condemned ids; their keys are `PruningState.chunk_key`."""
    return f"condemned {kind}"


async def read_pruning(backend: Backend) -> PruningState:
    """The state of pruning. One round trip."""
    record = await backend.records.get(*PRUNING)
    return PruningState() if record is None else PruningState.from_record(record.revision, record.value)


class Lost(HeadMoved):
    """What was written cannot be used: it is to be written again.

    Attributes:
        whole: it was stored on versions that are gone, and is to be stored whole.
    """

    whole = False


@dataclass(frozen=True, slots=True)
class Written:
    """What was stored and is about to be made visible, and what it needs of what was there.

    Attributes:
        structures, definitions: ids of the documents that were written.
        bases: the structures that they are stored on.
        shared: the definitions that they need, and that the versions they were made from do not have.
        opened: other structures that they lead to; nothing is lost if these are gone.
        versions: structures that were stored before, and become visible with what was written.
    """

    structures: Collection[VersionId] = ()
    definitions: Collection[VersionId] = ()
    bases: Collection[VersionId] = ()
    shared: Collection[VersionId] = ()
    opened: Collection[VersionId] = ()
    versions: Collection[VersionId] = ()

    @classmethod
    def of(
        cls,
        structures: Mapping[VersionId, bytes],
        definitions: Collection[VersionId],
        *,
        shared: Collection[VersionId] = (),
        opened: Collection[VersionId] = (),
        versions: Collection[VersionId] = (),
    ) -> Written:
        """What these documents need, as far as they say so."""
        bases = {base for document in structures.values() for base in built_on(document)}
        return cls(structures.keys(), definitions, bases - structures.keys(), shared, opened, versions)


class Guard:
    """What one process knows of how a database is to be written, and of what stays in it."""

    def __init__(self, rules: WriteRules) -> None:
        self._rules = rules
        self._schema: Schema | None = None
        # What was found to stay, as of a revision of the state of pruning; another revision has its own set.
        self._safe: tuple[int, set[VersionId]] = (0, set())

    async def schema(self, backend: Backend, author: Author) -> Schema:
        """The format that structures are written in, as far as is known: `expect` looks whether it still is.
        One round trip for the first write; cost and errors as `prepare_write`.
        """
        if self._schema is not None:
            return self._schema
        schema, is_ours = await prepare_write(backend, author, self._rules)
        self._schema = schema if is_ours else None  # a platform's database looks at every author
        return schema

    async def expect(self, backend: Backend, schema: Schema, written: Written) -> None:
        """Make sure that what was written stays, with all that it needs, and has the right format.

        One round trip; after a pruning one more for what was not looked at since.

        Raises:
            Lost: it does not, or has not: write it again.
            DefinitionNotFound: it needs content that was pruned.
            VersionNotFound: it would make visible what was pruned.
        """
        records = {record.key: record for record in await backend.records.list(FORMAT[0])}
        stored = records.get(FORMAT[1])
        if stored is not None and stored.value.get("schema_version") != schema:
            self._schema = None
            raise Lost("the database is being converted to another format")
        pruning = records.get(PRUNING[1])
        if pruning is None:
            return
        state = PruningState.from_record(pruning.revision, pruning.value)
        lost = await self._spare(backend, state, "definitions", {*written.definitions, *written.shared})
        if gone := lost.intersection(written.shared):
            raise DefinitionNotFound(
                f"its content (definition {min(gone)}) was pruned meanwhile",
                hint="take another version: `modulestore log` lists what is there",
            )
        await self._spare(backend, state, "structures", set(written.opened))
        if gone := await self._spare(backend, state, "structures", set(written.versions)):
            raise _pruned(min(gone))
        gone = await self._spare(backend, state, "structures", {*written.structures, *written.bases})
        if lost or gone:
            again = Lost("what was written was pruned before it was visible")
            again.whole = not gone.isdisjoint(written.bases)
            raise again

    async def expect_version(self, backend: Backend, version: VersionId) -> None:
        """Make sure that a version stays to which a reference has been written; cost as `gone`.

        Raises:
            VersionNotFound: it is gone, or is being deleted: take the reference back.
        """
        if await self.gone(backend, {version}):
            raise _pruned(version)

    async def gone(self, backend: Backend, versions: set[VersionId]) -> set[VersionId]:
        """Those of the versions that are gone, or are being deleted; the others stay, if something that
        pruning looks at refers to them by now. One round trip; after a pruning one more.
        """
        return await self._spare(backend, await read_pruning(backend), "structures", versions)

    async def _spare(
        self,
        backend: Backend,
        state: PruningState,
        kind: Kind,
        ids: set[VersionId],
        along: frozenset[VersionId] = frozenset(),
    ) -> set[VersionId]:
        """Take ids out of the condemned, with what they need; those for which it is too late. ``along`` are
        the versions that need them, which are being spared already.
        """
        known = self._safe
        if known[0] != state.revision or len(known[1]) > _MOST_SAFE:
            known = self._safe = (state.revision, set())
        safe = known[1]
        condemned = state.of(kind)
        wanted = condemned.may_have(ids) - safe
        lost: set[VersionId] = set()
        found: set[VersionId] = set()
        by_chunk: dict[VersionId, set[VersionId]] = {}
        for version in wanted:
            if (start := condemned.chunk_of(version)) is not None:
                by_chunk.setdefault(start, set()).add(version)
        for start, some in by_chunk.items():
            spared, too_late = await self._take_out(backend, state, kind, start, some, along)
            found |= spared
            lost |= too_late
        port = backend.structures if kind == "structures" else backend.definitions
        rest = wanted - lost
        lost |= rest - (await port.sizes(rest)).keys() if rest else set()
        # Not what was taken out: in a transaction, that may be undone.
        safe |= wanted - lost - found
        return lost

    async def _take_out(
        self,
        backend: Backend,
        state: PruningState,
        kind: Kind,
        start: VersionId,
        ids: set[VersionId],
        along: frozenset[VersionId],
    ) -> tuple[set[VersionId], set[VersionId]]:
        """Take ids out of a chunk: those that were in it and are not any more, and those that will be
        deleted. What versions need is spared before they are: what is condemned no more is taken for whole.
        """
        while True:
            record = await backend.records.get(condemned_kind(kind), state.chunk_key(start))
            if record is None:
                return set(), set()
            chunk = Chunk.from_record(record.value)
            inside = {version for version in ids if version in chunk}
            if not inside or chunk.deleting:
                return set(), inside
            if kind == "structures" and not await self._spare_needs(backend, state, inside, along):
                return set(), inside
            if await backend.records.swap(record, chunk.without(inside).as_record()):
                return inside, set()

    async def _spare_needs(
        self, backend: Backend, state: PruningState, versions: set[VersionId], along: frozenset[VersionId]
    ) -> bool:
        """Spare what versions that are condemned need; whether all of it is there."""
        bases = {base for link in (await backend.structures.links(versions)).values() for base in link.bases}
        references = await backend.structures.references(versions | bases)
        pins = {pin for one in references.values() for pin in one.pins}
        along |= versions
        await self._spare(backend, state, "structures", pins - along, along)
        definitions = {one for reference in references.values() for one in reference.definitions}
        gone = await self._spare(backend, state, "structures", bases - along, along)
        gone |= await self._spare(backend, state, "definitions", definitions)
        return not gone


def _pruned(version: VersionId) -> VersionNotFound:
    return VersionNotFound(
        f"version {version} is being pruned",
        hint="take another version: `modulestore log` lists what is there",
    )
