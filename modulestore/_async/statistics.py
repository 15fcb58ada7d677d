"""Counting what is in a database, a batch of ids at a time. The figures are made by ``upkeep.statistics``."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final

from modulestore._async.catalog import DELETED
from modulestore._async.commits import message_kind
from modulestore._async.conflicts import CONFLICT
from modulestore._async.history import tag_kind
from modulestore._async.ports import Backend, Record
from modulestore._async.reading import find_entry
from modulestore._async.roots import read_roots
from modulestore._async.store_base import StoreBase
from modulestore._async.waiting import closing, run_blocking
from modulestore.keys import ContextKey, CourseKey, VersionId, as_course_key, parse_course_key
from modulestore.model.files import CourseFile
from modulestore.model.values import Progress
from modulestore.storage.documents import encode
from modulestore.upkeep.roots import Root, RootKind
from modulestore.upkeep.statistics import Amount, CourseStatistics, Statistics, VersionTable

__all__ = ["StatisticsStore"]

_BATCH: Final = 2000
_DOCUMENTS: Final = 16  # structures in memory at a time


class StatisticsStore(StoreBase):
    """The part of the store that counts."""

    async def statistics(self, key: object = None, *, progress: Progress | None = None) -> Statistics:
        """What is in the database, by kind, by course and by day; or with ``key`` what belongs to one course.

        Changes nothing. What is written meanwhile may be counted or not.

        Cost: for every 2,000 structures three round trips, for every 2,000 definitions two; the database
        looks at every document for its size, and sends only that. Two round trips for each course's files
        and messages. 33 bytes of memory for every structure. With ``key`` only the structures with the same
        first versions as the course are looked at; those of the course are read, 16 at a time, for their
        definitions.

        Args:
            progress: called with what is being done, how much of it is done, and how much there is.

        Raises:
            CourseNotFound: there is no such course.
            CorruptDocument: something that was to be counted cannot be read.
        """
        database = self._backend.past_cache()
        counting = _Counting(database, progress or (lambda what, done, total: None))
        if key is None:
            return await counting.all()
        return await counting.of((await find_entry(database, as_course_key(key))).key)


class _Counting:
    """One count of one database."""

    def __init__(self, database: Backend, progress: Progress) -> None:
        self._database = database
        self._progress = progress
        self._table = VersionTable()
        self._files = Amount()
        self._seen: set[str] = set()
        self._records = Amount()

    async def all(self) -> Statistics:
        """Everything."""
        roots = await read_roots(self._database)
        async with closing(self._database.structures.ids(batch=_BATCH)) as batches:
            async for batch in batches:
                await self._add_versions(batch)
        heads = {root.course for root in roots if root.kind == RootKind.HEAD}
        deleted = {root.course for root in roots if root.kind == RootKind.DELETED} - heads
        self._claim(roots, heads | deleted)
        courses = []
        for number, course in enumerate(sorted(heads | deleted)):
            self._progress("counting files", number, len(heads | deleted))
            courses.append(await self._course(course, course in deleted))
        for kind in (CONFLICT, DELETED):
            self._add_records(await self._database.records.list(kind))
        counted = await run_blocking(self._table.statistics, courses)
        return replace(
            counted,
            definitions=await self._definitions(),
            files=self._files,
            records=self._records,
            entries=len(await self._database.index.list()),
        )

    async def of(self, key: ContextKey) -> Statistics:
        """What belongs to one course."""
        roots = await read_roots(self._database)
        own = {root.version for root in roots if root.course == str(key)}
        links = await self._database.structures.links(own)
        versions: list[VersionId] = []
        for original in sorted({link.original for link in links.values()}):
            async with closing(self._database.structures.headers(original=original)) as batches:
                async for batch in batches:
                    versions.extend(header.id for header in batch)
        versions.sort()
        for at in range(0, len(versions), _BATCH):
            await self._add_versions(versions[at : at + _BATCH])
        known = {root.course for root in roots if root.kind in (RootKind.HEAD, RootKind.DELETED)}
        self._claim(roots, known)
        course = await self._course(str(key), deleted=False)
        conflicts = await self._database.records.list(CONFLICT)
        self._add_records(record for record in conflicts if record.value.get("key") == str(key))
        counted = await run_blocking(self._table.statistics, [course], str(key))
        return replace(
            counted,
            definitions=await self._definitions_of(str(key)),
            files=self._files,
            records=self._records,
            entries=1,
        )

    async def _add_versions(self, ids: Sequence[VersionId]) -> None:
        structures = self._database.structures
        links, sizes = await structures.links(ids), await structures.sizes(ids)
        await run_blocking(self._table.add, ids, links, sizes)
        self._progress("counting versions", len(self._table), len(self._table))

    def _claim(self, roots: Iterable[Root], courses: set[str]) -> None:
        for root in roots:
            if root.course in courses:
                self._table.claim(root.version, root.course)

    async def _course(self, name: str, deleted: bool) -> CourseStatistics:
        """The figures of a course without its versions."""
        key = parse_course_key(name)
        files = Amount()
        for file in await self._files_of(key):
            files = files.plus(file.key.name, file.length)
            # Old-style courses of one organisation and number have their files together.
            if str(file.key) not in self._seen:
                self._files = self._files.plus(str(file.key), file.length)
                self._seen.update({str(file.key)} if file.key.course.deprecated else ())
        for kind in (tag_kind(key), message_kind(key)):
            self._add_records(await self._database.records.list(kind))
        return CourseStatistics(name, deleted, files=files)

    async def _files_of(self, key: ContextKey) -> Sequence[CourseFile]:
        """The files of a course; an index does not say whether its files have old-style keys."""
        found = await self._database.files.list(key)
        if found or not isinstance(key, CourseKey) or key.deprecated:
            return found
        return await self._database.files.list(CourseKey(*key.identity, deprecated=True))

    def _add_records(self, records: Iterable[Record]) -> None:
        for record in records:
            name = f"{record.kind}/{record.key}"
            self._records = self._records.plus(name, len(encode(record.value, name)))

    async def _definitions(self) -> Amount:
        amount = Amount()
        async with closing(self._database.definitions.ids(batch=_BATCH)) as batches:
            async for batch in batches:
                amount += await self._sizes_of(batch)
                self._progress("counting definitions", amount.count, amount.count)
        return amount

    async def _definitions_of(self, course: str) -> Amount:
        versions = list(self._table.of(course))
        definitions: set[VersionId] = set()
        for at in range(0, len(versions), _DOCUMENTS):
            self._progress("looking for definitions", at, len(versions))
            references = await self._database.structures.references(versions[at : at + _DOCUMENTS])
            definitions.update(*(one.definitions for one in references.values()))
        ordered = sorted(definitions)
        amount = Amount()
        for at in range(0, len(ordered), _BATCH):
            amount += await self._sizes_of(ordered[at : at + _BATCH])
        return amount

    async def _sizes_of(self, ids: Sequence[VersionId]) -> Amount:
        amount = Amount()
        for version, size in sorted((await self._database.definitions.sizes(ids)).items()):
            amount = amount.plus(str(version), size)
        return amount
