"""Walk a course that is open, reading type, children and parents of each block.

Our children and parents are blocks. Two loops over a dict of dicts are set beside them: one that reads the
lists of keys there, beside a course that has been walked before, and one that looks up the blocks of these
keys, beside the first walk of a course.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeAlias

import modulestore
from modulestore.keys import BlockKey
from tools.bench.cases import Call, Case, Goal, Job, Variant
from tools.bench.world import World

__all__ = ["JOB"]

_GOAL = Goal(at_most=2)

_Plain: TypeAlias = dict[BlockKey, dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Ours:
    """A walk over the blocks of an open course."""

    url: str
    key: str
    again: bool

    @contextmanager
    def ready(self) -> Iterator[Call]:
        """A course, just opened or walked once."""
        with modulestore.connect(self.url) as store:
            course = store.open(self.key)
            if self.again:
                _walk(course)
            yield Call(lambda: _walk(course))


@dataclass(frozen=True, slots=True)
class Plain:
    """A walk over a dict of dicts."""

    url: str
    key: str
    looked_up: bool

    @contextmanager
    def ready(self) -> Iterator[Call]:
        """The dict, in document order."""
        with modulestore.connect(self.url) as store:
            blocks = {
                block.block_key: {
                    "type": block.type,
                    "children": [child.block_key for child in block.children],
                    "parents": [parent.block_key for parent in block.parents],
                }
                for block in store.open(self.key).blocks()
            }
        yield Call(lambda: _looked_up(blocks) if self.looked_up else _keys(blocks))


def cases(world: World) -> Iterator[Case]:
    """The largest course: walked the first time, and again."""
    for size in world.sizes(12000):
        course = world.stored(size)
        where = (course.sqlite, course.key)
        first = Variant("first walk", "memory", Ours(*where, again=False))
        looked_up = Variant("dict of dicts, blocks", "memory", Plain(*where, looked_up=True))
        yield Case("walk", course.name, [first, looked_up], looked_up, [(first, _GOAL)])
        again = Variant("walk again", "memory", Ours(*where, again=True))
        keys = Variant("dict of dicts, keys", "memory", Plain(*where, looked_up=False))
        yield Case("walk", course.name, [again, keys], keys, [(again, _GOAL)])


JOB = Job("walk", "read type, children and parents of every block of an open course", cases)


def _walk(course: modulestore.Course) -> int:
    links = 0
    for block in course.blocks():
        if block.type:
            links += len(block.children) + len(block.parents)
    return links


def _keys(blocks: _Plain) -> int:
    links = 0
    for block in blocks.values():
        if block["type"]:
            links += len(block["children"]) + len(block["parents"])
    return links


def _looked_up(blocks: _Plain) -> int:
    links = 0
    for block in blocks.values():
        if block["type"]:
            links += len([blocks[key] for key in block["children"]])
            links += len([blocks[key] for key in block["parents"]])
    return links
