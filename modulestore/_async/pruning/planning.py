"""Making a plan: the survey, written down, with what goes and what is linked anew."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import groupby
from operator import attrgetter
from typing import Final, Literal, TypeAlias

from modulestore._async.catalog import DELETED
from modulestore._async.ports import Backend, Definitions, Structures
from modulestore._async.pruning.survey import LISTED, Survey, ago, first_id_after, list_candidates
from modulestore._async.waiting import Stream, closing
from modulestore.errors import ProblemsFound
from modulestore.keys import ContextKey, VersionId
from modulestore.model.columns import VersionColumn
from modulestore.model.files import Leftover
from modulestore.model.stored import StructureLinks
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
_SKEW: Final = timedelta(days=1)  # what the clocks of those who made versions may differ by


@dataclass(slots=True)
class Planner:
    """One plan of one database.

    Attributes:
        course: what it is about, if not all; then structures only.
        parts: what is to be pruned beside structures.
        ignore_missing: go on in spite of references that lead nowhere.
        batch, delay: ids of structures that are read at once, and the pause after them.
        summary: what it came to, once all lines were read.
    """

    backend: Backend
    policy: Policy
    sql_heads: Sequence[Root] | None
    course: ContextKey | None
    parts: Collection[Part]
    ignore_missing: bool
    progress: Progress
    batch: int = LISTED
    delay: timedelta = timedelta(0)
    spool: Spool = field(default_factory=Spool)
    summary: PlanSummary | None = None

    async def lines(self) -> Stream[bytes]:
        """The plan, line by line, or many lines at once.

        Raises:
            CourseNotFound: there is no such course.
            ProblemsFound: something that is kept is not there, or cannot be read.
        """
        now = await self.backend.now()
        await list_candidates(self.backend, self.course, self.spool, self.progress, self.batch, self.delay)
        expired = await self._expired(now)
        survey = Survey(
            self.backend,
            self.policy,
            self.spool,
            now,
            self.sql_heads or (),
            self.progress,
            expired={one.record for one in expired},
            lost=await self._lost(expired),
        )
        await survey.run()
        expect_sound(survey, ignore_missing=self.ignore_missing)
        course = None if self.course is None else str(self.course.bare)
        sealed = Sealed()
        for one in sealed.through([header_line(PlanHeader(now, self.policy, course))]):
            yield one
        structures = _Going(len(self.spool.candidates))
        for one in sealed.through(self._structure_lines(structures)):
            yield one
        relinks = await self._relinks()
        for one in sealed.through(map(relink_line, relinks)):
            yield one
        definitions = _Going(0)
        young = first_id_after(ago(now, self.policy.min_age))
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
        before = ago(now, self.policy.deleted_after)
        return [
            ExpiredCourse(record.key, record.revision, record.key.partition(" ")[0])
            for record in await self.backend.records.list(DELETED)
            if record.value["on"] < before
        ]

    async def _lost(self, expired: Sequence[ExpiredCourse]) -> set[str]:
        """Courses that are nowhere once these records are gone."""
        if not expired:
            return set()
        records = {one.record for one in expired}
        others = {
            record.key.partition(" ")[0]
            for record in await self.backend.records.list(DELETED)
            if record.key not in records
        }
        here = {str(entry.key) for entry in await self.backend.index.list()}
        return {one.course for one in expired} - others - here

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
        """For each structure whose previous one goes: the nearest one before it that is kept.

        One round trip for each version that the longest walk passes: all of them go on at once. Most end
        where they begin, since nothing else of their history is kept that is as old. (If clocks differed by
        more than a day a nearer one may be missed, and the history goes on at its first version.)
        """
        walks = [
            walk
            for _, gaps in groupby(self.spool.gaps(), key=attrgetter("original"))
            for walk in _walks(list(gaps))
            if self._is_candidate(walk.gap.version)
        ]
        found = {walk.gap.version: walk for walk in walks}
        while walks := [walk for walk in walks if not walk.is_over()]:
            self.progress("looking for what to link to", len(found) - len(walks), len(found))
            places = {walk.at for walk in walks}
            links = await self.backend.structures.links(places)
            kept = self.spool.kept_among(links.keys())
            for walk in walks:
                walk.step(links.get(walk.at), walk.at in kept)
        return [Relink(walk.gap.version, walk.gap.previous, walk.to) for walk in found.values()]

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
    return ago(now, max(policy.min_age, policy.retention.within or policy.min_age))


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


def _walks(gaps: Sequence[Gap]) -> Iterator[_Walk]:
    """The walks from the gaps of one history."""
    for gap in gaps:
        others = [other.version for other in gaps if other.version != gap.version]
        others += [] if gap.others is None else [gap.others]
        # The first version of a history may say that something came before it: that is another history.
        if gap.version != gap.original:
            yield _Walk(gap, gap.previous, min(others, default=None))


@dataclass(slots=True)
class _Walk:
    """From a gap back to the nearest version before it that is kept.

    Attributes:
        at: where it has come to.
        oldest: of what else is kept of the history, beside the original, the oldest; None if nothing is.
        to: what was found, once it is over.
    """

    gap: Gap
    at: VersionId
    oldest: VersionId | None
    to: VersionId | None = None
    _over: bool = False
    _steps: int = 0
    _mark: VersionId | None = None

    def is_over(self) -> bool:
        """Whether it is, because of what was found, or because there is nothing to find any more."""
        if not self._over and (self.oldest is None or self.oldest.time > self.at.time + _SKEW):
            self._end(self.gap.first)
        return self._over

    def step(self, link: StructureLinks | None, is_kept: bool) -> None:
        """Go on to what comes before."""
        if is_kept:
            self._end(self.at)
        elif link is None or link.original != self.gap.original:
            self._end(self.gap.first)
        elif link.previous is None or link.previous == self._mark:  # a loop is for `check` to report
            self._end(None)
        else:
            self._steps += 1
            if self._steps & (self._steps - 1) == 0:  # however long a loop is, one of these is on it
                self._mark = self.at
            self.at = link.previous

    def _end(self, to: VersionId | None) -> None:
        self.to = to
        self._over = True


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
