"""The part of the store that compares versions, and goes back to earlier ones."""

from __future__ import annotations

from typing import Literal

from modulestore._async.authoring import AuthoringStore
from modulestore._async.conflicts import Mine
from modulestore._async.editing import with_publication
from modulestore._async.history import HistoryStore, find_version
from modulestore._async.reading import find_entry, find_head
from modulestore.errors import InvalidInput
from modulestore.keys import (
    BlockKey,
    ContextKey,
    LibraryKey,
    UsageKey,
    VersionId,
    as_course_key,
    as_usage_key,
)
from modulestore.model import diff as differences
from modulestore.model import publishing
from modulestore.model.branches import DRAFT, LIBRARY, PUBLISHED
from modulestore.model.commit import Commit
from modulestore.model.course import Block
from modulestore.model.diff import Diff
from modulestore.model.index import IndexEntry
from modulestore.model.publishing import Change, Preview
from modulestore.model.restoring import restore
from modulestore.model.revision import Revision
from modulestore.model.values import Author

__all__ = ["VersionStore"]


class VersionStore(HistoryStore, AuthoringStore):
    """The part of the store that compares versions, and goes back to earlier ones."""

    async def diff(self, key: object, before: VersionId | str, after: VersionId | str) -> Diff:
        """What is different between two versions: ids, tags, or branches, whose heads are meant.

        Cost: the index, tags if there are any, both structures, and the definitions that differ.

        Raises:
            CourseNotFound, VersionNotFound: there is no such version.
        """
        entry = await find_entry(self._backend, as_course_key(key))
        first = await find_version(self._backend, entry, before)
        second = await find_version(self._backend, entry, after)
        structures = await self._reader.structures({first, second})
        a, b = structures[first], structures[second]
        contents = await self._reader.definitions(differences.needed_definitions(a, b))
        return differences.diff(a, b, contents)

    async def restore(
        self,
        key: object,
        version: VersionId | str,
        *,
        block: Block | UsageKey | str | None = None,
        to: Literal["draft", "both"] = "draft",
        author: Author = -1,
        message: str | None = None,
    ) -> Commit:
        """Let the draft (of a library, its branch) be what it was in a version, as a new version.

        Args:
            version: an id, a tag, or a branch, whose head is meant.
            block: only this block, with everything below it.
            to: ``both`` publishes what was restored as well.

        Raises:
            CourseNotFound, VersionNotFound: there is no such version.
            BlockNotFound: the version has no such block.
        """
        wanted = None if block is None else _block_key(block)

        async def make(entry: IndexEntry) -> dict[str, Revision]:
            return await self._restored(entry, version, wanted, to, author)

        return await self._committer.commit(as_course_key(key).bare, author, make, message=message)

    async def restore_preview(
        self,
        key: object,
        version: VersionId | str,
        *,
        block: Block | UsageKey | str | None = None,
        to: Literal["draft", "both"] = "draft",
    ) -> dict[str, Preview]:
        """What `restore` would add, change and remove, by branch. Writes nothing.

        Raises:
            CourseNotFound, VersionNotFound, BlockNotFound: as `restore`.
        """
        entry = await find_entry(self._backend, as_course_key(key).bare)
        wanted = None if block is None else _block_key(block)
        revisions = await self._restored(entry, version, wanted, to, None)
        return {branch: _preview(revision) for branch, revision in revisions.items()}

    async def _restored(
        self,
        entry: IndexEntry,
        version: VersionId | str,
        wanted: BlockKey | None,
        to: Literal["draft", "both"],
        author: Author,
    ) -> dict[str, Revision]:
        if to not in ("draft", "both"):
            raise InvalidInput(f"to is draft or both, not {to!r}", place=str(entry.key))
        branch = _working_branch(entry.key)
        found = await find_version(self._backend, entry, version)
        _, head = find_head(entry, entry.key, branch)
        structures = await self._reader.structures({found, head})
        base = structures[head]
        revision = self._committer.revision(base, base.header.root, author)
        restore(revision, structures[found], wanted)
        revisions = await with_publication(self._committer, entry, branch, revision)
        if to == "both" and branch == DRAFT:
            published = revisions.get(PUBLISHED) or await self._following(entry, revision)
            draft = base if revision.is_empty else revision.structure()
            publishing.publish(draft, published, [wanted or base.header.root])
            revisions[PUBLISHED] = published
        return revisions

    async def undo(
        self, key: object, version: VersionId | str, *, author: Author = -1, message: str | None = None
    ) -> Commit:
        """Take back what one version of the draft did, and keep what was done since, as a new version.

        Raises:
            CourseNotFound, VersionNotFound: there is no such version.
            InvalidInput: it is the first one: there is nothing before it.
            EditConflict: something was done since to the same things.
        """
        course_key = as_course_key(key).bare
        branch = _working_branch(course_key)
        entry = await find_entry(self._backend, course_key)
        found = await find_version(self._backend, entry, version)
        undone = await self._reader.structure(found)
        previous = undone.header.previous_version
        if previous is None:
            raise InvalidInput(
                f"version {found} is the first one",
                place=str(course_key),
                hint="`restore` goes back to a version",
            )
        before = await self._reader.structure(previous)
        without = self._committer.revision(undone, undone.header.root, author)
        restore(without, before)

        async def make(entry: IndexEntry) -> dict[str, Revision]:
            _, head = find_head(entry, entry.key, branch)
            revision = without
            if head != found and not without.is_empty:
                mine = Mine(without.structure(), without.definitions, message)
                revision = await self._conflicts().merged(
                    entry.key, branch, undone, mine, head, choices={}, overwrite=False
                )
            return await with_publication(self._committer, entry, branch, revision)

        return await self._committer.commit(course_key, author, make, message=message)

    async def _following(self, entry: IndexEntry, like: Revision) -> Revision:
        head = entry.heads.get(PUBLISHED)
        structures = await self._reader.structures([head] if head else [])
        return self._committer.revision(structures[head] if head else None, like.root, like.author)


def _block_key(block: Block | UsageKey | str) -> BlockKey:
    return as_usage_key(block.key if isinstance(block, Block) else block).block_key


def _preview(revision: Revision) -> Preview:
    """What a revision does to its branch; a moved block counts as changed, and nobody for new children."""
    if revision.base is None:
        return Preview(tuple(revision.keys()), (), ())
    kinds = publishing.changed_blocks(revision.structure(), revision.base)

    def of(*wanted: Change) -> tuple[BlockKey, ...]:
        return tuple(key for key, kind in kinds.items() if kind in wanted)

    return Preview(of(Change.ADDED), of(Change.CHANGED, Change.MOVED), of(Change.REMOVED))


def _working_branch(key: ContextKey) -> str:
    return LIBRARY if isinstance(key, LibraryKey) else DRAFT
