"""Whether the files of the layout *content* can be read, and whether their bytes are all there."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from modulestore._async.mongo.batches import in_batches
from modulestore._async.mongo.collections import Collections
from modulestore._async.mongo.mixed_uploads import MixedUploads
from modulestore._async.waiting import Stream, closing
from modulestore.errors import CorruptDocument
from modulestore.model.files import CourseFile, FileProblem, FilesChecked
from modulestore.storage.content import course_name
from modulestore.storage.mongo.blobs import BLOBS, IS_WHOLE, UploadId
from modulestore.storage.mongo.errors import driver_errors
from modulestore.storage.mongo.file_versions import FILES, IS_THERE, decode_version

__all__ = ["ContentChecks"]

_STEP: Final = 4 * 1024 * 1024
"""Bytes of a file that are looked at together."""


class ContentChecks:
    """Looks at the files that are there."""

    def __init__(self, collections: Collections, uploads: MixedUploads) -> None:
        self._files = collections.current(FILES)
        self._blobs = collections.current(BLOBS)
        self._uploads = uploads

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
        of_files = {name: blobs.get(bytes.fromhex(file.sha256 or "")) for name, file in files.items()}
        lengths = {blob["upload"]: files[name].length for name, blob in of_files.items() if blob is not None}
        faults = await self._uploads.faults(lengths)
        for name, file in files.items():
            blob = of_files[name]
            found = list(_wrong(file, blob, () if blob is None else faults[blob["upload"]]))
            if not found and blob is not None and deep:
                found = await self._other_bytes(file, blob["upload"])
            problems += [FileProblem(name, message) for message in found]
        return FilesChecked(len(documents), problems)

    async def _whole(self, files: Iterable[CourseFile]) -> dict[bytes, dict[str, Any]]:
        digests = {bytes.fromhex(file.sha256 or "") for file in files}
        found = await self._blobs.find({"_id": {"$in": list(digests)}, **IS_WHOLE}).to_list()
        return {document["_id"]: document for document in found}

    async def _other_bytes(self, file: CourseFile, upload: UploadId) -> list[str]:
        """Whether the bytes are those that the digests were made of. A few MB are in memory at a time."""
        sha256, md5 = hashlib.sha256(), hashlib.md5(usedforsecurity=False)
        for start in range(0, file.length, _STEP):
            data = await self._uploads.read(upload, start, min(start + _STEP, file.length))
            if data is None:
                return ["some of its bytes are not there any more"]
            sha256.update(data)
            md5.update(data)
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


def _wrong(file: CourseFile, blob: Mapping[str, Any] | None, faults: Sequence[str]) -> Iterator[str]:
    if blob is None:
        yield "none of its bytes are there"
        return
    if blob["length"] != file.length:
        yield f"its bytes are said to be {blob['length']:,} instead of {file.length:,}"
    yield from faults
