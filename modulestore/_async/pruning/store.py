"""The part of the store that prunes."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import BinaryIO

from modulestore._async.preparing import FORMAT, prepare_write, schema_in
from modulestore._async.pruning.applying import Applier, Pace
from modulestore._async.pruning.planning import EVERYTHING, Part, Planner
from modulestore._async.pruning.survey import LISTED, Survey
from modulestore._async.store_base import StoreBase
from modulestore._async.waiting import closing, run_blocking
from modulestore.errors import InvalidInput, VersionNotFound
from modulestore.keys import VersionId, as_course_key
from modulestore.model.columns import VersionColumn
from modulestore.model.values import Progress
from modulestore.storage.new_files import cannot_write
from modulestore.storage.plan_files import open_plan
from modulestore.storage.spool import Spool
from modulestore.upkeep.pruning.plan import Plan, PlanSummary, read_plan
from modulestore.upkeep.pruning.policy import Policy
from modulestore.upkeep.pruning.report import PruneReport
from modulestore.upkeep.roots import Root, RootKind

__all__ = ["PruningStore", "SqlHeads"]

SqlHeads = Mapping[str, Mapping[str, VersionId]]
"""Heads of a platform's SQL index, by course key, then by branch: see `modulestore.upkeep.heads`."""

_GRACE = timedelta(minutes=10)


class PruningStore(StoreBase):
    """The part of the store that prunes."""

    async def plan_pruning(
        self,
        policy: Policy,
        path: str | os.PathLike[str],
        *,
        course: object = None,
        parts: Collection[Part] = EVERYTHING,
        sql_heads: SqlHeads | None = None,
        no_sql_index: bool = False,
        ignore_missing: bool = False,
        batch: int = LISTED,
        delay: timedelta = timedelta(0),
        progress: Progress | None = None,
    ) -> PlanSummary:
        """Write a plan of what to prune to a file, in place of what is there. The database is not changed.

        Cost: the ids of all structures and definitions, and every structure that is kept. Memory does not
        grow with the database: what is found is in temporary files.

        Args:
            course: plan for the histories of one course or library only, and for structures only.
            parts: what goes beside structures.
            sql_heads: of a database with a platform's documents, the heads that the platform's SQL index has.
            no_sql_index: no platform that keeps heads in SQL works with this database.
            ignore_missing: go on in spite of references that lead nowhere.
            batch, delay: ids of structures that are read at once, and the pause after them.

        Raises:
            InvalidInput: the database has a platform's documents, and it was not said which heads SQL has; or
                there can be no file at ``path``.
            StorageFull, StorageError: the plan cannot be written.
            CourseNotFound: there is no such course.
            ProblemsFound: something that is kept is not there, or cannot be read.
        """
        planner = Planner(
            self._backend,
            policy,
            await self._sql_roots(sql_heads, no_sql_index),
            None if course is None else as_course_key(course),
            parts,
            ignore_missing,
            progress or (lambda what, done, total: None),
            batch,
            delay,
        )
        target = Path(path)
        partial = target.with_name(f"{target.name}.part")
        try:
            with _opened(partial, target) as file:
                async with closing(planner.lines()) as lines:
                    async for one in lines:
                        file.write(one)
            partial.replace(target)
        except OSError as error:
            raise cannot_write(error, target) from error
        finally:
            planner.spool.close()
            partial.unlink(missing_ok=True)
        assert planner.summary is not None
        return planner.summary

    async def apply_pruning(
        self,
        plan: Plan | str | os.PathLike[str],
        *,
        grace: timedelta | None = None,
        batch: int = 1000,
        delay: timedelta = timedelta(0),
        sql_heads: SqlHeads | None = None,
        no_sql_index: bool = False,
        ignore_missing: bool = False,
        progress: Progress | None = None,
    ) -> PruneReport:
        """Do what a plan says, as far as nobody refers to it by now. May be interrupted, and done again.

        What is to go is condemned first: whoever makes a new reference to it from then on spares it. After a
        time of grace all references are read again; what has one stays.

        Args:
            grace: how long to wait; None for ten minutes, or, where writes are transactions (SQLite), not at
                all. Longer than any writer takes from the end of its writes to the move of the head.
            batch, delay: documents in one deletion, and the pause after it.
            sql_heads, no_sql_index: as for the plan, of this moment.

        Raises:
            InvalidInput: it is no plan, or was changed; or it was not said which heads SQL has.
            ReadOnlyStore: the database is a platform's, and writing there was not asked for.
            Conflict: the plan is outdated, and nothing was changed; or somebody else has begun to prune.
            ProblemsFound: something that is kept is not there, or cannot be read; no version was deleted.
        """
        if batch < 1:
            raise InvalidInput(f"{batch} documents cannot be deleted at once")
        roots = await self._sql_roots(sql_heads, no_sql_index)
        await prepare_write(self._backend, -1, self._rules)
        if not isinstance(plan, Plan):
            plan = await run_blocking(_read, Path(plan))
        if grace is None:
            grace = timedelta(0) if self._backend.has_atomic_groups else _GRACE
        applier = Applier(
            self._backend,
            plan,
            Pace(grace, batch, delay),
            roots,
            ignore_missing,
            progress or (lambda what, done, total: None),
        )
        try:
            return await applier.run()
        finally:
            self._reader.memory.forget_versions()

    async def reasons_to_keep(
        self,
        version: VersionId,
        policy: Policy,
        *,
        sql_heads: SqlHeads | None = None,
        progress: Progress | None = None,
    ) -> Sequence[str]:
        """Why a version would be kept at this moment; nothing if it would go.

        Cost: as `plan_pruning`, without listing ids.

        Raises:
            VersionNotFound: it is not there.
        """
        if not await self._backend.structures.sizes([version]):
            raise VersionNotFound(f"there is no structure {version}", hint="it may have been pruned")
        spool = Spool()
        try:
            spool.candidates.add(VersionColumn(bytes(version)))
            survey = Survey(
                self._backend,
                policy,
                spool,
                await self._backend.now(),
                await self._sql_roots(sql_heads, sql_heads is None) or (),
                progress or (lambda what, done, total: None),
            )
            await survey.run()
            return spool.reasons(version)
        finally:
            spool.close()

    async def _sql_roots(self, sql_heads: SqlHeads | None, no_sql_index: bool) -> list[Root] | None:
        """The heads of a platform's SQL index as roots; None if there is no such index.

        Raises:
            InvalidInput: it was not said whether there is one.
            UnknownFormat: what a later release keeps here is not for this one to prune.
        """
        if sql_heads is not None and no_sql_index:
            raise InvalidInput(
                "there is a SQL index, or there is none", hint="give its heads, or --no-sql-index"
            )
        record = await self._backend.records.get(*FORMAT)
        schema_in(record)
        is_ours = record is not None
        if sql_heads is None and not no_sql_index and not is_ours and not await self._backend.is_empty():
            raise InvalidInput(
                "this database was written by an Open edX platform, which keeps heads in SQL too",
                hint="--heads FILE with an export of that index; or --no-sql-index if there is none",
            )
        if sql_heads is None:
            return None
        return [
            Root(RootKind.SQL_HEAD, head, course, branch)
            for course, heads in sql_heads.items()
            for branch, head in heads.items()
        ]


def _opened(partial: Path, target: Path) -> BinaryIO:
    try:
        return partial.open("wb")
    except OSError as error:
        hint = "give a file in a folder that exists"
        message = f"cannot be written: {error.strerror or error}"
        raise InvalidInput(message, place=str(target), hint=hint) from error


def _read(path: Path) -> Plan:
    with open_plan(path) as lines:
        return read_plan(lines, str(path))
