"""Courses as a whole: made, found, run again, deleted and taken back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any

from modulestore._async.committing import delete_entry, insert_entry
from modulestore._async.guarding import Written
from modulestore._async.ports import Record
from modulestore._async.preparing import prepare_write
from modulestore._async.reading import find_entry
from modulestore._async.rerunning import Rerun
from modulestore._async.store_base import StoreBase
from modulestore.errors import CourseExists, CourseNotFound, HeadMoved, InvalidKey, StorageError
from modulestore.formats.definitions import encode_definition
from modulestore.formats.structures import Schema, encode_structure
from modulestore.keys import ContextKey, CourseKey, LibraryKey, VersionId, as_course_key
from modulestore.model.creating import NewCourse, new_course, new_library, rerun
from modulestore.model.definition import Definition
from modulestore.model.index import IndexEntry
from modulestore.model.structure import Structure
from modulestore.model.summary import CourseSummary, shown_branch, summarize
from modulestore.model.values import Author

__all__ = ["DELETED", "EXPIRING", "CatalogStore", "is_expiring"]

# Structures that a list of courses holds in memory at a time.
_BATCH = 16
DELETED = "deleted"  # kind of the records of deleted courses
EXPIRING = "expiring"  # what such a record has once pruning has begun to take away what only that course had


class CatalogStore(StoreBase):
    """The part of the store that knows of courses as wholes."""

    async def course_keys(self) -> list[ContextKey]:
        """Keys of courses and libraries, sorted by org, course, run.

        Cost: the index.
        """
        return [entry.key for entry in await self._backend.index.list()]

    async def courses(
        self, *, org: str | None = None, title: str | None = None, wiki_slug: str | None = None
    ) -> list[CourseSummary]:
        """Courses and libraries, sorted by org, course, run.

        Args:
            org: only those of this organisation.
            title: only those whose title has this in it, upper or lower case.
            wiki_slug: only those with this wiki.

        Cost: the index, then the heads, 16 of them per round trip.
        """
        entries = [
            entry
            for entry in await self._backend.index.list()
            if (org is None or entry.key.org == org)
            and (wiki_slug is None or entry.search_targets.get("wiki_slug") == wiki_slug)
        ]
        summaries: list[CourseSummary] = []
        for start in range(0, len(entries), _BATCH):
            summaries += await self._summaries(entries[start : start + _BATCH])
        return [summary for summary in summaries if title is None or title.lower() in summary.title.lower()]

    async def _summaries(self, entries: list[IndexEntry]) -> list[CourseSummary]:
        heads = [entry.heads[branch] if (branch := shown_branch(entry)) else None for entry in entries]
        found = await self._reader.found_structures({head for head in heads if head is not None})
        return [
            summarize(entry, None if head is None else found.get(head))
            for entry, head in zip(entries, heads, strict=True)
        ]

    async def create_course(
        self, key: object, *, title: str | None = None, author: Author = -1, **fields: Any
    ) -> IndexEntry:
        """An empty course, on both branches.

        Args:
            title: display name of the course.
            fields: further fields of the course block.

        Raises:
            CourseExists: there is a course of this key, or of one that differs only by case.
            InvalidKey: the key is a library's.
        """
        course_key = as_course_key(key).bare
        if not isinstance(course_key, CourseKey):
            raise InvalidKey(f"{course_key} is the key of a library", hint="call create_library")
        values = {"wiki_slug": ".".join(course_key.identity), **_titled(title), **fields}
        return await self._create(
            course_key,
            author,
            lambda: new_course(course_key, fields=values, author=author, now=self._now(), ids=self._ids),
        )

    async def create_library(
        self, key: object, *, title: str | None = None, author: Author = -1, **fields: Any
    ) -> IndexEntry:
        """An empty library.

        Args:
            title: display name of the library.
            fields: further fields of the library block.

        Raises:
            CourseExists: there is a library of this key, or of one that differs only by case.
            InvalidKey: the key is a course's.
        """
        library_key = as_course_key(key).bare
        if not isinstance(library_key, LibraryKey):
            raise InvalidKey(f"{library_key} is the key of a course", hint="call create_course")
        values = {**_titled(title), **fields}
        return await self._create(
            library_key,
            author,
            lambda: new_library(library_key, fields=values, author=author, now=self._now(), ids=self._ids),
        )

    async def _create(self, key: ContextKey, author: Author, make: Callable[[], NewCourse]) -> IndexEntry:
        await self._free(key)
        schema = await self._guard.schema(self._backend, author)
        new = make()
        definitions, structures = _encoded(new, schema)
        async with self._backend.group() as group:
            await group.definitions.put_many(definitions)
            await group.structures.put_many(structures)
            await self._guard.expect(group, schema, Written.of(structures, definitions.keys()))
            await insert_entry(group, new.entry)
        return new.entry

    async def rerun(
        self, source: object, target: object, *, title: str | None = None, author: Author = -1
    ) -> IndexEntry:
        """A new course that begins where another stands: the same versions, shared, and copies of its files.

        Where it came from is recorded. The two go their own ways from here. With a ``title`` of its own it
        begins with a new version of each branch.

        Raises:
            CourseNotFound: there is no source.
            CourseExists: there is a target, or one whose key differs only by case.
            Conflict: somebody else has begun to make the target.
        """
        there = await find_entry(self._backend, as_course_key(source))
        key = await self._free(as_course_key(target))
        if not isinstance(key, CourseKey) or isinstance(there.key, LibraryKey):
            raise InvalidKey("only courses are run again", place=str(key))
        schema = await self._guard.schema(self._backend, author)
        fields = _titled(title)
        structures, contents = await self._sources(there) if fields else ({}, {})
        new = rerun(
            there,
            key,
            structures=structures,
            contents=contents,
            fields=fields,
            author=author,
            now=self._now(),
            ids=self._ids,
        )
        provenance = {
            "source": str(there.key),
            "heads": {branch: str(head) for branch, head in there.heads.items()},
            "author": author,
            "on": new.entry.edited_on,
        }
        definitions, encoded = _encoded(new, schema)
        made = Rerun(
            self._backend,
            there.key,
            there.heads,
            new.entry,
            definitions,
            encoded,
            provenance,
            self._guard,
            schema,
        )
        await made.write()
        return new.entry

    async def _sources(self, entry: IndexEntry) -> tuple[dict[str, Structure], dict[VersionId, Definition]]:
        """The heads of a course by branch, and the contents of their roots."""
        found = await self._reader.structures(set(entry.heads.values()))
        structures = {branch: found[head] for branch, head in entry.heads.items()}
        roots = {one.definitions[one.root] for one in found.values() if one.root is not None}
        return structures, await self._reader.definitions(roots)

    async def delete(self, key: object, *, author: Author = -1) -> IndexEntry:
        """Take a course out of the index. Its versions and files stay until they are pruned: `undelete` it.

        Raises:
            CourseNotFound: there is none.
            HeadMoved: somebody edits it at this moment.
        """
        entry = await find_entry(self._backend, as_course_key(key))
        await prepare_write(self._backend, author, self._rules)
        kept = {"by": author, "on": self._now(), **_as_record(entry)}
        await self._backend.records.put_if_absent(DELETED, _deleted_key(entry), kept)
        deleted = await delete_entry(self._backend, entry)
        self._reader.memory.forget_entry(entry.key)
        if not deleted:
            await find_entry(
                self._backend, entry.key
            )  # gone: somebody else deleted it, and needs the note too
            record = await self._backend.records.get(DELETED, _deleted_key(entry))
            if record is not None:
                await self._backend.records.delete(record)
            raise HeadMoved(
                "the course was edited meanwhile", place=str(entry.key), hint="look again, then delete"
            )
        return entry

    async def undelete(self, key: object, *, author: Author = -1) -> IndexEntry:
        """Put back the course of this key that was deleted last.

        Raises:
            CourseNotFound: none of this key was deleted, or it was pruned since.
            CourseExists: there is a course of this key again.
        """
        course_key = as_course_key(key).bare
        records = [
            record
            for record in await self._backend.records.list(DELETED)
            if record.key.startswith(f"{course_key} ") and not is_expiring(record)
        ]
        if not records:
            raise CourseNotFound(f"no course {course_key} was deleted")
        await self._free(course_key)
        await prepare_write(self._backend, author, self._rules)
        # Of two in one millisecond the younger course, since there is one of a key at a time; and of two of
        # one course the later heads, since the other is what a delete that failed has left.
        record = max(records, key=_deleted_when)
        entry = _from_record(course_key, record.value)
        # As ours: a pruning for which this course has been deleted long enough takes away what it has read.
        async with self._backend.group() as group:
            if not await group.records.swap(record, {**record.value, "taken_back_by": author}):
                raise CourseNotFound(f"course {course_key} was pruned, or taken back by somebody else")
            await insert_entry(group, entry)
        with suppress(StorageError):  # the course is back: a note that stays does no harm
            for record in records:
                if record.value["id"] == str(entry.id):  # also what a delete that failed has left
                    await self._forget(record)
        return entry

    async def _forget(self, record: Record) -> None:
        there = await self._backend.records.get(record.kind, record.key)
        if there is not None:
            await self._backend.records.delete(there)

    async def _free(self, key: ContextKey) -> ContextKey:
        """The key, if no course has it.

        Raises:
            CourseExists: one has, or one whose key differs only by case.
        """
        there = await self._backend.index.get(key, ignore_case=True)
        if there is not None:
            raise CourseExists(f"there is a course {there.key}", hint="choose another key")
        return key.bare


def is_expiring(record: Record) -> bool:
    """Whether a deleted course can be taken back no more."""
    return bool(record.value.get(EXPIRING))


def _titled(title: str | None) -> dict[str, Any]:
    return {} if title is None else {"display_name": title}


def _encoded(new: NewCourse, schema: Schema) -> tuple[dict[VersionId, bytes], dict[VersionId, bytes]]:
    """Definitions and structures of a new course, by id."""
    definitions = {version: encode_definition(one) for version, one in new.definitions.items()}
    return definitions, {one.id: encode_structure(one, schema).document for one in new.structures.values()}


def _deleted_when(record: Record) -> tuple[datetime, str, datetime]:
    value = record.value
    return value["on"], value["id"], value["last_update"] or value["on"]


def _deleted_key(entry: IndexEntry) -> str:
    # With the heads that the delete depends on: what a failed one leaves is no other one's.
    return " ".join([str(entry.key), str(entry.id), *sorted(map(str, entry.heads.values()))])


def _as_record(entry: IndexEntry) -> dict[str, Any]:
    return {
        "id": str(entry.id),
        "heads": {branch: str(head) for branch, head in entry.heads.items()},
        "edited_by": entry.edited_by,
        "edited_on": entry.edited_on,
        "last_update": entry.last_update,
        "search_targets": dict(entry.search_targets),
    }


def _from_record(key: ContextKey, value: Mapping[str, Any]) -> IndexEntry:
    return IndexEntry(
        id=VersionId.parse(value["id"]),
        key=key,
        heads={branch: VersionId.parse(head) for branch, head in value["heads"].items()},
        edited_by=value["edited_by"],
        edited_on=value["edited_on"],
        last_update=value["last_update"],
        search_targets=value["search_targets"],
    )
