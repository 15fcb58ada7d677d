"""Looking at files, and at what nothing refers to any more: counted, since there may be very many."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Final

from modulestore._async.ports import Backend, Definitions, Structures
from modulestore._async.waiting import closing
from modulestore.keys import ContextKey, VersionId
from modulestore.model.values import Progress
from modulestore.upkeep.checking.problems import PRUNE, Kind, Problem, Severity

__all__ = ["Unreferenced", "check_files", "count_definitions", "count_file_leftovers", "count_structures"]

_BATCH: Final = 5000


@dataclass(frozen=True, slots=True)
class Unreferenced:
    """Documents that nothing refers to.

    Attributes:
        every: how many documents there are, those that something refers to among them.
    """

    what: str
    every: int
    count: int
    size: int

    def problems(self, *, may_be_needed: bool) -> list[Problem]:
        """What there is to say; ``may_be_needed``: among them may be what leads to a head that is lost."""
        if not self.count:
            return []
        message = f"nothing refers to {self.count:,} of them, {self.size:,} bytes"
        if may_be_needed:
            message += "; among them may be what led to the heads that are lost: keep them for now"
        mend = None if may_be_needed else PRUNE
        return [Problem(Severity.NOTE, self.what, message, mend, Kind.UNREFERENCED)]


async def count_structures(
    database: Backend, every: Collection[VersionId], needed: Collection[VersionId]
) -> Unreferenced:
    """Structures that are not needed, of all that there are."""
    left = sorted(version for version in every if version not in needed)
    size = await _size(database.structures, left)
    return Unreferenced("structures", len(every), len(left), size)


async def count_definitions(database: Backend, needed: Collection[VersionId]) -> Unreferenced:
    """Definitions that are not needed. Two round trips for 50,000 definitions."""
    every = count = size = 0
    async with closing(database.definitions.ids()) as batches:
        async for ids in batches:
            unused = [version for version in ids if version not in needed]
            every += len(ids)
            count += len(unused)
            size += await _size(database.definitions, unused)
    return Unreferenced("definitions", every, count, size)


async def _size(port: Structures | Definitions, versions: list[VersionId]) -> int:
    size = 0
    for at in range(0, len(versions), _BATCH):
        size += sum((await port.sizes(versions[at : at + _BATCH])).values())
    return size


async def check_files(
    database: Backend, course: ContextKey | None, progress: Progress, *, deep: bool
) -> tuple[int, list[Problem]]:
    """How many files there are, of a course or of all, and what is wrong with them."""
    count = 0
    problems: list[Problem] = []
    async with closing(database.files.problems(course, deep=deep)) as batches:
        async for checked in batches:
            count += checked.files
            progress("looking at files", count, count)
            problems += [
                Problem(Severity.ERROR, one.place, f"{one.message}: upload it again", None, Kind.FILE_DAMAGED)
                for one in checked.problems
            ]
    return count, problems


async def count_file_leftovers(database: Backend) -> Iterable[Problem]:
    """Bytes that no file needs at this moment; those of an upload that is under way among them."""
    count = size = 0
    async with closing(database.files.leftovers(await database.now())) as leftovers:
        async for batch in leftovers:
            count += len(batch)
            size += sum(leftover.size for leftover in batch)
    if not count:
        return []
    message = f"no file needs {count:,} stored pieces any more, {size:,} bytes"
    return [Problem(Severity.NOTE, "files", message, PRUNE, Kind.FILE_LEFTOVERS)]
