"""The port of files, in the platform's layout: GridFS.

A file is uploaded under an id of its own, and then takes the place of the one before in a transaction. Small
files go in one transaction with their bytes. A server without transactions (one that is in no replica set)
does the same steps one by one: for that moment the files are not there, a crash can leave their names without
files, and two uploads of one name must not meet. The document of a file is always the first to go and the
last to come, so that chunks that are left in the middle of it belong to nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, BinaryIO

from bson import ObjectId
from pymongo.asynchronous.client_session import AsyncClientSession

from modulestore._async.mongo.buckets import Bucket
from modulestore._async.mongo.collections import Collections
from modulestore._async.mongo.file_moves import FileMoves
from modulestore._async.mongo.file_upkeep import FileUpkeep
from modulestore._async.mongo.transactions import Transactions
from modulestore._async.ports import Files
from modulestore._async.waiting import Stream, run_blocking
from modulestore.errors import AssetNotFound, Conflict, CorruptDocument, ModuleStoreError
from modulestore.keys import AssetKey, ContextKey
from modulestore.model.files import CourseFile, FilesChecked, FileVersion, Leftover, with_kept
from modulestore.storage.content import file_key, read_piece
from modulestore.storage.documents import now
from modulestore.storage.mongo.errors import driver_errors
from modulestore.storage.mongo.files import (
    BUCKET,
    CHUNK,
    OF_THE_BYTES,
    TRASH,
    course_filter,
    decode_file,
    encode_chunks,
    encode_file,
    file_id,
    metadata_changes,
)

__all__ = ["MongoFiles"]

_SLICE = 8 * CHUNK  # bytes that are sent or fetched at once


class MongoFiles(Files):
    """The GridFS bucket ``fs``, and the trash."""

    def __init__(self, collections: Collections, transactions: Transactions) -> None:
        courses, trash = Bucket(collections, BUCKET), Bucket(collections, TRASH)
        self._files = courses.files
        self._chunks = courses.chunks
        self._transactions = transactions
        self._moves = FileMoves(courses, trash, transactions)
        self._upkeep = FileUpkeep(courses, trash, transactions)

    async def get(self, key: AssetKey) -> CourseFile | None:
        document = await self._find(key)
        return None if document is None else decode_file(document, key.course)

    async def list(self, course: ContextKey) -> list[CourseFile]:
        with driver_errors(str(course)):
            found = await self._files.find(course_filter(course)).to_list()
        files = [decode_file(document, course) for document in found]
        return sorted(files, key=lambda file: (file.key.name, file.key.type))

    async def put(self, file: CourseFile, source: BinaryIO, *, keep: Collection[str] = ()) -> CourseFile:
        upload = ObjectId()
        try:
            length, md5 = await self._upload(upload, source, str(file.key))
            return await self._switch(_stored(file, length, md5), upload, keep)
        except BaseException:
            await self._forget(upload)
            raise

    async def put_many(self, files: Sequence[tuple[CourseFile, bytes]]) -> Sequence[CourseFile]:
        stored = await run_blocking(_with_digests, files)
        latest = {file.key: (file, data) for file, (_, data) in zip(stored, files, strict=True)}
        documents = [encode_file(file) for file, _ in latest.values()]
        chunks = [chunk for file, data in latest.values() for chunk in encode_chunks(file.key, data)]
        names = {"$in": [document["_id"] for document in documents]}

        async def steps(session: AsyncClientSession | None) -> None:
            await self._files.delete_many({"_id": names}, session=session)
            await self._chunks.delete_many({"files_id": names}, session=session)
            if chunks:
                await self._chunks.insert_many(chunks, session=session)
            await self._files.insert_many(documents, session=session)

        if stored:
            await self._transactions.write_alone(steps, str(stored[0].key.course))
        return stored

    async def update(self, was: CourseFile, file: CourseFile) -> bool:
        if not (changes := metadata_changes(was, file)):
            return await self._find(was.key) is not None
        with driver_errors(str(was.key)):
            result = await self._files.update_one({"_id": file_id(was.key)}, {"$set": changes})
        return result.matched_count == 1

    async def set_digest(self, file: CourseFile, md5: str) -> bool:
        nothing = {"$in": [None, ""]}
        same = {"_id": file_id(file.key), "length": file.length, "uploadDate": file.uploaded_on}
        with driver_errors(str(file.key)):
            result = await self._files.update_one(
                {**same, "custom_md5": nothing, "md5": nothing}, {"$set": {"custom_md5": md5}}
            )
        return result.matched_count == 1

    async def fetch(self, file: CourseFile, start: int, stop: int) -> bytes:
        if start >= stop:
            return b""
        name, place, chunk = file_id(file.key), str(file.key), file.piece or CHUNK
        first, last = start // chunk, (stop - 1) // chunk
        with driver_errors(place):
            query = self._chunks.find(
                {"files_id": name, "n": {"$gte": first, "$lte": last}}, {"n": 1, "data": 1}
            )
            found = {item["n"]: item["data"] for item in await query.to_list()}
        current = await self.get(file.key)
        if current is None:
            raise AssetNotFound("there is no such file any more", place=place)
        if file.md5 is None:
            current = replace(current, md5=None)  # it may have been given one since
        if any(getattr(current, name) != getattr(file, name) for name in OF_THE_BYTES):
            # Chunks belong to a name: these may be of the file that is there now.
            raise Conflict("the file was replaced while it was read", place=place, hint="read it again")
        parts = []
        for number in range(first, last + 1):
            at = number * chunk
            part = bytes(found.get(number, b""))[max(start - at, 0) : stop - at]
            if len(part) != min(stop, at + chunk) - max(start, at):
                raise CorruptDocument("bytes of the file are missing", place=f"{place}, chunk {number}")
            parts.append(part)
        return b"".join(parts)

    async def delete(self, key: AssetKey) -> bool:
        # Without its document nobody finds the chunks, so a crash in between leaves nothing that is wrong.
        with driver_errors(str(key)):
            result = await self._files.delete_one({"_id": file_id(key)})
            await self._chunks.delete_many({"files_id": file_id(key)})
        return result.deleted_count == 1

    async def discard(self, key: AssetKey) -> bool:
        return await self._moves.discard(key)

    async def trash(self, course: ContextKey) -> Sequence[FileVersion]:
        return await self._moves.trash(course)

    async def history(self, key: AssetKey) -> Sequence[FileVersion]:
        file = await self.get(key)
        current = [] if file is None else [FileVersion(file, ended_on=None)]
        return current or await self._moves.in_trash({"_id": file_id(key)}, key.course)

    async def restore(self, version: FileVersion) -> CourseFile | None:
        current = await self.get(version.file.key)
        return current if current == version.file else await self._moves.restore(version)

    async def copy(self, files: Sequence[CourseFile], target: ContextKey) -> Sequence[CourseFile]:
        return await self._moves.copy(files, target)

    def problems(
        self, course: ContextKey | None = None, *, deep: bool = False, batch: int = 200
    ) -> Stream[FilesChecked]:
        wanted = {} if course is None else course_filter(course)
        return self._upkeep.problems(wanted, deep=deep, batch=batch)

    def leftovers(self, before: datetime, *, batch: int = 1000) -> Stream[Sequence[Leftover]]:
        return self._upkeep.leftovers(before, batch=batch)

    async def delete_leftovers(self, names: Collection[str], before: datetime) -> int:
        return await self._upkeep.delete_leftovers(names, before)

    async def _find(self, key: AssetKey) -> dict[str, Any] | None:
        with driver_errors(str(key)):
            return await self._files.find_one({"_id": file_id(key)})

    async def _upload(self, upload: ObjectId, source: BinaryIO, place: str) -> tuple[int, str]:
        md5, length = hashlib.md5(usedforsecurity=False), 0
        while data := await run_blocking(read_piece, source, _SLICE):
            md5.update(data)
            number = length // CHUNK
            parts = [data[at : at + CHUNK] for at in range(0, len(data), CHUNK)]
            with driver_errors(place):
                await self._chunks.insert_many(
                    [{"files_id": upload, "n": n, "data": part} for n, part in enumerate(parts, number)]
                )
            length += len(data)
        return length, md5.hexdigest()

    async def _switch(self, file: CourseFile, upload: ObjectId, keep: Collection[str]) -> CourseFile:
        name, stored = {"files_id": file_id(file.key)}, file

        async def steps(session: AsyncClientSession | None) -> None:
            nonlocal stored
            found = await self._files.find_one_and_delete({"_id": file_id(file.key)}, session=session)
            replaced = None if found is None else decode_file(found, file.key.course)
            stored = with_kept(file, replaced, keep)
            await self._chunks.delete_many(name, session=session)
            await self._chunks.update_many({"files_id": upload}, {"$set": name}, session=session)
            await self._files.insert_one(encode_file(stored), session=session)

        await self._transactions.write(steps, str(file.key))
        return stored

    async def _forget(self, upload: ObjectId) -> None:
        try:
            with driver_errors():
                await self._chunks.delete_many({"files_id": upload})
        except ModuleStoreError:
            pass  # nothing points to these chunks; the error that brought us here is the one to report


def _with_digests(files: Sequence[tuple[CourseFile, bytes]]) -> list[CourseFile]:
    return [
        _stored(file, len(data), hashlib.md5(data, usedforsecurity=False).hexdigest()) for file, data in files
    ]


def _stored(file: CourseFile, length: int, md5: str) -> CourseFile:
    return replace(
        file, key=file_key(file.key), length=length, md5=md5, sha256=None, uploaded_on=now(), piece=CHUNK
    )
