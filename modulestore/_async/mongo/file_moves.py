"""Files of GridFS that the server itself copies: to another course, into the trash and back.

The trash is a bucket of its own, ``trash_fs``, as platforms keep theirs. Chunks are copied inside the server
under an id of their own; then they take the name of the file in the transaction that stores its document, as
those of an upload do. Whoever replaces a file replaces its document: if that is the same before and after,
the copy is one of a whole file.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from bson import ObjectId
from pymongo import UpdateMany
from pymongo.asynchronous.client_session import AsyncClientSession

from modulestore._async.mongo.buckets import Bucket
from modulestore._async.mongo.collections import PlainCollection
from modulestore._async.mongo.transactions import Transactions
from modulestore.errors import ModuleStoreError
from modulestore.keys import AssetKey, ContextKey
from modulestore.model.files import CourseFile, FileVersion
from modulestore.storage.content import file_key
from modulestore.storage.documents import now
from modulestore.storage.mongo.errors import driver_errors
from modulestore.storage.mongo.files import (
    OF_THE_BYTES,
    copied_document,
    course_filter,
    decode_file,
    decode_file_key,
    file_id,
)

__all__ = ["FileMoves"]

_FILES: Final = 100  # that are copied together
_BYTES: Final = 64 * 1024 * 1024  # of them together, if it is more than one


@dataclass(slots=True)
class _Copy:
    """One file on its way: its document, what it becomes, and the id that its chunks have meanwhile."""

    document: Mapping[str, Any]
    becomes: CourseFile
    upload: ObjectId


class FileMoves:
    """What the port of files does without seeing bytes."""

    def __init__(self, courses: Bucket, trash: Bucket, transactions: Transactions) -> None:
        self._course = courses
        self._trash = trash
        self._transactions = transactions

    async def copy(self, files: Sequence[CourseFile], target: ContextKey) -> list[CourseFile]:
        """Files of another course, stored in ``target`` in place of what has their names."""
        stored: list[CourseFile] = []
        for batch in _batches(files):
            wanted = {file: file_key(file.key.map_into(target)) for file in batch}
            stored += await self._move(self._course, self._course, wanted)
        return stored

    async def discard(self, key: AssetKey) -> bool:
        """Move a file into the trash, in place of what is there of its name."""
        while True:
            with driver_errors(str(key)):
                document = await self._course.files.find_one({"_id": file_id(key)})
            if document is None:
                return False
            file = decode_file(document, key.course)
            if await self._move(self._course, self._trash, {file: file.key}, away=True):
                return True

    async def restore(self, version: FileVersion) -> CourseFile | None:
        """Move a file out of the trash, in place of what has its name now."""
        key = version.file.key
        for past in await self.in_trash({"_id": file_id(key)}, key.course):
            if past.file == version.file:
                stored = await self._move(self._trash, self._course, {past.file: past.file.key}, away=True)
                return stored[0] if stored else None
        return None

    async def trash(self, course: ContextKey) -> list[FileVersion]:
        """What is in the trash of a course and has no file of its name, by name."""
        found = await self.in_trash(course_filter(course), course)
        names = [file_id(version.file.key) for version in found]
        with driver_errors(str(course)):
            there = await self._course.files.find({"_id": {"$in": names}}, {"_id": 1}).to_list()
        taken = {decode_file_key(document["_id"], course) for document in there}
        return [version for version in found if version.file.key not in taken]

    async def in_trash(self, wanted: Mapping[str, Any], course: ContextKey) -> list[FileVersion]:
        """What a filter finds in the trash, by name. A file in the trash is as old as its being there."""
        with driver_errors(str(course)):
            documents = await self._trash.files.find(wanted).to_list()
        files = [decode_file(document, course) for document in documents]
        files.sort(key=lambda file: (file.key.name, file.key.type))
        return [FileVersion(file, file.uploaded_on) for file in files]

    async def _move(
        self, source: Bucket, target: Bucket, wanted: Mapping[CourseFile, AssetKey], *, away: bool = False
    ) -> list[CourseFile]:
        """Store files under other names, or in another bucket; those that were still the same.

        With ``away`` they are gone from where they were.
        """
        with driver_errors():
            names = [file_id(file.key) for file in wanted]
            documents = await source.files.find({"_id": {"$in": names}}).to_list()
        copies = []
        for file, key in wanted.items():
            document = next((one for one in documents if _is_of(one, file)), None)
            if document is not None:
                becomes = replace(file, key=key, uploaded_on=now())
                copies.append(_Copy(document, becomes, ObjectId()))
        if not copies:
            return []
        try:
            await self._copy_chunks(source, target, copies)
            return await self._switch(source, target, copies, away=away)
        finally:
            await self._forget(target.chunks, [copy.upload for copy in copies])

    async def _copy_chunks(self, source: Bucket, target: Bucket, copies: Sequence[_Copy]) -> None:
        names = [copy.document["_id"] for copy in copies]
        uploads = [copy.upload for copy in copies]
        place = {"$indexOfArray": [{"$literal": names}, "$files_id"]}
        upload = {"$arrayElemAt": [{"$literal": uploads}, place]}
        with driver_errors("files"):
            # As a command: what a collection's own method gives is not the same in Motor.
            await source.chunks.database.command(
                "aggregate",
                source.chunks.name,
                pipeline=[
                    {"$match": {"files_id": {"$in": names}}},
                    {"$project": {"_id": 0, "files_id": upload, "n": 1, "data": 1}},
                    {"$merge": {"into": target.chunks.name, "whenMatched": "fail"}},
                ],
                cursor={},
                writeConcern=target.chunks.write_concern.document,
            )

    async def _switch(
        self, source: Bucket, target: Bucket, copies: Sequence[_Copy], *, away: bool
    ) -> list[CourseFile]:
        stored: list[CourseFile] = []

        async def steps(session: AsyncClientSession | None) -> None:
            stored.clear()
            left = await self._unchanged(source, copies, session)
            if not left:
                return
            documents = [copied_document(copy.document, copy.becomes) for copy in left]
            names = [document["_id"] for document in documents]
            gone = [copy.document["_id"] for copy in left]
            await target.files.delete_many({"_id": {"$in": names}}, session=session)
            await target.chunks.delete_many({"files_id": {"$in": names}}, session=session)
            await target.chunks.bulk_write(
                [
                    UpdateMany({"files_id": copy.upload}, {"$set": {"files_id": name}})
                    for copy, name in zip(left, names, strict=True)
                ],
                session=session,
            )
            await target.files.insert_many(documents, session=session)
            if away:
                await source.files.delete_many({"_id": {"$in": gone}}, session=session)
                await source.chunks.delete_many({"files_id": {"$in": gone}}, session=session)
            stored.extend(copy.becomes for copy in left)

        await self._transactions.write_alone(steps, str(copies[0].becomes.key))
        return stored

    async def _unchanged(
        self, source: Bucket, copies: Sequence[_Copy], session: AsyncClientSession | None
    ) -> list[_Copy]:
        names = [copy.document["_id"] for copy in copies]
        found = await source.files.find({"_id": {"$in": names}}, session=session).to_list()
        return [
            copy for copy in copies if any(_is_same_upload(document, copy.document) for document in found)
        ]

    async def _forget(self, chunks: PlainCollection, uploads: Sequence[ObjectId]) -> None:
        """Remove chunks that have not become a file's; of those that have, none has this name any more."""
        try:
            with driver_errors():
                await chunks.delete_many({"files_id": {"$in": list(uploads)}})
        except ModuleStoreError:
            pass  # nothing points to them; if an error brought us here, that is the one to report


def _is_of(document: Mapping[str, Any], file: CourseFile) -> bool:
    """Whether a document is that of a file."""
    there = decode_file(document, file.key.course)
    return there.key == file.key and all(getattr(there, name) == getattr(file, name) for name in OF_THE_BYTES)


def _is_same_upload(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    return all(one.get(name) == other.get(name) for name in ("_id", "uploadDate", "length", "chunkSize"))


def _batches(files: Sequence[CourseFile]) -> list[Sequence[CourseFile]]:
    """Files in order, so many at a time that they are neither too many nor too large together."""
    batches: list[Sequence[CourseFile]] = []
    batch: list[CourseFile] = []
    for file in files:
        if len(batch) == _FILES or sum(one.length for one in batch) + file.length > _BYTES:
            batches.append(batch)
            batch = []
        batch.append(file)
    return [one for one in (*batches, batch) if one]
