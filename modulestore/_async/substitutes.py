"""What can take the place of a head that is not there, or cannot be read: the newest version of its history
that can be.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from modulestore._async.checking_versions import VersionChecker
from modulestore._async.commits import message_kind
from modulestore._async.ports import Backend
from modulestore.errors import CorruptDocument, VersionNotFound
from modulestore.formats.headers import decode_header
from modulestore.keys import VersionId
from modulestore.model.branches import DRAFT, PUBLISHED
from modulestore.model.index import IndexEntry
from modulestore.model.structure import Structure
from modulestore.upkeep.checking.blocks import insides_of
from modulestore.upkeep.checking.histories import Histories
from modulestore.upkeep.checking.problems import Spot

__all__ = ["find_substitute"]

_TRIES: Final = 50


async def find_substitute(
    database: Backend,
    versions: VersionChecker,
    histories: Histories,
    entry: IndexEntry,
    branch: str,
    taken: Collection[VersionId],
) -> Structure | None:
    """The newest version that certainly is of the history of a branch, and can be read.

    Which history that is, is known from the header of the head itself if there is one; else from the course's
    commit messages, and from published blocks, which name the draft versions that they were copied from.

    Args:
        histories: of the whole database.
        taken: versions that are behind other heads, or are kept for somebody: they are not of this branch, or
            never were its head.
    """
    head = entry.heads[branch]
    originals = await _own(database, head)
    is_certain = bool(originals)
    if not originals:
        others = {
            original
            for name, other in entry.heads.items()
            if name != branch and (original := histories.original(other)) is not None
        }
        originals = await _from_messages(database, histories, entry) - others
        if not originals and branch == DRAFT:
            originals = await _behind_published(versions, histories, entry.heads.get(PUBLISHED)) - others
        if not originals and branch == PUBLISHED:
            originals = await _published_from(versions, histories, entry.heads.get(DRAFT), taken)
    for version in histories.newest(originals, {*taken, head})[:_TRIES]:
        structure = await _usable(versions, version)
        if structure is not None and (is_certain or _looks_like(structure, branch)):
            return structure
    return None


async def _own(database: Backend, head: VersionId) -> set[VersionId]:
    documents = await database.structures.get_many([head])
    try:
        return {decode_header(document).original_version for document in documents.values()}
    except CorruptDocument:
        return set()


async def _from_messages(database: Backend, histories: Histories, entry: IndexEntry) -> set[VersionId]:
    records = await database.records.list(message_kind(entry.key))
    found = (histories.original(VersionId.parse(record.key)) for record in records)
    return {original for original in found if original is not None}


async def _behind_published(
    versions: VersionChecker, histories: Histories, published: VersionId | None
) -> set[VersionId]:
    """Histories of the draft versions that published blocks were copied from."""
    structure = None if published is None else await _usable(versions, published)
    if structure is None:
        return set()
    found = (histories.original(version) for version in _shown(structure))
    return {original for original in found if original is not None}


async def _published_from(
    versions: VersionChecker, histories: Histories, draft: VersionId | None, taken: Collection[VersionId]
) -> set[VersionId]:
    """The history of the newest version whose blocks were copied from versions of this draft."""
    original = None if draft is None else histories.original(draft)
    if original is None:
        return set()
    candidates = sorted((one for one in histories if one not in taken), reverse=True)
    for version in candidates[:_TRIES]:
        own = histories.original(version)
        structure = None if own in (None, original) else await _usable(versions, version)
        if structure is not None and any(histories.original(one) == original for one in _shown(structure)):
            return {structure.header.original_version}
    return set()


async def _usable(versions: VersionChecker, version: VersionId) -> Structure | None:
    """A version that can be read, and has a root."""
    try:
        structure = await versions.structure(version)
    except (CorruptDocument, VersionNotFound):
        return None
    return None if structure.root is None else structure


def _looks_like(structure: Structure, branch: str) -> bool:
    """Whether a version can be one of this branch: what is a draft must never come to be published."""
    copied = len(_shown(structure))
    return branch not in (DRAFT, PUBLISHED) or (branch == PUBLISHED) == (2 * copied > len(structure))


def _shown(structure: Structure) -> list[VersionId]:
    """The draft versions that blocks were published from."""
    return insides_of(structure, Spot("", "", structure.id)).shown
