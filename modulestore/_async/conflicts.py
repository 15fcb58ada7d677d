"""Merging an edit with what others did, and keeping it for its author where that cannot be done."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from modulestore._async.commits import Committer
from modulestore._async.guarding import Lost, Written
from modulestore._async.waiting import back_off
from modulestore.errors import EditConflict, NotFound, VersionNotFound
from modulestore.formats.definitions import encode_definition
from modulestore.formats.structures import encode_structure
from modulestore.keys import BlockKey, ContextKey, VersionId
from modulestore.model import merging
from modulestore.model.conflict import KeptConflict
from modulestore.model.definition import Definition
from modulestore.model.merging import ConflictItem
from modulestore.model.revision import Revision
from modulestore.model.structure import Structure
from modulestore.model.values import Author

__all__ = ["CONFLICT", "Conflicts", "Mine"]

CONFLICT = "conflict"  # kind of the records of kept conflicts, by id


@dataclass(frozen=True, slots=True)
class Mine:
    """An author's version of a branch, on the one that it was made of.

    Attributes:
        structure: the version; ``definitions`` are those of it that are not stored yet.
        kept: the conflict that it is kept in, if it is.
    """

    structure: Structure
    definitions: Mapping[VersionId, Definition]
    message: str | None
    kept: KeptConflict | None = None


class Conflicts:
    """Merges edits on one backend, and keeps those that it cannot merge."""

    def __init__(self, committer: Committer, resolve: Callable[..., object]) -> None:
        self._committer = committer
        self._resolve = resolve

    async def merged(
        self,
        key: ContextKey,
        branch: str,
        base: Structure,
        mine: Mine,
        head: VersionId,
        *,
        choices: Mapping[str, str],
        overwrite: bool,
    ) -> Revision:
        """An edit of ``base`` on a head that is not ``base``.

        Args:
            choices: who wins, "mine" or "theirs", by id of an item.
            overwrite: mine wins in every item that ``choices`` does not name.

        Raises:
            EditConflict: items are left to decide; the edit is kept.
            VersionNotFound: items are left to decide, and ``base`` was pruned, without which nobody can.
        """
        theirs = await self._committer.reader.structure(head)
        needed = merging.needed_definitions(base, theirs, mine.structure) - mine.definitions.keys()
        contents = {**await self._committer.reader.definitions(needed), **mine.definitions}
        result = merging.merge(base, theirs, mine.structure, contents, choices=choices)
        if result.conflicts and overwrite:
            every = {item.id: "mine" for item in result.conflicts}
            result = merging.merge(base, theirs, mine.structure, contents, choices={**every, **choices})
        if result.conflicts:
            kept = await self._keep(key, branch, base, mine, theirs, result.conflicts)
            raise _edit_conflict(kept, self._resolve)
        author = mine.structure.header.edited_by
        revision = self._committer.revision(theirs, theirs.header.root, author)
        revision.merged = True
        merging.apply_merge(result, revision)
        for record in revision.changes.values():
            # What the author's version brought along has to be stored with this one.
            if record is not None and record.definition in mine.definitions:
                revision.definitions[record.definition] = mine.definitions[record.definition]
        return revision

    async def keep_version(
        self, base: Structure, structure: Structure, definitions: Mapping[VersionId, Definition]
    ) -> None:
        """Store a version that no branch points to, made from ``base``.

        Raises:
            DefinitionNotFound: it needs content that was pruned meanwhile.
            VersionNotFound: ``base`` was pruned meanwhile, and nobody knows whether its content is there.
        """
        committer = self._committer
        shared = set(structure.definitions).difference(base.definitions, definitions)
        contents = {version: encode_definition(definition) for version, definition in definitions.items()}
        attempt = 0
        while True:
            schema = await committer.guard.schema(committer.backend, structure.header.edited_by)
            documents = {structure.id: encode_structure(structure, schema).document}
            written = Written.of(documents, contents.keys(), shared=shared, versions=[base.id])
            try:
                async with committer.backend.group() as group:
                    await group.definitions.put_many(contents)
                    await group.structures.put_many(documents)
                    await committer.guard.expect(group, schema, written)
            except NotFound:
                await committer.backend.structures.delete_many(documents)
                await committer.backend.definitions.delete_many(contents)
                raise
            except Lost as lost:
                await committer.backend.structures.delete_many(documents)
                structure = structure.stored_as(None) if lost.whole else structure
                await back_off(attempt)
                attempt += 1
            else:
                return

    async def _keep(
        self,
        key: ContextKey,
        branch: str,
        base: Structure,
        mine: Mine,
        theirs: Structure,
        items: Sequence[ConflictItem],
    ) -> KeptConflict:
        kept = KeptConflict(
            id=str(mine.structure.id),
            key=key.bare,
            branch=branch,
            base=base.id,
            mine=mine.structure.id,
            author=mine.structure.header.edited_by,
            theirs=theirs.id,
            their_author=_author_of(base, theirs, items[0].key),
            on=mine.structure.header.edited_on,
            message=mine.message,
            items=tuple(items),
        )
        backend = self._committer.backend
        while True:
            if mine.kept is None:
                try:
                    await self.keep_version(base, mine.structure, mine.definitions)
                except VersionNotFound as error:
                    raise _pruned(kept) from error
            await self._note(kept)
            # The record says from now on that both stay; whether they have stayed until now, pruning knows.
            gone = await self._committer.guard.gone(backend, {base.id, mine.structure.id})
            if not gone:
                return kept
            if mine.kept is not None or base.id in gone:
                await self.forget(kept)
                raise _pruned(kept)

    async def _note(self, kept: KeptConflict) -> None:
        records = self._committer.backend.records
        while not await records.put_if_absent(CONFLICT, kept.id, kept.as_record()):
            # The same edit met another head since: what is kept is what stands against it now.
            there = await records.get(CONFLICT, kept.id)
            if there is not None and await records.swap(there, kept.as_record()):
                return

    async def find(self, conflict_id: str) -> KeptConflict:
        """A kept conflict.

        Raises:
            NotFound: there is none of this id: it may have been resolved.
        """
        record = await self._committer.backend.records.get(CONFLICT, conflict_id)
        if record is None:
            raise NotFound(f"there is no conflict {conflict_id}", hint="it may have been resolved since")
        return KeptConflict.from_record(conflict_id, record.value)

    async def list(self, key: ContextKey) -> list[KeptConflict]:
        """Conflicts of a course that wait for a decision, oldest first."""
        records = await self._committer.backend.records.list(CONFLICT)
        kept = [KeptConflict.from_record(record.key, record.value) for record in records]
        return sorted((conflict for conflict in kept if conflict.key == key.bare), key=lambda one: one.on)

    async def forget(self, conflict: KeptConflict) -> None:
        """A conflict that is decided is kept no longer; its version stays until it is pruned."""
        record = await self._committer.backend.records.get(CONFLICT, conflict.id)
        if record is not None:
            await self._committer.backend.records.delete(record)


def _author_of(base: Structure, theirs: Structure, key: BlockKey) -> Author:
    """Who changed a block since ``base``, or what it is below; else who made the version."""
    above = [
        structure.key(parent)
        for structure in (theirs, base)
        if (position := structure.position(key)) is not None
        for parent in structure.outline.parents[position]
    ]
    for one in (key, *above):
        there, before = theirs.position(one), base.position(one)
        if there is None:
            continue
        info = theirs.data.edit_info(there)
        if before is None or info.update_version != base.data.edit_info(before).update_version:
            return info.edited_by
    return theirs.header.edited_by


def _pruned(kept: KeptConflict) -> VersionNotFound:
    return VersionNotFound(
        f"version {kept.base}, which this edit began with, was pruned while its author was at work",
        place=str(kept.key),
        hint="nothing was written: open the course again, and repeat the edit",
    )


def _edit_conflict(kept: KeptConflict, resolve: Callable[..., object]) -> EditConflict:
    first = kept.items[0]
    more = f" and {len(kept.items) - 1} more" if len(kept.items) > 1 else ""
    what = f"{first.key.type}/{first.key.id}" + (f" {first.field}" if first.field else "")
    return EditConflict(
        f"{kept.their_author!r} changed the same thing meanwhile: {what}{more}",
        conflict=kept,
        resolve=resolve,
        place=str(kept.key),
    )
