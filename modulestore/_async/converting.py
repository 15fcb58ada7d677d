"""Converting the structures of a database from one stored format to the other, while it is in use.

First the record that says which format is written is changed, then document after document is replaced, each
in one atomic write and only once its replacement is known to say the same. Every reader reads both formats,
also mixed, so it does not matter who reads or writes meanwhile, nor whether the conversion is interrupted:
the documents themselves say how far it got. See docs/converting.md.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Final, get_args

from modulestore._async.guarding import Guard
from modulestore._async.ports import Backend, Record
from modulestore._async.preparing import WriteRules, conversion_steps, prepare_write, set_format
from modulestore._async.store_base import StoreBase
from modulestore._async.waiting import closing, run_blocking
from modulestore.errors import Conflict, CorruptDocument, DocumentTooLarge, InvalidInput
from modulestore.formats.converting import check_format_1, check_format_2, to_format_1, to_format_2
from modulestore.formats.gathering import Gathering
from modulestore.formats.headers import decode_header
from modulestore.formats.structures import PLATFORM_SCHEMA, Schema, built_on, schema_of
from modulestore.keys import VersionId
from modulestore.model.columns import VersionColumn
from modulestore.model.structure import Structure
from modulestore.model.values import Progress
from modulestore.storage.memory import Memory
from modulestore.upkeep.conversion import Conversion, LeftVersion
from modulestore.upkeep.steps import Step

__all__ = ["CONVERSION", "ConvertingStore"]

CONVERSION: Final = ("conversion", "structures")
"""Kind and key of the record of a conversion that is under way, or was interrupted."""

_BATCH: Final = 16  # documents in memory at a time: 256 MB, should all be as large as a document can be
_COUNTS: Final = ("schema", "converted", "deltas", "bytes_before", "bytes_after")  # in its record
_PASSES: Final = 10  # far more than it takes until nobody writes the old format any more


class ConvertingStore(StoreBase):
    """The part of the store that converts between stored formats."""

    async def convert(
        self, schema: Schema, *, dry_run: bool = False, progress: Progress | None = None
    ) -> Conversion:
        """Store every structure in a format: 1, the platform's documents, or 2, as what changed since others.

        From the beginning on new versions are written in this format. Readers and writers go on meanwhile.
        Every document is replaced by itself, after its replacement was read again and found to say the same;
        one that does not stays as it is, and is reported. When it was interrupted, do it again: what is done
        stays done.

        Cost: every structure is read once, and the converted ones are written, 16 at a time; to format 1
        they are read twice.

        Args:
            dry_run: write nothing; report what would be. Versions that are too large for format 1 are among
                those that are left.
            progress: called with what is being done, how much of it is done, and how much there is.

        Raises:
            InvalidInput: there is no such format.
            DocumentTooLarge: a version would not fit in a document of format 1; nothing was changed.
            ReadOnlyStore: the database is a platform's, and writing there was not asked for.
            Conflict: somebody else has begun to convert the database, and goes on with it.
            StorageUnavailable, StorageFull: the database failed; what is done stays done.
        """
        if schema not in get_args(Schema):
            raise InvalidInput(f"there is no stored format {schema!r}", hint="1 or 2")
        quiet: Progress = lambda what, done, total: None  # noqa: E731
        converter = _Converter(self._backend, self._rules, self._guard, schema, progress or quiet)
        return await (converter.plan() if dry_run else converter.run())

    async def possible_conversions(self) -> list[Step]:
        """The migration steps that `upgrade` leaves alone: they convert the database to another stored
        format, and are done by `convert` only. Two round trips at most.
        """
        return await conversion_steps(self._backend)


class _Converter:
    """One conversion of one database."""

    def __init__(
        self, backend: Backend, rules: WriteRules, guard: Guard, schema: Schema, progress: Progress
    ) -> None:
        self._backend = backend
        self._guard = guard
        self._database = backend.past_cache()
        self._limit = backend.max_document
        self._rules = rules
        self._schema = schema
        self._progress = progress
        self._memory = Memory()
        self._so_far = Conversion(schema)
        self._left: dict[VersionId, str] = {}
        self._again: set[VersionId] = set()

    async def plan(self) -> Conversion:
        """What would be done."""
        for batch in self._batches("comparing", await self._ids()):
            documents = await self._database.structures.get_many(batch)
            self._count(documents, await self._converted(documents))
        return self._report()

    async def run(self) -> Conversion:
        """Do it."""
        prepared = await prepare_write(self._backend, -1, replace(self._rules, new_schema=self._schema))
        if prepared.schema != self._schema == PLATFORM_SCHEMA:
            await self._expect_room()
        claim = await self._claim()
        before = self._so_far.converted
        seen = VersionColumn(b"")
        for _ in range(_PASSES):
            # Whoever read the record just before it was changed may still write the other format.
            await set_format(self._backend, self._schema)
            ids = await self._ids()
            todo = VersionColumn.of(sorted(self._again.union(_new(ids, seen))))
            seen, done = ids, self._so_far.converted
            for batch in self._batches("converting", todo):
                claim = await self._convert(batch, claim)
            if self._so_far.converted == done and not self._again:
                break
        self._left.update(dict.fromkeys(self._again, "somebody else kept on changing it"))
        await self._backend.records.delete(claim)
        return self._report(before)

    async def _convert(self, batch: list[VersionId], claim: Record) -> Record:
        documents = await self._database.structures.get_many(batch)
        made = await self._converted(documents)
        self._again.difference_update(batch)
        if not made:
            return claim
        async with self._backend.group() as group:
            # Who reads these versions needs what they are stored on at once.
            for version in await self._groundless(group, made):
                self._again.add(version)
                del made[version]
            done = made
            if await group.structures.replace_many(made) < len(made):
                stored = await group.structures.get_many(made)
                done = {version: made[version] for version, there in stored.items() if there == made[version]}
                self._again.update(stored.keys() - done.keys())
            if groundless := await self._groundless(group, done):
                await group.structures.replace_many({version: documents[version] for version in groundless})
                self._again.update(groundless)
                self._memory = Memory()  # has what is there no more
                done = {version: one for version, one in done.items() if version not in groundless}
            self._count(documents, done)
            value = self._as_record()
            if not await group.records.swap(claim, value):
                raise _overtaken()
        return replace(claim, revision=claim.revision + 1, value=value)

    async def _groundless(self, group: Backend, made: Mapping[VersionId, bytes]) -> list[VersionId]:
        """Those that were stored on versions which pruning has taken, or is taking, meanwhile."""
        bases = {version: set(built_on(document)) for version, document in made.items()}
        gone = await self._guard.gone(group, set().union(*bases.values()))
        return [version for version, below in bases.items() if not gone.isdisjoint(below)]

    async def _converted(self, documents: Mapping[VersionId, bytes]) -> dict[VersionId, bytes]:
        """Those documents that are in the other format, in this one; those that cannot be are noted."""
        made: dict[VersionId, bytes] = {}
        for version in sorted(documents):
            try:
                if schema_of(documents[version]) == self._schema:
                    if version not in self._again:
                        self._so_far = replace(self._so_far, already=self._so_far.already + 1)
                elif self._schema == PLATFORM_SCHEMA:
                    made[version] = await self._to_format_1(version, documents[version])
                else:
                    made[version] = await self._to_format_2(version, documents[version], made)
            except (CorruptDocument, InvalidInput) as error:
                self._left[version] = error.message
        return made

    async def _to_format_2(
        self, version: VersionId, document: bytes, made: Mapping[VersionId, bytes]
    ) -> bytes:
        parent = await self._parent(decode_header(document).previous_version)
        new = await run_blocking(to_format_2, document, parent, self._limit)
        gathering = await self._gathered(version, new, made)
        await run_blocking(check_format_2, document, await run_blocking(gathering.structure, version))
        self._memory.keep_structures(gathering.decoded)
        return new

    async def _to_format_1(self, version: VersionId, document: bytes) -> bytes:
        structure = await self._structure(version, document)
        new = await run_blocking(to_format_1, structure, self._limit)
        await run_blocking(check_format_1, structure, new)
        return new

    async def _parent(self, version: VersionId | None) -> Structure | None:
        """The version that another was made from, if that can be stored on it."""
        if version is None:
            return None
        known = self._memory.structures([version]).get(version)
        if known is not None:
            return known
        documents = await self._database.structures.get_many([version])
        try:
            if version in documents and schema_of(documents[version]) == self._schema:
                return await self._structure(version, documents[version])
        except CorruptDocument:
            pass  # whoever needs it will hear of it
        return None

    async def _structure(self, version: VersionId, document: bytes) -> Structure:
        gathering = await self._gathered(version, document, {})
        structure = await run_blocking(gathering.structure, version)
        self._memory.keep_structures(gathering.decoded)
        return structure

    async def _gathered(
        self, version: VersionId, document: bytes, made: Mapping[VersionId, bytes]
    ) -> Gathering:
        """What is needed to decode a document; ``made`` are documents that will be stored together."""
        gathering = Gathering({version: document}, self._memory)
        while gathering.wanted:
            here = {one: made[one] for one in gathering.wanted if one in made}
            gathering.add(
                {**here, **await self._database.structures.get_many(gathering.wanted - here.keys())}
            )
        return gathering

    async def _expect_room(self) -> None:
        """Make sure that every version fits in a document of format 1, as far as it can be read at all."""
        too_large: list[DocumentTooLarge] = []
        for batch in self._batches("measuring", await self._ids()):
            documents = await self._database.structures.get_many(batch)
            for version, document in documents.items():
                try:
                    if schema_of(document) != self._schema:
                        structure = await self._structure(version, document)
                        await run_blocking(to_format_1, structure, self._limit)
                except DocumentTooLarge as error:
                    too_large.append(error)
                except (CorruptDocument, InvalidInput):
                    pass  # left as it is, and reported, when it is its turn
        if too_large:
            raise max(too_large, key=lambda error: error.size)

    async def _claim(self) -> Record:
        """Become the one who converts this database; whoever did so before notices at the next write."""
        records = self._backend.records
        record = await records.get(*CONVERSION)
        if record is None:
            value = self._as_record()
            if await records.put_if_absent(*CONVERSION, value):
                return Record(*CONVERSION, 1, value)
            raise _overtaken()
        if record.value["schema"] == self._schema:
            self._so_far = Conversion(**{name: record.value[name] for name in _COUNTS})
        value = self._as_record()
        if not await records.swap(record, value):
            raise _overtaken()
        return replace(record, revision=record.revision + 1, value=value)

    def _as_record(self) -> Mapping[str, Any]:
        return {name: getattr(self._so_far, name) for name in _COUNTS}

    async def _ids(self) -> VersionColumn:
        packed = bytearray()
        async with closing(self._database.structures.headers()) as batches:
            async for batch in batches:
                packed += b"".join(header.id for header in batch)
        return VersionColumn(bytes(packed))

    def _batches(self, what: str, ids: VersionColumn) -> Iterator[list[VersionId]]:
        """Ids in batches, in the order in which versions are converted: what others build on comes first if
        they are to build on it, and last if they are not to any more. Ids are nearly in order of time.
        """
        starts = range(0, len(ids), _BATCH)
        for number, at in enumerate(starts if self._schema != PLATFORM_SCHEMA else starts[::-1]):
            self._progress(what, number * _BATCH, len(ids))
            yield ids[at : at + _BATCH]
        self._progress(what, len(ids), len(ids))

    def _count(self, before: Mapping[VersionId, bytes], made: Mapping[VersionId, bytes]) -> None:
        so_far = self._so_far
        self._so_far = replace(
            so_far,
            converted=so_far.converted + len(made),
            deltas=so_far.deltas + sum(bool(built_on(document)) for document in made.values()),
            bytes_before=so_far.bytes_before + sum(len(before[version]) for version in made),
            bytes_after=so_far.bytes_after + sum(map(len, made.values())),
        )

    def _report(self, before: int = 0) -> Conversion:
        """What was done; ``before`` of it by a conversion that was interrupted, and has been met again."""
        left = tuple(LeftVersion(version, reason) for version, reason in sorted(self._left.items()))
        return replace(self._so_far, already=max(0, self._so_far.already - before), left=left)


def _new(ids: VersionColumn, seen: VersionColumn) -> Iterator[VersionId]:
    """Those of the ids that are not among others, which are in order."""
    for version in ids:
        at = bisect_left(seen, version)
        if at == len(seen) or seen[at] != version:
            yield version


def _overtaken() -> Conflict:
    return Conflict(
        "somebody else has begun to convert this database",
        hint="nothing is lost: wait until that is done, then look with `modulestore upgrade --plan`",
    )
