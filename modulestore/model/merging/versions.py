"""The three versions of a merge by block key, and what each side did to the links between blocks.

A *link* is a place of a block in a parent's list of children. What happened to links is worked out from the
lists that changed, so that it costs what changed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from functools import cached_property

from modulestore.errors import InvalidInput
from modulestore.keys import BlockKey
from modulestore.model.changes import Aspect, Changes
from modulestore.model.merging.conflicts import Side
from modulestore.model.structure import BlockRecord, Structure

__all__ = ["SideVersion", "Version", "Versions"]

_NONE: frozenset[BlockKey] = frozenset()


class Version:
    """A structure, asked by block key."""

    def __init__(self, structure: Structure) -> None:
        self.structure = structure

    def __contains__(self, key: BlockKey) -> bool:
        return self.structure.position(key) is not None

    def children(self, key: BlockKey) -> tuple[BlockKey, ...]:
        """Children in order, absent ones too; none for a block without a list, or that is not there."""
        position = self.structure.position(key)
        return () if position is None else self.structure.child_keys(position) or ()

    def record(self, key: BlockKey) -> BlockRecord:
        """The block by itself.

        Raises:
            KeyError: it is not there.
        """
        position = self.structure.position(key)
        if position is None:
            raise KeyError(key)
        return self.structure.record(position)

    def parents(self, key: BlockKey) -> frozenset[BlockKey]:
        """The blocks that list it as a child; also of a child that is not there."""
        position = self.structure.position(key)
        if position is None:
            return self._absent.get(key, _NONE)
        return frozenset(map(self.structure.key, self.structure.outline.parents[position]))

    @cached_property
    def _absent(self) -> dict[BlockKey, frozenset[BlockKey]]:
        structure = self.structure
        if not structure.absent:
            return {}
        parents: defaultdict[BlockKey, set[BlockKey]] = defaultdict(set)
        for position, children in enumerate(structure.children):
            for child in children or ():
                if child >= len(structure):
                    parents[structure.key(child)].add(structure.key(position))
        return {key: frozenset(above) for key, above in parents.items()}


class SideVersion(Version):
    """One side: a version made from the base, and what was done on the way.

    Attributes:
        changes: what differs from the base.
        added, removed: blocks that are not in the base, or no longer.
        gained, lost: of each child whose links changed, the parents that it has now, or no longer has.
    """

    def __init__(self, side: Side, structure: Structure, base: Version, changes: Changes) -> None:
        super().__init__(structure)
        self.side = side
        self.changes = changes
        self.added = frozenset(changes.added)
        self.removed = frozenset(changes.removed)
        self.gained: defaultdict[BlockKey, set[BlockKey]] = defaultdict(set)
        self.lost: defaultdict[BlockKey, set[BlockKey]] = defaultdict(set)
        self._base = base
        relinked = [key for key, aspects in changes.changed.items() if Aspect.CHILDREN in aspects]
        for parent in (*changes.added, *changes.removed, *relinked):
            before, after = set(base.children(parent)), set(self.children(parent))
            for child in after - before:
                self.gained[child].add(parent)
            for child in before - after:
                self.lost[child].add(parent)

    def parents(self, key: BlockKey) -> frozenset[BlockKey]:
        """The blocks that list it as a child."""
        above = self._base.parents(key)
        if key in self.lost:
            above -= self.lost[key]
        return above | self.gained[key] if key in self.gained else above


class Versions:
    """Base, theirs and mine.

    Attributes:
        relinked: every child whose links either side changed.

    Raises:
        InvalidInput: they have different roots, and so are not versions of one course.
    """

    def __init__(
        self, base: Structure, theirs: Structure, mine: Structure, changes: tuple[Changes, Changes]
    ) -> None:
        self.root = theirs.header.root
        if not base.header.root == self.root == mine.header.root:
            raise InvalidInput("versions with different roots cannot be merged")
        self.base = Version(base)
        self.theirs = SideVersion(Side.THEIRS, theirs, self.base, changes[0])
        self.mine = SideVersion(Side.MINE, mine, self.base, changes[1])
        self.of: Mapping[Side, SideVersion] = {Side.THEIRS: self.theirs, Side.MINE: self.mine}

    @cached_property
    def relinked(self) -> tuple[BlockKey, ...]:
        sides = (self.theirs, self.mine)
        return tuple(
            dict.fromkeys(key for side in sides for links in (side.gained, side.lost) for key in links)
        )

    def only_side(self, key: BlockKey) -> SideVersion | None:
        """The side that has the block where the other has not; None where both or neither have it."""
        in_theirs, in_mine = key in self.theirs, key in self.mine
        if in_theirs == in_mine:
            return None
        return self.theirs if in_theirs else self.mine
