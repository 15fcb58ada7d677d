"""Courses of the platform's older store, made courses of this one.

One course at a time: its documents are read, put together (`formats.old_draft`), written as any new course
is, read again and compared, and only then made visible by its index entry. A record under the id of that
entry says where the course came from, so that it is not made a second time. The older store is only read.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from modulestore._async.draft_writing import DRAFT_COURSE, encoded_course
from modulestore._async.guarding import Lost
from modulestore._async.ports import Backend, OldStore
from modulestore._async.preparing import FORMAT, schema_in
from modulestore._async.store_base import StoreBase
from modulestore._async.waiting import closing, run_blocking
from modulestore.errors import (
    CorruptDocument,
    CourseExists,
    CourseNotFound,
    InvalidInput,
    InvalidKey,
    ReadOnlyStore,
)
from modulestore.formats.old_draft import (
    OldCourse,
    assemble,
    decode_old_block,
    gather_blocks,
    unreached,
)
from modulestore.formats.structures import PLATFORM_SCHEMA, Schema
from modulestore.keys import AssetKey, BlockKey, CourseKey, as_course_key
from modulestore.model.branches import DRAFT, PUBLISHED
from modulestore.model.creating import NewCourse
from modulestore.model.files import CourseFile
from modulestore.model.plain import Problem
from modulestore.model.values import Author, Progress
from modulestore.upkeep.draft_courses import (
    ConvertedCourse,
    DraftConversion,
    count_drafts,
    plan_course,
)

__all__ = ["DraftCoursesStore", "converted_sources"]

_TRIES = 3


class DraftCoursesStore(StoreBase):
    """The part of the store that knows of the platform's older store."""

    async def convert_old_courses(
        self,
        *,
        source: StoreBase | None = None,
        keys: Mapping[Any, Any] | None = None,
        only: Iterable[object] = (),
        author: Author = -1,
        dry_run: bool = False,
        progress: Progress | None = None,
    ) -> DraftConversion:
        """Make courses of the older store (one document per block, collection ``modulestore``) courses here.

        Each is made whole or not at all, and read again before it becomes visible. What cannot be used is
        worked around and reported. A course that was converted is not converted again; if its documents have
        changed since, it is left, for what people did to it here counts. The older store is not changed.

        Args:
            source: the store in whose database the older store is; None for this one's own.
            keys: new keys by old ones, for courses that are not to keep theirs, ``Org/Course/Run``.
            only: the old keys of the courses that are wanted; all if there are none.
            author: of the new versions, and of blocks that do not say whose they are.
            dry_run: write nothing; report what would be.
            progress: called with what is being done, how much of it is done, and how much there is.

        Cost: the documents of one course number are in memory at a time; each is read once, what is made of
        it is written and read once.

        Raises:
            InvalidInput: the source's database can have no older store.
            InvalidKey: a new key is none of a course.
            CourseNotFound: a course of ``keys`` or ``only`` is not there.
            ReadOnlyStore, InvalidAuthor: this database is not to be written to so.
            StorageUnavailable, StorageFull, CommitUnknown: a database failed; what is done stays done.
        """
        backend = (source or self)._backend.past_cache()
        if backend.old_store is None:
            raise InvalidInput(
                "this database can have no older store: only MongoDB has a collection `modulestore`",
                hint="give the store that has it: `modulestore upgrade --draft-courses --from mongodb://…`",
            )
        new_keys = {str(old): _new_key(new) for old, new in (keys or {}).items()}
        wanted = _Wanted(new_keys, frozenset(map(str, only)), author, dry_run)
        return await _Converter(self, backend, backend.old_store, wanted).run(progress)


async def converted_sources(backend: Backend) -> dict[str, CourseKey]:
    """The courses that were made of the older store's and are there: their keys, by the old ones. Of several
    that were made of one, the first. Two round trips.
    """
    noted = await backend.records.list(DRAFT_COURSE)
    there = {str(entry.id) for entry in await backend.index.list()} if noted else set()
    made: dict[str, CourseKey] = {}
    for record in noted:
        if record.key in there:
            made.setdefault(record.value["source"], _new_key(record.value["key"]))
    return made


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What is to be converted, and how; see `DraftCoursesStore.convert_old_courses`."""

    keys: Mapping[str, CourseKey]
    only: frozenset[str]
    author: Author
    dry_run: bool


class _Converter:
    """One conversion: courses of one database, made courses of another or the same."""

    def __init__(self, target: StoreBase, source: Backend, old_store: OldStore, wanted: _Wanted) -> None:
        self._target = target
        self._backend = target._backend
        self._source = source
        self._old_store = old_store
        self._wanted = wanted
        self._courses: list[ConvertedCourse] = []
        self._problems: list[Problem] = []

    async def run(self, progress: Progress | None) -> DraftConversion:
        found = await self._found()
        self._expect_all({source for sources in found.values() for source in sources})
        made = await converted_sources(self._backend)
        for number, ((org, course), sources) in enumerate(sorted(found.items())):
            if progress is not None:
                progress("converting", number, len(found))
            if not self._wanted.only or not self._wanted.only.isdisjoint(sources):
                await self._convert_number(org, course, made)
        if progress is not None:
            progress("converting", len(found), len(found))
        # A document of a course block that cannot be used is met twice.
        return DraftConversion(tuple(self._courses), tuple(dict.fromkeys(self._problems)))

    async def _found(self) -> dict[tuple[str, str], set[str]]:
        """The courses of the older store by organisation and number."""
        found: dict[tuple[str, str], set[str]] = {}
        for document in await self._old_store.courses():
            try:
                block = decode_old_block(document)
            except CorruptDocument as error:
                self._problems.append(Problem(error.place or "", error.message, "left out"))
            else:
                source = f"{block.org}/{block.course}/{block.key.id}"
                found.setdefault((block.org, block.course), set()).add(source)
        return found

    def _expect_all(self, found: set[str]) -> None:
        for asked in sorted(self._wanted.keys.keys() | self._wanted.only):
            if asked not in found:
                raise CourseNotFound(
                    f"the older store has no course {asked}",
                    hint="`modulestore upgrade --draft-courses --plan` lists what it has",
                )

    async def _convert_number(self, org: str, number: str, made: Mapping[str, CourseKey]) -> None:
        """Convert the runs of an organisation and course number that are wanted."""
        documents: list[bytes] = []
        async with closing(self._old_store.blocks(org, number)) as batches:
            async for batch in batches:
                documents += batch
        old = await run_blocking(gather_blocks, documents)
        documents.clear()
        self._problems += old.problems
        reached: set[BlockKey] = set()
        everything = True
        for run in old.runs:
            source = f"{org}/{number}/{run}"
            is_wanted = not self._wanted.only or source in self._wanted.only
            try:
                key = self._wanted.keys.get(source) or made.get(source)
                key = key or CourseKey(org, number, run, deprecated=True)
            except InvalidKey as error:
                everything = False
                if is_wanted:
                    reason = f"{error.message}; give it another key"
                    self._courses.append(ConvertedCourse(source, None, "left", reason))
                continue
            course = await run_blocking(assemble, old, run, key)
            reached |= course.reached
            if is_wanted:
                self._courses.append(await self._convert(course))
        if everything:
            self._problems += unreached(old, reached)

    async def _convert(self, old: OldCourse) -> ConvertedCourse:
        try:
            return await self._known(old) or await self._make(old)
        except (CorruptDocument, CourseExists) as error:
            return _left(old, error.message)

    async def _known(self, old: OldCourse) -> ConvertedCourse | None:
        """What there is to say of a course that need not, or must not, be made."""
        entry = await self._backend.index.get(old.key, ignore_case=True)
        if entry is None:
            return None
        record = await self._backend.records.get(DRAFT_COURSE, str(entry.id))
        if record is None or record.value["source"] != old.source:
            return _left(old, f"there is a course {entry.key}, which was not made of it")
        if record.value["digest"] != old.digest:
            return _left(old, "its documents have changed since it was converted")
        return ConvertedCourse(
            old.source,
            old.key,
            "already",
            version=entry.heads.get(PUBLISHED),
            draft_version=entry.heads.get(DRAFT),
        )

    async def _make(self, old: OldCourse) -> ConvertedCourse:
        lost: Lost | None = None
        for _ in range(_TRIES):
            try:
                return await self._try_to_make(old)
            except Lost as error:
                lost = error  # somebody converts the database to another format, say: once more
        assert lost is not None
        return _left(old, lost.message)

    async def _try_to_make(self, old: OldCourse) -> ConvertedCourse:
        wanted, target = self._wanted, self._target
        files = await self._files(old)
        if wanted.dry_run:
            schema = await self._schema()
        else:
            schema = await target._guard.schema(self._backend, wanted.author)
        integers = await self._backend.records.get(*FORMAT) is None
        new = await run_blocking(
            plan_course, old, author=wanted.author, integers=integers, now=target._now(), ids=target._ids
        )
        try:
            course = await run_blocking(encoded_course, self._backend, old, new, schema)
            if wanted.dry_run:
                course.check_sizes()
                return _report(old, new, "to convert", len(files))
            await course.write(target._guard, self._source, files)
        except ReadOnlyStore:
            raise
        except InvalidInput as error:
            return _left(old, error.message)  # a version that does not fit, above all
        target._reader.memory.forget_entry(new.entry.key)
        return replace(
            _report(old, new, "converted", len(files)),
            version=new.entry.heads[PUBLISHED],
            draft_version=new.entry.heads[DRAFT],
        )

    async def _schema(self) -> Schema:
        """The format in which a course would be written, if it may be."""
        record = await self._backend.records.get(*FORMAT)
        if record is not None:
            return schema_in(record)
        return self._target._rules.new_schema if await self._backend.is_empty() else PLATFORM_SCHEMA

    async def _files(self, old: OldCourse) -> list[tuple[CourseFile, AssetKey]]:
        """Files that are not there under the course's key, with the keys that they get. An old-style key of a
        file has no run, so in the same database they are there already, unless the course gets another key.
        """
        try:
            old_key = CourseKey(old.org, old.number, None, deprecated=True)
        except InvalidKey:
            return []  # no file could have such a key
        there = {file.key for file in await self._backend.files.list(old.key)}
        files = await self._source.files.list(old_key)
        copies = [(file, file.key.map_into(old.key)) for file in files]
        return [(file, key) for file, key in copies if key not in there]


def _new_key(key: object) -> CourseKey:
    new = as_course_key(key).bare
    if not isinstance(new, CourseKey):
        raise InvalidKey(f"{new} is the key of a library", hint="give the key of a course")
    return new


def _left(old: OldCourse, reason: str) -> ConvertedCourse:
    return ConvertedCourse(old.source, old.key, "left", reason)


def _report(
    old: OldCourse, new: NewCourse, state: Literal["converted", "to convert"], files: int
) -> ConvertedCourse:
    published, draft = new.structures[PUBLISHED], new.structures[DRAFT]
    tree = len(published.outline.order)
    return ConvertedCourse(
        old.source,
        old.key,
        state,
        blocks=tree,
        detached=len(published) - tree,
        drafts=count_drafts(draft, published),
        definitions=len(new.definitions),
        files=files,
        problems=old.problems,
    )
