"""The writes of a course that was made of the older store's."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import BinaryIO, Final, cast

from modulestore._async.committing import insert_entry
from modulestore._async.guarding import Guard, Written
from modulestore._async.ports import Backend
from modulestore._async.reading import Reader
from modulestore._async.waiting import closing, run_blocking
from modulestore.errors import CommitUnknown, CorruptDocument, ModuleStoreError
from modulestore.formats.definitions import encode_definition
from modulestore.formats.old_draft import OldCourse
from modulestore.formats.structures import Schema, encode_structure
from modulestore.keys import AssetKey, VersionId
from modulestore.model.creating import NewCourse
from modulestore.model.files import CourseFile
from modulestore.model.index import IndexEntry
from modulestore.storage.documents import check_sizes
from modulestore.upkeep.draft_courses import differences

__all__ = ["DRAFT_COURSE", "DraftCourse", "encoded_course"]

DRAFT_COURSE: Final = "draft course"
"""Kind of the records of courses that were made of the older store's, by the id of their index entry."""

_IN_MEMORY: Final = 1 << 20  # bytes of a file that are kept in memory while it is copied; beyond, on disk


@dataclass(frozen=True, slots=True)
class DraftCourse:
    """A new course on its way into the index.

    Attributes:
        old: what it is made of.
        entry: its index entry.
        schema: the format that ``structures`` are in.
        definitions, structures: encoded.
    """

    backend: Backend
    old: OldCourse
    entry: IndexEntry
    schema: Schema
    definitions: Mapping[VersionId, bytes]
    structures: Mapping[VersionId, bytes]

    def check_sizes(self) -> None:
        """Refuse it if a document does not fit, as writing it would.

        Raises:
            DocumentTooLarge: names the first that does not.
        """
        check_sizes("definition", self.definitions, self.backend.max_document)
        check_sizes("structure", self.structures, self.backend.max_document)

    async def write(
        self, guard: Guard, source: Backend, files: Iterable[tuple[CourseFile, AssetKey]]
    ) -> None:
        """Write all of it, its index entry last. If that fails, what was written is taken back.

        But for files, where the database has no transaction for all of it: those of an old-style key are
        those of every run, and somebody else may convert another one now. The next try finds them.

        Raises:
            DocumentTooLarge: a document does not fit; nothing was written.
            CorruptDocument: what was written reads otherwise.
            CourseExists: there is such a course now.
            Lost: what was written does not stay, or has another format by now: write it again.
            CommitUnknown: the database went away, and did not come back to be asked.
        """
        # Whether the index may, and whether it certainly does, lead to what was written: then that is needed.
        reached = visible = False
        self.check_sizes()
        try:
            async with self.backend.group() as group:
                await group.definitions.put_many(self.definitions)
                await group.structures.put_many(self.structures)
                await self._verify(group)
                for file, key in files:
                    await self._copy(source, group, file, key)
                noted = {"source": self.old.source, "digest": self.old.digest, "key": str(self.old.key)}
                await group.records.put_if_absent(DRAFT_COURSE, str(self.entry.id), noted)
                await guard.expect(group, self.schema, Written.of(self.structures, self.definitions.keys()))
                reached = True
                await insert_entry(group, self.entry)
                visible = True
        except CommitUnknown:
            raise  # it may have been done: everything written may be needed
        except BaseException as error:
            refused = isinstance(error, ModuleStoreError) and not visible  # an interrupt tells nothing
            if refused or not reached:
                await self._take_back()
            raise

    async def _verify(self, group: Backend) -> None:
        """Read what was written, and compare it with what the documents of the older store said."""
        reader = Reader(group)
        found = await reader.structures(list(self.structures))
        structures = {branch: found[head] for branch, head in self.entry.heads.items()}
        definitions = await reader.definitions(list(self.definitions))
        different = await run_blocking(differences, self.old, structures, definitions)
        if different:
            raise CorruptDocument(f"what was written reads otherwise: {different[0]}", place=self.old.source)

    async def _copy(self, source: Backend, group: Backend, file: CourseFile, key: AssetKey) -> None:
        with tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY) as data:
            async with closing(source.files.read(file.key)) as pieces:
                async for piece in pieces:
                    data.write(piece)
            data.seek(0)
            await group.files.put(replace(file, key=key), cast(BinaryIO, data))

    async def _take_back(self) -> None:
        with suppress(ModuleStoreError):  # nobody sees what stays; the error that brought us here is reported
            record = await self.backend.records.get(DRAFT_COURSE, str(self.entry.id))
            if record is not None:
                await self.backend.records.delete(record)
            await self.backend.structures.delete_many(list(self.structures))
            await self.backend.definitions.delete_many(list(self.definitions))


def encoded_course(backend: Backend, old: OldCourse, new: NewCourse, schema: Schema) -> DraftCourse:
    """The course ready to be written to a database."""
    return DraftCourse(
        backend,
        old,
        new.entry,
        schema,
        {version: encode_definition(one) for version, one in new.definitions.items()},
        {one.id: encode_structure(one, schema).document for one in new.structures.values()},
    )
