"""What no file needs any more in the layout *content*, and how it goes while others write.

Bytes are deleted in four steps: they are *condemned* by a mark of this call alone; it is asked which of them
some name refers to; the document of the digest goes, if it still has the mark; then its chunks or object.
Whoever needs bytes announces so, and then takes the mark away. Whichever comes first, one of the two sees
the other: see docs/decisions/0026-files-once.md. Times say what is left over; that nothing is lost does not
depend on them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from bson import ObjectId

from modulestore._async.mongo.batches import in_batches
from modulestore._async.mongo.collections import Collections
from modulestore._async.mongo.mixed_uploads import MixedUploads
from modulestore._async.waiting import Stream, closing
from modulestore.model.files import Leftover
from modulestore.storage.mongo.blobs import (
    BLOBS,
    UploadId,
    begun_on,
    condemnation,
    giving_up,
    naming,
    pardon,
)
from modulestore.storage.mongo.content_leftovers import (
    Reference,
    blob_leftover,
    file_leftover,
    last_references,
    left_references,
    parse_names,
    upload_leftover,
)
from modulestore.storage.mongo.errors import driver_errors
from modulestore.storage.mongo.file_versions import FILES, all_forgotten, forgetting

__all__ = ["ContentPruning"]

_REFERENCES: Final[Mapping[str, int]] = {
    "current.put": 1,
    "current.sha256": 1,
    "history.put": 1,
    "history.sha256": 1,
    "history.ended_on": 1,
    "pending.on": 1,
    "pending.version.put": 1,
    "pending.version.sha256": 1,
}
_LENGTH: Final[Mapping[str, int]] = {"length": 1, "upload": 1}


class ContentPruning:
    """Finds and removes leftovers."""

    def __init__(self, collections: Collections, uploads: MixedUploads) -> None:
        self._files = collections.latest(FILES)
        self._blobs = collections.latest(BLOBS)
        self._uploads = uploads

    async def leftovers(self, before: datetime, *, batch: int) -> Stream[Sequence[Leftover]]:
        """What nobody has needed since a time: versions, then bytes, then uploads, about so many at a time.

        What bytes take is counted with the last version that refers to them.
        """
        for kind in (self._versions, self._unused, self._uploads_given_up, self._uploads_unnamed):
            async with closing(kind(before, batch)) as every:
                async for leftovers in every:
                    yield leftovers

    async def delete_leftovers(self, names: Collection[str], before: datetime) -> int:
        """Remove what still is left over; bytes that are free.

        Cost: some ten round trips, and two for each bytes and each upload that goes.
        """
        named = parse_names(names)
        digests = set(named.blobs)
        with driver_errors("files"):
            if named.files:
                digests |= await self._forget(named.files, before)
            freed = await self._delete_blobs(digests, before) if digests else 0
            return freed + (await self._delete_uploads(named.uploads, before) if named.uploads else 0)

    async def _versions(self, before: datetime, batch: int) -> Stream[Sequence[Leftover]]:
        """Versions that ended, and announcements that nobody came back to."""
        wanted = {"$or": [{"history.ended_on": {"$lt": before}}, {"pending.on": {"$lt": before}}]}
        waiting: list[Reference] = []
        with driver_errors("files"):
            async for document in self._files.find(wanted, _REFERENCES).sort("_id"):
                waiting += left_references(document, before)
                if len(waiting) >= batch:
                    yield await self._with_sizes(waiting, before)
                    waiting = []
            if waiting:
                yield await self._with_sizes(waiting, before)

    async def _with_sizes(self, references: Sequence[Reference], before: datetime) -> list[Leftover]:
        digests = {"$in": list({reference.digest for reference in references})}
        documents = await self._files.find({"blobs": digests}, _REFERENCES).to_list()
        last = last_references(documents, before)
        blobs = await self._blobs.find({"_id": digests, "touched": {"$lt": before}}, _LENGTH).to_list()
        sizes = {document["_id"]: _length(document) for document in blobs}
        return [
            file_leftover(one, sizes.get(one.digest, 0) if last.get(one.digest) == one else 0)
            for one in references
        ]

    async def _unused(self, before: datetime, batch: int) -> Stream[Sequence[Leftover]]:
        """Bytes that no name refers to."""
        with driver_errors("files"):
            query = self._blobs.find({"touched": {"$lt": before}}, _LENGTH).sort("_id")
            async with closing(in_batches(query, batch)) as batches:
                async for documents in batches:
                    sizes = {document["_id"]: _length(document) for document in documents}
                    yield await self._without_used(sizes)

    async def _without_used(self, sizes: Mapping[bytes, int]) -> list[Leftover]:
        used = await self._used(sizes)
        return [blob_leftover(digest, size) for digest, size in sizes.items() if digest not in used]

    async def _uploads_given_up(self, before: datetime, batch: int) -> Stream[Sequence[Leftover]]:
        """Uploads that were registered, and neither completed nor taken back."""
        waiting: list[UploadId] = []
        with driver_errors("files"):
            async for document in self._blobs.find({"uploading.on": {"$lt": before}}, {"uploading": 1}):
                waiting += [one["upload"] for one in document["uploading"] if one["on"] < before]
                if len(waiting) >= batch:
                    yield [upload_leftover(one, await self._uploads.size(one)) for one in waiting]
                    waiting = []
            yield [upload_leftover(one, await self._uploads.size(one)) for one in waiting]

    async def _uploads_unnamed(self, before: datetime, batch: int) -> Stream[Sequence[Leftover]]:
        """Chunks and objects that no document names. What was named once and is not now never will be."""
        async with (
            closing(self._old_uploads(before)) as uploads,
            closing(in_batches(uploads, batch)) as batches,
        ):
            async for some in batches:
                yield await self._without_named(some)

    async def _old_uploads(self, before: datetime) -> Stream[UploadId]:
        async with closing(self._uploads.every()) as every:
            async for upload in every:
                if begun_on(upload) < before:
                    yield upload

    async def _without_named(self, uploads: Sequence[UploadId]) -> list[Leftover]:
        named = await self._named(uploads)
        return [upload_leftover(one, await self._uploads.size(one)) for one in uploads if one not in named]

    async def _used(self, digests: Iterable[bytes]) -> set[bytes]:
        """Those that a name refers to. One round trip."""
        wanted = set(digests)
        query = self._files.find({"blobs": {"$in": list(wanted)}}, {"_id": 0, "blobs": 1})
        return {digest async for document in query for digest in document["blobs"]} & wanted

    async def _named(self, uploads: Iterable[UploadId]) -> set[UploadId]:
        """Those that bytes consist of, or that are registered. One round trip."""
        found = await self._blobs.find(naming(uploads), {"upload": 1, "uploading.upload": 1}).to_list()
        registered = {one["upload"] for document in found for one in document["uploading"]}
        return registered | {document["upload"] for document in found}

    async def _forget(self, files: Mapping[str, Collection[ObjectId]], before: datetime) -> set[bytes]:
        """Remove versions that are left over; digests of the bytes that they referred to."""
        names = {"$in": list(files)}
        documents = await self._files.find({"_id": names}, _REFERENCES).to_list()
        left = [
            reference
            for document in documents
            for reference in left_references(document, before)
            if reference.put in files[reference.name]
        ]
        if left:
            puts = {reference.put for reference in left}
            await self._files.delete_many({"_id": names, **all_forgotten(puts, before)})
            await self._files.update_many({"_id": names}, forgetting(puts, before))
        return {reference.digest for reference in left}

    async def _delete_blobs(self, digests: set[bytes], before: datetime) -> int:
        """Remove bytes that nobody needs; how many."""
        mark = ObjectId()
        wanted = {"$in": list(digests)}
        await self._blobs.update_many({"_id": wanted, "touched": {"$lt": before}}, condemnation(mark))
        used = await self._used(digests)
        if used:
            await self._blobs.update_many({"_id": {"$in": list(used)}, "condemned": mark}, pardon())
        freed = 0
        for digest in digests - used:
            gone = await self._blobs.find_one_and_delete({"_id": digest, "condemned": mark})
            if gone is not None and gone["upload"] is not None:
                await self._uploads.delete([gone["upload"]])
                freed += _length(gone)
        return freed

    async def _delete_uploads(self, uploads: Collection[UploadId], before: datetime) -> int:
        """Give up uploads and remove what was sent of them, unless they are completed; bytes of that."""
        old = [one for one in uploads if begun_on(one) < before]
        await self._blobs.update_many({"uploading.upload": {"$in": old}}, giving_up(old, before))
        freed = 0
        for upload in set(old) - await self._named(old):
            freed += await self._uploads.size(upload)
            await self._uploads.delete([upload])
        return freed


def _length(document: Mapping[str, Any]) -> int:
    """Bytes that are free when this is gone; what was sent of others is counted by upload."""
    return 0 if document["upload"] is None else int(document["length"])
