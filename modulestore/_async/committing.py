"""Moving heads, with a certain answer: done, or moved by somebody else, or an error that says it is not
known.

A reply can be lost after the database has done what it was asked. The structure id is the write id: the same
swap is sent again, and if it no longer matches, a read of the index decides whether the head is ours, or has
ours behind it (the stored history never repeats an id).
"""

from __future__ import annotations

from collections.abc import Mapping

from modulestore._async.ports import Backend
from modulestore._async.reading import load_chain
from modulestore._async.waiting import sleep
from modulestore.errors import CommitUnknown, CourseExists, StorageUnavailable
from modulestore.keys import VersionId
from modulestore.model.index import IndexEntry, Swapped, SwapResult

__all__ = ["delete_entry", "insert_entry", "swap_heads"]

_PAUSES = (0.0, 0.1, 0.5, 2.0)  # seconds before each try; a fail-over of a replica set takes a few


async def swap_heads(
    backend: Backend,
    entry: IndexEntry,
    expected: Mapping[str, VersionId | None],
    new: Mapping[str, VersionId],
    *,
    search_targets: Mapping[str, str] | None = None,
) -> SwapResult:
    """Move heads of a course; ``new`` are structures that were never a head before. One round trip when
    nothing goes wrong.

    Raises:
        CommitUnknown: the database went away, and did not come back to be asked.
    """
    lost: StorageUnavailable | None = None
    for pause in _PAUSES:
        if lost is not None:
            await sleep(pause)
        try:
            result = await backend.index.swap(entry, expected, new, search_targets=search_targets)
            if lost is None or isinstance(result, Swapped):
                return result
            if result.entry is None:
                break  # deleted meanwhile: before our swap, or after it
            if await _are_ours(backend, result.entry, new):
                return Swapped(result.entry)
        except StorageUnavailable as error:
            lost = error
        else:
            return result
    raise _unknown(entry) from lost


async def insert_entry(backend: Backend, entry: IndexEntry) -> None:
    """Make a new course visible.

    Raises:
        CourseExists: somebody else made it first.
        CommitUnknown: the database went away, and did not come back to be asked.
    """
    lost: StorageUnavailable | None = None
    for pause in _PAUSES:
        if lost is not None:
            await sleep(pause)
        try:
            await backend.index.insert(entry)
        except StorageUnavailable as error:
            lost = error
        except CourseExists:
            if lost is None:
                raise
            try:
                there = await backend.index.get(entry.key)
            except StorageUnavailable as error:
                lost = error
                continue
            if there is None or there.id != entry.id:
                raise
            return
        else:
            return
    raise _unknown(entry) from lost


async def delete_entry(backend: Backend, entry: IndexEntry) -> bool:
    """Take a course out of the index, if its heads are still those of ``entry``; whether it was done.

    Raises:
        CommitUnknown: the database went away, and did not come back to be asked.
    """
    lost: StorageUnavailable | None = None
    for pause in _PAUSES:
        if lost is not None:
            await sleep(pause)
        try:
            if await backend.index.delete(entry):
                return True
            there = None if lost is None else await backend.index.get(entry.key)
        except StorageUnavailable as error:
            lost = error
        else:
            return lost is not None and (there is None or there.id != entry.id)
    raise _unknown(entry) from lost


async def _are_ours(backend: Backend, there: IndexEntry, new: Mapping[str, VersionId]) -> bool:
    """Whether every branch is at our version, or at one made from it."""
    for branch, version in new.items():
        head = there.heads.get(branch)
        if head is None:
            return False
        if head != version and all(header.id != version for header in await load_chain(backend, head)):
            return False
    return True


def _unknown(entry: IndexEntry) -> CommitUnknown:
    return CommitUnknown(
        "the database went away during the commit",
        place=str(entry.key),
        hint="look at the course's heads when it is back: the change may have been made",
    )
