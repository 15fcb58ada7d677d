"""The writes of a re-run, whose files are there before it is.

They go under the key of the new course while there is none, so nobody sees them. Of several who make one
course at once only one may do so, or it would have files of two sources. A *claim*, a record, says who: the
one who came last. Nobody waits for another, who may have died. Who has lost the claim notices before the next
write, and gives up.

What this does not cover: one write that is under way when the claim is lost. See docs, "Files of an import".
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from modulestore._async.committing import insert_entry
from modulestore._async.guarding import Guard, Written
from modulestore._async.ports import Backend, Record
from modulestore.errors import CommitUnknown, Conflict, CourseExists, ModuleStoreError, StorageError
from modulestore.formats.structures import Schema
from modulestore.keys import AssetKey, ContextKey, VersionId
from modulestore.model.index import IndexEntry

__all__ = ["CLAIM", "Rerun"]

_FILES = 100  # that are copied together
CLAIM = "rerun claim"  # kind of the records of re-runs under way, by target
_PROVENANCE = "rerun"


@dataclass(frozen=True, slots=True)
class Rerun:
    """A re-run on its way into the index.

    Attributes:
        source: the course whose files it gets.
        source_heads: the versions that it begins with, or that its own are made from.
        entry: of the new course.
        definitions, structures: what it does not share with the source, encoded.
        provenance: where it comes from.
        guard: sees to it that what it shares with the source stays.
        schema: the format that ``structures`` are in.
    """

    backend: Backend
    source: ContextKey
    source_heads: Mapping[str, VersionId]
    entry: IndexEntry
    definitions: Mapping[VersionId, bytes]
    structures: Mapping[VersionId, bytes]
    provenance: Mapping[str, Any]
    guard: Guard
    schema: Schema
    _copied: list[AssetKey] = field(default_factory=list, init=False)

    async def write(self) -> None:
        """Write all of it, its index entry last. If that fails, what was written is taken back.

        Raises:
            CourseExists: there is such a course now.
            Conflict: somebody else has begun to make it.
            VersionNotFound: the source was edited meanwhile, and what it was is being pruned.
            CommitUnknown: the database went away, and did not come back to be asked.
        """
        # Whether the index may, and whether it certainly does, lead to what was written: then that is needed.
        reached = visible = False
        try:
            async with self.backend.group() as group:
                await self._claim(group)
                await group.definitions.put_many(self.definitions)
                await group.structures.put_many(self.structures)
                await self._copy_files(group, alone=True)
                # With the entry's id: what a re-run that failed leaves is no other one's.
                name = f"{self.entry.key} {self.entry.id}"
                await group.records.put_if_absent(_PROVENANCE, name, self.provenance)
                written = Written.of(
                    self.structures, self.definitions.keys(), versions=self.source_heads.values()
                )
                await self.guard.expect(group, self.schema, written)
                await self._expect_alone(group)
                reached = True
                await insert_entry(group, self.entry)
                visible = True
                if not await self._give_up_claim(group):
                    # Taken between our last look and the entry, and files may be another's by now.
                    await self._copy_files(group, alone=False)
        except CommitUnknown:
            raise  # it may have been done: everything written may be needed
        except BaseException as error:
            refused = isinstance(error, ModuleStoreError) and not visible  # an interrupt tells nothing
            if refused or not reached:
                await self._take_back()
            raise

    async def _claim(self, group: Backend) -> None:
        there = await group.records.get(CLAIM, str(self.entry.key))
        heads = {branch: str(head) for branch, head in self.source_heads.items()}
        value = {"entry": str(self.entry.id), "heads": heads}
        if there is None:
            claimed = await group.records.put_if_absent(CLAIM, str(self.entry.key), value)
        else:
            claimed = await group.records.swap(there, value)
        if not claimed:
            raise self._overtaken()

    async def _own_claim(self, backend: Backend) -> Record | None:
        record = await backend.records.get(CLAIM, str(self.entry.key))
        return record if record is not None and record.value["entry"] == str(self.entry.id) else None

    async def _expect_alone(self, backend: Backend) -> None:
        """Nobody else has the claim, and nobody has made the course."""
        if await self._own_claim(backend) is None:
            raise self._overtaken()
        if await backend.index.get(self.entry.key) is not None:
            raise CourseExists("somebody else made this course meanwhile", place=str(self.entry.key))

    async def _give_up_claim(self, backend: Backend) -> bool:
        """Whether it was ours. One that stays does no harm."""
        with suppress(StorageError):
            claim = await self._own_claim(backend)
            return claim is not None and await backend.records.delete(claim)
        return True

    async def _copy_files(self, group: Backend, *, alone: bool) -> None:
        there = {file.key for file in await group.files.list(self.entry.key)}
        files = await group.files.list(self.source)
        for at in range(0, len(files), _FILES):
            batch = files[at : at + _FILES]
            if alone:
                await self._expect_alone(group)
            # If a reply is lost they may have been stored: they are taken back in any case.
            self._copied.extend({file.key.map_into(self.entry.key) for file in batch} - there)
            await group.files.copy(batch, self.entry.key)

    async def _take_back(self) -> None:
        """Remove what was written; but files only as long as nobody else may have written the like."""
        with suppress(ModuleStoreError):  # nobody sees what stays; the error that brought us here is reported
            with suppress(Conflict):
                for key in self._copied:
                    await self._expect_alone(self.backend)
                    await self.backend.files.delete(key)
            await self.backend.structures.delete_many(list(self.structures))
            await self.backend.definitions.delete_many(list(self.definitions))
            await self._give_up_claim(self.backend)

    def _overtaken(self) -> Conflict:
        return Conflict(
            "somebody else has begun to make this course",
            place=str(self.entry.key),
            hint="look whether it is there, then try again",
        )
