"""Children that are there, and no block above itself."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from dataclasses import replace

from modulestore.errors import InvalidCourse
from modulestore.keys import BlockKey
from modulestore.model.plain import PlainBlock
from modulestore.olx.problems import Problems

__all__ = ["check_cycles", "drop_missing_children"]


def drop_missing_children(
    blocks: MutableMapping[BlockKey, PlainBlock],
    known: Mapping[BlockKey, PlainBlock],
    places: Mapping[BlockKey, str],
    problems: Problems,
) -> None:
    """Take children that are nowhere out of the lists: a block may list some by key, not by element."""
    for key, block in blocks.items():
        if not block.children:
            continue
        missing = [child for child in block.children if child not in known]
        for child in missing:
            problems.add(
                places.get(key, f"{key.type}/{key.id}"),
                f"its child {child.type}/{child.id} is nowhere in the course",
                "taken out of its children",
            )
        if missing:
            blocks[key] = replace(block, children=[child for child in block.children if child in known])


def check_cycles(blocks: Mapping[BlockKey, PlainBlock], places: Mapping[BlockKey, str]) -> None:
    """Refuse blocks that contain each other.

    Raises:
        InvalidCourse: names the chain.
    """
    done: set[BlockKey] = set()
    for start in blocks:
        if start in done:
            continue
        above: dict[BlockKey, None] = {start: None}
        stack = [iter(blocks[start].children or ())]
        while stack:
            child = next(stack[-1], None)
            if child is None:
                stack.pop()
                done.add(above.popitem()[0])
            elif child in above:
                chain = [*above][[*above].index(child) :]
                names = " → ".join(f"{key.type}/{key.id}" for key in [*chain, child])
                raise InvalidCourse(f"blocks contain each other: {names}", place=places.get(child))
            elif child not in done and child in blocks:
                above[child] = None
                stack.append(iter(blocks[child].children or ()))
