"""Mending the blocks of a branch, as a new version."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace

from modulestore.keys import BlockKey, VersionId
from modulestore.model.revision import Revision
from modulestore.model.structure import EditInfo, Structure
from modulestore.upkeep.checking.blocks import closing_edges, loose_blocks

__all__ = ["keep_published_marks", "mend_blocks", "without_duplicates"]


def without_duplicates(structure: Structure, duplicates: Collection[BlockKey]) -> Structure:
    """The same structure with one block of every key, to be the base of a revision: the last counts."""
    if not duplicates:
        return structure
    records = {structure.key(at): structure.record(at) for at in range(len(structure))}
    return Structure.of(
        structure.header, list(records.values()), assets=structure.assets, thumbnails=structure.thumbnails
    )


def mend_blocks(
    revision: Revision,
    *,
    duplicates: Collection[BlockKey] = (),
    shown_elsewhere: Collection[BlockKey] = frozenset(),
    lost: Collection[VersionId] = (),
    empty: Callable[[Revision, BlockKey, VersionId], VersionId],
) -> None:
    """Let the new version be sound: without children that are not there, second listings, cycles, and blocks
    that nothing leads to; with empty content where it was lost.

    Args:
        revision: made from a structure without duplicate blocks (see `without_duplicates`).
        duplicates: blocks that were there more than once.
        shown_elsewhere: blocks that stay, though nothing leads to them here: the other branch shows them.
        lost: definitions that are not there, or cannot be read.
        empty: gives the empty definition that stands for one of these, for a revision and a block.
    """
    base = revision.base
    assert base is not None
    loose, _ = loose_blocks(base, shown_elsewhere)
    for position in sorted(loose):
        revision.remove(base.key(position))
    closing = set(closing_edges(base, shown_elsewhere))
    for position in range(len(base)):
        if position in loose:
            continue
        key = base.key(position)
        record = base.record(position)
        changed = record
        children = _children(base, position, loose, closing)
        if children is not None:
            changed = replace(changed, children=children)
        if record.definition in lost:
            changed = replace(changed, definition=empty(revision, key, record.definition))
        if changed is not record or key in duplicates:
            revision.put(revision.touched(changed))


def _children(
    base: Structure, position: int, loose: Collection[int], closing: Collection[tuple[int, int]]
) -> list[BlockKey] | None:
    """The children that a block should have; None if it has them."""
    there = base.children[position]
    if not there:
        return None
    kept = [
        child
        for child in dict.fromkeys(there)
        if child < len(base)
        and child not in loose
        and child != base.root
        and (position, child) not in closing
    ]
    return None if len(kept) == len(there) else [base.key(child) for child in kept]


def keep_published_marks(draft: Revision | None, published: Revision) -> None:
    """Let published blocks that were mended count as published from what they were published from: mending
    both branches alike makes nothing that waits to be published.
    """
    for key, record in list(published.changes.items()):
        info = None if record is None else _info(published.base, key)
        if record is None or info is None:
            continue
        source = info.source_version
        theirs = None if draft is None else draft.changes.get(key)
        if theirs is not None and draft is not None:
            was = _info(draft.base, key)
            if was is not None and _mark(was) == _mark(info):
                source = theirs.edit_info.update_version
        published.put(replace(record, edit_info=record.edit_info._replace(source_version=source)))


def _info(structure: Structure | None, key: BlockKey) -> EditInfo | None:
    position = None if structure is None else structure.position(key)
    return None if structure is None or position is None else structure.data.edit_info(position)


def _mark(info: EditInfo) -> VersionId | None:
    """What tells whether a block and its published copy are the same."""
    return info.source_version or info.update_version
