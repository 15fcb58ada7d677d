"""Bytes of files in the layout *content*, each stored once."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Final

from bson import ObjectId

from modulestore._async.mongo.collections import Collections
from modulestore._async.mongo.mixed_uploads import MixedUploads
from modulestore._async.mongo.upserts import upsert_each
from modulestore._async.waiting import Lock
from modulestore.errors import AssetNotFound, CorruptDocument, ModuleStoreError
from modulestore.model.files import CourseFile
from modulestore.storage.content import Content
from modulestore.storage.documents import now
from modulestore.storage.mongo.blobs import (
    BLOBS,
    IS_WHOLE,
    NOTHING,
    UploadId,
    completion,
    new_registration,
    registration,
    revival,
    unregistration,
)
from modulestore.storage.mongo.errors import driver_errors
from modulestore.storage.mongo.updates import Pipeline
from modulestore.storage.recent import Recent

__all__ = ["Blobs"]

_REMEMBERED: Final = 10_000  # digests whose uploads are known to this process


class Blobs:
    """The collection ``modulestore.blobs``, and the uploads that it names."""

    def __init__(self, collections: Collections, uploads: MixedUploads) -> None:
        self._blobs = collections.latest(BLOBS)
        self._uploads = uploads
        self._known = Recent[bytes, UploadId](_REMEMBERED)
        self._lock = Lock()

    async def store(self, contents: Mapping[bytes, Content], put: ObjectId) -> bool:
        """Store bytes by their SHA-256, unless they are there; what is there is not sent.

        Whether all of them are there now: an upload that takes longer than pruning spares it is not. To be
        called when their being needed has been announced; then they stay.

        Cost: two round trips, or four for many; for new bytes one more, and one for 4 MB of them.
        """
        uploads = dict(zip(contents, await self._uploads.begin(len(contents)), strict=True))
        missing: set[bytes] = set()
        try:
            await self._register(contents, uploads, put)
            missing = contents.keys() - await self.whole(contents)
            await self._uploads.send({uploads[digest]: contents[digest] for digest in missing})
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
            upload = self._known.get(digest)
        found = None if upload is None else await self._uploads.read(upload, start, stop)
        if found is not None:
            return found
        # Not read yet by this process, or written anew since it was.
        upload = await self.upload_of(file)
        if upload is None:
            raise AssetNotFound("there is no such file any more", place=str(file.key))
        found = await self._uploads.read(upload, start, stop)
        if found is None:
            raise CorruptDocument("bytes of the file are missing", place=str(file.key))
        async with self._lock:
            self._known.put(digest, upload, 1)
        return found

    async def upload_of(self, file: CourseFile) -> UploadId | None:
        """The upload that has the bytes of a file; None if they were pruned. One round trip."""
        digest = bytes.fromhex(file.sha256 or "")
        with driver_errors(str(file.key)):
            document = await self._blobs.find_one({"_id": digest, **IS_WHOLE}, {"upload": 1})
        return None if document is None else document["upload"]

    async def _register(
        self, contents: Mapping[bytes, Content], uploads: Mapping[bytes, UploadId], put: ObjectId
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

    async def _give_up(self, digests: Iterable[bytes], sent: Collection[UploadId], put: ObjectId) -> None:
        """Take back what was registered, and what was sent of it: it cannot be completed any more."""
        names = {"$in": list(digests)}
        try:
            with driver_errors():
                await self._blobs.update_many({"_id": names, "uploading.put": put}, unregistration(put))
                await self._blobs.delete_many({"_id": names, **NOTHING})
                await self._uploads.delete(sent)
        except ModuleStoreError:
            pass  # nobody reads what stays; the error that brought us here is the one to report
