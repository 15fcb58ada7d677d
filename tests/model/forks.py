"""Courses that two authors changed, for tests of merging."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from modulestore.keys import BlockKey
from modulestore.model.merging import (
    ConflictItem,
    MergeResult,
    merge,
)
from tests.model.generated import (
    Contents,
    Fork,
    MutableBlock,
    MutableCourse,
    carried_out,
    meaning,
    start,
)

# course: u0 (u3 (h2), h0), u1 (h1), u2 (u3 again); and a detached block

NEW = BlockKey("html", "new")
OTHER = BlockKey("html", "other")
BOX = BlockKey("unit", "box")

Work = Callable[[MutableCourse], object]


def forked(theirs: Work, mine: Work, base: Work = lambda course: None) -> Fork:
    """What two authors made of the course."""
    contents: Contents = {}
    before = start()
    base(before)
    courses = [before.edited([]) for _ in range(2)]
    theirs(courses[0])
    mine(courses[1])
    versions = [course.structure(at, contents) for at, course in enumerate((before, *courses), 1)]
    return Fork(versions[0], versions[1], versions[2], contents)


def merged(fork: Fork, **choices: str) -> MergeResult:
    return merge(fork.base, fork.theirs, fork.mine, fork.contents, choices=choices)


def made(fork: Fork, choice: str | None = None) -> dict[str, Any]:
    """What comes of it, with one side having all conflicts if that is said."""
    choices = {item.id: choice for item in merged(fork).conflicts} if choice else {}
    result = merge(fork.base, fork.theirs, fork.mine, fork.contents, choices=choices)
    assert result.conflicts == ()
    return meaning(*carried_out(result, fork.theirs, fork.contents))


def outline(fork: Fork, choice: str | None = None) -> dict[str, list[str]]:
    """Who has which children, of blocks that have some; a detached block by itself."""
    said = made(fork, choice)
    return {name.split("/")[1]: block["children"] for name, block in said.items() if block["children"]}


def conflict(fork: Fork) -> ConflictItem:
    (item,) = merged(fork).conflicts
    return item


def shown(item: ConflictItem) -> tuple[Any, ...]:
    return item.kind.value, item.key, item.field, item.base, item.theirs, item.mine, item.absent


# --- what an author does


def setting(key: BlockKey, name: str, value: Any) -> Work:
    return lambda course: course.blocks[key].settings.update({name: value})


def unsetting(key: BlockKey, name: str) -> Work:
    return lambda course: course.blocks[key].settings.pop(name)


def writing(key: BlockKey, name: str, value: Any) -> Work:
    return lambda course: course.blocks[key].content.update({name: value})


def adding(key: BlockKey, parent: BlockKey, index: int = -1, data: str = "new") -> Work:
    def work(course: MutableCourse) -> None:
        course.blocks[key] = MutableBlock(content={"data": data})
        course.put(key, parent, index)

    return work


def moving(key: BlockKey, parent: BlockKey, index: int = -1) -> Work:
    def work(course: MutableCourse) -> None:
        for old in course.parents(key):
            course.blocks[old].children.remove(key)
        course.put(key, parent, index)

    return work


def unlinking(key: BlockKey, parent: BlockKey) -> Work:
    return lambda course: course.blocks[parent].children.remove(key)


def ordering(key: BlockKey, *children: BlockKey) -> Work:
    def work(course: MutableCourse) -> None:
        course.blocks[key].children[:] = children

    return work


def deleting(key: BlockKey) -> Work:
    def work(course: MutableCourse) -> None:
        for parent in course.parents(key):
            course.blocks[parent].children.remove(key)
        gone = [key]
        while gone:
            gone += [child for child in course.blocks.pop(gone.pop()).children if not course.parents(child)]

    return work


def aside(key: BlockKey, kind: str, value: Any) -> Work:
    return lambda course: course.blocks[key].asides.update({kind: value})


def asset(name: str, **attributes: Any) -> Work:
    return lambda course: course.assets.update({("asset", name): attributes})


def nothing(course: MutableCourse) -> None:
    """Leave it as it is."""


def all_of(*works: Work) -> Work:
    def work(course: MutableCourse) -> None:
        for one in works:
            one(course)

    return work
