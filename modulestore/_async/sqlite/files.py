"""The port of files."""

from __future__ import annotations

import io
from collections.abc import Collection, Sequence
from contextlib import ExitStack
from datetime import datetime
from typing import BinaryIO

from modulestore._async.ports import Files
from modulestore._async.sqlite.session import Session
from modulestore._async.waiting import Stream, run_blocking
from modulestore.keys import AssetKey, ContextKey
from modulestore.model.files import CourseFile, FilesChecked, FileVersion, Leftover
from modulestore.storage.content import Content, course_name, set_aside
from modulestore.storage.sqlite import file_upkeep as upkeep
from modulestore.storage.sqlite import files as statements
from modulestore.storage.sqlite.schema import SLICE

__all__ = ["SqliteFiles"]


class SqliteFiles(Files):
    """Files of courses. Who reads one gets the same bytes to the end, though it be replaced meanwhile."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def get(self, key: AssetKey) -> CourseFile | None:
        return await self._session.read(statements.get, key)

    async def list(self, course: ContextKey) -> list[CourseFile]:
        return await self._session.read(statements.list_course, course)

    async def put(self, file: CourseFile, source: BinaryIO, *, keep: Collection[str] = ()) -> CourseFile:
        # The source may be slow: it is read to its end before anybody has to wait for this write.
        with ExitStack() as stack:
            content = await run_blocking(stack.enter_context, set_aside(source, SLICE))
            return await self._session.write(statements.put, file, content, keep)

    async def put_many(self, files: Sequence[tuple[CourseFile, bytes]]) -> Sequence[CourseFile]:
        with ExitStack() as stack:
            contents = await run_blocking(_set_aside, files, stack)
            return await self._session.write(statements.put_many, contents)

    async def update(self, was: CourseFile, file: CourseFile) -> bool:
        return await self._session.write(statements.update, was, file)

    async def fetch(self, file: CourseFile, start: int, stop: int) -> bytes:
        return await self._session.read(statements.fetch, file, start, stop)

    async def delete(self, key: AssetKey) -> bool:
        return await self._session.write(statements.delete, key)

    async def discard(self, key: AssetKey) -> bool:
        return await self.delete(key)  # whose row stays

    async def trash(self, course: ContextKey) -> Sequence[FileVersion]:
        return await self._session.read(statements.trash, course)

    async def history(self, key: AssetKey) -> Sequence[FileVersion]:
        return await self._session.read(statements.history, key)

    async def restore(self, version: FileVersion) -> CourseFile | None:
        return await self._session.write(statements.restore, version)

    async def copy(self, files: Sequence[CourseFile], target: ContextKey) -> Sequence[CourseFile]:
        return await self._session.write(statements.copy, files, target)

    async def problems(
        self, course: ContextKey | None = None, *, deep: bool = False, batch: int = 200
    ) -> Stream[FilesChecked]:
        name = None if course is None else course_name(course)
        after = 0
        while found := await self._session.read(upkeep.check, name, after, batch, deep):
            after, checked = found
            yield checked

    async def leftovers(self, before: datetime, *, batch: int = 1000) -> Stream[Sequence[Leftover]]:
        after = 0
        while found := await self._session.read(upkeep.ended_files, before, after, batch):
            after, leftovers = found
            yield leftovers
        after = 0
        while found := await self._session.read(upkeep.unused_blobs, after, batch):
            after, leftovers = found
            yield leftovers

    async def delete_leftovers(self, names: Collection[str], before: datetime) -> int:
        return await self._session.write(upkeep.delete_leftovers, names, before)


def _set_aside(
    files: Sequence[tuple[CourseFile, bytes]], stack: ExitStack
) -> list[tuple[CourseFile, Content]]:
    return [(file, stack.enter_context(set_aside(io.BytesIO(data), SLICE))) for file, data in files]
