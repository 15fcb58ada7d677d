"""Which of the two layouts the files of a database have."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import BinaryIO

from modulestore._async.mongo.content_files import ContentFiles
from modulestore._async.mongo.files import MongoFiles
from modulestore._async.ports import Backend, Files
from modulestore._async.preparing import FORMAT, file_layout
from modulestore._async.waiting import Stream, closing
from modulestore.errors import InvalidURL
from modulestore.keys import AssetKey, ContextKey
from modulestore.model.files import CourseFile, FilesChecked, FileVersion, Leftover

__all__ = ["LayoutFiles"]


class LayoutFiles(Files):
    """Files in the layout that the record of the database's format names.

    Asks for that record once: one round trip, and for a platform's database, which has none, some more. As
    long as a database is empty, and may become either, it asks each time.

    Args:
        has_objects: there is a place for objects, which only the layout *content* can have.
    """

    def __init__(
        self, backend: Backend, platform: MongoFiles, content: ContentFiles, *, has_objects: bool
    ) -> None:
        self._backend = backend
        self._platform = platform
        self._content = content
        self._has_objects = has_objects
        self._known: Files | None = None

    async def get(self, key: AssetKey) -> CourseFile | None:
        return await (await self._files()).get(key)

    async def list(self, course: ContextKey) -> list[CourseFile]:
        return await (await self._files()).list(course)

    async def put(self, file: CourseFile, source: BinaryIO, *, keep: Collection[str] = ()) -> CourseFile:
        return await (await self._files()).put(file, source, keep=keep)

    async def put_many(self, files: Sequence[tuple[CourseFile, bytes]]) -> Sequence[CourseFile]:
        return await (await self._files()).put_many(files)

    async def update(self, was: CourseFile, file: CourseFile) -> bool:
        return await (await self._files()).update(was, file)

    async def set_digest(self, file: CourseFile, md5: str) -> bool:
        return await (await self._files()).set_digest(file, md5)

    async def fetch(self, file: CourseFile, start: int, stop: int) -> bytes:
        return await (await self._files()).fetch(file, start, stop)

    async def object_name(self, file: CourseFile) -> str | None:
        return await (await self._files()).object_name(file)

    async def signed_url(self, file: CourseFile, seconds: int, headers: Mapping[str, str]) -> str | None:
        return await (await self._files()).signed_url(file, seconds, headers)

    async def delete(self, key: AssetKey) -> bool:
        return await (await self._files()).delete(key)

    async def discard(self, key: AssetKey) -> bool:
        return await (await self._files()).discard(key)

    async def trash(self, course: ContextKey) -> Sequence[FileVersion]:
        return await (await self._files()).trash(course)

    async def history(self, key: AssetKey) -> Sequence[FileVersion]:
        return await (await self._files()).history(key)

    async def restore(self, version: FileVersion) -> CourseFile | None:
        return await (await self._files()).restore(version)

    async def copy(self, files: Sequence[CourseFile], target: ContextKey) -> Sequence[CourseFile]:
        return await (await self._files()).copy(files, target)

    async def problems(
        self, course: ContextKey | None = None, *, deep: bool = False, batch: int = 200
    ) -> Stream[FilesChecked]:
        async with closing((await self._files()).problems(course, deep=deep, batch=batch)) as every:
            async for checked in every:
                yield checked

    async def leftovers(self, before: datetime, *, batch: int = 1000) -> Stream[Sequence[Leftover]]:
        async with closing((await self._files()).leftovers(before, batch=batch)) as every:
            async for leftovers in every:
                yield leftovers

    async def delete_leftovers(self, names: Collection[str], before: datetime) -> int:
        return await (await self._files()).delete_leftovers(names, before)

    async def is_platform(self) -> bool:
        """Whether the files of this database are in GridFS, and always will be."""
        await self._files()
        return self._known is self._platform

    async def _files(self) -> Files:
        if self._known is not None:
            return self._known
        record = await self._backend.records.get(*FORMAT)
        if record is None:
            if await self._backend.is_empty():
                return self._platform  # where there is nothing either
            # Whoever prepares a database writes the record before all else: only now is it certain.
            record = await self._backend.records.get(*FORMAT)
        layout = file_layout(record)
        if layout == "platform" and self._has_objects:
            raise InvalidURL(
                "the files of this database are in GridFS, and cannot be in an object storage",
                hint="open the store without a place for objects",
            )
        self._known = self._content if layout == "content" else self._platform
        return self._known
