"""Making a plan: the survey, written down, with what goes and what is linked anew."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from operator import attrgetter
from typing import Final, Literal, TypeAlias

from modulestore._async.catalog import DELETED
from modulestore._async.ports import Backend, Definitions, Structures
from modulestore._async.pruning.survey import Survey, first_id_after, list_candidates
from modulestore._async.waiting import Stream, closing
from modulestore.errors import ProblemsFound
from modulestore.keys import ContextKey, VersionId
from modulestore.model.columns import VersionColumn
from modulestore.model.files import Leftover
from modulestore.model.values import Progress
from modulestore.storage.spool import Gap, IdFile, Spool
from modulestore.upkeep.pruning.plan import (
    ExpiredCourse,
    PlanHeader,
    PlanSummary,
    Relink,
    Sealed,
    delete_lines,
    end_line,
    expire_line,
    file_line,
    header_line,
    keep_line,
    relink_line,
)
from modulestore.upkeep.pruning.policy import Policy
from modulestore.upkeep.pruning.reasons import MUST_BE_THERE
from modulestore.upkeep.roots import Root

__all__ = ["EVERYTHING", "Part", "Planner", "expect_sound", "files_before"]

Part: TypeAlias = Literal["definitions", "files"]

EVERYTHING: Final[frozenset[Part]] = frozenset({"definitions", "files"})
"""What is pruned beside structures, which always are: what only a deleted structure refers to."""

_SAMPLE: Final = 2000  # documents that are measured to say how many bytes will be free
_GAPS: Final = 1000  # structures to be linked anew that are in memory at a time


@dataclass(slots=True)
class Planner:
    """One plan of one database.

    Attributes:
        course: what it is about, if not all; then structures only.
        parts: what is to be pruned beside structures.
        ignore_missing: go on in spite of references that lead nowhere.
        summary: what it came to, once all lines were read.
    """

    backend: Backend
    policy: Policy
    sql_heads: Sequence[Root] | None
    course: ContextKey | None
    parts: Collection[Part]
    ignore_missing: bool
    progress: Progress
    spool: Spool = field(default_factory=Spool)
    summary: PlanSummary | None = None

    async def lines(self) -> Stream[bytes]:
        """The plan, line by line, or many lines at once.

        Raises:
            CourseNotFound: there is no such course.
            ProblemsFound: something that is kept is not there, or cannot be read.
        """
        now = await self.backend.now()
        await list_candidates(self.backend, self.course, self.spool, self.progress)
        expired = await self._expired(now)
        survey = Survey(
            self.backend,
            self.policy,
            self.spool,
            now,
            self.sql_heads or (),
            self.progress,
            expired={one.record for one in expired},
        )
        await survey.run()
        expect_sound(survey, ignore_missing=self.ignore_missing)
        course = None if self.course is None else str(self.course.bare)
        sql_index = None if self.sql_heads is None else True
        sealed = Sealed()
        for one in sealed.through([header_line(PlanHeader(now, self.policy, course, sql_index))]):
            yield one
        structures = _Going(len(self.spool.candidates))
        for one in sealed.through(self._structure_lines(structures)):
            yield one
        relinks = await self._relinks()
        for one in sealed.through(map(relink_line, relinks)):
            yield one
        definitions = _Going(0)
        young = first_id_after(now - self.policy.min_age)
        async with closing(self._definitions(young, definitions)) as columns:
            async for column in columns:
                for one in sealed.through([delete_lines(column, definitions=True)]):
                    yield one
        files = _Files()
        async with closing(self._leftovers(now)) as batches:
            async for batch in batches:
                for one in sealed.through(map(file_line, files.take(batch))):
                    yield one
        for one in sealed.through(map(expire_line, expired)):
            yield one
        self.summary = PlanSummary(
            kept=structures.kept,
            deleted=structures.deleted,
            relinked=len(relinks),
            definitions=definitions.deleted,
            files=files.count,
            expired=len(expired),
            bytes=await structures.bytes(self.backend.structures)
            + await definitions.bytes(self.backend.definitions)
            + files.size,
            reasons=self.spool.count_by_kind(),
        )
        for one in sealed.through([end_line(self.summary)]):
            yield one
        yield sealed.end()

    async def _expired(self, now: datetime) -> list[ExpiredCourse]:
        """Records of courses that have been deleted for long enough."""
        if self.policy.deleted_after is None or self.course is not None:
            return []
        before = now - self.policy.deleted_after
        return [
            ExpiredCourse(record.key, record.revision, record.key.partition(" ")[0])
            for record in await self.backend.records.list(DELETED)
            if record.value["on"] < before
        ]

    def _structure_lines(self, going: _Going) -> Iterator[bytes]:
        """Kept and deleted structures, in order of their ids."""
        rows = self.spool.kept()
        row = next(rows, None)
        for column in self.spool.candidates.columns():
            start = 0
            while row is not None and row.version <= column[-1]:
                at = bisect_left(column, row.version, start)
                yield delete_lines(going.take(column, start, at))
                start = at
                if column[at] == row.version:  # else it is of another course, or younger than the list
                    yield keep_line(row.version, row.reasons)
                    going.kept += 1
                    start += 1
                row = next(rows, None)
            yield delete_lines(going.take(column, start, len(column)))

    # --- linking anew

    async def _relinks(self) -> list[Relink]:
        """For each structure whose previous one goes: the nearest one before it that is kept."""
        found: list[Relink] = []
        for original, gaps in groupby(self.spool.gaps(), key=attrgetter("original")):
            # The first version of a history may say that something came before it: that is another history.
            family = [gap for gap in gaps if gap.version != original and self._is_candidate(gap.version)]
            found += await self._relinks_of(original, family)
        return found

    async def _relinks_of(self, original: VersionId, gaps: list[Gap]) -> list[Relink]:
        if len(gaps) > 1:
            return await self._nearest(original, gaps)
        first = original if self.spool.kept_among([original]) else None
        return [Relink(gap.version, gap.previous, first) for gap in gaps if gap.previous != first]

    async def _nearest(self, original: VersionId, gaps: list[Gap]) -> list[Relink]:
        """One of them may come before another, so that what is between them is looked at. In memory are the
        ids of one history.
        """
        previous: dict[VersionId, VersionId | None] = {}
        async with closing(self.backend.structures.headers(original=original)) as batches:
            async for batch in batches:
                previous.update((header.id, header.previous_version) for header in batch)
        kept = self.spool.kept_among(previous.keys())
        found = []
        for gap in gaps:
            before: VersionId | None = gap.previous
            passed: set[VersionId] = set()
            while before is not None and before not in kept:
                passed.add(before)
                before = previous.get(before, original if original in kept else None)
                if before in passed:
                    before = None  # a loop, which is for `check` to report
            found.append(Relink(gap.version, gap.previous, before))
        return found

    def _is_candidate(self, version: VersionId) -> bool:
        candidates = self.spool.candidates
        at = candidates.place_of(version)
        return at < len(candidates) and candidates.read(at, 1)[0] == version

    # --- what nothing needs any more

    async def _definitions(self, young: bytes, going: _Going) -> Stream[VersionColumn]:
        """Definitions that no structure refers to that is kept, and that are old enough; in no order."""
        if "definitions" not in self.parts or self.course is not None:
            return
        every = IdFile()
        try:
            async with closing(self.backend.definitions.ids()) as columns:
                async for column in columns:
                    every.add(VersionColumn(column.packed[: bisect_left(column, young) * 12]))
                    self.progress("listing definitions", len(every), len(every))
            going.expect(len(every))
            for column in self.spool.not_needed(every):
                yield going.take(column, 0, len(column))
        finally:
            every.close()

    async def _leftovers(self, now: datetime) -> Stream[Sequence[Leftover]]:
        """Bytes that no file needs: of files that were replaced or deleted, and of uploads that broke off."""
        if "files" not in self.parts or self.course is not None:
            return
        async with closing(self.backend.files.leftovers(files_before(now, self.policy))) as batches:
            async for batch in batches:
                yield batch


def files_before(now: datetime, policy: Policy) -> datetime:
    """Files that were replaced or deleted before this may go: none that was there within the time to keep."""
    return now - max(policy.min_age, policy.retention.within or policy.min_age)


def expect_sound(survey: Survey, *, ignore_missing: bool) -> None:
    """Make sure that what is kept is there, and says what it needs.

    Raises:
        ProblemsFound: it is not, or does not.
    """
    problems = [f"structure {version} cannot be read: {what}" for version, what in survey.unreadable.items()]
    hint = "`modulestore check` says what is the matter, and what mends it"
    if problems:
        raise ProblemsFound(
            f"{len(problems)} of the structures to keep cannot be read, so it is not known what they need; "
            f"the first: {problems[0]}",
            problems=problems,
            hint=hint,
        )
    missing = [
        f"{row.version} is not there: {', '.join(row.reasons)}" for row in survey.spool.missing(MUST_BE_THERE)
    ]
    if missing and not ignore_missing:
        raise ProblemsFound(
            f"{len(missing)} of the structures to keep are missing; the first: {missing[0]}",
            problems=missing,
            hint=f"{hint}; --ignore-missing plans without them",
        )


class _Files:
    """Leftovers that go."""

    def __init__(self) -> None:
        self.count = self.size = 0

    def take(self, batch: Sequence[Leftover]) -> Sequence[Leftover]:
        """Some of them."""
        self.count += len(batch)
        self.size += sum(leftover.size for leftover in batch)
        return batch


class _Going:
    """What goes of one kind: how much, and how large it is."""

    def __init__(self, most: int) -> None:
        self.kept = self.deleted = 0
        self._sample: list[VersionId] = []
        self.expect(most)

    def expect(self, most: int) -> None:
        """There are so many at most."""
        self._every = max(1, most // _SAMPLE)

    def take(self, column: VersionColumn, start: int, end: int) -> VersionColumn:
        """Some of them, in one piece."""
        # Every so many-th of all, however they come.
        self._sample += column[start + -self.deleted % self._every : end : self._every]
        self.deleted += end - start
        return VersionColumn(column.packed[start * 12 : end * 12])

    async def bytes(self, port: Structures | Definitions) -> int:
        """Bytes of all, by those of the sample."""
        sizes = await port.sizes(self._sample) if self._sample else {}
        return sum(sizes.values()) * self.deleted // len(self._sample) if self._sample else 0
