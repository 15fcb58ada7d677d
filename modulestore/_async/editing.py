"""Edit sessions: what an author wants is collected, then committed once, merged with what others did."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import TracebackType
from typing import Any, Literal, Self, get_args

from modulestore._async.commits import Committer
from modulestore._async.conflicts import Conflicts, Mine
from modulestore._async.reading import find_entry, find_head
from modulestore._async.waiting import monotonic
from modulestore.errors import BlockNotFound, HeadMoved, InvalidInput
from modulestore.formats.ids import new_version_id
from modulestore.keys import BlockKey, ContextKey, LibraryKey, UsageKey, VersionId, as_usage_key
from modulestore.model import editing
from modulestore.model.branches import DRAFT, LIBRARY, PUBLISHED, branch_name
from modulestore.model.commit import Commit
from modulestore.model.course import Block, Course
from modulestore.model.edits import (
    AddBlock,
    DeleteBlock,
    Edit,
    MoveBlock,
    ReorderChildren,
    SetAside,
    SetAsset,
    UpdateFields,
)
from modulestore.model.index import IndexEntry
from modulestore.model.publishing import auto_publish, needs_publication
from modulestore.model.revision import Revision
from modulestore.model.values import Author

__all__ = ["AsyncEditSession", "OnConflict"]

OnConflict = Literal["ask", "abort", "overwrite"]
"""What becomes of an edit that somebody else's stands against.

The author is asked (`EditConflict`); or it is given up whenever the head has moved (`HeadMoved`); or it wins
in the conflicting items.
"""

_A_MOMENT = 1.0  # seconds

Ref = Block | UsageKey | BlockKey | tuple[str, str] | str


class AsyncEditSession:
    """What one author does to one branch, between opening and commit.

    Made by ``store.edit``, used as a context manager: when it ends, all edits are committed as one new
    version; an exception writes nothing. Edits are collected in order; each is checked when it is committed.

    Attributes:
        course: the version that the author sees, which the edits are made on.
        version: after the commit, the head of the branch; the detached version, if the session had no branch.
        merged: after the commit, whether others had committed meanwhile.
        commit: what was done; None before, and for a detached version.
    """

    def __init__(
        self,
        committer: Committer,
        conflicts: Conflicts,
        key: ContextKey,
        *,
        author: Author,
        base: VersionId | None,
        message: str | None,
        on_conflict: OnConflict,
    ) -> None:
        if on_conflict not in get_args(OnConflict):
            raise InvalidInput(
                f"on_conflict is one of {', '.join(get_args(OnConflict))}, not {on_conflict!r}"
            )
        self._committer = committer
        self._conflicts = conflicts
        self._key = key
        self._author = author
        self._base = base
        self._message = message
        self._on_conflict = on_conflict
        self._edits: list[Edit] = []
        self._branch: str | None = None
        self._entry: IndexEntry | None = None
        self._read_at = 0.0
        self.course: Course
        self.version: VersionId | None = None
        self.merged = False
        self.commit: Commit | None = None

    async def __aenter__(self) -> Self:
        backend = self._committer.backend
        if self._key.version is not None and self._key.branch is None:
            base = self._key.version
            key = self._key if self._key.org is None else self._key.bare
        else:
            self._read_at = monotonic()
            self._entry = await find_entry(backend, self._key)
            self._branch, head = find_head(self._entry, self._key, _edited_branch(self._key))
            base, key = self._base or self._key.version or head, self._entry.key
        self.course = Course(key, await self._committer.reader.structure(base), self._branch)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            await self._commit()

    # --- what an author can want

    def add(
        self,
        type: str,  # noqa: A002
        parent: Ref | None = None,
        *,
        id: str | None = None,  # noqa: A002
        index: int | None = None,
        **fields: Any,
    ) -> UsageKey:
        """A new block, last among its parent's children or at ``index``; its key.

        Without ``id`` it gets one that no block has or had. Detached types have no parent.
        """
        key = BlockKey(type, id if id is not None else str(new_version_id()))
        above = None if parent is None else self._known(parent)
        self._edits.append(AddBlock(key, above, index, fields))
        return self.course.key.usage(*key)

    def update(self, block: Ref, /, **fields: Any) -> None:
        """New values of fields, settings and content alike."""
        self._edits.append(UpdateFields(self._known(block), fields))

    def unset(self, block: Ref, *names: str) -> None:
        """Fields that the block no longer sets: what it inherits, or the default, applies again."""
        self._edits.append(UpdateFields(self._known(block), {}, names))

    def move(self, block: Ref, parent: Ref, index: int | None = None) -> None:
        """A block under another parent, or at another place under its own."""
        self._edits.append(MoveBlock(self._known(block), self._known(parent), index))

    def reorder(self, block: Ref, children: Sequence[Ref]) -> None:
        """The same children in another order."""
        self._edits.append(ReorderChildren(self._known(block), [self._known(child) for child in children]))

    def delete(self, block: Ref) -> None:
        """A block, and what is below it and nowhere else, is no longer there."""
        self._edits.append(DeleteBlock(self._known(block)))

    def set_aside(self, block: Ref, aside_type: str, fields: Mapping[str, Any] | None) -> None:
        """Data of an aside, in place of what the block has of this type; None removes it."""
        self._edits.append(SetAside(self._known(block), aside_type, fields))

    def set_asset(self, asset_type: str, filename: str, attributes: Mapping[str, Any] | None) -> None:
        """Metadata of a file, in place of what there is; None removes it."""
        self._edits.append(SetAsset(asset_type, filename, attributes))

    def _known(self, ref: Ref) -> BlockKey:
        """The block meant, if the session has it: in the version that it began with, or added since."""
        if isinstance(ref, Block):
            key = ref.block_key
        elif isinstance(ref, tuple) and not isinstance(ref, UsageKey):
            key = BlockKey(*ref)
        else:
            usage = as_usage_key(ref)
            if not usage.course.deprecated and usage.course.bare != self.course.key:
                raise BlockNotFound(f"{usage} is a block of another course", place=str(self.course.key))
            key = usage.block_key
        added = any(isinstance(edit, AddBlock) and edit.key == key for edit in self._edits)
        if not added and self.course.structure.position(key) is None:
            raise BlockNotFound(
                f"there is no block {key.type}/{key.id} in version {self.course.version}",
                place=str(self.course.key),
            )
        return key

    # --- committing

    async def _commit(self) -> None:
        self.version = self.course.version
        if not self._edits:
            return
        revision = await self._made()
        if revision.is_empty:
            return
        if self._branch is None:
            await self._conflicts.keep_version(
                self.course.structure, revision.structure(), revision.definitions
            )
            self.version = revision.version
            return
        mine = _Mine(self, self._branch, revision)
        # After a moment it is likelier that somebody else has committed, and cheaper to look first.
        entry = self._entry if monotonic() - self._read_at < _A_MOMENT else None
        commit = await self._committer.commit(
            self._key, self._author, mine.make, message=self._message, entry=entry
        )
        self.commit = commit
        self.version = commit.heads[self._branch]

    async def _made(self) -> Revision:
        """The edits, on the version that the author saw."""
        base = self.course.structure
        contents = await self._committer.reader.definitions(editing.needed_definitions(base, self._edits))
        revision = self._committer.revision(base, base.header.root, self._author)
        editing.apply_edits(revision, self._edits, contents)
        return revision


class _Mine:
    """One session's edits, to be committed on whatever head there is."""

    def __init__(self, session: AsyncEditSession, branch: str, revision: Revision) -> None:
        self._session = session
        self._branch = branch
        self._revision = revision

    async def make(self, entry: IndexEntry) -> dict[str, Revision]:
        """The revisions of a commit on these heads."""
        session = self._session
        _, head = find_head(entry, entry.key, self._branch)
        session.merged = head != session.course.version
        revision = await self._merged(entry, head) if session.merged else self._revision
        return await with_publication(session._committer, entry, self._branch, revision)

    async def _merged(self, entry: IndexEntry, head: VersionId) -> Revision:
        session = self._session
        if session._on_conflict == "abort":
            raise HeadMoved(
                f"the {self._branch} branch was edited meanwhile",
                place=str(entry.key),
                hint="nothing was written: look at the new version, then edit again",
            )
        mine = Mine(self._revision.structure(), self._revision.definitions, session._message)
        overwrite = session._on_conflict == "overwrite"
        return await session._conflicts.merged(
            entry.key, self._branch, session.course.structure, mine, head, choices={}, overwrite=overwrite
        )


def _edited_branch(key: ContextKey) -> str:
    """The branch of a course or library that is edited.

    Raises:
        InvalidInput: the key names another one.
    """
    branch = LIBRARY if isinstance(key, LibraryKey) else DRAFT
    if key.branch is not None and branch_name(key.branch) != branch:
        raise InvalidInput(
            f"the {branch_name(key.branch)} branch is not edited",
            place=str(key),
            hint="edit the draft, then publish it",
        )
    return branch


async def with_publication(
    committer: Committer,
    entry: IndexEntry,
    branch: str,
    revision: Revision,
    keys: Iterable[BlockKey] | None = None,
) -> dict[str, Revision]:
    """The revision of a branch, and what of it is published by itself: the outline, pages and the like."""
    published = entry.heads.get(PUBLISHED)
    if branch != DRAFT or published is None or not needs_publication(revision):
        return {branch: revision}
    head = await committer.reader.structure(published)
    following = committer.revision(head, revision.root, revision.author)
    auto_publish(revision, following, keys)
    return {branch: revision, PUBLISHED: following}
