"""What an operation did, or would do, to the blocks of a branch."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from modulestore import BlockKey, Preview, Store, UsageKey, VersionId
from modulestore.cli.output import counted, print_json
from modulestore.cli.terminal import print_lines
from modulestore.keys import ContextKey
from modulestore.model.changes import Aspect, compare
from modulestore.model.commit import Commit
from modulestore.model.structure import Structure

__all__ = ["Effects", "effects_of", "previewed", "report"]


@dataclass(frozen=True, slots=True)
class Effects:
    """Blocks that are added, changed (moved ones too) and removed."""

    key: ContextKey
    added: tuple[BlockKey, ...] = ()
    changed: tuple[BlockKey, ...] = ()
    removed: tuple[BlockKey, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.added or self.changed or self.removed)

    def as_json(self) -> dict[str, list[UsageKey]]:
        """Keys of the blocks."""
        return {name: [self.key.usage(*block) for block in blocks] for name, blocks in self._parts()}

    def lines(self) -> list[str]:
        """A line for every block."""
        return [f"  {name:7}  {self.key.usage(*block)}" for name, blocks in self._parts() for block in blocks]

    def __str__(self) -> str:
        parts = [f"{counted(len(blocks), 'block')} {name}" for name, blocks in self._parts() if blocks]
        return ", ".join(parts) or "no block of its own changed"

    def _parts(self) -> Iterable[tuple[str, tuple[BlockKey, ...]]]:
        return [("added", self.added), ("changed", self.changed), ("removed", self.removed)]


def report(
    what: str, effects: Effects, version: VersionId | None, json: bool, *, changed: bool = True
) -> None:
    """Print what was done, and the version that it made; or, without a version, what would be."""
    if json:
        print_json({"version": version, **effects.as_json()})
    elif not changed or (version is None and not effects):
        print(f"{effects.key} is so already: nothing to do")
    else:
        print(f"{what}: {effects}")
        print_lines(effects.lines() if version is None else [f"version {version}"])


def effects_of(store: Store, commit: Commit, branch: str) -> Effects:
    """What a commit did to a branch."""
    move = commit.moves.get(branch)
    if move is None:
        return Effects(commit.key)
    after = store.open(commit.key, version=move.after).structure
    if move.before is None:
        return Effects(commit.key, added=tuple(after.key(position) for position in range(len(after))))
    return _effects_between(commit.key, store.open(commit.key, version=move.before).structure, after)


def previewed(key: ContextKey, preview: Preview | None) -> Effects:
    """What would become of a branch; of one that there is no preview of, nothing."""
    if preview is None:
        return Effects(key)
    return Effects(key, preview.added, tuple(sorted(preview.changed)), preview.removed)


def _effects_between(key: ContextKey, before: Structure, after: Structure) -> Effects:
    """What became of the blocks of one version in another.

    That a block has other children is told by these; their order is its own.
    """
    changes = compare(before, after)
    changed = {block for block, aspects in changes.changed.items() if aspects & ~Aspect.CHILDREN}
    gone = {*changes.added, *changes.removed}  # from one of the two
    for block, aspects in changes.changed.items():
        if Aspect.CHILDREN in aspects:
            old, new = _children(before, block), _children(after, block)
            if [child for child in old if child in new] != [child for child in new if child in old]:
                changed.add(block)
            moved = (child for child in {*old, *new} if child not in gone)
            changed.update(child for child in moved if _parents(before, child) != _parents(after, child))
    return Effects(key, tuple(changes.added), tuple(sorted(changed)), tuple(changes.removed))


def _children(structure: Structure, key: BlockKey) -> tuple[BlockKey, ...]:
    position = structure.position(key)
    return () if position is None else structure.child_keys(position) or ()


def _parents(structure: Structure, key: BlockKey) -> set[BlockKey]:
    position = structure.position(key)
    return set() if position is None else {structure.key(at) for at in structure.outline.parents[position]}
