"""Copying blocks from one branch to another: the rule of publication.

Source: Open edX split modulestore, publish algorithm.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Final, Literal, Protocol

from modulestore.errors import BlockNotFound, NotPublished
from modulestore.keys import BlockKey
from modulestore.model.comparing import mark, same_content
from modulestore.model.revision import Revision
from modulestore.model.structure import BlockRecord, EditInfo, Structure

__all__ = ["EVERYTHING", "Blacklist", "Blocks", "Copying", "Snapshot", "keep_if_different", "publish"]

EVERYTHING: Final = "*"
"""A blacklist of all children: a block is copied, and what is below it only stays, is put in order, or goes.
"""

Blacklist = Collection[BlockKey] | Literal["*"]


class Blocks(Protocol):
    """What a copy is made from: a version that is there, or one that is being made."""

    @property
    def root(self) -> BlockKey:
        """Key of the root block."""
        ...

    def get(self, key: BlockKey, /) -> BlockRecord | None:
        """The block; None if there is none."""
        ...

    def parents(self, key: BlockKey, /) -> Sequence[BlockKey]:
        """The blocks that list it as a child."""
        ...


class Snapshot:
    """A structure as `Blocks`."""

    def __init__(self, structure: Structure) -> None:
        self.root = structure.header.root
        self._structure = structure

    def get(self, key: BlockKey, /) -> BlockRecord | None:
        position = self._structure.position(key)
        return None if position is None else self._structure.record(position)

    def parents(self, key: BlockKey, /) -> Sequence[BlockKey]:
        structure = self._structure
        position = structure.position(key)
        return [] if position is None else [structure.key(at) for at in structure.outline.parents[position]]


def publish(
    draft: Structure, published: Revision, keys: Iterable[BlockKey], blacklist: Blacklist = ()
) -> None:
    """Let the published branch have these blocks as the draft has them, each with all that is below it.

    Blocks of ``blacklist`` are not copied, nor what is below them; what is published of them stays. What the
    draft does not have any more goes. Parents that are published get the block at the place that it has in
    the draft, and a block that the draft has moved here leaves the published parents that it was moved out
    of. (In the platform it then stands in both places.) Nothing is changed if nothing differs. (The platform
    makes a version all the same.)

    Raises:
        BlockNotFound: the draft has no such block.
        NotPublished: a block has parents, none of which is published.
    """
    # The root first: others may wait for it.
    ordered = sorted(keys, key=lambda key: key != draft.header.root)
    before = dict(published.changes)
    copying = Copying(Snapshot(draft), published, blacklist)
    if published.root not in published and draft.header.root not in ordered:
        raise NotPublished(
            "nothing of this course is published yet",
            place=str(published.root),
            hint="publish the whole course first",
        )
    for key in ordered:
        copying.copy(key)
    copying.finish()
    keep_if_different(published, before)


class Copying:
    """One copy from branch to branch: of several blocks, then `finish`."""

    def __init__(self, source: Blocks, target: Revision, blacklist: Blacklist) -> None:
        self._source = source
        self._target = target
        self._below = blacklist != EVERYTHING
        self._left_out: Collection[BlockKey] = () if blacklist == EVERYTHING else frozenset(blacklist)
        self._orphans: dict[BlockKey, None] = {}
        self._copied_keys: set[BlockKey] = set()

    def copy(self, key: BlockKey) -> None:
        """Copy a block with all below it that is not left out."""
        source, target = self._source, self._target
        record = source.get(key)
        if record is None:
            raise BlockNotFound(f"the draft has no {key.type} block {key.id!r}", place=f"{key.type}/{key.id}")
        if key != source.root:
            self._put_under_parents(key)
        elif key not in target:
            # A first version begins with its root, so it is its own previous version: a quirk that is kept.
            info = EditInfo(update_version=target.version)
            target.put(BlockRecord(key, record.definition, children=(), edit_info=info))
        self._copy_all(key)

    def finish(self) -> None:
        """Take copied blocks from where the draft has them no more, and out what lost its last parent, with
        all below it that has no other.
        """
        self._leave_former_parents()
        waiting = list(self._orphans)
        while waiting:
            key = waiting.pop()
            if key in self._target and not self._target.parents(key):
                waiting += self._target.children(key)
                self._target.remove(key)

    def _leave_former_parents(self) -> None:
        for parent in self._parents_not_copied():
            above, in_draft = self._target.get(parent), self._source.get(parent)
            children = (above and above.children) or ()
            there = set((in_draft and in_draft.children) or ())
            left = [child for child in children if child in there or child not in self._copied_keys]
            if above is not None and len(left) < len(children):
                # Its edit info stays, so that it goes on to have unpublished changes.
                self._target.put(replace(above, children=left))

    def _parents_not_copied(self) -> list[BlockKey]:
        found = dict.fromkeys(self._target.changes)
        base = self._target.base
        if base is not None:
            for key in self._copied_keys:
                position = base.position(key)
                above = () if position is None else base.outline.parents[position]
                found.update(dict.fromkeys(base.key(parent) for parent in above))
        return [parent for parent in found if parent not in self._copied_keys]

    def _put_under_parents(self, key: BlockKey) -> None:
        parents = self._source.parents(key)
        published = [parent for parent in parents if parent in self._target]
        if parents and not published:
            names = ", ".join(f"{parent.type}/{parent.id}" for parent in parents)
            raise NotPublished(
                f"it is below {names}, and that is not published",
                place=f"{key.type}/{key.id}",
                hint="publish what it is below first, or with it",
            )
        for parent in published:
            above, wanted = self._target.get(parent), self._source.get(parent)
            assert above is not None
            assert wanted is not None
            there = set(above.children or ())
            order = list(dict.fromkeys(wanted.children or ()))
            self._orphans.update(dict.fromkeys(child for child in above.children or () if child not in order))
            children = [child for child in order if child == key or child in there]
            if children != list(above.children or ()):
                # The edit info of the parent stays: it is not published itself.
                self._target.put(replace(above, children=children))

    def _copy_all(self, start: BlockKey) -> None:
        """Each block after what is below it, as new blocks come to stand in the platform's documents.

        A block under two parents is copied for each, as for the platform; more often makes no difference.
        """
        visits: dict[BlockKey, int] = {}
        stack: list[tuple[BlockRecord, Iterator[BlockKey]]] = []

        def enter(key: BlockKey) -> None:
            record = self._source.get(key)
            if record is None or visits.get(key, 0) == 2:
                return
            visits[key] = visits.get(key, 0) + 1
            new = self._copied(record)
            below = (
                [child for child in new.children or () if child not in self._left_out] if self._below else []
            )
            stack.append((new, iter(below)))

        enter(start)
        while stack:
            new, below = stack[-1]
            child = next(below, None)
            if child is None:
                self._target.put(new)
                stack.pop()
            else:
                enter(child)

    def _copied(self, record: BlockRecord) -> BlockRecord:
        self._copied_keys.add(record.key)
        before = self._target.get(record.key)
        there = set(before.children or ()) if before else set()
        order = [child for child in dict.fromkeys(record.children or ()) if self._source.get(child)]
        children = [
            child for child in order if child in there or (self._below and child not in self._left_out)
        ]
        if before is not None:
            self._orphans.update(
                dict.fromkeys(child for child in before.children or () if child not in order)
            )
        info = record.edit_info._replace(
            previous_version=before.edit_info.update_version if before else record.edit_info.previous_version,
            update_version=self._target.version,
            source_version=mark(record),
            edited_on=self._target.now,
            edited_by=self._target.author,
        )
        return replace(record, children=children, edit_info=info)


def keep_if_different(revision: Revision, before: dict[BlockKey, BlockRecord | None]) -> None:
    """Take back all changes since ``before`` if they changed nothing but who changed what when."""
    if before.keys() - revision.changes.keys():
        return  # a block that was new is gone again
    for key, record in revision.changes.items():
        old = before[key] if key in before else _base_record(revision, key)
        if old is record:
            continue
        if (
            old is None
            or record is None
            or tuple(old.children or ()) != tuple(record.children or ())
            or mark(old) != mark(record)
            or not same_content(old, record)
        ):
            return
    revision.restore(before)


def _base_record(revision: Revision, key: BlockKey) -> BlockRecord | None:
    position = None if revision.base is None else revision.base.position(key)
    return None if revision.base is None or position is None else revision.base.record(position)
