"""Reading: from a key to a structure, from blocks to their contents.

Decoding happens here, above the storage ports.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any

from modulestore._async.ports import Backend
from modulestore._async.waiting import closing
from modulestore.errors import BranchNotFound, CourseNotFound, DefinitionNotFound, VersionNotFound
from modulestore.formats import v1
from modulestore.keys import ContextKey, LibraryKey, VersionId
from modulestore.model.branches import branch_name, reading_branches
from modulestore.model.course import Block
from modulestore.model.definition import Definition
from modulestore.model.history import chain
from modulestore.model.index import IndexEntry
from modulestore.model.structure import Structure, StructureHeader
from modulestore.model.values import copy_value

__all__ = [
    "find_entry",
    "find_head",
    "head_as_of",
    "load_chain",
    "load_content",
    "load_definitions",
    "load_structures",
]


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


async def load_structures(backend: Backend, ids: Collection[VersionId]) -> dict[VersionId, Structure]:
    """Structures by id. One round trip.

    Raises:
        VersionNotFound: one of them is not there.
        CorruptDocument: one of them cannot be read.
    """
    documents = await backend.structures.get_many(ids)
    for version in ids:
        if version not in documents:
            raise VersionNotFound(f"there is no structure {version}", hint="it may have been pruned")
    return {version: v1.decode_structure(document) for version, document in documents.items()}


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
    original = v1.decode_header(documents[head]).original_version
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


async def load_definitions(backend: Backend, ids: Iterable[VersionId]) -> dict[VersionId, Definition]:
    """Definitions by id. One round trip; none for no ids.

    Raises:
        DefinitionNotFound: one of them is not there.
        CorruptDocument: one of them cannot be read.
    """
    wanted = set(ids)
    if not wanted:
        return {}
    documents = await backend.definitions.get_many(wanted)
    missing = wanted - documents.keys()
    if missing:
        raise DefinitionNotFound(
            f"there is no definition {min(missing)}", hint="the database is damaged: run `check`"
        )
    return {version: v1.decode_definition(document) for version, document in documents.items()}


async def load_content(backend: Backend, blocks: Iterable[Block]) -> dict[Block, dict[str, Any]]:
    """Content-scope fields of blocks, in their order. One round trip, however many."""
    wanted = {block: block.definition for block in blocks}
    definitions = await load_definitions(backend, wanted.values())
    return {block: copy_value(dict(definitions[version].fields)) for block, version in wanted.items()}
