"""What an import into an existing course leaves of what is there: drafts, and blocks that the archive lacks.

Without rules an archive replaces both heads. With them, what is to stay is laid over the archive before
anything else is decided.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, TypeAlias

from modulestore.keys import BlockKey
from modulestore.model.branches import DIRECT_ONLY
from modulestore.model.plain import PlainBlock, PlainCourse, reached, same_block

__all__ = ["LocalRules", "Rule", "with_local_work"]

Rule: TypeAlias = Literal["keep", "overwrite", "remove"]

Blocks = Mapping[BlockKey, PlainBlock]


@dataclass(frozen=True, slots=True)
class LocalRules:
    """What becomes of what a course has and an archive has not.

    Attributes:
        drafts: blocks whose draft is not published: ``overwrite`` them, or ``keep`` them as drafts.
        missing: blocks that the archive lacks: ``remove`` them, or ``keep`` them where they are.
        blocks: exceptions, each for a block and what is below it: ``keep``, or ``overwrite`` or ``remove``,
            which are the same here.
    """

    drafts: Literal["overwrite", "keep"] = "overwrite"
    missing: Literal["remove", "keep"] = "remove"
    blocks: Mapping[BlockKey, Rule] = field(default_factory=dict)

    @property
    def keep_nothing(self) -> bool:
        """Whether the archive replaces all there is."""
        said = (self.drafts, self.missing, *self.blocks.values())
        return "keep" not in said


def with_local_work(
    plain: PlainCourse, local: PlainCourse, rules: LocalRules
) -> tuple[PlainCourse, list[BlockKey]]:
    """An archive's course with what stays of the course that is there, and the blocks that do, by key."""
    if rules.keep_nothing:
        return plain, []
    view, there = {**local.blocks, **local.draft_blocks}, {**plain.blocks, **plain.draft_blocks}
    decided = _Decided(view, rules)
    missing = decided.with_parents(key for key in view if key not in there and decided.keeps_missing(key))
    missing -= there.keys()
    drafts = {
        key
        for key, block in local.draft_blocks.items()
        if key in there and not same_block(there[key], block) and decided.keeps_draft(key)
    }
    blocks = _laid_over(plain.blocks, local.blocks, missing, ())
    above = _laid_over(there, view, missing, _taken_out(local, decided))
    for key in drafts:
        if key.type not in DIRECT_ONLY:
            above[key] = _with_known_children(local.draft_blocks[key], above.keys())
    if drafts:
        _take_from_elsewhere(above, view, there, [key for key in drafts if key.type not in DIRECT_ONLY])
        # A draft that stays lacks what was moved out of it, and where that went may be as the archive has it.
        shown = reached(view, plain.root).keys() & reached(there, plain.root).keys()
        _put_back(above, view, plain.root, shown)
        _put_back(above, there, plain.root, shown)
    draft_blocks = {
        key: block for key, block in above.items() if key not in blocks or not same_block(blocks[key], block)
    }
    kept = sorted(missing | {key for key in drafts if key in draft_blocks and key.type not in DIRECT_ONLY})
    return replace(plain, blocks=blocks, draft_blocks=draft_blocks), kept


class _Decided:
    """The rules, for blocks of a course as it is there."""

    def __init__(self, view: Blocks, rules: LocalRules) -> None:
        self._rules = rules
        self._parents: dict[BlockKey, list[BlockKey]] = {}
        for key, block in view.items():
            for child in block.children or ():
                self._parents.setdefault(child, []).append(key)

    def keeps_draft(self, key: BlockKey) -> bool:
        """Whether the draft of a block stays."""
        return self._rule(key, self._rules.drafts) == "keep"

    def keeps_missing(self, key: BlockKey) -> bool:
        """Whether a block that the archive lacks stays."""
        return self._rule(key, self._rules.missing) == "keep"

    def with_parents(self, keys: Iterable[BlockKey]) -> set[BlockKey]:
        """Blocks, and all that they are in."""
        found: set[BlockKey] = set()
        waiting = list(keys)
        while waiting:
            key = waiting.pop()
            if key not in found:
                found.add(key)
                waiting.extend(self._parents.get(key, ()))
        return found

    def _rule(self, key: BlockKey, default: Rule) -> Rule:
        """What is said of a block, or else of the nearest block that it is in."""
        level, seen = [key], {key}
        while level:
            for one in level:
                if one in self._rules.blocks:
                    return self._rules.blocks[one]
            level = [parent for one in level for parent in self._parents.get(one, ()) if parent not in seen]
            seen.update(level)
        return default


def _taken_out(local: PlainCourse, decided: _Decided) -> set[BlockKey]:
    """Blocks that are published and that the draft has taken out, not moved, which stays so."""
    taken: set[BlockKey] = set()
    shown = reached({**local.blocks, **local.draft_blocks}, local.root)
    for key, block in local.draft_blocks.items():
        published = local.blocks.get(key)
        listed = set(block.children or ())
        for child in () if published is None else published.children or ():
            if child not in listed and child not in shown and decided.keeps_draft(child):
                taken.add(child)
    return taken


def _laid_over(
    blocks: Blocks, local: Blocks, missing: Collection[BlockKey], taken_out: Collection[BlockKey]
) -> dict[BlockKey, PlainBlock]:
    """Blocks of an archive with those of a course that it lacks, each where it was."""
    found = dict(blocks)
    # What the archive has elsewhere is moved, not kept twice.
    moved = {
        child
        for key, block in blocks.items()
        for child in block.children or ()
        if key not in local or child not in (local[key].children or ())
    }
    for key in local:
        if key in missing:
            block = local[key]
            stay = None if block.children is None else [one for one in block.children if one not in moved]
            found[key] = replace(block, children=stay)
    for key, block in found.items():
        children = block.children
        if children is None:
            continue
        if key in blocks and key in local:
            stay = [child for child in local[key].children or () if child in missing and child in found]
            children = _merged(children, local[key].children or (), stay)
        children = [child for child in children if child in found and child not in taken_out]
        if children != list(block.children or ()):
            found[key] = replace(block, children=children)
    return found


def _take_from_elsewhere(
    blocks: dict[BlockKey, PlainBlock], local: Blocks, archive: Blocks, drafts: Collection[BlockKey]
) -> None:
    """Take what drafts that stay have got from elsewhere out of where the archive has it."""
    moved = {
        child
        for key in drafts
        for child in blocks[key].children or ()
        if child not in (archive[key].children or ())
    }
    for key, block in blocks.items():
        if key in drafts or not moved.intersection(block.children or ()):
            continue
        stay = local[key].children or () if key in local else ()
        children = [child for child in block.children or () if child not in moved or child in stay]
        blocks[key] = replace(block, children=children)


def _put_back(
    blocks: dict[BlockKey, PlainBlock], places: Blocks, root: BlockKey, shown: Collection[BlockKey]
) -> None:
    """Put those that are to be ``shown``, and that nothing leads to, where they are in ``places``."""
    found = reached(blocks, root)
    waiting = list(found)
    for key in waiting:  # grows by what is put back
        if key not in places or blocks[key].children is None:
            continue
        listed = places[key].children or ()
        lost = [child for child in listed if child in shown and child in blocks and child not in found]
        if not lost:
            continue
        children = _merged(blocks[key].children or (), listed, lost)
        blocks[key] = replace(blocks[key], children=children)
        for child in lost:
            again = [one for one in reached(blocks, child) if one not in found]
            found.update(dict.fromkeys(again))
            waiting.extend(again)


def _merged(
    children: Sequence[BlockKey], local: Sequence[BlockKey], stay: Collection[BlockKey]
) -> list[BlockKey]:
    """Children with those that stay, each behind the one that it was behind."""
    found = list(children)
    before: BlockKey | None = None
    for child in local:
        if child in stay and child not in found:
            found.insert(0 if before is None else found.index(before) + 1, child)
        if child in found:
            before = child
    return found


def _with_known_children(block: PlainBlock, known: Collection[BlockKey]) -> PlainBlock:
    if block.children is None:
        return block
    return replace(block, children=[child for child in block.children if child in known])
