"""Applying a plan: condemn, wait, survey again, link anew, delete. Every step can be repeated."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from modulestore._async.catalog import DELETED, EXPIRING, is_expiring
from modulestore._async.commits import message_kind
from modulestore._async.conflicts import CONFLICT
from modulestore._async.guarding import read_pruning
from modulestore._async.history import tag_kind
from modulestore._async.ports import Backend, Definitions, Structures
from modulestore._async.pruning.condemning import Condemning
from modulestore._async.pruning.planning import expect_sound, files_before
from modulestore._async.pruning.survey import Survey, list_candidates
from modulestore._async.roots import read_roots
from modulestore._async.waiting import monotonic, sleep
from modulestore.errors import Conflict
from modulestore.keys import ContextKey, VersionId, parse_course_key
from modulestore.model.columns import VersionColumn
from modulestore.model.values import Progress
from modulestore.storage.spool import Spool
from modulestore.upkeep.pruning.condemned import Condemned, Kind
from modulestore.upkeep.pruning.plan import Plan
from modulestore.upkeep.pruning.report import PruneReport
from modulestore.upkeep.roots import Root, RootKind
from modulestore.upkeep.sizes import shown_bytes

__all__ = ["Applier", "Pace"]

_RELINKS: Final = 1000  # structures that are linked anew at once


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast a database is pruned.

    Attributes:
        grace: how long what is condemned is left alone: longer than any writer takes from its look at the
            condemned to the swap that makes a version visible.
        batch: documents in one deletion.
        delay: pause after each.
    """

    grace: timedelta
    batch: int = 1000
    delay: timedelta = timedelta(0)


class Applier:
    """One application of a plan to a database.

    Args:
        ignore_missing: go on in spite of references that lead nowhere.
    """

    def __init__(
        self,
        backend: Backend,
        plan: Plan,
        pace: Pace,
        sql_heads: Sequence[Root] | None,
        ignore_missing: bool,
        progress: Progress,
    ) -> None:
        self._backend = backend
        self._plan = plan
        self._pace = pace
        self._sql_heads = sql_heads or ()
        self._ignore_missing = ignore_missing
        self._progress = progress
        self._report = PruneReport()
        self._seized = 0

    async def run(self) -> PruneReport:
        """Do it.

        Raises:
            Conflict: the plan is outdated, or somebody else has begun to prune.
            ProblemsFound: something that is kept is not there, or cannot be read; no version was deleted.
        """
        before = await read_pruning(self._backend)
        if not (before.under_way and before.plan == self._plan.digest):
            await self._expect_current()
        condemning = await Condemning.begin(self._backend, self._plan.digest)
        for kind, keys in (await condemning.left_behind()).items():
            for key in keys:
                await self._delete_chunk(condemning, kind, key, _nothing)
        self._seized = 0
        await self._expire_courses()
        await condemning.condemn({"structures": self._plan.deleted, "definitions": self._plan.definitions})
        spool = Spool()
        try:
            try:
                await self._wait()
                await self._survey(spool)
            except Exception:
                await condemning.withdraw()
                raise
            await self._relink(spool)
            for key in reversed(condemning.keys("structures")):
                await self._delete_chunk(condemning, "structures", key, spool.kept_among)
            for key in condemning.keys("definitions"):
                await self._delete_chunk(condemning, "definitions", key, spool.needed_among)
            await self._delete_messages(condemning.state.structures)
            await self._delete_files()
        finally:
            spool.close()
        await condemning.end()
        planned = len(self._plan.deleted) + len(self._plan.definitions)
        return replace(self._report, spared=planned - self._seized)

    async def _expect_current(self) -> None:
        """Make sure that no branch has gone to what the plan deletes: then all of it is about other branches.

        Other references that were made since (a tag, a course taken back) are found by the survey, and spare
        what they lead to.
        """
        heads = [root for root in await read_roots(self._backend) if root.kind is RootKind.HEAD]
        for root in [*heads, *self._sql_heads]:
            if self._plan.deleted.holds(root.version):
                raise Conflict(
                    f"the plan is outdated: {root} is {root.version} now, which it deletes",
                    hint="nothing was deleted: make a new plan, `prune plan`",
                )

    async def _expire_courses(self) -> None:
        """Courses that were deleted long ago can be taken back no more; what only they had goes with them."""
        for expired in self._plan.expired:
            record = await self._backend.records.get(DELETED, expired.record)
            if record is None or (record.revision != expired.revision and not is_expiring(record)):
                continue
            value = {**record.value, EXPIRING: True}
            if not await self._backend.records.swap(record, value):
                continue  # taken back at this moment: the survey will find its heads
            key = parse_course_key(expired.course)
            others = [
                other
                for other in await self._backend.records.list(DELETED)
                if other.key != record.key and other.key.startswith(f"{key} ")
            ]
            if not others and await self._backend.index.get(key) is None:
                await self._forget_course(key, record.value["on"])
            await self._backend.records.delete(replace(record, revision=record.revision + 1, value=value))
            self._report = replace(self._report, expired=self._report.expired + 1)

    async def _forget_course(self, key: ContextKey, deleted_on: datetime) -> None:
        """Take away what is kept beside the versions of a course that is nowhere any more."""
        records = self._backend.records
        conflicts = await records.list(CONFLICT)
        for left in [
            *(await records.list(tag_kind(key))),
            *(await records.list(message_kind(key))),
            *(record for record in conflicts if record.value.get("key") == str(key)),
        ]:
            await records.delete(left)
        for file in await self._backend.files.list(key):
            # Later ones are of another course that somebody is about to make under this key.
            if file.uploaded_on is None or file.uploaded_on <= deleted_on:
                await self._backend.files.delete(file.key)

    async def _wait(self) -> None:
        """Let everybody finish who looked at the condemned before."""
        grace = self._pace.grace.total_seconds()
        until = monotonic() + grace
        while (left := until - monotonic()) > 0:
            self._progress("waiting for those who write", int(grace - left), int(grace))
            await sleep(min(1.0, left))

    async def _survey(self, spool: Spool) -> None:
        """What is kept by now, of what the plan deletes."""
        plan = self._plan
        course = None if plan.header.course is None else parse_course_key(plan.header.course)
        await list_candidates(self._backend, course, spool, self._progress)
        survey = Survey(
            self._backend,
            plan.header.policy,
            spool,
            await self._backend.now(),
            self._sql_heads,
            self._progress,
            staying=self._staying,
            known=plan.kept.holds,
        )
        await survey.run()
        expect_sound(survey, ignore_missing=self._ignore_missing)

    def _staying(self, column: VersionColumn) -> Iterator[VersionId]:
        """Of ids in order those that the plan does not delete."""
        deleted = self._plan.deleted
        going = set(deleted[bisect_left(deleted, column[0]) : bisect_right(deleted, column[-1])])
        return (version for version in column if version not in going)

    async def _relink(self, spool: Spool) -> None:
        """Link anew what comes after what goes; not where that stays after all."""
        relinks = self._plan.relinks
        for at in range(0, len(relinks), _RELINKS):
            batch = relinks[at : at + _RELINKS]
            named = {version for relink in batch for version in relink if version is not None}
            links = await self._backend.structures.links(named)
            stays = spool.kept_among({relink.before for relink in batch if relink.before in links})
            due = {
                # Where it is to lead may have gone since, by another plan.
                relink.version: relink.to if relink.to in links else None
                for relink in batch
                if relink.before not in stays
                and (link := links.get(relink.version)) is not None
                and link.previous == relink.before
            }
            if due:
                done = await self._backend.structures.relink(due)
                self._report = replace(self._report, relinked=self._report.relinked + done)
            self._progress("linking anew", at + len(batch), len(relinks))

    async def _delete_chunk(
        self,
        condemning: Condemning,
        kind: Kind,
        key: str,
        spared: Callable[[Collection[VersionId]], set[VersionId]],
    ) -> None:
        """Delete a chunk, the newest first: what is stored on others goes before them."""
        ids = await condemning.seize(kind, key, spared)
        self._seized += len(ids)
        port: Structures | Definitions = (
            self._backend.structures if kind == "structures" else self._backend.definitions
        )
        for end in range(len(ids), 0, -self._pace.batch):
            batch = ids[max(0, end - self._pace.batch) : end]
            sizes = await port.sizes(batch)
            gone = await port.delete_many(batch)
            self._count(kind, gone, len(batch) - gone, sum(sizes.values()))
            if self._pace.delay:
                await sleep(self._pace.delay.total_seconds())
        await condemning.drop(kind, key)

    def _count(self, kind: Kind, gone: int, absent: int, size: int) -> None:
        report = self._report
        deleted, definitions = (gone, 0) if kind == "structures" else (0, gone)
        self._report = replace(
            report,
            deleted=report.deleted + deleted,
            definitions=report.definitions + definitions,
            absent=report.absent + absent,
            bytes=report.bytes + size,
        )
        total = len(self._plan.deleted if kind == "structures" else self._plan.definitions)
        done = self._report.deleted if kind == "structures" else self._report.definitions
        freed = shown_bytes(self._report.bytes)
        self._progress(f"deleting {kind}, {freed} freed", done, total)

    async def _delete_files(self) -> None:
        """Bytes that no file needs, each looked at again by the database."""
        files = self._plan.files
        before = files_before(self._plan.header.made_on, self._plan.header.policy)
        for at in range(0, len(files), self._pace.batch):
            batch = files[at : at + self._pace.batch]
            size = await self._backend.files.delete_leftovers([file.name for file in batch], before)
            self._report = replace(
                self._report,
                bytes=self._report.bytes + size,
                file_bytes=self._report.file_bytes + size,
            )
            self._progress(
                f"deleting files, {shown_bytes(self._report.bytes)} freed", at + len(batch), len(files)
            )
            if self._pace.delay:
                await sleep(self._pace.delay.total_seconds())

    async def _delete_messages(self, condemned: Condemned) -> None:
        """What was said of versions that are gone; also by a pruning that did not come so far."""
        for entry in await self._backend.index.list():
            records = {
                version: record
                for record in await self._backend.records.list(message_kind(entry.key))
                for version in [VersionId.parse(record.key)]
                if condemned.may_have([version]) and not self._plan.kept.holds(version)
            }
            # Of those that were planned to go somebody may have spared some.
            there = await self._backend.structures.sizes(records.keys()) if records else {}
            for version in records.keys() - there.keys():
                await self._backend.records.delete(records[version])


def _nothing(ids: Collection[VersionId]) -> set[VersionId]:
    return set()
