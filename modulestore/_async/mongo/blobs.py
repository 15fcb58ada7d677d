"""Bytes of files in the layout *content*, each stored once."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, Final

from bson import ObjectId

from modulestore._async.mongo.collections import Collections
from modulestore._async.mongo.upserts import upsert_each
from modulestore._async.waiting import Lock, run_blocking
from modulestore.errors import AssetNotFound, CorruptDocument, ModuleStoreError
from modulestore.model.files import CourseFile
from modulestore.storage.content import Content, pieces
from modulestore.storage.documents import now
from modulestore.storage.mongo.blobs import (
    BLOBS,
    CHUNK,
    CHUNKS,
    IS_WHOLE,
    NOTHING,
    chunk_id,
    completion,
    new_registration,
    of_upload,
    registration,
    revival,
    unregistration,
)
from modulestore.storage.mongo.errors import driver_errors
from modulestore.storage.mongo.updates import Pipeline
from modulestore.storage.recent import Recent

__all__ = ["Blobs"]

_TOGETHER: Final = 16  # chunks that are sent at once
_REMEMBERED: Final = 10_000  # digests whose uploads are known to this process


class Blobs:
    """The collections ``modulestore.blobs`` and ``modulestore.blob_chunks``."""

    def __init__(self, collections: Collections) -> None:
        self._blobs = collections.latest(BLOBS)
        self._chunks = collections.current(CHUNKS)
        self._uploads = Recent[bytes, ObjectId](_REMEMBERED)
        self._lock = Lock()

    async def store(self, contents: Mapping[bytes, Content], put: ObjectId) -> bool:
        """Store bytes by their SHA-256, unless they are there; what is there is not sent.

        Whether all of them are there now: an upload that takes longer than pruning spares it is not. To be
        called when their being needed has been announced; then they stay.

        Cost: two round trips, or four for many; for new bytes one more, and one for 4 MB of them.
        """
        uploads = {digest: ObjectId() for digest in contents}
        missing: set[bytes] = set()
        try:
            await self._register(contents, uploads, put)
            missing = contents.keys() - await self.whole(contents)
            await self._send({uploads[digest]: contents[digest] for digest in missing})
        except BaseException:
            await self._give_up(contents, [uploads[digest] for digest in missing], put)
            raise
        if not missing:
            return True
        with driver_errors("files"):
            result = await self._blobs.update_many(
                {"_id": {"$in": list(missing)}, "uploading.put": put}, completion(put)
            )
        return result.matched_count == len(missing)

    async def revive(self, digests: Collection[bytes]) -> set[bytes]:
        """Those whose bytes are there, and stay if their being needed has been announced. Two round trips."""
        with driver_errors("files"):
            await self._blobs.update_many({"_id": {"$in": list(digests)}, **IS_WHOLE}, revival())
        return await self.whole(digests)

    async def whole(self, digests: Iterable[bytes]) -> set[bytes]:
        """Those whose bytes are all there. One round trip."""
        with driver_errors("files"):
            found = await self._blobs.find({"_id": {"$in": list(digests)}, **IS_WHOLE}, {"_id": 1}).to_list()
        return {document["_id"] for document in found}

    async def fetch(self, file: CourseFile, start: int, stop: int) -> bytes:
        """Bytes of a file. One round trip, and another one if it is not known where they are.

        Raises:
            AssetNotFound: they were pruned.
            CorruptDocument: some of them are missing.
        """
        if start >= stop:
            return b""
        digest = bytes.fromhex(file.sha256 or "")
        async with self._lock:
            upload = self._uploads.get(digest)
        found = None if upload is None else await self._read(upload, start, stop)
        if found is not None:
            return found
        # Not read yet by this process, or written anew since it was.
        with driver_errors(str(file.key)):
            document = await self._blobs.find_one({"_id": digest, **IS_WHOLE}, {"upload": 1})
        if document is None:
            raise AssetNotFound("there is no such file any more", place=str(file.key))
        found = await self._read(document["upload"], start, stop)
        if found is None:
            raise CorruptDocument("bytes of the file are missing", place=str(file.key))
        async with self._lock:
            self._uploads.put(digest, document["upload"], 1)
        return found

    async def _read(self, upload: ObjectId, start: int, stop: int) -> bytes | None:
        """Bytes of an upload; None if some of them are missing."""
        first, last = start // CHUNK, (stop - 1) // CHUNK
        with driver_errors(f"upload {upload}"):
            found = await self._chunks.find(of_upload(upload, first, last)).sort("_id").to_list()
        if [bytes(chunk["_id"]) for chunk in found] != [chunk_id(upload, n) for n in range(first, last + 1)]:
            return None
        data = b"".join(chunk["data"] for chunk in found)[start - first * CHUNK : stop - first * CHUNK]
        return data if len(data) == stop - start else None

    async def _register(
        self, contents: Mapping[bytes, Content], uploads: Mapping[bytes, ObjectId], put: ObjectId
    ) -> None:
        time = now()
        new = {
            digest: new_registration(put, uploads[digest], content.length, time)
            for digest, content in contents.items()
        }

        def update(digest: bytes) -> Pipeline:
            return registration(put, uploads[digest], contents[digest].length)

        with driver_errors("files"):
            await upsert_each(self._blobs, new, update)

    async def _send(self, contents: Mapping[ObjectId, Content]) -> None:
        chunks = _chunks(contents)
        while some := await run_blocking(_take, chunks):
            with driver_errors("files"):
                await self._chunks.insert_many(some, ordered=False)

    async def _give_up(self, digests: Iterable[bytes], sent: Iterable[ObjectId], put: ObjectId) -> None:
        """Take back what was registered, and what was sent of it: it cannot be completed any more."""
        names = {"$in": list(digests)}
        try:
            with driver_errors():
                await self._blobs.update_many({"_id": names, "uploading.put": put}, unregistration(put))
                await self._blobs.delete_many({"_id": names, **NOTHING})
                for upload in sent:
                    await self._chunks.delete_many(of_upload(upload))
        except ModuleStoreError:
            pass  # nobody reads what stays; the error that brought us here is the one to report


def _chunks(contents: Mapping[ObjectId, Content]) -> Iterator[dict[str, Any]]:
    for upload, content in contents.items():
        content.data.seek(0)
        for number, data in enumerate(pieces(content.data, CHUNK)):
            yield {"_id": chunk_id(upload, number), "data": data}


def _take(chunks: Iterator[dict[str, Any]]) -> list[dict[str, Any]]:
    """So many of the next chunks that they have the size of a message."""
    taken: list[dict[str, Any]] = []
    size = 0
    while size < _TOGETHER * CHUNK and (chunk := next(chunks, None)) is not None:
        taken.append(chunk)
        size += len(chunk["data"])
    return taken
