"""Restoring a bundle: first it is proven as a whole, then written: definitions, structures, files, records,
and last the index entry that makes them visible.

Ids are those of the bundle, so somebody else may be writing the same documents at this moment: another who
restores it. Of several only one goes on, the one who came last; who was before notices before the next write
that counts, and leaves what was written to the other. A *claim*, a record, says who. See `rerunning`, where
it is the same with the files of a new course.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any, Final

from modulestore._async.bundle_proving import Proven, prove
from modulestore._async.bundled_documents import BundledDocuments
from modulestore._async.commits import message_kind
from modulestore._async.committing import insert_entry
from modulestore._async.conflicts import CONFLICT
from modulestore._async.guarding import Guard, Written
from modulestore._async.history import tag_kind
from modulestore._async.ports import Backend, Record
from modulestore._async.preparing import WriteRules, prepare_write
from modulestore._async.waiting import run_blocking
from modulestore.errors import (
    CommitUnknown,
    Conflict,
    CourseExists,
    ModuleStoreError,
    StorageError,
)
from modulestore.formats.bundles.contents import BundledRecord, RecordKind
from modulestore.formats.entries import decode_entry, encode_entry
from modulestore.formats.structures import Schema
from modulestore.keys import AssetKey, ContextKey, VersionId
from modulestore.model.branches import DRAFT, LIBRARY, PUBLISHED
from modulestore.model.bundle import RestoreReport
from modulestore.model.files import CourseFile
from modulestore.model.index import IndexEntry
from modulestore.model.publishing import unpublished
from modulestore.model.values import Author, Progress
from modulestore.storage.bundle_checks import check_files
from modulestore.storage.bundle_reading import BundleFile, StoredFile
from modulestore.storage.memory import Memory

__all__ = ["PROVENANCE", "Restore"]

PROVENANCE: Final = "rerun"  # kind of the records of where a course comes from, by its key and entry

_CLAIM: Final = ("restore claim", "documents")
_PIECE: Final = 1 << 20
_TOGETHER: Final = 8 << 20  # bytes of files that are sent at once
_MOST_TOGETHER: Final = 1000


class Restore:
    """One bundle on its way into one database."""

    def __init__(
        self,
        *,
        backend: Backend,
        memory: Memory,
        rules: WriteRules,
        guard: Guard,
        ids: Iterator[VersionId],
        bundle: BundleFile,
        key: ContextKey,
        progress: Progress,
    ) -> None:
        self._backend = backend
        self._memory = memory
        self._rules = rules
        self._guard = guard
        self._bundle = bundle
        self._progress = progress
        self._own = str(next(ids))
        head = bundle.head
        self._key = key
        self._moved = key != head.key
        # Under another key it is a course of its own, and the other may be here too. What an index says of a
        # key is not in which style it is written.
        self._entry = decode_entry(
            encode_entry(replace(head.entry, key=key, id=next(ids) if self._moved else head.entry.id))
        )
        # What was not there before; or is not now, if a reply was lost.
        self._new_files: list[AssetKey] = []
        self._new_records: list[tuple[str, str, Mapping[str, Any]]] = []

    async def run(self, author: Author, *, dry_run: bool) -> RestoreReport:
        """Do it, unless it is there already."""
        there = await self._backend.index.get(self._entry.key, ignore_case=True)
        if there is not None and (there.key != self._entry.key or there.heads != self._entry.heads):
            raise _exists(there)
        await run_blocking(check_files, self._bundle, self._key)
        proven = await prove(self._bundle, self._progress)
        report = await run_blocking(self._report, proven, there is None)
        if there is None and not dry_run:
            await self._write(proven, await self._prepare(author, proven))
        return report

    async def _prepare(self, author: Author, proven: Proven) -> Schema:
        prepared = await prepare_write(self._backend, author, self._rules)
        # A platform's database holds numbers of authors only.
        named = sorted(one for one in proven.authors if isinstance(one, str))
        if named:
            await prepare_write(self._backend, named[0], self._rules)
        return prepared.schema

    def _report(self, proven: Proven, changed: bool) -> RestoreReport:
        heads = self._entry.heads
        shown = next(heads[branch] for branch in (LIBRARY, PUBLISHED, DRAFT) if branch in heads)
        structures = proven.versions.structures(set(heads.values()))
        outline = structures[shown].outline
        draft = structures.get(heads.get(DRAFT, shown))
        published = structures.get(heads[PUBLISHED]) if PUBLISHED in heads else None
        drafts = unpublished(draft, published) if DRAFT in heads and draft is not None else ()
        counts = self._bundle.counts
        return RestoreReport(
            key=self._key,
            heads=dict(heads),
            history=self._bundle.head.history,
            changed=changed,
            structures=counts.versions + counts.bases,
            definitions=counts.definitions,
            files=counts.files,
            records=counts.records,
            blocks=len(outline.order),
            detached=len(structures[shown]) - len(outline.order),
            drafts=len(drafts),
        )

    async def _write(self, proven: Proven, schema: Schema) -> None:
        documents = BundledDocuments(
            self._bundle, proven.versions, schema, self._backend.max_document, self._progress
        )
        # Whether the index may, and whether it certainly does, lead to what was written: then that is needed.
        reached = visible = False
        try:
            async with self._backend.group() as group:
                await self._claim(group)
                await documents.put(group)
                await self._put_files(group)
                await self._put_records(group, proven.records)
                await self._verify_stored(group, documents, schema)
                await self._expect_claim(group)
                reached = True
                await insert_entry(group, self._entry)
                visible = True
                await self._give_up_claim(group)
            self._memory.forget_entry(self._entry.key)
        except CommitUnknown:
            raise  # it may have been done: everything written may be needed
        except BaseException as error:
            refused = isinstance(error, ModuleStoreError) and not visible  # an interrupt tells nothing
            if refused or not reached:
                await self._take_back(documents)
            raise

    async def _put_files(self, group: Backend) -> None:
        """Store the files; those that a course of this key had once are replaced if they differ."""
        there = {file.key: file for file in await group.files.list(self._key)}
        batch: list[tuple[CourseFile, bytes]] = []
        size = 0
        for number, stored in enumerate(self._bundle.files):
            self._progress("writing files", number, len(self._bundle.files))
            file = stored.file.in_course(self._key)
            if file.key in there:
                if await run_blocking(self._is_stored, file, stored, there[file.key]):
                    continue
            else:
                self._new_files.append(file.key)
            if file.length > _TOGETHER:
                await group.files.put(file, self._bundle.open(stored))
                continue
            if batch and (size + file.length > _TOGETHER or len(batch) == _MOST_TOGETHER):
                await group.files.put_many(batch)
                batch, size = [], 0
            batch.append((file, await run_blocking(self._bundle.open(stored).read)))
            size += file.length
        if batch:
            await group.files.put_many(batch)

    def _is_stored(self, file: CourseFile, stored: StoredFile, there: CourseFile) -> bool:
        same = replace(there, md5=None, sha256=None, uploaded_on=None) == file
        if not same or (there.md5 is None and there.sha256 is None):
            return False
        sha256, md5 = hashlib.sha256(), hashlib.md5(usedforsecurity=False)
        with self._bundle.open(stored) as source:
            while piece := source.read(_PIECE):
                sha256.update(piece)
                md5.update(piece)
        if there.sha256 is not None:
            return there.sha256 == sha256.hexdigest()
        return there.md5 == md5.hexdigest()

    async def _put_records(self, group: Backend, records: Sequence[BundledRecord]) -> None:
        """Store what is remembered of the course. What a course of this key left behind must be the same.

        Raises:
            Conflict: it is not.
        """
        for record in records:
            if record.kind == RecordKind.CONFLICT and self._moved:
                continue  # there is one conflict of an id, and it is of the other course
            kind, name = self._named(record)
            if await group.records.get(kind, name) is None:
                # If a reply is lost it may have been stored: it is taken back in any case.
                self._new_records.append((kind, name, record.value))
                await group.records.put_if_absent(kind, name, record.value)
            there = await group.records.get(kind, name)
            if there is None or there.value != record.value:
                raise Conflict(
                    f"the database remembers another {record.kind} {record.name!r} of {self._entry.key}",
                    place=self._bundle.place(f"{record.kind} {record.name}"),
                    hint="restore it under another key",
                )

    def _named(self, record: BundledRecord) -> tuple[str, str]:
        """Kind and key of a record in the database."""
        key = self._entry.key
        names = {
            RecordKind.TAG: (tag_kind(key), record.name),
            RecordKind.MESSAGE: (message_kind(key), record.name),
            RecordKind.CONFLICT: (CONFLICT, record.name),
            RecordKind.PROVENANCE: (PROVENANCE, f"{key} {self._entry.id}"),
        }
        return names[record.kind]

    async def _verify_stored(self, group: Backend, documents: BundledDocuments, schema: Schema) -> None:
        """Make sure that all that the entry will lead to is there, and stays, just before it does.

        Raises:
            Conflict: something was removed meanwhile, or is about to be.
        """
        written = Written(documents.ids("structure"), documents.ids("definition"))
        await self._guard.expect(group, schema, written)
        if missing := await documents.missing(group.past_cache()):
            raise Conflict(
                f"{missing} was removed while the bundle was restored",
                place=str(self._key),
                hint="nothing was restored: try again when nobody prunes the database",
            )

    async def _claim(self, group: Backend) -> None:
        there = await group.records.get(*_CLAIM)
        value = {"by": self._own}
        if there is None:
            claimed = await group.records.put_if_absent(*_CLAIM, value)
        else:
            claimed = await group.records.swap(there, value)
        if not claimed:
            raise _overtaken(self._entry)

    async def _own_claim(self, backend: Backend) -> Record | None:
        record = await backend.records.get(*_CLAIM)
        return record if record is not None and record.value["by"] == self._own else None

    async def _expect_claim(self, backend: Backend) -> None:
        if await self._own_claim(backend) is None:
            raise _overtaken(self._entry)

    async def _give_up_claim(self, backend: Backend) -> None:
        with suppress(StorageError):  # one that stays does no harm
            claim = await self._own_claim(backend)
            if claim is not None:
                await backend.records.delete(claim)

    async def _take_back(self, documents: BundledDocuments) -> None:
        """Remove what was written, as long as nobody else restores: he may count on it."""
        backend = self._backend

        async def expect_alone() -> None:
            await self._expect_claim(backend)

        with suppress(ModuleStoreError):  # nobody sees what stays; the error that brought us here is reported
            for kind, name, value in self._new_records:
                await expect_alone()
                record = await backend.records.get(kind, name)
                if record is not None and record.value == value:
                    await backend.records.delete(record)
            for key in self._new_files:
                await expect_alone()
                await backend.files.delete(key)
            await documents.take_back(backend, expect_alone)
            await self._give_up_claim(backend)


def _exists(there: IndexEntry) -> CourseExists:
    return CourseExists(
        f"there is a course {there.key}, at other heads",
        hint="restore the bundle under another key with --key, or delete the course first",
    )


def _overtaken(entry: IndexEntry) -> Conflict:
    return Conflict(
        "somebody else has begun to restore a bundle",
        place=str(entry.key),
        hint="look whether the course is there, then try again",
    )
