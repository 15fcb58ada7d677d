"""Reading what the library remembers beside the documents, as far as it can be read."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from modulestore._async.catalog import DELETED
from modulestore._async.conflicts import CONFLICT
from modulestore._async.converting import CONVERSION
from modulestore._async.guarding import condemned_kind
from modulestore._async.history import TAG
from modulestore._async.ports import Backend, Record
from modulestore._async.preparing import FORMAT, schema_in
from modulestore._async.rerunning import CLAIM
from modulestore._async.roots import roots_of
from modulestore._async.waiting import Call
from modulestore.errors import CorruptDocument
from modulestore.keys import VersionId
from modulestore.upkeep.checking.problems import Kind, Problem, Severity, repair_of
from modulestore.upkeep.pruning.condemned import KINDS
from modulestore.upkeep.roots import Root, RootKind

__all__ = ["MESSAGE", "KeptRecords", "no_course_problem", "read_records"]

MESSAGE: Final = "message "
"""What the kinds of the records of commit messages begin with."""


@dataclass(slots=True)
class KeptRecords:
    """Records that refer to versions or courses.

    Attributes:
        roots: each record that refers to versions, with these references.
        of_courses: records that belong to a course (its text), apart from those.
        problems: what cannot be read, and what is under way.
    """

    roots: list[tuple[Record, list[Root]]] = field(default_factory=list)
    of_courses: list[tuple[Record, str]] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    def lost(self, missing: Collection[VersionId]) -> list[tuple[Record, list[Root]]]:
        """Records all of whose versions are missing: there is nothing that they are needed for. (Of a re-run
        that is under way they are about to be written.)
        """
        return [
            (record, roots)
            for record, roots in self.roots
            if record.kind != CLAIM and roots and all(root.version in missing for root in roots)
        ]

    def of_no_course(self, courses: Collection[str]) -> list[tuple[Record, str]]:
        """Tags and messages of courses that are neither there nor deleted."""
        known = {*courses, *(root.course for record, roots in self.roots for root in roots if _keeps(root))}
        return [(record, course) for record, course in self.of_courses if course not in known]


async def read_records(database: Backend, *, messages: bool) -> KeptRecords:
    """All that is needed, in seven round trips, and one more for ``messages``, of which there is one for
    every commit.

    Raises:
        UnknownFormat: a later release wrote here what this one would take for damage.
    """
    kept = KeptRecords()
    try:
        schema_in(await database.records.get(*FORMAT))
    except CorruptDocument as error:
        kept.problems.append(_unreadable(f"record {'/'.join(FORMAT)}", error))
    for record in await _read(kept, TAG, partial(database.records.starting, TAG)):
        kept.of_courses.append((record, record.kind.removeprefix(TAG)))
        _add(kept, record)
    for kind in (CONFLICT, CLAIM, DELETED):
        for record in await _read(kept, kind, partial(database.records.list, kind)):
            _add(kept, record)
            if kind == CLAIM:
                message = "a re-run is under way, or was broken off: run it again"
                kept.problems.append(_under_way(record.key, message))
    if messages:
        for record in await _read(kept, MESSAGE, partial(database.records.starting, MESSAGE)):
            kept.of_courses.append((record, record.kind.removeprefix(MESSAGE)))
    if await database.records.get(*CONVERSION) is not None:
        message = "a conversion is under way, or was broken off: `modulestore upgrade --format` goes on"
        kept.problems.append(_under_way("structures", message))
    for kind in KINDS:
        if await _read(kept, kind, partial(database.records.list, condemned_kind(kind))):
            message = "a pruning is under way, or was broken off: `modulestore prune apply` goes on"
            kept.problems.append(_under_way(kind, message))
    return kept


async def _read(kept: KeptRecords, kind: str, call: Call[list[Record]]) -> list[Record]:
    try:
        return await call()
    except CorruptDocument as error:
        kept.problems.append(_unreadable(error.place or f"records {kind.strip()}", error))
        return []


def _add(kept: KeptRecords, record: Record) -> None:
    try:
        kept.roots.append((record, roots_of(record)))
    except CorruptDocument as error:
        kept.problems.append(_unreadable(f"record {record.kind}/{record.key}", error))


def _unreadable(place: str, error: CorruptDocument) -> Problem:
    message = f"{error.message}: correct or remove it in the database"
    return Problem(Severity.ERROR, place, message, None, Kind.RECORD_UNREADABLE)


def _under_way(place: str, message: str) -> Problem:
    return Problem(Severity.NOTE, place, message, None, Kind.UNDER_WAY)


def _keeps(root: Root) -> bool:
    """Whether a course may come back, or be there soon."""
    return root.kind in (RootKind.DELETED, RootKind.RERUN)


def no_course_problem(record: Record, course: str) -> Problem:
    """A tag or message of a course that is not there."""
    what = record.kind.partition(" ")[0]
    message = f"the {what} {record.key} is kept for a course that is not there"
    return Problem(Severity.NOTE, course, message, repair_of(), Kind.RECORD_OF_NO_COURSE)
