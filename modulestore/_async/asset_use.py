"""Finding out which files of a course are used, and the links to them."""

from __future__ import annotations

import codecs
from collections.abc import Sequence
from contextlib import suppress

from modulestore._async.asset_base import AssetsBase
from modulestore._async.reading import find_entry
from modulestore._async.waiting import run_blocking
from modulestore.errors import AssetNotFound
from modulestore.keys import AssetKey, ContextKey, VersionId, as_course_key
from modulestore.model.branches import DRAFT, LIBRARY, PUBLISHED
from modulestore.model.file_use import FileUse, is_text
from modulestore.model.files import CourseFile
from modulestore.model.index import IndexEntry
from modulestore.model.inheritance import effective
from modulestore.model.static_links import StaticLinks
from modulestore.model.structure import Structure

__all__ = ["AssetUse"]

_BATCH = 200  # definitions that are read at a time
_OVERLAP = 2000  # characters of a text that are looked at twice, so that no name is cut


class AssetUse(AssetsBase):
    """What content says of files."""

    async def links(self, course: object) -> StaticLinks:
        """The links of a course to its files, for all of its texts. One round trip: the metadata of all of
        them.
        """
        key = as_course_key(course).bare
        return StaticLinks.of(key, await self._files.list(key))

    async def used(self, course: object) -> Sequence[CourseFile]:
        """The files that the heads of a course use, thumbnails too, by name. All that may be used counts: see
        `modulestore.model.file_use`.

        Cost: the index, the metadata of all files, both heads, all their content, 200 definitions in a round
        trip, and the bytes of used files that may speak of others: pages, style sheets, scripts.

        Raises:
            CourseNotFound: there is no such course.
            VersionNotFound, DefinitionNotFound, CorruptDocument: the database is damaged: nobody can tell.
            Conflict: a file was replaced while it was read.
        """
        used, _ = await self._used_and_unused(course)
        return used

    async def unused(self, course: object) -> Sequence[CourseFile]:
        """The files of a course that are not `used`. Versions behind the heads may have used them: what is
        deleted can be restored. Cost and errors as `used`.
        """
        _, unused = await self._used_and_unused(course)
        return unused

    async def _used_and_unused(self, course: object) -> tuple[list[CourseFile], list[CourseFile]]:
        key = as_course_key(course).bare
        entry = await find_entry(self._backend, key)
        files = await self._files.list(key)
        used = await self._used(key, entry, files)
        return (
            [file for file in files if file.key in used],
            [file for file in files if file.key not in used],
        )

    async def _used(
        self, course: ContextKey, entry: IndexEntry, files: Sequence[CourseFile]
    ) -> set[AssetKey]:
        use = FileUse(course, files)
        contents: set[VersionId] = set()
        for branch in (DRAFT, PUBLISHED, LIBRARY):
            if branch in entry.heads:
                structure = await self._reader.structure(entry.heads[branch])
                await run_blocking(_see_settings, use, structure)
                contents.update(structure.definitions)
        ids = sorted(contents)
        for start in range(0, len(ids), _BATCH):
            definitions = await self._reader.definitions(ids[start : start + _BATCH])
            await run_blocking(use.see, [definition.fields for definition in definitions.values()])
        # What is used may use others, and so on.
        unread = {file.key: file for file in files if is_text(file)}
        while found := [unread.pop(key) for key in use.used & unread.keys()]:
            for file in found:
                with suppress(AssetNotFound):  # deleted by now
                    await self._see_file(use, file)
        return use.used

    async def _see_file(self, use: FileUse, file: CourseFile) -> None:
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        text = ""
        async for piece in self._files.pieces(file):
            text = text[-_OVERLAP:] + decoder.decode(piece)
            await run_blocking(use.see, text)


def _see_settings(use: FileUse, structure: Structure) -> None:
    data = structure.data
    for position in range(len(structure)):
        use.see([data.settings(position), data.defaults(position), data.asides(position)])
    if structure.root is not None:
        # What a course does not set has names of files for defaults.
        use.see([resolved.value for resolved in effective(structure, structure.root).values()])
