"""What `AsyncAssets` does with the files of a course."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress

from modulestore._async.asset_base import AssetsBase, asset_not_found
from modulestore.errors import AssetExists, AssetNotFound, Conflict, CorruptDocument
from modulestore.keys import AssetKey
from modulestore.model.file_listing import FileFilter, FilePage, FileSort, page_of
from modulestore.model.files import (
    CourseFile,
    Digested,
    FileProblem,
    FileVersion,
    same_bytes,
    thumbnail_key,
)

__all__ = ["AssetCourses"]


class AssetCourses(AssetsBase):
    """What can be done with the files of a course."""

    async def list(
        self,
        course: object,
        *,
        type: str | None = "asset",  # noqa: A002
        content_type: str | None = None,
        locked: bool | None = None,
        name_contains: str | None = None,
        sort: FileSort = "name",
        descending: bool = False,
        after: str | None = None,
        limit: int | None = None,
    ) -> FilePage:
        """Files of a course, sorted; all of them, or a page.

        Args:
            type: ``asset`` or ``thumbnail``; None for both.
            content_type: only those whose type begins so, as with ``image/``.
            locked: only those that are, or that are not.
            name_contains: only those whose name or display name contains this, regardless of case.
            sort: ties are sorted by name.
            after: `FilePage.after` of the page before, which was sorted in the same way. Whatever is added or
                deleted in between, no other file comes twice or is missed.
            limit: files on a page; None for all.

        Cost: the index, and the metadata of all files of the course.

        Raises:
            CourseNotFound: there is no such course.
            InvalidInput: there is no such order, or no such page.
        """
        files = await self._files.list(await self._course(course))
        which = FileFilter(type, content_type, locked, name_contains)
        return page_of(files, which, sort=sort, descending=descending, after=after, limit=limit)

    async def trash(self, course: object) -> Sequence[FileVersion]:
        """Files of a course that were deleted and can be restored, by name: of each name the last. Their
        thumbnails come back with them, and are not listed. Two round trips.

        Raises:
            CourseNotFound: there is no such course.
        """
        versions = await self._files.trash(await self._course(course))
        return [version for version in versions if version.file.key.type == "asset"]

    async def copy(
        self, source: object, target: object, *, names: Iterable[str] | None = None
    ) -> Sequence[CourseFile]:
        """Let another course have files too, with their thumbnails; what was stored there. No bytes leave the
        database, and in the layout *content* none are copied. A file that the target has already, byte for
        byte, is passed over.

        Args:
            source, target: courses.
            names: of the files; None for all of them.

        Cost: the index twice, both lists of files, and the copy.

        Raises:
            CourseNotFound, AssetNotFound: there is no such course, or no such file.
            AssetExists: the target has another file of this name; nothing was copied. On MongoDB one that is
                uploaded in this very moment is replaced, as by an upload.
        """
        source_key, target_key = await self._course(source), await self._course(target)
        there = {file.key: file for file in await self._files.list(source_key)}
        wanted = there.values() if names is None else _with_thumbnails(there, map(source_key.asset, names))
        await self._prepare()
        async with self._backend.group() as group:
            taken = {file.key: file for file in await group.files.list(target_key)}
            missing = [file for file in wanted if not _has(taken, file.key.map_into(target_key), file)]
            missing.sort(key=lambda file: file.key.type == "asset")  # a thumbnail comes before its picture
            copied = await group.files.copy(missing, target_key) if missing else []
        done = {file.key for file in copied}
        for file in missing:
            if file.key.map_into(target_key) not in done:
                raise asset_not_found(file.key)
        return copied

    async def digest(self, course: object) -> Digested:
        """Give digests to files that have none, as a platform's copies of courses have not: their bytes are
        read. A file that is replaced meanwhile is left alone. In the layout *content* all files have them.

        Raises:
            CourseNotFound: there is no such course.
        """
        files = await self._files.list(await self._course(course))
        lacking = [file for file in files if file.md5 is None]
        if lacking:
            await self._prepare()
        done = 0
        problems = []
        for file in lacking:
            try:
                with suppress(AssetNotFound, Conflict):  # deleted or replaced by now
                    done += await self._files.set_digest(file, await self._md5(file))
            except CorruptDocument as error:
                problems.append(FileProblem(str(file.key), error.message))
        return Digested(done, tuple(problems))

    async def _md5(self, file: CourseFile) -> str:
        md5 = hashlib.md5(usedforsecurity=False)
        async for piece in self._files.pieces(file):
            md5.update(piece)
        return md5.hexdigest()


def _with_thumbnails(there: Mapping[AssetKey, CourseFile], keys: Iterable[AssetKey]) -> list[CourseFile]:
    found: dict[AssetKey, CourseFile] = {}
    for key in keys:
        if key not in there:
            raise asset_not_found(key)
        thumbnail = thumbnail_key(there[key])
        if thumbnail is not None and thumbnail in there:
            found[thumbnail] = there[thumbnail]
        found[key] = there[key]
    return list(found.values())


def _has(taken: Mapping[AssetKey, CourseFile], key: AssetKey, file: CourseFile) -> bool:
    """Whether a name is taken by the same bytes.

    Raises:
        AssetExists: it is taken by others.
    """
    if key in taken and not same_bytes(taken[key], file):
        raise AssetExists(
            "the course has another file of this name",
            place=str(key),
            hint="delete it there first: it goes to the trash; or copy the other files by their names",
        )
    return key in taken
