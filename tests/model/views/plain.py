"""What users see, worked out the long way: every path from the root, one after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from typing import Any

from modulestore.keys import BlockKey
from modulestore.model.course import Block, Course
from modulestore.model.fields import INHERITABLE
from modulestore.model.views import User

Path = Sequence[Block]


def paths(course: Course) -> Iterator[Path]:
    """Every way down from the root that meets no block twice, to wherever it leads."""
    waiting: list[list[Block]] = [[course.root]]
    while waiting:
        path = waiting.pop()
        yield path
        waiting += [[*path, child] for child in path[-1].children if child not in path]


def reached(course: Course, good: Callable[[Path], bool]) -> set[BlockKey]:
    """The blocks to which a good path leads."""
    return {path[-1].block_key for path in paths(course) if good(path)}


def no_staff_block(path: Path, user: User) -> bool:
    return user.is_staff or not any(block.settings.get("visible_to_staff_only") for block in path)


def all_started(path: Path, user: User) -> bool:
    dates = [block.settings["start"] for block in path if block.settings.get("start")]
    if not path[0].settings.get("start"):
        dates.append(INHERITABLE["start"].default)
    return user.is_staff or max(dates) <= user.now


def all_groups(path: Path, user: User) -> bool:
    """What the blocks of the path let in together, partition by partition."""
    allowed: dict[int, set[int]] = {}
    for block in path:
        for partition, groups in block.settings.get("group_access", {}).items():
            if groups:
                allowed[int(partition)] = allowed.get(int(partition), set(groups)) & set(groups)
    return user.is_staff or all(user.groups.get(partition) in groups for partition, groups in allowed.items())


def in_toc(path: Path) -> bool:
    return not any(block.settings.get("hide_from_toc") for block in path)


def merged_start(course: Course, block: Block) -> Any:
    """On the earliest of the ways to it, the latest date."""
    found = []
    for path in paths(course):
        if path[-1] == block:
            dates = [one.settings["start"] for one in path if one.settings.get("start")]
            if not path[0].settings.get("start"):
                dates.append(INHERITABLE["start"].default)
            found.append(max(dates))
    return min(found)


def started_for_testers(course: Course, user: User) -> set[BlockKey]:
    """With the days of each block itself, all the way down."""

    def good(path: Path) -> bool:
        return all(
            merged_start(course, block) - timedelta(days=block.get("days_early_for_beta") or 0) <= user.now
            for block in path
        )

    return reached(course, good)


def below(course: Course, seen: set[BlockKey], top: BlockKey) -> set[BlockKey]:
    """What a block leads to, itself included, by way of what is seen."""
    found, waiting = {top}, [top]
    while waiting:
        new = {child.block_key for child in course[waiting.pop()].children} & seen - found
        found |= new
        waiting += new
    return found
