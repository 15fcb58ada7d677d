"""The port of files, in the layout *content*: bytes once per SHA-256, and a document per name that points to
them.

A file is stored in three steps: it is *announced* in the document of its name; its bytes are found, or sent;
the name is *switched* to it. Who reads sees the old file until the switch, which is one update of one
document, and the new one from then on. What is announced is needed, as far as pruning is concerned, and only
what is still announced can be switched to. So what a name stands for, or has stood for, has its bytes at any
moment: see docs/decisions/0026-files-once.md.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from datetime import datetime
from typing import Any, BinaryIO, Final

from bson import ObjectId

from modulestore._async.mongo.blobs import Blobs
from modulestore._async.mongo.chunk_uploads import ChunkUploads
from modulestore._async.mongo.collections import Collections
from modulestore._async.mongo.content_checking import ContentChecks
from modulestore._async.mongo.content_pruning import ContentPruning
from modulestore._async.mongo.content_writing import Coming, ContentWriter
from modulestore._async.mongo.mixed_uploads import MixedUploads
from modulestore._async.mongo.object_uploads import ObjectUploads
from modulestore._async.ports import Files
from modulestore._async.waiting import Stream, run_blocking
from modulestore.keys import AssetKey, ContextKey
from modulestore.model.files import CourseFile, FilesChecked, FileVersion, Leftover
from modulestore.storage.content import Content, course_name, file_key, in_memory, set_aside
from modulestore.storage.documents import now
from modulestore.storage.mongo.blobs import CHUNK
from modulestore.storage.mongo.errors import driver_errors
from modulestore.storage.mongo.file_versions import (
    FILES,
    IN_TRASH,
    IS_THERE,
    decode_version,
    ending,
    metadata_changes,
    restoring,
    same_version,
)

__all__ = ["ContentFiles"]

_TOGETHER: Final = 1000  # files that are copied at once


class ContentFiles(Files):
    """The collection ``modulestore.files``. Who reads a file gets the same bytes to the end, though it be
    replaced meanwhile.
    """

    def __init__(self, collections: Collections, objects: ObjectUploads) -> None:
        uploads = MixedUploads(ChunkUploads(collections), objects)
        self._files = collections.current(FILES)
        self._objects = objects
        self._blobs = Blobs(collections, uploads)
        self._writer = ContentWriter(collections, self._blobs)
        self._checks = ContentChecks(collections, uploads)
        self._pruning = ContentPruning(collections, uploads)

    async def get(self, key: AssetKey) -> CourseFile | None:
        name = _name(key)
        with driver_errors(name):
            found = await self._files.find_one({"_id": name, **IS_THERE}, {"current": 1})
        return None if found is None else decode_version(name, found["current"], key.course)

    async def list(self, course: ContextKey) -> list[CourseFile]:
        with driver_errors(str(course)):
            wanted = {"course": course_name(course), **IS_THERE}
            found = await self._files.find(wanted, {"current": 1}).to_list()
        files = [decode_version(document["_id"], document["current"], course) for document in found]
        return sorted(files, key=_order)

    async def put(self, file: CourseFile, source: BinaryIO, *, keep: Collection[str] = ()) -> CourseFile:
        with ExitStack() as stack:
            content = await run_blocking(stack.enter_context, set_aside(source, CHUNK))
            return (await self._put([(file, content)], keep))[0]

    async def put_many(self, files: Sequence[tuple[CourseFile, bytes]]) -> Sequence[CourseFile]:
        if not files:
            return []
        return await self._put(await run_blocking(_in_memory, files))

    async def update(self, was: CourseFile, file: CourseFile) -> bool:
        if not (changes := metadata_changes(was, file)):
            return await self.get(was.key) is not None
        name = _name(was.key)
        with driver_errors(name):
            result = await self._files.update_one({"_id": name, **IS_THERE}, {"$set": changes})
        return result.matched_count == 1

    async def fetch(self, file: CourseFile, start: int, stop: int) -> bytes:
        return await self._blobs.fetch(file, start, stop)

    async def object_name(self, file: CourseFile) -> str | None:
        upload = await self._blobs.upload_of(file)
        return self._objects.own_name(upload) if isinstance(upload, str) else None

    async def signed_url(self, file: CourseFile, seconds: int, headers: Mapping[str, str]) -> str | None:
        upload = await self._blobs.upload_of(file)
        if not isinstance(upload, str):
            return None
        return await self._objects.signed_url(upload, seconds, headers)

    async def delete(self, key: AssetKey) -> bool:
        name = _name(key)
        with driver_errors(name):
            result = await self._files.update_one({"_id": name, **IS_THERE}, ending())
        return result.matched_count == 1

    async def discard(self, key: AssetKey) -> bool:
        return await self.delete(key)  # which it remembers

    async def trash(self, course: ContextKey) -> Sequence[FileVersion]:
        with driver_errors(str(course)):
            found = await self._files.find(
                {"course": course_name(course), **IN_TRASH}, {"history": {"$slice": -1}}
            ).to_list()
        versions = [_past(document["_id"], document["history"][-1], course) for document in found]
        return sorted(versions, key=lambda version: _order(version.file))

    async def history(self, key: AssetKey) -> Sequence[FileVersion]:
        name = _name(key)
        with driver_errors(name):
            found = await self._files.find_one({"_id": name}, {"current": 1, "history": 1})
        if found is None:
            return []
        past = [_past(name, version, key.course) for version in reversed(found["history"])]
        if found["current"] is None:
            return past
        return [FileVersion(decode_version(name, found["current"], key.course), ended_on=None), *past]

    async def restore(self, version: FileVersion) -> CourseFile | None:
        # Nothing has to be announced: its bytes are needed already, as long as it is remembered.
        name = _name(version.file.key)
        coming = Coming.of(
            replace(version.file, key=file_key(version.file.key), uploaded_on=now()), ObjectId()
        )
        if not await self._blobs.whole([coming.digest]):
            return None
        with driver_errors(name):
            result = await self._files.update_one(
                {"_id": name, **same_version(version.file)}, restoring(coming.version)
            )
        return coming.file if result.matched_count else None

    async def copy(self, files: Sequence[CourseFile], target: ContextKey) -> Sequence[CourseFile]:
        copied: list[CourseFile] = []
        for at in range(0, len(files), _TOGETHER):
            put, time = ObjectId(), now()
            coming = [
                Coming.of(replace(file, key=file_key(file.key.map_into(target)), uploaded_on=time), put)
                for file in files[at : at + _TOGETHER]
                if file.sha256 is not None
            ]
            copied += await self._writer.store(coming, put, None)
        return copied

    def problems(
        self, course: ContextKey | None = None, *, deep: bool = False, batch: int = 200
    ) -> Stream[FilesChecked]:
        return self._checks.problems(None if course is None else course_name(course), deep=deep, batch=batch)

    def leftovers(self, before: datetime, *, batch: int = 1000) -> Stream[Sequence[Leftover]]:
        return self._pruning.leftovers(before, batch=batch)

    async def delete_leftovers(self, names: Collection[str], before: datetime) -> int:
        return await self._pruning.delete_leftovers(names, before)

    async def _put(
        self, contents: Sequence[tuple[CourseFile, Content]], keep: Collection[str] = ()
    ) -> Sequence[CourseFile]:
        put, time = ObjectId(), now()
        coming = [Coming.of(_stored(file, content, time), put) for file, content in contents]
        by_digest = {content.sha256: content for _, content in contents}
        return await self._writer.store(coming, put, by_digest, keep)


def _name(key: AssetKey) -> str:
    return str(file_key(key))


def _order(file: CourseFile) -> tuple[str, str]:
    return file.key.name, file.key.type


def _past(name: str, version: Mapping[str, Any], course: ContextKey) -> FileVersion:
    return FileVersion(decode_version(name, version, course), version["ended_on"])


def _stored(file: CourseFile, content: Content, time: datetime) -> CourseFile:
    return replace(
        file,
        key=file_key(file.key),
        length=content.length,
        md5=content.md5.hex(),
        sha256=content.sha256.hex(),
        uploaded_on=time,
        piece=CHUNK,
    )


def _in_memory(files: Sequence[tuple[CourseFile, bytes]]) -> list[tuple[CourseFile, Content]]:
    return [(file, in_memory(data)) for file, data in files]
