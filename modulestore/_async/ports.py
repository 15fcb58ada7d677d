"""What a storage backend must provide: five small things, and a group of writes that is done whole or not at
all.

Structures and definitions cross this border as encoded documents, so that a backend neither knows nor cares
what is in them; index entries, files and records are small and cross it as values. Every backend passes
``modulestore.testing``'s conformance suite.

A backend raises only errors of :mod:`modulestore.errors`: its driver's own are mapped at its border.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, BinaryIO

from modulestore._async.waiting import Stream, closing
from modulestore.errors import AssetNotFound
from modulestore.keys import AssetKey, ContextKey, VersionId
from modulestore.model.columns import VersionColumn
from modulestore.model.files import CourseFile, FilesChecked, FileVersion, Leftover
from modulestore.model.index import FaultyEntry, IndexEntry, SwapResult
from modulestore.model.stored import References, StructureLinks
from modulestore.model.structure import StructureHeader
from modulestore.storage.documents import check_range
from modulestore.upkeep.steps import DatabaseIndex

__all__ = ["Backend", "Definitions", "Files", "Index", "OldStore", "Record", "Records", "Structures"]


class Index(ABC):
    """Index entries: the only thing that changes."""

    @abstractmethod
    async def get(self, key: ContextKey, *, ignore_case: bool = False) -> IndexEntry | None:
        """The entry of a course; None if there is none.

        One round trip; always what the primary has last committed.
        """

    @abstractmethod
    async def list(self) -> list[IndexEntry]:
        """Every entry, sorted by org, course, run.

        Raises:
            CorruptDocument: one of them cannot be read.
        """

    @abstractmethod
    async def list_readable(self) -> tuple[Sequence[IndexEntry], Sequence[FaultyEntry]]:
        """Every entry that can be read, sorted as `list` does, and what is wrong with the others, and with
        those that are found under other names than they have. One round trip.
        """

    @abstractmethod
    async def insert(self, entry: IndexEntry) -> None:
        """Store a new entry, as it is.

        Raises:
            CourseExists: there is an entry of exactly this org, course and run.
        """

    @abstractmethod
    async def swap(
        self,
        entry: IndexEntry,
        expected: Mapping[str, VersionId | None],
        new: Mapping[str, VersionId],
        *,
        search_targets: Mapping[str, str] | None = None,
    ) -> SwapResult:
        """Move heads, if every one named in ``expected`` is as it says (None: the branch is not there).

        One atomic statement. Only the branches in ``new``, the search targets given, and ``last_update``
        change; the latter becomes the later of the server's time and one millisecond after the old.

        Raises:
            StorageUnavailable: the reply was lost; whether the swap was done is not known.
        """

    @abstractmethod
    async def delete(self, entry: IndexEntry) -> bool:
        """Remove an entry if its heads still are those of ``entry``; whether it did."""


class Structures(ABC):
    """Encoded structures by id. What they say never changes, but for :meth:`relink`."""

    @abstractmethod
    async def get_many(self, ids: Collection[VersionId]) -> dict[VersionId, bytes]:
        """The documents that are there. One round trip."""

    @abstractmethod
    async def put_many(self, documents: Mapping[VersionId, bytes]) -> bool:
        """Store documents that are not there yet; one whose id is there already is left as it is.

        Whether all of them were new, so that what is stored is exactly what was given.

        Raises:
            DocumentTooLarge: before anything is written.
        """

    @abstractmethod
    async def replace_many(self, documents: Mapping[VersionId, bytes]) -> int:
        """Store structures that are there in another form; how many were replaced, each by itself.

        One that is not there, or whose ``previous_version`` is not that of its new document (it may have been
        re-linked meanwhile), is left as it is. All else of a new document's header must be as it was.

        Raises:
            DocumentTooLarge: before anything is written.
        """

    @abstractmethod
    def headers(
        self, *, original: VersionId | None = None, batch: int = 1000
    ) -> Stream[Sequence[StructureHeader]]:
        """Headers of all structures, or of those with one ``original_version``, by id, in batches."""

    @abstractmethod
    def ids(self, *, batch: int = 50_000) -> Stream[VersionColumn]:
        """Ids of all structures, in order, in batches; answered by the index of ids alone.

        This, and the next three, always give what the primary has last committed: what is deleted is decided
        by them.
        """

    @abstractmethod
    async def links(self, ids: Collection[VersionId]) -> dict[VersionId, StructureLinks]:
        """Which other structures these name outside their blocks, for those that are there. One round trip.

        Raises:
            CorruptDocument: one of them does not say.
        """

    @abstractmethod
    async def references(self, ids: Collection[VersionId]) -> dict[VersionId, References]:
        """What the blocks in these documents refer to, for those that are there. One round trip; of a
        structure of format 1 only that crosses the wire.

        Raises:
            CorruptDocument: one of them cannot be read.
        """

    @abstractmethod
    async def faulty_headers(self, ids: Collection[VersionId]) -> dict[VersionId, str]:
        """Which of these structures `headers` fails on, or gives something else of than their documents say;
        what is wrong with them. One round trip.
        """

    @abstractmethod
    async def restore_headers(self, ids: Collection[VersionId]) -> int:
        """Let `headers` give what the documents of these structures say; how many it gave something else of.

        A document that cannot be read is left alone. Nothing to do for a backend that keeps headers in the
        documents only.
        """

    @abstractmethod
    async def sizes(self, ids: Collection[VersionId]) -> dict[VersionId, int]:
        """Bytes of the documents that are there. One round trip."""

    @abstractmethod
    async def relink(self, previous: Mapping[VersionId, VersionId | None]) -> int:
        """Set ``previous_version`` of structures; how many were there."""

    @abstractmethod
    async def delete_many(self, ids: Collection[VersionId]) -> int:
        """Remove structures; how many were there."""


class Definitions(ABC):
    """Encoded definitions by id. They never change."""

    @abstractmethod
    async def get_many(self, ids: Collection[VersionId]) -> dict[VersionId, bytes]:
        """The documents that are there. One round trip."""

    @abstractmethod
    async def put_many(self, documents: Mapping[VersionId, bytes]) -> bool:
        """Store documents that are not there yet; one whose id is there already is left as it is.

        Whether all of them were new, so that what is stored is exactly what was given.

        Raises:
            DocumentTooLarge: before anything is written.
        """

    @abstractmethod
    def ids(self, *, batch: int = 50_000) -> Stream[VersionColumn]:
        """Ids of all definitions, in order, in batches; answered by the index of ids alone.

        This and `sizes` always give what the primary has last committed: what is deleted is decided by them.
        """

    @abstractmethod
    async def sizes(self, ids: Collection[VersionId]) -> dict[VersionId, int]:
        """Bytes of the documents that are there. One round trip."""

    @abstractmethod
    async def delete_many(self, ids: Collection[VersionId]) -> int:
        """Remove definitions; how many were there."""


_PIECES = 8  # of a file, that are read at once


class Files(ABC):
    """Files of courses, with their bytes."""

    @abstractmethod
    async def get(self, key: AssetKey) -> CourseFile | None:
        """Metadata of one file; None if there is none."""

    @abstractmethod
    async def list(self, course: ContextKey) -> list[CourseFile]:
        """Metadata of a course's files, sorted by name."""

    @abstractmethod
    async def put(self, file: CourseFile, source: BinaryIO, *, keep: Collection[str] = ()) -> CourseFile:
        """Store a file, in place of what has its key; what is stored, with digests, length and time.

        Args:
            source: read in a worker thread, from where it stands to its end.
            keep: which of the metadata (`METADATA`) are to be those of the file that is replaced, if there is
                one, as they are at that moment: an upload takes its time, and does not unlock what was locked
                meanwhile.
        """

    @abstractmethod
    async def put_many(self, files: Sequence[tuple[CourseFile, bytes]]) -> Sequence[CourseFile]:
        """Store several files with their bytes, each in place of what has its key; what is stored, in order.

        For files that are small enough to be in memory together, at a fraction of the round trips of
        :meth:`put`. Of two of one key the later counts. Where the database can, all are stored or none.
        """

    @abstractmethod
    async def update(self, was: CourseFile, file: CourseFile) -> bool:
        """Set the metadata in which ``file`` differs from ``was``, as far as it may change without new bytes
        (not key, length, digests, time); whether it is there.

        What others have changed meanwhile of the rest stays: who renames a file does not unlock it.
        """

    async def set_digest(self, file: CourseFile, md5: str) -> bool:
        """Give a file that has no MD5 digest this one, if it still is exactly this file; whether it was.

        Only in a layout whose files may have none.
        """
        return False

    @abstractmethod
    async def fetch(self, file: CourseFile, start: int, stop: int) -> bytes:
        """The bytes from ``start`` to ``stop`` of exactly this file, as `get` or `list` gave it, all at once.

        Nothing is held between two calls: no cursor, no transaction, no thread.

        Raises:
            AssetNotFound: it is gone, and its bytes with it.
            Conflict: another file has its name, and its bytes are gone.
            CorruptDocument: some of its bytes are missing.
        """

    async def object_name(self, file: CourseFile) -> str | None:
        """What the object that has the bytes of a file is called in the place of the store's objects; None if
        they are not there.
        """
        return None

    async def signed_url(self, file: CourseFile, seconds: int, headers: Mapping[str, str]) -> str | None:
        """A URL of an object storage by which anybody can get the bytes of a file for so long; None if they
        are in none, or in one that makes no such URLs.

        Args:
            headers: what the answer should have, of which the storage does what it can.
        """
        return None

    async def read(self, key: AssetKey, *, start: int = 0, length: int | None = None) -> Stream[bytes]:
        """The bytes of a file from ``start``, ``length`` of them at most, some pieces at a time.

        Raises:
            AssetNotFound: there is no such file.
            Conflict, CorruptDocument: as `fetch`.
        """
        check_range(start, length)
        file = await self.get(key)
        if file is None:
            raise AssetNotFound("there is no such file", place=str(key))
        stop = None if length is None else start + length
        async with closing(self.pieces(file, start, stop)) as pieces:
            async for piece in pieces:
                yield piece

    async def pieces(self, file: CourseFile, start: int = 0, stop: int | None = None) -> Stream[bytes]:
        """The bytes of exactly this file from ``start`` to ``stop``, some pieces at a time: see `fetch`."""
        end = file.length if stop is None else min(file.length, stop)
        piece = file.piece or max(1, file.length)
        while start < end:
            fetched_to = min(end, (start // piece + _PIECES) * piece)
            data = await self.fetch(file, start, fetched_to)
            for at in range(0, len(data), piece):
                yield data[at : at + piece]
            start = fetched_to

    @abstractmethod
    async def delete(self, key: AssetKey) -> bool:
        """Remove a file; whether it was there. In the layout *content* it is in the trash then."""

    @abstractmethod
    async def discard(self, key: AssetKey) -> bool:
        """Put a file into the trash, in every layout; whether it was there."""

    @abstractmethod
    async def trash(self, course: ContextKey) -> Sequence[FileVersion]:
        """Files of a course that are not there any more and can be restored, sorted by name: of each name
        what it stood for last.
        """

    @abstractmethod
    async def history(self, key: AssetKey) -> Sequence[FileVersion]:
        """What a name has stood for, the newest first. The layout *platform* remembers only what is there,
        or else what is in the trash.
        """

    @abstractmethod
    async def restore(self, version: FileVersion) -> CourseFile | None:
        """Let a name stand again for what it stood for; the file as it is stored now.

        What the name stands for at this moment becomes history, as if it was replaced. None if the bytes of
        that version are gone, or are not remembered.
        """

    @abstractmethod
    async def copy(self, files: Sequence[CourseFile], target: ContextKey) -> Sequence[CourseFile]:
        """Let another course have these files too, each in place of what has its name there; what was stored,
        in order. A file that is gone by now is passed over.

        No bytes leave the database: in the layout *content* none are copied, in *platform* the server copies
        them. Digests are kept.
        """

    @abstractmethod
    def problems(
        self, course: ContextKey | None = None, *, deep: bool = False, batch: int = 200
    ) -> Stream[FilesChecked]:
        """What is wrong with the files of a course, or of all courses: of each, whether it can be read, and
        whether its bytes are all there.

        Args:
            deep: read all bytes too, and compare them with the digests.
            batch: files that are looked at together.
        """

    @abstractmethod
    def leftovers(self, before: datetime, *, batch: int = 1000) -> Stream[Sequence[Leftover]]:
        """Bytes that no file needs any more, and that none has needed since ``before``."""

    @abstractmethod
    async def delete_leftovers(self, names: Collection[str], before: datetime) -> int:
        """Remove leftovers that still are such, each looked at again in the same step; bytes that are free.

        Names that stand for nothing, or for what is needed again, are passed over.
        """


@dataclass(frozen=True, slots=True)
class Record:
    """What the library itself must remember.

    Attributes:
        revision: grows by one with every change; compare-and-swap goes by it.
        value: anything JSON has, and aware datetimes.
    """

    kind: str
    key: str
    revision: int
    value: Mapping[str, Any]


class Records(ABC):
    """Small documents by (kind, key): what the library remembers beside the platform's documents."""

    @abstractmethod
    async def get(self, kind: str, key: str) -> Record | None:
        """One record; None if there is none."""

    @abstractmethod
    async def starting(self, prefix: str) -> list[Record]:
        """Every record whose kind begins with ``prefix``, by kind and key."""

    @abstractmethod
    async def list(self, kind: str) -> list[Record]:
        """Every record of a kind, by key."""

    @abstractmethod
    async def put_if_absent(self, kind: str, key: str, value: Mapping[str, Any]) -> bool:
        """Store a record with revision 1 unless there is one; whether it did."""

    @abstractmethod
    async def swap(self, record: Record, value: Mapping[str, Any]) -> bool:
        """Give a record a new value if its revision is still that of ``record``; whether it was."""

    @abstractmethod
    async def delete(self, record: Record) -> bool:
        """Remove a record if its revision is still that of ``record``; whether it was."""


class OldStore(ABC):
    """The platform's older store, one document per block: only read, never changed."""

    @abstractmethod
    async def courses(self) -> list[bytes]:
        """The documents of course blocks, of each no more than its ``_id``."""

    @abstractmethod
    def blocks(self, org: str, course: str, *, batch: int = 1000) -> Stream[Sequence[bytes]]:
        """The documents of all blocks of an organisation and course number, in any order, in batches."""


class Backend(ABC):
    """A database: the five ports, and what concerns it as a whole.

    Attributes:
        old_store: the platform's older store in the same database; None where there can be none.
        max_document: bytes that one document may have.
        has_atomic_groups: whether a `group` is done whole or not at all, and nobody sees a part of it.
    """

    index: Index
    structures: Structures
    definitions: Definitions
    files: Files
    records: Records
    max_document: int
    old_store: OldStore | None = None
    has_atomic_groups: bool = False

    @abstractmethod
    async def now(self) -> datetime:
        """The database's own time, to the millisecond. One round trip."""

    @abstractmethod
    async def is_empty(self) -> bool:
        """Whether it has no index entry, structure, definition, block of the older store or file in GridFS.

        Creates nothing.
        """

    @abstractmethod
    async def create_indexes(self, indexes: Sequence[DatabaseIndex]) -> list[str]:
        """Make the database indexes that are missing; the names of those made.

        A backend with a schema of its own makes none.
        """

    @abstractmethod
    async def missing_indexes(self, indexes: Sequence[DatabaseIndex]) -> list[str]:
        """Names of those that :meth:`create_indexes` would make."""

    @abstractmethod
    def group(self) -> AbstractAsyncContextManager[Backend]:
        """A backend whose writes belong together.

        Where the database can (SQLite), they become visible together when the context ends, and none is done
        if it ends with an exception. Elsewhere they are done one by one, in the order given. Either way a
        reader that goes through the index sees them all or none, as long as the swap comes last.
        """

    def past_cache(self) -> Backend:
        """The backend without the cache before it, if it has one: what it reads is what the database has."""
        return self

    @abstractmethod
    async def close(self) -> None:
        """Give back connections. The backend cannot be used afterwards; closing twice is no error."""
