"""Which blocks the merged version has, and what is in what.

Parents of a block are merged as a set: what either side took away is gone, what either side gave is there.
That is how a move merges with everything that does not concern the place of the block.
"""

from __future__ import annotations

from collections.abc import Iterable

from modulestore.keys import BlockKey
from modulestore.model.changes import ABSENT
from modulestore.model.merging.conflicts import ConflictKind, Decisions, Side
from modulestore.model.merging.cycles import Cycle, new_cycles
from modulestore.model.merging.versions import SideVersion, Versions

__all__ = ["Placing", "decide_places"]


class Placing:
    """One way to put the blocks of both sides together.

    Attributes:
        restored: blocks that one side deleted, and that are there all the same.
        pins: blocks whose parents are those that one side gives them.
        swept: blocks that one side added to something that is gone, and that are gone with it.
    """

    def __init__(self, versions: Versions, restored: Iterable[BlockKey] = ()) -> None:
        self.versions = versions
        self.restored = set(restored)
        self.pins: dict[BlockKey, Side] = {}
        self.swept: set[BlockKey] = set()
        self._relinked = frozenset(versions.relinked)

    def has(self, key: BlockKey) -> bool:
        """Whether the merged version has this block."""
        if key in self.swept:
            return False
        only = self.versions.only_side(key)
        if only is None:
            return key in self.versions.theirs
        return key in only.added or key in self.restored

    def parents(self, key: BlockKey) -> frozenset[BlockKey]:
        """The blocks that list it as a child in the merged version.

        Also of a child that is not there: links to it are left alone where they led to nothing before.
        """
        if key not in self._relinked:
            return self.versions.base.parents(key)
        return frozenset(filter(self.has, self._wanted(key)))

    def _wanted(self, key: BlockKey) -> Iterable[BlockKey]:
        versions = self.versions
        theirs, mine = versions.theirs, versions.mine
        if self.has(key):
            side = self.pins.get(key)
            only = versions.of[side] if side else versions.only_side(key)
            return self._merged(key) if only is None else only.parents(key)
        # No block: links to it stay where they led nowhere on one side already.
        led_nowhere = [side.parents(key) for side in (theirs, mine) if key not in side]
        return self._merged(key) & frozenset().union(*led_nowhere)

    def _merged(self, key: BlockKey) -> frozenset[BlockKey]:
        kept, gained = set(self.versions.base.parents(key)), set[BlockKey]()
        for side in (self.versions.theirs, self.versions.mine):
            kept -= self._lost(side, key)
            gained |= side.gained.get(key, set())
        return frozenset(kept | gained)

    def _lost(self, side: SideVersion, key: BlockKey) -> set[BlockKey]:
        lost = side.lost.get(key, set())
        if key in side.gained:
            return lost
        # What lost its place only because the parent was deleted has it again where the parent is back.
        return {parent for parent in lost if parent not in side.removed or parent not in self.restored}

    # --- what is wrong with it

    def homeless(self) -> list[BlockKey]:
        """Blocks without a parent although every side that has them gives them one, sorted."""
        found = []
        for key in {*self._relinked, *self.restored}:
            if not self.has(key) or key == self.versions.root or self.parents(key):
                continue
            if all(side.parents(key) for side in self.versions.of.values() if key in side):
                found.append(key)
        return sorted(found)

    def cycles(self) -> list[Cycle]:
        """Sets of blocks that are in each other, and are so on neither side, by their least blocks."""
        sides = (self.versions.theirs, self.versions.mine)
        moved = {*sides[0].gained, *sides[1].gained, *self.pins, *self.restored}
        return new_cycles(filter(self.has, moved), self.parents, sides)

    # --- mending

    def settle(self, fallback: Side) -> None:
        """Put right what choices that do not go together leave: blocks without a place, and cycles.

        Blocks that one side added to something deleted go with it. Everything else gets a place that it has
        on one side, and what that place is in comes back if it must.
        """
        # Each round pins another block or brings one back, and a block pinned to `fallback` stays so: when
        # all are, a cycle would be one of that side.
        while self._sweep() or self._house(fallback) or self._untie(fallback):
            pass

    def _sweep(self) -> bool:
        """Work out anew which added blocks go with what they were added to. Never asks for another round."""
        if not (self.versions.theirs.removed or self.versions.mine.removed):
            return False
        self.swept.clear()
        while True:
            gone = {
                key
                for side in self.versions.of.values()
                for key in side.added
                if self.has(key)
                and self.versions.only_side(key) is side
                and (above := side.parents(key))
                and not any(map(self.has, above))
            }
            if not gone:
                return False
            self.swept |= gone

    def _house(self, fallback: Side) -> bool:
        homeless = self.homeless()
        for key in homeless:
            only = self.versions.only_side(key)
            side = self.pins.get(key) or (only.side if only else None)
            if side is None:
                sides = (fallback, fallback.other)
                open_sides = (
                    side for side in sides if any(map(self.has, self.versions.of[side].parents(key)))
                )
                self.pins[key] = next(open_sides, fallback)
            else:
                self.bring_back(self.versions.of[side].parents(key), self.versions.of[side])
        return bool(homeless)

    def bring_back(self, keys: Iterable[BlockKey], side: SideVersion) -> None:
        """Let these blocks of one side be there although the other deleted them."""
        for key in keys:
            self.swept.discard(key)
            if key not in side.added:
                self.restored.add(key)
        # Added ones stand where their parents stand.
        for key in keys:
            if key in side.added and not any(map(self.has, above := side.parents(key))):
                self.bring_back(above, side)

    def _untie(self, fallback: Side) -> bool:
        pinned = False
        for cycle in self.cycles():
            for key in cycle:
                if self.versions.only_side(key) is None and self.pins.get(key) is not fallback:
                    self.pins[key] = fallback
                    pinned = True
        return pinned


# --- conflicts


def decide_places(versions: Versions, decisions: Decisions, contested: set[BlockKey]) -> dict[BlockKey, Side]:
    """The blocks that choices put where one side has them. Every contested block is taken to be there."""
    pins: dict[BlockKey, Side] = {}
    placing = Placing(versions, contested)
    asked = [key for key in versions.relinked if _moved_apart(versions, key)]
    homeless = [key for key in placing.homeless() if versions.only_side(key) is None]
    for key in dict.fromkeys((*asked, *homeless)):
        new = key not in versions.base
        kind = ConflictKind.ADDED if new else ConflictKind.MOVED
        base = ABSENT if new else _names(versions.base.parents(key))
        theirs, mine = (_names(side.parents(key)) for side in (versions.theirs, versions.mine))
        side = decisions.decide(kind, key, "parents", base, theirs, mine)
        if side:
            pins[key] = side
    for cycle in placing.cycles():
        shared = sorted(key for key in cycle if versions.only_side(key) is None)
        moved = [key for key in shared if key in versions.theirs.gained or key in versions.mine.gained]
        moved = moved or shared
        places = (
            {f"{key.type}/{key.id}": _names(version.parents(key)) for key in moved}
            for version in (versions.base, versions.theirs, versions.mine)
        )
        side = decisions.decide(ConflictKind.CYCLE, moved[0], "parents", *places)
        if side:
            pins.update(dict.fromkeys(moved, side))
    return pins


def _moved_apart(versions: Versions, key: BlockKey) -> bool:
    """Whether both sides put the block into different places, new or taken out of the same one."""
    theirs, mine = versions.theirs, versions.mine
    to_theirs, to_mine = theirs.gained.get(key, set()), mine.gained.get(key, set())
    if to_theirs <= to_mine or to_mine <= to_theirs or versions.only_side(key) is not None:
        return False
    return key not in versions.base or bool(theirs.lost.get(key, set()) & mine.lost.get(key, set()))


def _names(keys: Iterable[BlockKey]) -> list[str]:
    return [f"{key.type}/{key.id}" for key in sorted(keys)]
