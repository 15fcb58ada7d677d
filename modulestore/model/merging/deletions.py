"""Blocks that one side deleted and the other went on working on."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from typing import NamedTuple

from modulestore.keys import BlockKey
from modulestore.model.changes import ABSENT, Aspect
from modulestore.model.merging.conflicts import ConflictKind, Decisions, Side
from modulestore.model.merging.sequences import reordered
from modulestore.model.merging.versions import SideVersion, Versions

__all__ = ["ContestedDeletion", "contested_deletions", "decide_deletions"]

IsEdited = Callable[[SideVersion, BlockKey, Aspect], bool]


class ContestedDeletion(NamedTuple):
    """A deleted block that the other side changed, or changed something in.

    Attributes:
        top: the block; what it was in was not deleted, or the other side took it out of there.
        deleted_by: who deleted it.
        work: what the other side did: ``edited``, ``added`` and ``moved`` blocks.
        held: the deleted blocks that come back with it.
    """

    top: BlockKey
    deleted_by: Side
    work: dict[str, list[BlockKey]]
    held: frozenset[BlockKey]


def decide_deletions(versions: Versions, decisions: Decisions, is_edited: IsEdited) -> _Restored:
    """The deleted blocks that come back: all that are contested, and those that choices bring back."""
    contested: set[BlockKey] = set()
    chosen: set[BlockKey] = set()
    for deleting in (versions.theirs, versions.mine):
        for item in contested_deletions(versions, deleting.side, is_edited):
            kept = {name: [f"{key.type}/{key.id}" for key in keys] for name, keys in item.work.items()}
            by_theirs = deleting.side is Side.THEIRS
            theirs, mine = (ABSENT, kept) if by_theirs else (kept, ABSENT)
            side = decisions.decide(ConflictKind.DELETED, item.top, None, {}, theirs, mine)
            contested |= item.held
            if side is deleting.side.other:
                chosen |= item.held
    return _Restored(contested, chosen)


class _Restored(NamedTuple):
    contested: set[BlockKey]
    chosen: set[BlockKey]


def contested_deletions(versions: Versions, deleted_by: Side, is_edited: IsEdited) -> list[ContestedDeletion]:
    """The topmost blocks that ``deleted_by`` deleted against the other side's work, sorted."""
    deleted = versions.of[deleted_by].removed
    keeper = versions.of[deleted_by.other]
    if not deleted:
        return []
    work = _work(versions, deleted, keeper, is_edited)
    tops: defaultdict[BlockKey, list[BlockKey]] = defaultdict(list)
    for key in work:
        for top in _tops(key, deleted, keeper):
            tops[top].append(key)
    found = []
    for top in sorted(tops):
        done: defaultdict[str, set[BlockKey]] = defaultdict(set)
        for key in tops[top]:
            for kind, block in work[key]:
                done[kind].add(block)
        done_sorted = {kind: sorted(blocks) for kind, blocks in sorted(done.items())}
        found.append(ContestedDeletion(top, deleted_by, done_sorted, _held(top, deleted, keeper)))
    return found


def _work(
    versions: Versions, deleted: frozenset[BlockKey], keeper: SideVersion, is_edited: IsEdited
) -> dict[BlockKey, set[tuple[str, BlockKey]]]:
    """What the side that keeps the deleted blocks did to them, by the deleted block that is concerned.

    To take something out of a deleted block is no work on it.
    """
    work: defaultdict[BlockKey, set[tuple[str, BlockKey]]] = defaultdict(set)
    for key, aspects in keeper.changes.changed.items():
        if key in deleted and (
            is_edited(keeper, key, aspects)
            or (Aspect.CHILDREN in aspects and reordered(versions.base.children(key), keeper.children(key)))
        ):
            work[key].add(("edited", key))
    for child, parents in keeper.gained.items():
        kind = "added" if child in keeper.added else "moved"
        for parent in parents & deleted:
            work[parent].add((kind, child))
        if child in deleted and child in keeper:
            work[child].add((kind, child))
    return work


def _tops(key: BlockKey, deleted: frozenset[BlockKey], keeper: SideVersion) -> list[BlockKey]:
    """The topmost deleted blocks that a deleted one is in, as the side that keeps it sees it."""
    tops: list[BlockKey] = []
    seen = {key}
    ways = [key]
    while ways:
        at = ways.pop()
        parents = keeper.parents(at)
        if at in deleted and (not parents or any(_stands(up, deleted, keeper) for up in parents)):
            tops.append(at)
            continue
        new = parents - seen
        seen |= new
        ways.extend(new)
    return tops or [key]


def _stands(key: BlockKey, deleted: frozenset[BlockKey], keeper: SideVersion) -> bool:
    """Whether a block has a place that does not go with what is deleted.

    One that its side added stands where its parents stand.
    """
    seen = {key}
    ways = [key]
    while ways:
        at = ways.pop()
        if at in deleted:
            continue
        parents = keeper.parents(at)
        if at not in keeper.added or not parents:
            return True
        new = parents - seen
        seen |= new
        ways.extend(new)
    return False


def _held(top: BlockKey, deleted: frozenset[BlockKey], keeper: SideVersion) -> frozenset[BlockKey]:
    """A deleted block and all deleted ones below it, also through blocks that were added meanwhile."""
    seen = {top}
    ways = [top]
    while ways:
        for child in keeper.children(ways.pop()):
            if child not in seen and child in keeper and (child in deleted or child in keeper.added):
                seen.add(child)
                ways.append(child)
    return frozenset(seen & deleted)
