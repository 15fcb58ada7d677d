"""Mending what a check has found: new versions of branches, by compare-and-swap as every commit.

No version is changed. What is mended otherwise is beside the documents: records that stand for nothing, and
headers that are kept twice.
"""

from __future__ import annotations

from collections.abc import Mapping

from modulestore._async.check_run import Check, shown_elsewhere
from modulestore._async.checking_versions import LoadedVersion
from modulestore._async.commits import Committer
from modulestore._async.ports import Backend
from modulestore.errors import CorruptDocument, CourseNotFound, VersionNotFound
from modulestore.keys import BlockKey, ContextKey, VersionId
from modulestore.model.branches import DRAFT, PUBLISHED
from modulestore.model.commit import Commit
from modulestore.model.index import IndexEntry
from modulestore.model.revision import Revision
from modulestore.model.values import Author, Progress
from modulestore.upkeep.checking.blocks import duplicate_keys
from modulestore.upkeep.checking.mending import keep_published_marks, mend_blocks, without_duplicates
from modulestore.upkeep.checking.problems import CheckReport, Made, Problem, RepairReport, repair_of

__all__ = ["Repair"]

_MESSAGE = "repaired by `modulestore check --repair`"


class Repair:
    """One repair of a database, or of one course of it."""

    def __init__(
        self,
        backend: Backend,
        committer: Committer,
        key: ContextKey | None,
        author: Author,
        progress: Progress,
    ) -> None:
        self._backend = backend
        self._committer = committer
        self._key = key
        self._author = author
        self._progress = progress
        self._check = self._new_check()

    async def run(self, *, dry_run: bool) -> RepairReport:
        """Check, mend, check again."""
        before = await self._check.run()
        todo = [problem for problem in before.problems if problem.is_repairable]
        if dry_run or not todo:
            left = tuple(problem for problem in before.problems if not problem.is_repairable)
            return RepairReport(tuple(todo), left, (), before.checked)
        await self._committer.guard.schema(self._backend, self._author)  # whether writing is allowed at all
        await self._mend_beside()
        made = await self._mend_courses(todo)
        after = await self._new_check().run()
        return _report(before, after, made)

    def _new_check(self) -> Check:
        return Check(self._backend.past_cache(), self._key, messages=True, progress=self._progress)

    async def _mend_beside(self) -> None:
        """What is not in versions: headers that are kept beside documents, and records that stand for
        nothing.
        """
        check = self._check
        if differing := check.reader.differing:
            await self._backend.structures.restore_headers(list(differing))
        course = None if self._key is None else str(self._key.bare)
        for record, roots in check.records.lost(check.missing):
            if course is None or any(root.course == course for root in roots):
                await self._backend.records.delete(record)
        if course is None and check.knows_all_courses:
            courses = [str(entry.key) for entry in check.entries]
            for record, _ in check.records.of_no_course(courses):
                await self._backend.records.delete(record)

    async def _mend_courses(self, todo: list[Problem]) -> list[Made]:
        commands = {problem.mend for problem in todo}
        made: list[Made] = []
        for entry in self._check.entries:
            if repair_of(str(entry.key)) not in commands:
                continue
            try:
                commit = await self._mend(entry)
            except CourseNotFound:
                continue  # deleted meanwhile
            made += [Made(str(entry.key), branch, move.after) for branch, move in commit.moves.items()]
        return made

    async def _mend(self, entry: IndexEntry) -> Commit:
        async def make(current: IndexEntry) -> Mapping[str, Revision]:
            return await self._mended(current)

        return await self._committer.commit(entry.key, self._author, make, message=_MESSAGE)

    async def _mended(self, entry: IndexEntry) -> dict[str, Revision]:
        """New versions of the branches of a course; of those that need none, ones that change nothing."""
        loaded = {branch: await self._loaded(entry, branch) for branch in entry.heads}
        empty = _EmptyContents()
        revisions: dict[str, Revision] = {}
        for branch, version in loaded.items():
            if version is None:
                continue
            base = without_duplicates(version.structure, duplicate_keys(version.structure))
            revision = self._committer.revision(base, base.header.root, self._author)
            mend_blocks(
                revision,
                duplicates=version.duplicates,
                shown_elsewhere=shown_elsewhere(loaded, branch),
                lost=version.lost,
                empty=empty.instead_of,
            )
            if base.id != entry.heads[branch] and revision.is_empty:
                # It takes the place of a head that is lost, as a version of its own.
                root = revision.get(revision.root)
                assert root is not None
                revision.put(revision.touched(root))
            revisions[branch] = revision
        if PUBLISHED in revisions:
            keep_published_marks(revisions.get(DRAFT), revisions[PUBLISHED])
        return revisions

    async def _loaded(self, entry: IndexEntry, branch: str) -> LoadedVersion | None:
        """The head of a branch, or what takes its place; None if nothing can."""
        versions = self._check.versions
        try:
            head = await versions.load(entry.heads[branch])
            if head.structure.root is not None:
                return head
        except (VersionNotFound, CorruptDocument):
            pass  # something has to take its place
        instead = await self._check.substitute(entry, branch)
        return None if instead is None else await versions.load(instead.id)


class _EmptyContents:
    """Empty definitions for those that are lost: one for each, whichever branches and blocks had it."""

    def __init__(self) -> None:
        self._made: dict[tuple[VersionId, str], VersionId] = {}

    def instead_of(self, revision: Revision, key: BlockKey, lost: VersionId) -> VersionId:
        """The one for a block that had a lost one."""
        known = self._made.get((lost, key.type))
        if known is None:
            known = self._made[lost, key.type] = revision.define(key.type, {}, None)
        return known


def _report(before: CheckReport, after: CheckReport, made: list[Made]) -> RepairReport:
    still = {(problem.kind, problem.place, problem.message) for problem in after.problems}
    mended = tuple(
        problem
        for problem in before.problems
        if problem.is_repairable and (problem.kind, problem.place, problem.message) not in still
    )
    return RepairReport(mended, after.problems, tuple(made), after.checked)
