"""Writing a bundle: everything that one course consists of, as one file. See docs/backup.md.

Documents are written as they are stored, byte for byte, a few at a time. What is written is read again and
proven, as a restore would, before it gets its name.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Iterable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Final

from modulestore._async.bundle_proving import BATCH, opened_bundle, prove
from modulestore._async.catalog import DELETED
from modulestore._async.commits import message_kind
from modulestore._async.conflicts import CONFLICT
from modulestore._async.history import tag_kind
from modulestore._async.ports import Backend, Definitions, Record, Structures
from modulestore._async.reach import Needed, Reach, expect_all, in_order
from modulestore._async.reading import find_entry
from modulestore._async.store_base import StoreBase
from modulestore._async.unbundling import PROVENANCE, Restore
from modulestore._async.waiting import closing, run_blocking
from modulestore.errors import (
    Conflict,
    CorruptDocument,
    CourseNotFound,
    InvalidArchive,
    InvalidKey,
    ModuleStoreError,
    VersionNotFound,
)
from modulestore.formats.bundles.contents import BundledRecord, BundleHead, RecordKind, opened_by
from modulestore.keys import ContextKey, VersionId, as_course_key
from modulestore.model.bundle import BundleReport, RestoreReport
from modulestore.model.index import IndexEntry
from modulestore.model.values import Author, Progress
from modulestore.storage.bundle_writing import BundleWriter

__all__ = ["BundlingStore"]

_DEFINITIONS: Final = 200


class BundlingStore(StoreBase):
    """The part of the store that takes a course out whole, and puts it back."""

    async def bundle(
        self,
        key: object,
        dest: str | Path,
        *,
        history: bool = False,
        deleted: bool = False,
        force: bool = False,
        progress: Progress | None = None,
    ) -> BundleReport:
        """Write everything that a course consists of to one file, to be restored by `restore_bundle`.

        In it are the heads, tagged versions, kept conflicts, the first versions, and the versions of
        libraries that all these use; with ``history`` every version behind them that is still there; their
        definitions, messages, tags, and the course's files. The same state gives the same bytes.

        Args:
            key: in the old style (``Org/Course/Run``), if the course's files have such keys.
            dest: the file. It is there once it is complete.
            deleted: the course of this key that was deleted last, and that `undelete` would put back.
            force: overwrite what is there.
            progress: called with what is being done, how much of it is done, and how much there is.

        Cost: every document is read twice, 16 structures at a time, in three round trips for these; files
        once; then the bundle is read again.

        Raises:
            CourseNotFound: there is no such course, or none was deleted.
            VersionNotFound, DefinitionNotFound, CorruptDocument: something that the course needs is not
                there, or cannot be read; nothing is written.
            Conflict: a file was replaced while it was read.
            InvalidInput: there is something at ``dest``, or nothing can be written there.
            StorageFull, StorageUnavailable: there is no room for the file; the database failed.
        """
        course_key = as_course_key(key).bare
        database = self._backend.past_cache()
        entry = await (_deleted(database, course_key) if deleted else find_entry(database, course_key))
        bundler = _Bundler(database, course_key, entry, progress or _quiet)
        return await bundler.write(Path(dest), history=history, force=force)

    async def restore_bundle(
        self,
        path: str | Path,
        *,
        key: object = None,
        author: Author = -1,
        dry_run: bool = False,
        progress: Progress | None = None,
    ) -> RestoreReport:
        """Put the course of a bundle into this store, with all its ids; whole or not at all.

        A database in format 1 gets documents of format 1. Others take the bundle's documents as they are.

        Args:
            key: another key for the course. It is then a course of its own, of the same versions; kept
                conflicts stay behind.
            author: who restores; only whether he may write is asked. What was written stays its authors'.
            dry_run: prove the bundle, and write nothing.
            progress: called with what is being done, how much of it is done, and how much there is.

        Cost: the bundle is read twice, three times if it is converted; every document that the database has
        already is read and compared.

        Raises:
            InvalidArchive: it is no bundle, is damaged, or has not all that it needs; or the database has
                other documents of the same ids.
            CourseExists: there is a course of this key, at other heads.
            InvalidKey: a course under the key of a library, or the reverse.
            ReadOnlyStore, InvalidAuthor, DocumentTooLarge: this database cannot hold it.
            Conflict: somebody else restores a bundle at the same time, or what was written is gone again.
            StorageUnavailable, StorageFull, CommitUnknown: the database failed; only after the last may it
                have been done.
        """
        async with opened_bundle(path) as bundle:
            there = bundle.head.key
            course_key = there if key is None else as_course_key(key).bare
            if type(course_key) is not type(there):
                raise InvalidKey(f"{there} cannot be restored as {course_key}", hint="give a key of its kind")
            restore = Restore(
                backend=self._backend,
                memory=self._reader.memory,
                rules=self._rules,
                guard=self._guard,
                ids=self._ids,
                bundle=bundle,
                key=course_key,
                progress=progress or _quiet,
            )
            return await restore.run(author, dry_run=dry_run)


class _Bundler:
    """Writes one bundle of one course."""

    def __init__(self, database: Backend, key: ContextKey, entry: IndexEntry, progress: Progress) -> None:
        self._database = database
        self._files_key = key
        self._entry = entry
        self._key = entry.key
        self._progress = progress
        self._reach = Reach(database, progress)
        self._left_out: list[str] = []

    async def write(self, dest: Path, *, history: bool, force: bool) -> BundleReport:
        """Write it."""
        async with _writer(dest, force) as writer:
            records = await self._records()
            needed = await self._reach.needed(await self._versions(records, history))
            records += await self._messages(needed.versions)
            await run_blocking(writer.head, BundleHead(self._files_key, self._entry, history))
            await self._write_documents(writer, needed)
            await self._write_files(writer)
            await run_blocking(writer.records, sorted(records, key=lambda one: (one.kind, one.name)))
            await run_blocking(writer.end)
            await self._prove(writer.path)
            await run_blocking(writer.publish)
        counts = writer.counts
        return BundleReport(
            key=self._files_key,
            heads=dict(self._entry.heads),
            history=history,
            structures=counts.versions + counts.bases,
            definitions=counts.definitions,
            files=counts.files,
            records=counts.records,
            bytes=writer.size,
            digest=writer.digest,
            left_out=tuple(self._left_out),
        )

    async def _records(self) -> list[BundledRecord]:
        """Tags, kept conflicts, and where the course comes from; not those of versions that are gone."""
        stored = self._database.records
        found = [
            BundledRecord(RecordKind.TAG, record.key, record.value)
            for record in await stored.list(tag_kind(self._key))
        ]
        found += [
            BundledRecord(RecordKind.CONFLICT, record.key, record.value)
            for record in await stored.list(CONFLICT)
            if record.value.get("key") == str(self._key)
        ]
        opened = [self._opened(record) for record in found]
        there = (await self._database.structures.links(set().union(*opened))).keys()
        kept = []
        for record, versions in zip(found, opened, strict=True):
            if versions <= there:
                kept.append(record)
            else:
                self._left_out.append(f"{record.kind} {record.name}")
        made = await stored.get(PROVENANCE, f"{self._key} {self._entry.id}")
        return kept + ([BundledRecord(RecordKind.PROVENANCE, "", made.value)] if made else [])

    def _opened(self, record: BundledRecord) -> set[VersionId]:
        try:
            return opened_by(record)
        except (ModuleStoreError, KeyError, TypeError, ValueError, AttributeError) as error:
            place = f"{self._key}, {record.kind} {record.name}"
            raise CorruptDocument(f"unreadable record: {error}", place=place) from error

    async def _versions(self, records: Iterable[BundledRecord], history: bool) -> set[VersionId]:
        """The versions that the course leads to: its heads, what is tagged or kept, the first ones, and with
        ``history`` all behind these.
        """
        versions = set(self._entry.heads.values()).union(*map(self._opened, records))
        links = await self._database.structures.links(versions)
        if gone := versions - links.keys():
            raise VersionNotFound(
                f"the head {min(gone)} is not there",
                place=str(self._key),
                hint="the database is damaged: run `check`",
            )
        originals = {link.original for link in links.values()}
        first = (await self._database.structures.links(originals)).keys()
        if history:
            for original in sorted(originals):
                versions |= await self._reach.behind(versions, original)
        return versions | first

    async def _messages(self, versions: Collection[VersionId]) -> list[BundledRecord]:
        return [
            BundledRecord(RecordKind.MESSAGE, record.key, record.value)
            for record in await self._database.records.list(message_kind(self._key))
            if VersionId.parse(record.key) in versions
        ]

    async def _write_documents(self, writer: BundleWriter, needed: Needed) -> None:
        total = len(needed.versions) + len(needed.bases) + len(needed.definitions)
        done = 0
        structures, definitions = self._database.structures, self._database.definitions
        parts: Sequence[tuple[Callable[[list[bytes]], None], Structures | Definitions, set[VersionId]]] = (
            (writer.versions, structures, needed.versions),
            (writer.bases, structures, needed.bases),
            (writer.definitions, definitions, needed.definitions),
        )
        for write, port, versions in parts:
            for batch in in_order(versions, BATCH if port is structures else _DEFINITIONS):
                self._progress("writing documents", done, total)
                documents = await port.get_many(batch)
                if port is structures:
                    expect_all("structure", batch, documents.keys())
                # A definition that is missing may be one that only a version needs which nobody opens.
                await run_blocking(write, [documents[one] for one in batch if one in documents])
                done += len(batch)
        self._progress("writing documents", total, total)

    async def _write_files(self, writer: BundleWriter) -> None:
        files = await self._database.files.list(self._files_key)
        for number, file in enumerate(sorted(files, key=lambda one: (one.key.name, one.key.type))):
            self._progress("writing files", number, len(files))
            await run_blocking(writer.file, file)
            length = 0
            async with closing(self._database.files.read(file.key)) as pieces:
                async for piece in pieces:
                    await run_blocking(writer.data, piece)
                    length += len(piece)
            if length != file.length:
                message = f"it has {length:,} bytes, and had {file.length:,} when the course was looked at"
                raise Conflict(message, place=str(file.key), hint="try again; if it stays so, run `check`")
        self._progress("writing files", len(files), len(files))

    async def _prove(self, path: Path) -> None:
        """Make sure that what was written can be restored."""
        try:
            async with opened_bundle(path, str(self._key)) as bundle:
                await prove(bundle, self._progress)
        except InvalidArchive as error:
            raise CorruptDocument(
                f"this could not be restored: {error.message}",
                place=error.place,
                hint="no bundle was written; the database is damaged: run `check`",
            ) from error


@asynccontextmanager
async def _writer(dest: Path, force: bool) -> AsyncIterator[BundleWriter]:
    writer = await run_blocking(lambda: BundleWriter(dest, force=force))
    try:
        yield writer
    finally:
        await run_blocking(writer.close)


async def _deleted(backend: Backend, key: ContextKey) -> IndexEntry:
    """The entry of the course of this key that was deleted last.

    Raises:
        CourseNotFound: none was.
        CorruptDocument: the record of it cannot be read.
    """
    records = [
        record
        for record in await backend.records.list(DELETED)
        if as_course_key(record.key.partition(" ")[0]).identity == key.identity
    ]
    if not records:
        raise CourseNotFound(f"no course {key} was deleted")
    record = max(records, key=_deleted_when)
    place = f"record {DELETED} {key}"
    try:
        value = record.value
        return IndexEntry(
            id=VersionId.parse(value["id"]),
            key=as_course_key(record.key.partition(" ")[0]),
            heads={branch: VersionId.parse(head) for branch, head in value["heads"].items()},
            edited_by=value["edited_by"],
            edited_on=value["edited_on"],
            last_update=value["last_update"],
            search_targets=value["search_targets"],
        )
    except (KeyError, TypeError, AttributeError, InvalidKey) as error:
        raise CorruptDocument(f"unreadable record: {error}", place=place) from error


def _deleted_when(record: Record) -> tuple[datetime, str, datetime]:
    # As `undelete` chooses among several.
    value = record.value
    return value["on"], value["id"], value["last_update"] or value["on"]


def _quiet(what: str, done: int, total: int) -> None:
    """Progress that nobody wants to see."""
