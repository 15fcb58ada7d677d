"""Making a branch again what it was in another version, as a new version."""

from __future__ import annotations

from dataclasses import replace

from modulestore.errors import BlockNotFound, InvalidInput
from modulestore.keys import BlockKey
from modulestore.model.comparing import same_content
from modulestore.model.revision import Revision
from modulestore.model.structure import BlockRecord, EditInfo, Structure

__all__ = ["restore"]


def restore(revision: Revision, target: Structure, key: BlockKey | None = None) -> None:
    """Let the new version have what ``target`` has: all of it, or one block with everything below it.

    Blocks that are as they were stay untouched. Of a subtree: what was below the block since and has no place
    elsewhere goes; what was moved out of it comes back; a block that is gone comes back under its parents.

    Raises:
        BlockNotFound: ``target`` has no such block.
        InvalidInput: the parent that the block had is gone: restore that.
    """
    if key is None:
        _restore_all(revision, target)
        return
    at = target.position(key)
    if at is None:
        raise BlockNotFound(f"version {target.id} has no block {key.type}/{key.id}")
    if key not in revision:
        _attach(revision, target, at)
    subtree = {target.key(position) for position in target.outline.preorder(at)}
    before = _below(revision, key)
    for block in subtree:
        _put(revision, _record(target, block))
        _take_from_others(revision, target, block, key)
    _remove_loose(revision, before - subtree)


def _restore_all(revision: Revision, target: Structure) -> None:
    for position in range(len(target)):
        _put(revision, target.record(position))
    for block in list(revision.keys()):
        if target.position(block) is None:
            revision.remove(block)
    revision.assets = target.assets


def _put(revision: Revision, wanted: BlockRecord) -> None:
    there = revision.get(wanted.key)
    if (
        there is not None
        and same_content(there, wanted)
        and tuple(there.children or ()) == tuple(wanted.children or ())
    ):
        return
    info = there.edit_info if there is not None else wanted.edit_info
    kept = EditInfo(
        update_version=info.update_version,
        previous_version=info.previous_version,
        original_usage=wanted.edit_info.original_usage,
        original_usage_version=wanted.edit_info.original_usage_version,
        edited_on=info.edited_on,
        edited_by=info.edited_by,
    )
    revision.put(revision.touched(replace(wanted, edit_info=kept)))


def _attach(revision: Revision, target: Structure, at: int) -> None:
    """List a block that is gone among the children of the parents that it had, where it was."""
    key = target.key(at)
    had = [target.key(parent) for parent in target.outline.parents[at]]
    parents = [parent for parent in had if parent in revision]
    if had and not parents:
        names = ", ".join(f"{parent.type}/{parent.id}" for parent in had)
        raise InvalidInput(f"{key.type}/{key.id} was below {names}, which is gone", hint="restore that block")
    for parent in parents:
        record = revision.get(parent)
        position = target.position(parent)
        assert record is not None
        assert position is not None
        siblings = list(record.children or ())
        earlier = list(target.child_keys(position) or ())
        index = max(
            (siblings.index(one) + 1 for one in earlier[: earlier.index(key)] if one in siblings), default=0
        )
        revision.put(revision.touched(replace(record, children=[*siblings[:index], key, *siblings[index:]])))


def _take_from_others(revision: Revision, target: Structure, block: BlockKey, top: BlockKey) -> None:
    """What was moved out of the subtree since is no longer where it was moved to."""
    position = target.position(block)
    if block == top or position is None:
        return
    had = {target.key(parent) for parent in target.outline.parents[position]}
    for parent in revision.parents(block):
        record = revision.get(parent)
        if parent not in had and record is not None:
            children = [child for child in record.children or () if child != block]
            revision.put(revision.touched(replace(record, children=children)))


def _remove_loose(revision: Revision, blocks: set[BlockKey]) -> None:
    """Remove those of the blocks that have no parent left, and then those that these leave without one."""
    while loose := {block for block in blocks if block in revision and not revision.parents(block)}:
        for block in loose:
            revision.remove(block)


def _below(revision: Revision, key: BlockKey) -> set[BlockKey]:
    """The block and everything below it, as the branch stands."""
    found: set[BlockKey] = set()
    waiting = [key]
    while waiting:
        block = waiting.pop()
        if block not in found and block in revision:
            found.add(block)
            waiting += revision.children(block)
    return found


def _record(structure: Structure, key: BlockKey) -> BlockRecord:
    position = structure.position(key)
    assert position is not None, key
    return structure.record(position)
