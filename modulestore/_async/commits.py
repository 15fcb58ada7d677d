"""Committing new versions of branches: made on the heads of the moment, and made again when these have moved.

What a commit means is decided by a ``make`` that is given the index entry as it stands and returns a revision
for each branch that it depends on. Definitions and structures are written, then one swap names the heads of
all these branches. If one has moved, nothing is visible, and ``make`` is asked again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from modulestore._async.committing import swap_heads
from modulestore._async.guarding import Guard, Lost, Written
from modulestore._async.ports import Backend
from modulestore._async.reading import Reader, find_entry
from modulestore._async.waiting import back_off, call_back, monotonic
from modulestore.errors import (
    CommitContention,
    CommitUnknown,
    EditConflict,
    HeadMoved,
    InvalidInput,
    ModuleStoreError,
    StorageUnavailable,
)
from modulestore.formats.definitions import encode_definition
from modulestore.formats.structures import Schema, encode_structure
from modulestore.keys import BlockKey, ContextKey, VersionId
from modulestore.model.commit import BranchMove, Commit
from modulestore.model.definition import Definition
from modulestore.model.index import IndexEntry, Moved
from modulestore.model.revision import Revision
from modulestore.model.structure import Structure
from modulestore.model.values import Author
from modulestore.observing.following import CommitFollowed
from modulestore.observing.hook import Observer

__all__ = ["Committer", "Documents", "Listener", "Make", "encoded", "message_kind"]


class Make(Protocol):
    """Makes the revisions of a commit, by branch, on the heads of an entry.

    Those that change nothing are not written, but the commit depends on their branches too.
    """

    async def __call__(self, entry: IndexEntry, /) -> Mapping[str, Revision]: ...


Listener = Callable[[Commit], object]


def message_kind(key: ContextKey) -> str:
    """Kind of the records of a course's commit messages; each has the version for a key."""
    return f"message {key.bare}"


@dataclass(frozen=True, slots=True)
class Committer:
    """Commits to one backend.

    Attributes:
        reader: what is read through; it gets to know what was committed.
        guard: knows how the database is written, and sees to it that what a commit needs stays.
        now, ids: the clock (in milliseconds), and where new ids come from.
        patience: seconds for which a commit is tried again while heads keep moving.
        listeners: called with every commit, after it is done.
        observe: told how every commit ended; it never raises.
    """

    backend: Backend
    reader: Reader
    guard: Guard
    now: Callable[[], datetime]
    ids: Iterator[VersionId]
    patience: float = 30.0
    listeners: list[Listener] = field(default_factory=list)
    observe: Observer | None = None

    def revision(self, base: Structure | None, root: BlockKey, author: Author) -> Revision:
        """A revision made now, by this author."""
        return Revision(base, root, version=next(self.ids), author=author, now=self.now(), ids=self.ids)

    async def commit(
        self,
        key: ContextKey,
        author: Author,
        make: Make,
        *,
        message: str | None = None,
        entry: IndexEntry | None = None,
    ) -> Commit:
        """Commit what ``make`` makes: definitions, structures, swap, if no head moves meanwhile.

        Args:
            entry: the index entry, if it was read a moment ago; it is read again only if a head has moved.

        Raises:
            CourseNotFound: there is no such course.
            CommitContention: heads kept on moving for longer than our patience.
            CommitUnknown: the database went away, and whether it was done could not be learnt.
            ReadOnlyStore, InvalidAuthor: this database is not to be written to so.
            DefinitionNotFound: it brings back content that was pruned meanwhile.
        """
        with CommitFollowed(self.observe, key.bare) as followed:
            commit = await self._commit(key, author, make, message, entry, followed)
        if commit.moves:
            await call_back(self.listeners, commit)
        return commit

    async def _commit(
        self,
        key: ContextKey,
        author: Author,
        make: Make,
        message: str | None,
        entry: IndexEntry | None,
        followed: CommitFollowed,
    ) -> Commit:
        deadline = monotonic() + self.patience
        left_behind = Documents()
        attempt = 0
        whole = False
        while True:
            followed.tries = attempt + 1
            try:
                if entry is None:
                    entry = await find_entry(self.backend, key)
                revisions = await make(entry)
            except (EditConflict, StorageUnavailable):
                # What is kept for the author may be what an earlier try wrote; and whether it is kept may not
                # be known.
                raise
            except ModuleStoreError:
                await left_behind.remove(self.backend)
                raise
            changed = {branch: revision for branch, revision in revisions.items() if not revision.is_empty}
            if not changed:
                await left_behind.remove(self.backend)
                return Commit(entry.key, author, {}, entry.heads)
            schema = await self.guard.schema(self.backend, author)
            documents = encoded(changed, schema, whole=whole)
            followed.writes(changed, documents.definitions, documents.structures, documents.made)
            began = monotonic()
            try:
                entry = await self._write(entry, revisions, changed, schema, documents, message)
                followed.done = True
                break
            except HeadMoved as moved:
                whole = whole or (isinstance(moved, Lost) and moved.whole)
                left_behind.add(documents)
                if monotonic() > deadline:
                    await left_behind.remove(self.backend)
                    raise _contention(entry, self.patience) from moved
            except CommitUnknown:
                raise  # it may have been done: everything written may be needed
            except BaseException:
                # What this try wrote may be needed: an interrupt after the swap does not take it back.
                await left_behind.remove(self.backend, but=documents)
                raise
            entry = None
            await back_off(attempt)
            attempt += 1
        await left_behind.remove(self.backend, but=documents)
        self.reader.memory.keep_structures(documents.made)
        self.reader.memory.keep_entry(entry, began)
        return _done(entry, author, revisions, changed)

    async def _write(
        self,
        entry: IndexEntry,
        revisions: Mapping[str, Revision],
        changed: Mapping[str, Revision],
        schema: Schema,
        documents: Documents,
        message: str | None,
    ) -> IndexEntry:
        expected = {branch: entry.heads.get(branch) for branch in revisions}
        new = {branch: revision.version for branch, revision in changed.items()}
        async with self.backend.group() as group:
            try:
                if documents.definitions:
                    await group.definitions.put_many(documents.definitions)
                await group.structures.put_many(documents.structures)
                if message is not None:
                    for version in new.values():
                        await group.records.put_if_absent(
                            message_kind(entry.key), str(version), {"message": message}
                        )
                await self.guard.expect(group, schema, _written(documents, changed, entry))
            except BaseException:
                await documents.remove(group)
                raise
            result = await swap_heads(group, entry, expected, new, search_targets=_search_targets(changed))
            if isinstance(result, Moved):
                # Ends the group: where it is a transaction, nothing of it stays.
                raise HeadMoved("the head moved", place=str(entry.key))
        return result.entry


@dataclass(frozen=True, slots=True)
class Documents:
    """Encoded definitions and structures, by id.

    Attributes:
        made: the structures themselves.
    """

    definitions: dict[VersionId, bytes] = field(default_factory=dict)
    structures: dict[VersionId, bytes] = field(default_factory=dict)
    made: list[Structure] = field(default_factory=list)

    def add(self, other: Documents) -> None:
        """Have those of another too."""
        self.definitions.update(other.definitions)
        self.structures.update(other.structures)

    async def remove(self, backend: Backend, *, but: Documents | None = None) -> None:
        """Take them from the database, where no head ever pointed to them; not those that ``but`` has too."""
        try:
            if structures := self.structures.keys() - (but.structures if but else {}).keys():
                await backend.structures.delete_many(structures)
            if definitions := self.definitions.keys() - (but.definitions if but else {}).keys():
                await backend.definitions.delete_many(definitions)
        except ModuleStoreError:
            pass  # nothing refers to them; pruning will find them


def encoded(changed: Mapping[str, Revision], schema: Schema, *, whole: bool = False) -> Documents:
    """What revisions need to have stored; ``whole``: their structures build on no others."""
    documents = Documents()
    for revision in changed.values():
        made = revision.structure()
        for version, definition in revision.definitions.items():
            documents.definitions[version] = _encoded_content(definition, made)
        document, structure = encode_structure(made.stored_as(None) if whole else made, schema)
        documents.structures[revision.version] = document
        documents.made.append(structure)
    return documents


def _encoded_content(definition: Definition, made: Structure) -> bytes:
    try:
        return encode_definition(definition)
    except InvalidInput as error:
        block = made.key(list(made.definitions).index(definition.id))
        raise InvalidInput(error.message, place="/".join(block), hint=error.hint) from error


def _written(documents: Documents, changed: Mapping[str, Revision], entry: IndexEntry) -> Written:
    shared = {version for revision in changed.values() for version in revision.shared_definitions}
    # Nearly always heads, which stay; a repair makes a version from what no head is.
    bases = [revision.base for revision in changed.values()]
    opened = {version for revision in changed.values() for version in revision.opened}
    return Written.of(
        documents.structures,
        documents.definitions.keys(),
        shared=shared - documents.definitions.keys(),
        opened=opened,
        versions={base.id for base in bases if base is not None and base.id not in entry.heads.values()},
    )


def _search_targets(changed: Mapping[str, Revision]) -> Mapping[str, str] | None:
    """What courses are found by, if a root's content says something new."""
    for revision in changed.values():
        root = revision.get(revision.root)
        definition = revision.definitions.get(root.definition) if root else None
        slug = definition.fields.get("wiki_slug") if definition else None
        if isinstance(slug, str):
            return {"wiki_slug": slug}
    return None


def _done(
    entry: IndexEntry, author: Author, revisions: Mapping[str, Revision], changed: Mapping[str, Revision]
) -> Commit:
    moves = {
        branch: BranchMove(
            revision.base.id if revision.base else None, revision.version, frozenset(revision.changes)
        )
        for branch, revision in changed.items()
    }
    return Commit(entry.key, author, moves, entry.heads)


def _contention(entry: IndexEntry, patience: float) -> CommitContention:
    return CommitContention(
        f"others kept on committing for {patience:g} seconds",
        place=str(entry.key),
        hint="nothing was written: try again when there is less going on",
    )
