"""The part of the store that moves content between draft and published."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from modulestore._async.editing import with_publication
from modulestore._async.reading import find_entry, find_head
from modulestore._async.store_base import StoreBase
from modulestore.errors import HeadMoved, InvalidInput
from modulestore.keys import (
    BlockKey,
    ContextKey,
    LibraryKey,
    UsageKey,
    VersionId,
    as_course_key,
    as_usage_key,
)
from modulestore.model import publishing
from modulestore.model.branches import DIRECT_ONLY, DRAFT, PUBLISHED
from modulestore.model.commit import Commit
from modulestore.model.course import Block
from modulestore.model.index import IndexEntry
from modulestore.model.publishing import Change, Preview
from modulestore.model.revision import Revision
from modulestore.model.structure import Structure
from modulestore.model.values import Author

__all__ = ["PublishingStore"]


class PublishingStore(StoreBase):
    """The part of the store that moves content between draft and published."""

    async def publish(
        self,
        key: object,
        block: Block | UsageKey | str | None = None,
        *,
        author: Author = -1,
        base: VersionId | str | None = None,
        exclude: Collection[BlockKey] = (),
        message: str | None = None,
    ) -> Commit:
        """Let learners see what the draft has: all of it, or a block with everything below it.

        What is published already makes no version. A block can only go where its parent is published.

        Args:
            base: the version of the draft that the author has looked at, if that was earlier.
            exclude: blocks that are left as they are published, with what is below them.

        Raises:
            CourseNotFound, BlockNotFound: there is no such draft.
            NotPublished: none of the block's parents is published: publish one of them.
            HeadMoved: what would be published was edited since ``base``.
            VersionNotFound: ``base`` was pruned since.
        """
        course_key = _course(as_course_key(key))
        wanted = None if block is None else as_usage_key(_key_of(block)).block_key
        looked_at = VersionId.parse(base) if isinstance(base, str) else base
        seen: list[Structure] = []

        async def make(entry: IndexEntry) -> dict[str, Revision]:
            if not seen:  # what the author decided to publish, also if the draft moves on meanwhile
                draft = await self._head(entry, DRAFT)
                if looked_at is not None:
                    await self._expect_unchanged(looked_at, draft, wanted or draft.header.root)
                seen.append(draft)
            (draft,) = seen
            revision = await self._revision(entry, PUBLISHED, draft, author)
            publishing.publish(draft, revision, [wanted or draft.header.root], exclude)
            await self._with_present_outline(entry, draft, revision)
            return {PUBLISHED: revision}

        return await self._committer.commit(course_key, author, make, message=message)

    async def publish_preview(self, key: object, block: Block | UsageKey | str | None = None) -> Preview:
        """What `publish` would add, change and remove. Three round trips.

        Raises:
            CourseNotFound, BlockNotFound, NotPublished: as `publish`.
        """
        entry = await find_entry(self._backend, _course(as_course_key(key)))
        draft = await self._head(entry, DRAFT)
        wanted = draft.header.root if block is None else as_usage_key(_key_of(block)).block_key
        return publishing.publish_preview(draft, await self._published(entry), [wanted])

    async def unpublish(
        self, block: Block | UsageKey | str, *, author: Author = -1, message: str | None = None
    ) -> Commit:
        """Let learners no longer see a block; its draft stays.

        Raises:
            NotPublished: they do not.
            InvalidInput: blocks of this type are always published.
        """
        usage = as_usage_key(_key_of(block))

        async def make(entry: IndexEntry) -> dict[str, Revision]:
            draft = await self._head(entry, DRAFT)
            revision = await self._revision(entry, PUBLISHED, draft, author)
            publishing.unpublish(revision, usage.block_key)
            return {PUBLISHED: revision}

        return await self._committer.commit(_course(usage.course), author, make, message=message)

    async def discard(
        self, block: Block | UsageKey | str, *, author: Author = -1, message: str | None = None
    ) -> Commit:
        """Let the draft of a block, with everything below it, be what is published.

        Raises:
            NotPublished: nothing of it is.
        """
        usage = as_usage_key(_key_of(block))

        async def make(entry: IndexEntry) -> dict[str, Revision]:
            _, head = find_head(entry, entry.key, PUBLISHED)
            published = await self._reader.structure(head)
            revision = await self._revision(entry, DRAFT, published, author)
            publishing.discard(revision, published, usage.block_key)
            return await with_publication(self._committer, entry, DRAFT, revision)

        return await self._committer.commit(_course(usage.course), author, make, message=message)

    async def changes(self, key: object) -> Mapping[BlockKey, Change]:
        """What differs between draft and published, by block, for the whole course. Two round trips.

        Raises:
            CourseNotFound, BranchNotFound: the course has no draft.
        """
        entry = await find_entry(self._backend, _course(as_course_key(key)))
        heads = [entry.heads[branch] for branch in (DRAFT, PUBLISHED) if branch in entry.heads]
        _, draft = find_head(entry, entry.key, DRAFT)
        structures = await self._reader.structures(set(heads))
        published = entry.heads.get(PUBLISHED)
        return publishing.changed_blocks(structures[draft], structures[published] if published else None)

    async def _expect_unchanged(self, base: VersionId, draft: Structure, wanted: BlockKey) -> None:
        changed = publishing.changed_since(await self._reader.structure(base), draft, wanted)
        if changed:
            first = min(changed)
            raise HeadMoved(
                f"{len(changed)} of the blocks to be published changed since version {base}",
                place=f"{first.type}/{first.id}",
                hint="nothing was published: look at them again",
            )

    async def _with_present_outline(self, entry: IndexEntry, draft: Structure, revision: Revision) -> None:
        """What has no drafts is published as it is now, if the draft has moved on since the author saw it."""
        if entry.heads.get(DRAFT) == draft.id:
            return
        present = await self._revision(entry, DRAFT, draft, revision.author)
        outline = [key for key in revision.changes if key.type in DIRECT_ONLY]
        publishing.auto_publish(present, revision, outline)

    async def _head(self, entry: IndexEntry, branch: str) -> Structure:
        _, head = find_head(entry, entry.key, branch)
        return await self._reader.structure(head)

    async def _published(self, entry: IndexEntry) -> Structure | None:
        return await self._head(entry, PUBLISHED) if PUBLISHED in entry.heads else None

    async def _revision(self, entry: IndexEntry, branch: str, like: Structure, author: Author) -> Revision:
        base = await self._head(entry, branch) if branch in entry.heads else None
        return self._committer.revision(base, like.header.root, author)


def _key_of(block: Block | UsageKey | str) -> UsageKey | str:
    return block.key if isinstance(block, Block) else block


def _course(key: ContextKey) -> ContextKey:
    if isinstance(key, LibraryKey):
        raise InvalidInput("a library has no draft: what is edited is there at once", place=str(key))
    return key.bare
