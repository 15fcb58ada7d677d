"""What a merge comes to, relative to theirs, and how it is put onto a new version."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from modulestore.errors import InvalidCourse, InvalidInput
from modulestore.keys import BlockKey
from modulestore.model.merging.conflicts import ConflictItem
from modulestore.model.merging.cycles import new_cycles
from modulestore.model.merging.fields import NewContent
from modulestore.model.merging.versions import Version, Versions
from modulestore.model.revision import Revision
from modulestore.model.structure import BlockRecord

__all__ = ["MergeOutcome", "MergeResult", "MergedBlock", "apply_merge", "require_well_formed"]


@dataclass(frozen=True, slots=True)
class MergedBlock:
    """A block of the merged version that theirs does not have, or has otherwise.

    Attributes:
        record: the block. Its definition is there already, unless ``content`` is given. Its edit info is what
            the block had on the branch before this change.
        content: new content, which no definition has yet; None where there is none.
    """

    record: BlockRecord
    content: NewContent | None = None


@dataclass(frozen=True, slots=True)
class MergeOutcome:
    """What has to be done to theirs.

    Attributes:
        blocks: blocks to put, in place of what there is.
        removed: blocks that are no longer there.
        assets: all asset metadata of the merged version.
    """

    blocks: tuple[MergedBlock, ...]
    removed: tuple[BlockKey, ...]
    assets: Mapping[str, Sequence[Mapping[str, Any]]] | None


@dataclass(frozen=True, slots=True)
class MergeResult:
    """What came of a merge.

    Attributes:
        outcome: what to do; None while there are conflicts.
        conflicts: what has to be decided first.
        decided: what choices decided.
    """

    outcome: MergeOutcome | None
    conflicts: tuple[ConflictItem, ...] = ()
    decided: tuple[ConflictItem, ...] = ()


def apply_merge(result: MergeResult, revision: Revision) -> None:
    """Put the outcome onto a revision that was made on theirs and has no changes yet.

    Raises:
        InvalidInput: the merge has conflicts that nobody decided.
    """
    outcome = result.outcome
    if outcome is None:
        raise InvalidInput("a merge with conflicts cannot be used", hint="choose a side for each of them")
    for key in outcome.removed:
        revision.remove(key)
    for block in outcome.blocks:
        record = block.record
        if block.content is not None:
            content = block.content
            definition = revision.define(record.key.type, content.fields, content.follows)
            record = replace(record, definition=definition)
        revision.put(revision.touched(record))
    revision.assets = outcome.assets


def require_well_formed(versions: Versions, outcome: MergeOutcome) -> None:
    """Look at the outline that the outcome makes, where it differs from theirs.

    The rules of merging see to all of this; a version with such damage would be worse than no version.

    Raises:
        InvalidCourse: the root is missing, or there is a child that is missing, a block without a parent, or
            a cycle, that neither side has.
    """
    sides = (versions.theirs, versions.mine)
    outline = _Outline(versions.theirs, outcome)
    problems = []
    if versions.root in versions.theirs and not outline.has(versions.root):
        problems.append("the root is missing")
    for key in sorted(outline.concerned):
        above = outline.parents(key)
        if not outline.has(key):
            known = set().union(*(side.parents(key) for side in sides if key not in side))
            if above - known:
                problems.append(f"{_names([key])} is missing below {_names(above - known)}")
        elif key != versions.root and not above and all(side.parents(key) for side in sides if key in side):
            problems.append(f"{_names([key])} has no parent")
    cycles = new_cycles(filter(outline.has, outline.concerned), outline.parents, sides)
    problems += [f"{_names(cycle)} are in each other" for cycle in cycles]
    if problems:
        raise InvalidCourse(f"the merged version would be damaged: {'; '.join(problems)}")


class _Outline:
    """Theirs with an outcome laid over it.

    Attributes:
        concerned: blocks that it puts where they were not, or takes away, and children that it names.
    """

    def __init__(self, theirs: Version, outcome: MergeOutcome) -> None:
        self._theirs = theirs
        self._removed = set(outcome.removed)
        self._put = {block.record.key for block in outcome.blocks}
        self._lists = {
            block.record.key: set(block.record.children or ())
            for block in outcome.blocks
            if tuple(block.record.children or ()) != theirs.children(block.record.key)
        }
        self._above: defaultdict[BlockKey, set[BlockKey]] = defaultdict(set)
        for parent, children in self._lists.items():
            for child in children:
                self._above[child].add(parent)
        before = (child for key in (*self._lists, *self._removed) for child in theirs.children(key))
        new = (key for key in self._put if key not in theirs)
        self.concerned = {*before, *new, *self._above, *self._removed}

    def has(self, key: BlockKey) -> bool:
        return key in self._put or (key in self._theirs and key not in self._removed)

    def parents(self, key: BlockKey) -> frozenset[BlockKey]:
        others = (up for up in self._theirs.parents(key) if self.has(up) and up not in self._lists)
        return frozenset([*others, *self._above.get(key, ())])


def _names(keys: Iterable[BlockKey]) -> str:
    return ", ".join(f"{key.type}/{key.id}" for key in sorted(keys))
