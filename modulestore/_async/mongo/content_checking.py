"""Whether the files of the layout *content* can be read, and whether their bytes are all there."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from bson import ObjectId

from modulestore._async.mongo.batches import in_batches
from modulestore._async.mongo.collections import Collections
from modulestore._async.waiting import Stream, closing
from modulestore.errors import CorruptDocument
from modulestore.model.files import CourseFile, FileProblem, FilesChecked, wrong_pieces
from modulestore.storage.content import course_name
from modulestore.storage.mongo.blobs import (
    BLOBS,
    CHUNK,
    CHUNKS,
    IS_WHOLE,
    number_of,
    of_upload,
    upload_of,
)
from modulestore.storage.mongo.errors import driver_errors
from modulestore.storage.mongo.file_versions import FILES, IS_THERE, decode_version

__all__ = ["ContentChecks"]

_SIZE: Final[Mapping[str, Any]] = {
    "$cond": [{"$eq": [{"$type": "$data"}, "binData"]}, {"$binarySize": "$data"}, 0]
}
_AT_ONCE: Final = 16  # chunks


class ContentChecks:
    """Looks at the files that are there."""

    def __init__(self, collections: Collections) -> None:
        self._files = collections.current(FILES)
        self._blobs = collections.current(BLOBS)
        self._chunks = collections.current(CHUNKS)

    async def problems(self, course: str | None, *, deep: bool, batch: int) -> Stream[FilesChecked]:
        """What is wrong with the files of a course, by what they are found by, or of all."""
        wanted = {**IS_THERE} if course is None else {"course": course, **IS_THERE}
        with driver_errors("files"):
            query = self._files.find(wanted, {"history": 0, "pending": 0}, batch_size=batch)
            async with closing(in_batches(query, batch)) as batches:
                async for documents in batches:
                    yield await self._checked(documents, deep)

    async def _checked(self, documents: Sequence[Mapping[str, Any]], deep: bool) -> FilesChecked:
        problems: list[FileProblem] = []
        files: dict[str, CourseFile] = {}
        for document in documents:
            name = document["_id"]
            try:
                files[name] = file = decode_version(name, document["current"], None)
            except CorruptDocument as error:
                problems.append(FileProblem(name, error.message))
                continue
            problems += [FileProblem(name, message, lost=False) for message in _unsound(document, file)]
        blobs = await self._whole(files.values())
        chunks = await self._sizes([blob["upload"] for blob in blobs.values()])
        for name, file in files.items():
            blob = blobs.get(bytes.fromhex(file.sha256 or ""))
            found = list(_wrong(file, blob, {} if blob is None else chunks.get(blob["upload"], {})))
            if not found and blob is not None and deep:
                found = await self._other_bytes(file, blob["upload"])
            problems += [FileProblem(name, message) for message in found]
        return FilesChecked(len(documents), problems)

    async def _whole(self, files: Iterable[CourseFile]) -> dict[bytes, dict[str, Any]]:
        digests = {bytes.fromhex(file.sha256 or "") for file in files}
        found = await self._blobs.find({"_id": {"$in": list(digests)}, **IS_WHOLE}).to_list()
        return {document["_id"]: document for document in found}

    async def _sizes(self, uploads: Sequence[ObjectId]) -> dict[ObjectId, dict[int, list[int]]]:
        """Of each upload, the sizes of its chunks by number."""
        found: dict[ObjectId, dict[int, list[int]]] = {}
        if uploads:
            wanted = {"$or": [of_upload(upload) for upload in uploads]}
            async for chunk in self._chunks.find(wanted, {"size": _SIZE}):
                upload, number = upload_of(chunk["_id"]), number_of(chunk["_id"])
                found.setdefault(upload, {})[number] = [chunk["size"]]
        return found

    async def _other_bytes(self, file: CourseFile, upload: ObjectId) -> list[str]:
        """Whether the bytes are those that the digests were made of. A few chunks are in memory at a time."""
        sha256, md5 = hashlib.sha256(), hashlib.md5(usedforsecurity=False)
        async for chunk in self._chunks.find(of_upload(upload), batch_size=_AT_ONCE).sort("_id"):
            sha256.update(chunk["data"])
            md5.update(chunk["data"])
        if sha256.hexdigest() != file.sha256:
            return ["its bytes are not those that were stored: the SHA-256 differs"]
        if file.md5 not in (None, md5.hexdigest()):
            return ["the stored MD5 is not that of its bytes"]
        return []


def _unsound(document: Mapping[str, Any], file: CourseFile) -> Iterator[str]:
    """What is wrong with a file whose bytes are there all the same."""
    if course_name(file.key.course) != document.get("course"):
        yield f"it is listed under {document.get('course')}"
    if document["current"]["sha256"] not in document.get("blobs", []):
        yield "pruning would take its bytes for unused"


def _wrong(
    file: CourseFile, blob: Mapping[str, Any] | None, chunks: Mapping[int, Sequence[int]]
) -> Iterator[str]:
    if blob is None:
        yield "none of its bytes are there"
        return
    if blob["length"] != file.length:
        yield f"its bytes are said to be {blob['length']:,} instead of {file.length:,}"
    yield from wrong_pieces(file.length, CHUNK, chunks, "chunks")
