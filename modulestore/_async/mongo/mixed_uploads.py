"""Uploads of a database, wherever their bytes are."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TypeVar

from bson import ObjectId

from modulestore._async.mongo.chunk_uploads import ChunkUploads
from modulestore._async.mongo.object_uploads import ObjectUploads
from modulestore._async.mongo.uploads import Uploads
from modulestore._async.waiting import Stream, closing
from modulestore.storage.content import Content
from modulestore.storage.mongo.blobs import UploadId

__all__ = ["MixedUploads"]

T = TypeVar("T")


class MixedUploads(Uploads[UploadId]):
    """New ones are objects, if there is a place for them; old ones stay what they are."""

    def __init__(self, chunks: ChunkUploads, objects: ObjectUploads) -> None:
        self._chunks = chunks
        self._objects = objects

    async def begin(self, count: int) -> Sequence[UploadId]:
        return await (self._chunks if self._objects.place is None else self._objects).begin(count)

    async def send(self, contents: Mapping[UploadId, Content]) -> None:
        chunked, objects = _split(contents)
        await self._chunks.send(chunked)
        await self._objects.send(objects)

    async def read(self, upload: UploadId, start: int, stop: int) -> bytes | None:
        if isinstance(upload, str):
            return await self._objects.read(upload, start, stop)
        return await self._chunks.read(upload, start, stop)

    async def size(self, upload: UploadId) -> int:
        if isinstance(upload, str):
            return await self._objects.size(upload)
        return await self._chunks.size(upload)

    async def faults(self, lengths: Mapping[UploadId, int]) -> Mapping[UploadId, Sequence[str]]:
        chunked, objects = _split(lengths)
        in_chunks, in_objects = await self._chunks.faults(chunked), await self._objects.faults(objects)
        return dict([*in_chunks.items(), *in_objects.items()])

    async def delete(self, uploads: Collection[UploadId]) -> None:
        chunked, objects = _split(dict.fromkeys(uploads))
        await self._chunks.delete(chunked)
        await self._objects.delete(objects)

    async def every(self) -> Stream[UploadId]:
        async with closing(self._chunks.every()) as chunked:
            async for upload in chunked:
                yield upload
        async with closing(self._objects.every()) as objects:
            async for name in objects:
                yield name


def _split(uploads: Mapping[UploadId, T]) -> tuple[dict[ObjectId, T], dict[str, T]]:
    """Those that are chunks, and those that are objects."""
    chunked = {upload: value for upload, value in uploads.items() if isinstance(upload, ObjectId)}
    objects = {upload: value for upload, value in uploads.items() if isinstance(upload, str)}
    return chunked, objects
