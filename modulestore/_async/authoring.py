"""The part of the store that authors work with: edit sessions, and conflicts that wait for a decision."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress

from modulestore._async.commits import Listener
from modulestore._async.conflicts import Conflicts, Mine
from modulestore._async.editing import AsyncEditSession, OnConflict, with_publication
from modulestore._async.reading import find_entry, find_head
from modulestore._async.store_base import StoreBase
from modulestore.errors import InvalidInput, StorageError
from modulestore.keys import VersionId, as_course_key
from modulestore.model.commit import Commit
from modulestore.model.conflict import KeptConflict
from modulestore.model.index import IndexEntry
from modulestore.model.revision import Revision
from modulestore.model.values import Author

__all__ = ["AuthoringStore"]


class AuthoringStore(StoreBase):
    """The part of the store that authors work with."""

    def edit(
        self,
        key: object,
        *,
        author: Author = -1,
        base: VersionId | str | None = None,
        message: str | None = None,
        on_conflict: OnConflict = "ask",
    ) -> AsyncEditSession:
        """An edit session on the draft branch of a course, or on a library; a context manager.

        When it ends, its edits are committed as one new version. If others have committed meanwhile, the
        edits are merged with theirs; what cannot be merged raises `EditConflict`. A key with a version and no
        branch is edited into a detached version, which no branch points to.

        Args:
            base: the version that the author saw, if it is not the head.
            message: what the author says of the edit.
            on_conflict: ``ask``; ``abort``, raise `HeadMoved` whenever the head has moved; ``overwrite``,
            win.

        Cost: the index and the structure at the beginning; at the end the index, the definitions that are
        edited, and three writes. When the head has moved, its structure and the definitions that both changed
        besides.
        """
        wanted = VersionId.parse(base) if isinstance(base, str) else base
        return AsyncEditSession(
            self._committer,
            self._conflicts(),
            as_course_key(key),
            author=author,
            base=wanted,
            message=message,
            on_conflict=on_conflict,
        )

    async def conflicts(self, key: object) -> list[KeptConflict]:
        """Conflicts of a course that wait for a decision, oldest first.

        Raises:
            CourseNotFound: there is no such course.
        """
        entry = await find_entry(self._backend, as_course_key(key))
        return await self._conflicts().list(entry.key)

    async def conflict(self, conflict_id: str) -> KeptConflict:
        """A conflict that waits for a decision.

        Raises:
            NotFound: there is none of this id: it may have been resolved.
        """
        return await self._conflicts().find(conflict_id)

    async def resolve(
        self,
        conflict_id: str,
        *,
        choices: Mapping[str, str] | None = None,
        overwrite: bool = False,
        abort: bool = False,
    ) -> Commit | None:
        """Decide a conflict: the edit is merged again, with the head of this moment.

        Args:
            choices: "mine" or "theirs" by id of an item.
            overwrite: mine wins in every item that ``choices`` does not name.
            abort: give the edit up.

        Returns what was committed; None if the edit was given up.

        Raises:
            NotFound: there is no such conflict.
            EditConflict: items are left to decide, old ones or new ones; it takes the place of the old
            conflict.
        """
        conflicts = self._conflicts()
        kept = await conflicts.find(conflict_id)
        if abort:
            if choices or overwrite:
                raise InvalidInput("abort stands alone", place=f"conflict {conflict_id}")
            await conflicts.forget(kept)
            return None
        structures = await self._reader.structures({kept.base, kept.mine})
        mine = Mine(structures[kept.mine], {}, kept.message, kept)

        async def make(entry: IndexEntry) -> dict[str, Revision]:
            _, head = find_head(entry, entry.key, kept.branch)
            revision = await conflicts.merged(
                entry.key,
                kept.branch,
                structures[kept.base],
                mine,
                head,
                choices=choices or {},
                overwrite=overwrite,
            )
            return await with_publication(self._committer, entry, kept.branch, revision)

        commit = await self._committer.commit(kept.key, kept.author, make, message=kept.message)
        with suppress(StorageError):  # the edit is committed: a conflict that stays listed does no harm
            await conflicts.forget(kept)
        return commit

    def on_commit(self, listener: Listener) -> None:
        """Call ``listener`` with every `Commit` of this store, after it is done; it may be asynchronous."""
        self._committer.listeners.append(listener)

    def _conflicts(self) -> Conflicts:
        return Conflicts(self._committer, self.resolve)
