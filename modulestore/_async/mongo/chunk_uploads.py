"""Uploads as chunks in the database."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, Final

from bson import ObjectId

from modulestore._async.mongo.collections import Collections
from modulestore._async.mongo.uploads import Uploads
from modulestore._async.waiting import Stream, run_blocking
from modulestore.model.files import wrong_pieces
from modulestore.storage.content import Content, pieces
from modulestore.storage.mongo.blobs import CHUNK, CHUNKS, chunk_id, number_of, of_upload, upload_of
from modulestore.storage.mongo.errors import driver_errors

__all__ = ["ChunkUploads"]

_TOGETHER: Final = 16  # chunks that are sent at once
_SIZE: Final[Mapping[str, Any]] = {
    "$cond": [{"$eq": [{"$type": "$data"}, "binData"]}, {"$binarySize": "$data"}, 0]
}


class ChunkUploads(Uploads[ObjectId]):
    """The collection ``modulestore.blob_chunks``."""

    def __init__(self, collections: Collections) -> None:
        self._chunks = collections.current(CHUNKS)
        self._latest = collections.latest(CHUNKS)

    async def begin(self, count: int) -> Sequence[ObjectId]:
        return [ObjectId() for _ in range(count)]

    async def send(self, contents: Mapping[ObjectId, Content]) -> None:
        """One round trip for 4 MB."""
        chunks = _chunks(contents)
        while some := await run_blocking(_take, chunks):
            with driver_errors("files"):
                await self._chunks.insert_many(some, ordered=False)

    async def read(self, upload: ObjectId, start: int, stop: int) -> bytes | None:
        """One round trip."""
        first, last = start // CHUNK, (stop - 1) // CHUNK
        wanted = [chunk_id(upload, number) for number in range(first, last + 1)]
        with driver_errors(f"upload {upload}"):
            # By their ids, not by a range of them, which the shards of a cluster would all be asked for.
            found = await self._chunks.find({"_id": {"$in": wanted}}).sort("_id").to_list()
        if [bytes(chunk["_id"]) for chunk in found] != wanted:
            return None
        data = b"".join(chunk["data"] for chunk in found)[start - first * CHUNK : stop - first * CHUNK]
        return data if len(data) == stop - start else None

    async def size(self, upload: ObjectId) -> int:
        """One round trip."""
        with driver_errors("files"):
            query = self._latest.find(of_upload(upload), {"size": _SIZE})
            return sum([chunk["size"] async for chunk in query])

    async def faults(self, lengths: Mapping[ObjectId, int]) -> Mapping[ObjectId, Sequence[str]]:
        """One round trip."""
        sizes: dict[ObjectId, dict[int, list[int]]] = {upload: {} for upload in lengths}
        if lengths:
            wanted = {"$or": [of_upload(upload) for upload in lengths]}
            with driver_errors("files"):
                async for chunk in self._chunks.find(wanted, {"size": _SIZE}):
                    sizes[upload_of(chunk["_id"])][number_of(chunk["_id"])] = [chunk["size"]]
        return {
            upload: list(wrong_pieces(length, CHUNK, sizes[upload], "chunks"))
            for upload, length in lengths.items()
        }

    async def delete(self, uploads: Collection[ObjectId]) -> None:
        """One round trip each."""
        with driver_errors("files"):
            for upload in uploads:
                await self._latest.delete_many(of_upload(upload))

    async def every(self) -> Stream[ObjectId]:
        """In the order of their ids."""
        last = None
        with driver_errors("files"):
            async for chunk in self._latest.find({}, {"_id": 1}).sort("_id"):
                upload = upload_of(chunk["_id"])
                if upload != last:
                    last = upload
                    yield upload


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
