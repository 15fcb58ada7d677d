"""The part of the store that brings blocks of libraries into courses."""

from __future__ import annotations

from collections.abc import Iterable

from modulestore._async.editing import with_publication
from modulestore._async.reading import find_entry, find_head
from modulestore._async.store_base import StoreBase
from modulestore.errors import BlockNotFound, InvalidInput
from modulestore.keys import (
    BlockKey,
    ContextKey,
    LibraryKey,
    UsageKey,
    VersionId,
    as_course_key,
    as_usage_key,
    parse_course_key,
)
from modulestore.model.branches import DRAFT, LIBRARY, STORED_NAMES
from modulestore.model.changes import compare
from modulestore.model.commit import Commit
from modulestore.model.course import Block
from modulestore.model.editing import apply_edits
from modulestore.model.edits import UpdateFields
from modulestore.model.index import IndexEntry
from modulestore.model.publishing import outline_below
from modulestore.model.revision import Revision
from modulestore.model.structure import Structure
from modulestore.model.templates import LibrarySource, copy_from_library
from modulestore.model.values import Author

__all__ = ["LibraryStore"]

_LIBRARY_CONTENT = "library_content"


class LibraryStore(StoreBase):
    """The part of the store that brings blocks of libraries into courses."""

    async def copy_from_library(
        self,
        dest: Block | UsageKey | str,
        library: object,
        blocks: Iterable[BlockKey | tuple[str, str]] | None = None,
        *,
        version: VersionId | str | None = None,
        author: Author = -1,
        message: str | None = None,
    ) -> Commit:
        """Let the children of a block be copies of blocks of a library, each with all below it.

        Copies have ids that are derived from the library, the block and the parent, so copying again finds
        them: they get the library's values as defaults, and keep what the course set itself
        (`Block.overrides`). A library-content block remembers the library and the version, and stays with
        that version until it is copied again.

        Args:
            blocks: of the library; None for the children of its root.
            version: of the library; None for its head.

        Raises:
            CourseNotFound, VersionNotFound, BlockNotFound: the course, the library or a block is not there.
        """
        usage = as_usage_key(dest.key if isinstance(dest, Block) else dest)
        library_key = as_course_key(library)
        if not isinstance(library_key, LibraryKey):
            raise InvalidInput(f"{library_key} is no library", place=str(usage))
        source = await self._library(library_key, version)
        wanted = _children(source) if blocks is None else [BlockKey(*block) for block in blocks]
        context = library_key.bare.for_branch(STORED_NAMES[LIBRARY])
        sources = [LibrarySource(context, source, block) for block in wanted]

        async def make(entry: IndexEntry) -> dict[str, Revision]:
            _, head = find_head(entry, entry.key, DRAFT)
            base = await self._reader.structure(head)
            revision = self._committer.revision(base, base.header.root, author)
            copies = copy_from_library(revision, usage.block_key, sources)
            if usage.block_key.type == _LIBRARY_CONTENT:
                pin = {"source_library_id": str(library_key.bare), "source_library_version": str(source.id)}
                apply_edits(revision, [UpdateFields(usage.block_key, pin)], {})
            if not compare(base, revision.structure()):
                revision.restore({})
            outline = outline_below(revision, copies)
            return await with_publication(self._committer, entry, DRAFT, revision, outline)

        return await self._committer.commit(usage.course.bare, author, make, message=message)

    async def update_from_library(
        self, dest: Block | UsageKey | str, *, author: Author = -1, message: str | None = None
    ) -> Commit:
        """Copy the head of the library that a library-content block comes from.

        If that is what it has, nothing is written.

        Raises:
            InvalidInput: the block does not say which library it comes from.
        """
        usage = as_usage_key(dest.key if isinstance(dest, Block) else dest)
        entry = await find_entry(self._backend, usage.course)
        _, head = find_head(entry, entry.key, DRAFT)
        structure = await self._reader.structure(head)
        position = structure.position(usage.block_key)
        if position is None:
            raise BlockNotFound(f"there is no block {usage.type}/{usage.id}", place=str(entry.key))
        library = structure.data.settings(position).get("source_library_id")
        if not isinstance(library, str):
            raise InvalidInput(
                "this block comes from no library", place=str(usage), hint="call copy_from_library"
            )
        return await self.copy_from_library(usage, parse_course_key(library), author=author, message=message)

    async def _library(self, key: ContextKey, version: VersionId | str | None) -> Structure:
        entry = await find_entry(self._backend, key)
        _, head = find_head(entry, key, LIBRARY)
        wanted = VersionId.parse(version) if isinstance(version, str) else version or key.version or head
        return await self._reader.structure(wanted)


def _children(structure: Structure) -> list[BlockKey]:
    return [] if structure.root is None else list(structure.child_keys(structure.root) or ())
