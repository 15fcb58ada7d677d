"""Reading: from a key to a version, from ids to structures and definitions.

Decoding happens here, above the storage ports.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any

from modulestore._async.ports import Backend
from modulestore._async.waiting import back_off, closing, monotonic
from modulestore.errors import BranchNotFound, CourseNotFound, DefinitionNotFound, VersionNotFound
from modulestore.formats.definitions import decode_definitions
from modulestore.formats.gathering import BaseMissing, Gathering
from modulestore.formats.headers import decode_header
from modulestore.keys import ContextKey, LibraryKey, VersionId
from modulestore.model.branches import branch_name, reading_branches
from modulestore.model.course import Block
from modulestore.model.definition import Definition
from modulestore.model.history import chain
from modulestore.model.index import IndexEntry
from modulestore.model.structure import Structure, StructureHeader
from modulestore.model.values import copy_value
from modulestore.observing.following import ReadFollowed
from modulestore.observing.hook import Observer
from modulestore.storage.memory import Memory

__all__ = [
    "Reader",
    "find_entry",
    "find_head",
    "head_as_of",
    "load_chain",
]

_AGAIN = 3  # tries to read a version that lacks what it is built on, after the first


async def find_entry(backend: Backend, key: ContextKey) -> IndexEntry:
    """The index entry of a course. One round trip.

    Raises:
        CourseNotFound: there is none.
    """
    entry = await backend.index.get(key)
    if entry is None:
        kind = "library" if isinstance(key, LibraryKey) else "course"
        raise CourseNotFound(
            f"there is no {kind} {key.bare}", hint="`modulestore courses` lists what is there"
        )
    return entry


def find_head(entry: IndexEntry, key: ContextKey, branch: str | None) -> tuple[str, VersionId]:
    """The branch that is read, and its head.

    Raises:
        BranchNotFound: the course has no such branch.
    """
    for name in reading_branches(key, branch):
        if name in entry.heads:
            return name, entry.heads[name]
    wanted = branch_name(branch or key.branch or "any")
    raise BranchNotFound(
        f"{entry.key} has no branch {wanted!r}",
        hint=f"it has {', '.join(sorted(entry.heads)) or 'none'}",
    )


async def load_chain(backend: Backend, head: VersionId) -> list[StructureHeader]:
    """Headers of the versions behind a head, newest first. One round trip for the head, then one per batch of
    headers.

    Raises:
        VersionNotFound: the head itself is not there.
    """
    documents = await backend.structures.get_many([head])
    if head not in documents:
        raise VersionNotFound(f"there is no structure {head}", hint="it may have been pruned")
    headers: dict[VersionId, StructureHeader] = {}
    original = decode_header(documents[head]).original_version
    async with closing(backend.structures.headers(original=original)) as batches:
        async for batch in batches:
            headers.update((header.id, header) for header in batch)
    return list(chain(headers, head))


async def head_as_of(backend: Backend, head: VersionId, moment: datetime) -> VersionId:
    """The version that was the head of this branch at ``moment``: the newest of its chain that is not
    younger.

    Raises:
        VersionNotFound: the branch is younger than that.
    """
    for header in await load_chain(backend, head):
        if header.edited_on <= moment:
            return header.id
    raise VersionNotFound(f"no version of this branch is as old as {moment.isoformat()}")


class Reader:
    """Structures and definitions of a backend, decoded. What was read lately is still at hand.

    Attributes:
        memory: what is at hand.
    """

    def __init__(
        self, backend: Backend, memory: Memory | None = None, observe: Observer | None = None
    ) -> None:
        self.memory = Memory() if memory is None else memory
        self._backend = backend
        self._observe = observe

    async def entry(self, key: ContextKey, staleness: float = 0.0) -> IndexEntry:
        """The index entry of a course. One round trip, or none if one that was read less than ``staleness``
        seconds ago will do.

        Raises:
            CourseNotFound: there is none.
        """
        now = monotonic()
        known = self.memory.entry(key, now - staleness) if staleness > 0 else None
        if known is not None:
            return known
        entry = await find_entry(self._backend, key)
        self.memory.keep_entry(entry, now)
        return entry

    async def structure(self, version: VersionId) -> Structure:
        """One structure; cost and errors as `structures`."""
        return (await self.structures([version]))[version]

    async def structures(self, ids: Collection[VersionId]) -> dict[VersionId, Structure]:
        """Structures by id.

        Cost: nothing for those at hand; otherwise one round trip for all others, and one more for what they
        are built on, as far as that is not at hand either. Where that was stored otherwise since (see
        docs/converting.md) there may be a third.

        Raises:
            VersionNotFound: one of them is not there.
            CorruptDocument: one of them cannot be read, or is built on what is not there.
        """
        found = await self.found_structures(ids)
        for version in ids:
            if version not in found:
                raise VersionNotFound(f"there is no structure {version}", hint="it may have been pruned")
        return found

    async def found_structures(self, ids: Collection[VersionId]) -> dict[VersionId, Structure]:
        """Those of the structures that are there; cost as `structures`.

        Raises:
            CorruptDocument: one of them cannot be read, or is built on what is not there.
        """
        wanted = dict.fromkeys(ids)
        with ReadFollowed(self._observe, "structures", len(wanted)) as followed:
            found = self.memory.structures(wanted)
            followed.at_hand = len(found)
            missing = [version for version in wanted if version not in found]
            if not missing:
                return found
            documents = await self._backend.structures.get_many(missing)
            followed.fetched = len(documents)
            gathering = Gathering(documents, self.memory)
            while gathering.wanted:
                more = await self._backend.structures.get_many(gathering.wanted)
                followed.built_on += len(more)
                gathering.add(more)
            began = monotonic()
            for version in documents:
                try:
                    found[version] = gathering.structure(version)
                except BaseMissing:
                    if (again := await self._again(version)) is not None:
                        found[version] = again
            followed.decoding = monotonic() - began
            self.memory.keep_structures(gathering.decoded)
            return found

    async def _again(self, version: VersionId) -> Structure | None:
        """A version that lacked what it is built on, read anew; None if it was pruned meanwhile too.

        Raises:
            CorruptDocument: it is still there, and still lacks it.
        """
        structures = self._backend.past_cache().structures
        attempt = 0
        while documents := await structures.get_many([version]):
            gathering = Gathering(documents)
            while gathering.wanted:
                gathering.add(await structures.get_many(gathering.wanted))
            try:
                return gathering.structure(version)
            except BaseMissing:
                # Of versions that are deleted together any may go first.
                if attempt == _AGAIN:
                    raise
            await back_off(attempt)
            attempt += 1
        return None

    async def definitions(self, ids: Iterable[VersionId]) -> dict[VersionId, Definition]:
        """Definitions by id. One round trip for those that are not at hand.

        Raises:
            DefinitionNotFound: one of them is not there.
            CorruptDocument: one of them cannot be read.
        """
        wanted = set(ids)
        with ReadFollowed(self._observe, "definitions", len(wanted)) as followed:
            found = self.memory.definitions(wanted)
            followed.at_hand = len(found)
            missing = wanted - found.keys()
            if not missing:
                return found
            documents = await self._backend.definitions.get_many(missing)
            followed.fetched = len(documents)
            if gone := missing - documents.keys():
                raise DefinitionNotFound(
                    f"there is no definition {min(gone)}", hint="the database is damaged: run `check`"
                )
            began = monotonic()
            read = decode_definitions(list(documents.values()))
            followed.decoding = monotonic() - began
            self.memory.keep_definitions(zip(read, map(len, documents.values()), strict=True))
            found.update((definition.id, definition) for definition in read)
            return found

    async def content(self, blocks: Iterable[Block]) -> dict[Block, dict[str, Any]]:
        """Content-scope fields of blocks, in their order; cost and errors as `definitions`, however many."""
        wanted = {block: block.definition for block in blocks}
        definitions = await self.definitions(wanted.values())
        return {block: copy_value(dict(definitions[version].fields)) for block, version in wanted.items()}
