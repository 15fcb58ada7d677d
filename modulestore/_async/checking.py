"""The part of the store that finds what is wrong with a database, and mends what can be mended safely."""

from __future__ import annotations

from collections.abc import Mapping

from modulestore._async.check_run import Check
from modulestore._async.repairing import Repair
from modulestore._async.store_base import StoreBase
from modulestore.keys import VersionId, as_course_key
from modulestore.model.values import Author, Progress
from modulestore.upkeep.checking.problems import CheckReport, RepairReport

__all__ = ["CheckingStore"]


class CheckingStore(StoreBase):
    """The part of the store that finds what is wrong with a database, and mends what can be mended safely."""

    async def check(
        self,
        key: object = None,
        *,
        deep: bool = False,
        heads: Mapping[str, Mapping[str, VersionId]] | None = None,
        progress: Progress | None = None,
    ) -> CheckReport:
        """Look whether everything that is referred to is there, can be read, and is sound. Changes nothing.

        Heads, and whatever else outside refers to versions, are looked at whole, with their definitions; of
        all other versions the headers, and how they follow each other; of files whether all bytes are there.
        What cannot be read is reported, and does not stop the rest.

        Cost: three round trips for every 5,000 versions, three and their definitions for every head, one or
        two for 200 files. Memory: about 200 bytes for every version, and a few versions at a time.

        Args:
            key: only this course or library, with its history, tags and files.
            deep: look at every version whole, and compare the bytes of files with their digests; count
                definitions that nothing refers to.
            heads: of a platform's SQL index, by text of the key and branch (see
                `modulestore.upkeep.heads.parse_heads`): they are looked at too, and compared with this index.
            progress: called with what is being done, how much of it is done, and how much there is.

        Raises:
            CourseNotFound: nothing is there of the course, not even that it was deleted.
            UnknownFormat: a later release wrote here what this one would take for damage.
            StorageUnavailable: the database failed.
        """
        check = Check(
            self._backend.past_cache(),
            None if key is None else as_course_key(key).bare,
            deep=deep,
            heads=heads,
            progress=progress or _quiet,
        )
        return await check.run()

    async def repair(
        self,
        key: object = None,
        *,
        author: Author = -1,
        dry_run: bool = False,
        progress: Progress | None = None,
    ) -> RepairReport:
        """Mend what `check` finds, as far as that is safe; what was mended, and what is left.

        Branches get new versions, by compare-and-swap: what they were before stays in their history. Children
        that are not there leave their parents, cycles are opened, blocks that nothing leads to are removed
        (but not those of a draft that the published branch shows), content that is lost becomes empty. A head
        that is lost is replaced by the newest version of its history. Records that stand for nothing are
        removed. Somebody may edit meanwhile: then it is done again on the new head.

        Cost: two checks, and a commit for every course in which something is mended.

        Args:
            key: only this course or library.
            author: of the new versions.
            dry_run: write nothing; report what would be mended.
            progress: called with what is being done, how much of it is done, and how much there is.

        Raises:
            CourseNotFound, UnknownFormat: as `check`.
            ReadOnlyStore, InvalidAuthor: this database is not to be written to so.
            CommitContention, CommitUnknown, StorageUnavailable, StorageFull: as every commit.
        """
        course_key = None if key is None else as_course_key(key).bare
        repair = Repair(self._backend, self._committer, course_key, author, progress or _quiet)
        return await repair.run(dry_run=dry_run)


def _quiet(what: str, done: int, total: int) -> None:
    """Progress that nobody looks at."""
