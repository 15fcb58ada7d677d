"""What must be true of any version of a course, whoever made it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from modulestore.keys import BlockKey
from modulestore.model.fields import is_detached
from modulestore.model.structure import Structure

__all__ = ["structure_problems"]


def structure_problems(structure: Structure, *, tree: bool = True) -> list[str]:
    """What is wrong with a version, in words; nothing if it is sound.

    Args:
        tree: a block with several parents is wrong too. (The platform knows such blocks; editing makes none.)
    """
    return list(_problems(structure, tree=tree))


def _problems(structure: Structure, *, tree: bool) -> Iterator[str]:
    if structure.root is None:
        yield f"there is no root block {_name(structure.header.root)}"
        return
    for key, count in Counter(map(structure.key, range(len(structure)))).items():
        if count > 1:
            yield f"{_name(key)} is there {count} times"
    for child in structure.absent:
        yield f"the child {_name(child)} is not there"
    parents: Counter[int] = Counter()
    for position, children in enumerate(structure.children):
        if children and len(set(children)) < len(children):
            yield f"{_name(structure.key(position))} lists a child twice"
        parents.update(set(children or ()))
    reachable = structure.outline.reachable
    for position in range(len(structure)):
        key = structure.key(position)
        if position == structure.root or is_detached(key.type):
            if parents[position]:
                yield f"{_name(key)} is somebody's child"
        elif position not in reachable:
            yield f"nothing leads to {_name(key)}"
        elif tree and parents[position] > 1:
            yield f"{_name(key)} has {parents[position]} parents"
    yield from _cycles(structure)


def _cycles(structure: Structure) -> Iterator[str]:
    """Blocks that are below themselves: what is left when leaves are taken away again and again."""
    below = {at: set(children) for at, children in enumerate(structure.outline.below)}
    while leaves := {at for at, children in below.items() if not children}:
        below = {at: children - leaves for at, children in below.items() if at not in leaves}
    for at in below:
        yield f"{_name(structure.key(at))} is in or above a cycle"


def _name(key: BlockKey) -> str:
    return f"{key.type}/{key.id}"
