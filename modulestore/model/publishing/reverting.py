"""Taking back: what is published, and what only the draft has.

Source: Open edX split modulestore, delete rule, revert to published and reset.
"""

from __future__ import annotations

from dataclasses import replace

from modulestore.errors import InvalidInput, NotPublished
from modulestore.keys import BlockKey
from modulestore.model.branches import DIRECT_ONLY
from modulestore.model.comparing import same_content
from modulestore.model.editing import exclusive_subtree, remove_block
from modulestore.model.publishing.copying import Snapshot, keep_if_different
from modulestore.model.revision import Revision
from modulestore.model.structure import BlockRecord, Structure

__all__ = ["discard", "reset", "unpublish"]


def unpublish(published: Revision, key: BlockKey) -> None:
    """Take a block, and all below it that has no other parent, from the published branch. The draft stays.

    The parents count as changed, and lose their source version: they have unpublished changes now. (In the
    platform's present code a block that is not published makes the whole draft go live; here it is an error.)

    Raises:
        InvalidInput: blocks of this type have no drafts; delete them.
        NotPublished: the block is not published.
    """
    _check_has_drafts(key, "unpublished", "delete it")
    if key not in published:
        raise _not_published(key)
    remove_block(published, key)


def discard(draft: Revision, published: Structure, key: BlockKey) -> None:
    """Let the draft have a block, and all below it, as it is published.

    What was new below it goes, what was deleted or moved away comes back; parents that had it meanwhile count
    as changed. The blocks come back as they are published, edit info included, by which they have no
    unpublished changes. Nothing is changed if nothing differs.

    Raises:
        InvalidInput: blocks of this type have no drafts, or the draft has deleted the block.
        NotPublished: the block was never published: delete it instead.
    """
    _check_has_drafts(key, "taken back", "edit it")
    source = Snapshot(published)
    if source.get(key) is None:
        raise _not_published(key)
    if draft.get(key) is None and source.parents(key):
        raise InvalidInput(
            f"the draft has no {key.type}/{key.id} any more",
            place=f"{key.type}/{key.id}",
            hint="discard the block that it was in",
        )
    wanted = _below(source, key)
    before = dict(draft.changes)
    for block in wanted:
        listed = set(source.parents(block))
        for parent in draft.parents(block):
            # One that lists it on both branches shares it; another has taken it meanwhile.
            record = draft.get(parent)
            if block != key and parent not in listed and record is not None:
                left = [child for child in record.children or () if child != block]
                draft.put(draft.touched(replace(record, children=left)))
    for block in exclusive_subtree(draft, key):
        draft.remove(block)
    for block in wanted:
        record = source.get(block)
        assert record is not None
        draft.put(record)
    keep_if_different(draft, before)


def reset(revision: Revision, target: Structure) -> None:
    """Let a branch have exactly the blocks and asset metadata of an earlier version, edit info included.

    Unlike the platform's, which moves the head there, this makes a new version: history goes on. Nothing is
    changed if nothing differs.
    """
    before = dict(revision.changes)
    source = Snapshot(target)
    for key in list(revision.keys()):
        if source.get(key) is None:
            revision.remove(key)
    for position in range(len(target)):
        record = target.record(position)
        if not _equal(revision.get(record.key), record):
            revision.put(record)
    revision.assets = target.assets
    keep_if_different(revision, before)


def _equal(a: BlockRecord | None, b: BlockRecord) -> bool:
    return (
        a is not None
        and a.edit_info == b.edit_info
        and (a.children is None) == (b.children is None)
        and tuple(a.children or ()) == tuple(b.children or ())
        and same_content(a, b)
    )


def _below(source: Snapshot, key: BlockKey) -> list[BlockKey]:
    found: dict[BlockKey, None] = {}
    stack = [key]
    while stack:
        block = stack.pop()
        record = source.get(block)
        if record is not None and block not in found:
            found[block] = None
            stack += reversed(record.children or ())
    return list(found)


def _check_has_drafts(key: BlockKey, what: str, instead: str) -> None:
    if key.type in DIRECT_ONLY:
        raise InvalidInput(
            f"a {key.type} block is published as soon as it is saved: it cannot be {what}",
            place=f"{key.type}/{key.id}",
            hint=f"{instead}; or name the units below it",
        )


def _not_published(key: BlockKey) -> NotPublished:
    return NotPublished(f"the {key.type} block {key.id!r} is not published", place=f"{key.type}/{key.id}")
