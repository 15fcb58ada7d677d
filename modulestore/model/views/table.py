"""What every view has of its blocks: type, id, name, children, in document order."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

from modulestore.model.course import Course
from modulestore.model.outline import Outline
from modulestore.model.views.columns import column, is_column

__all__ = ["BLOCKS", "BlockTable"]


class BlockTable:
    """The blocks that a version's root leads to, in document order; the root is at position 0.

    Shared by all views of the version: it never changes.

    Attributes:
        types, ids, names: of each block, by position.
        outline: who is whose child and parent, by position too.
    """

    def __init__(self, data: Any) -> None:
        """The table of data that `BLOCKS` accepts."""
        types, at = data["types"]
        self.types: Sequence[str] = [types[index] for index in at]
        self.ids: Sequence[str] = data["ids"]
        self.names: Sequence[str] = data["names"]
        self.outline = Outline(self.types, self.ids, data["children"], 0)

    def __len__(self) -> int:
        return len(self.ids)

    @cached_property
    def index(self) -> dict[tuple[str, str], int]:
        """Where the block of a (type, id) stands."""
        return {key: at for at, key in enumerate(zip(self.types, self.ids, strict=True))}


class _Blocks:
    """Collects what a `BlockTable` is made of."""

    name = "modulestore.blocks"
    version = 1

    def collect(self, course: Course, /) -> Any:
        positions = {course.root: 0}
        positions.update((block, at) for at, block in enumerate(course.blocks()))
        return {
            "types": column(block.type for block in positions),
            "ids": [block.id for block in positions],
            "names": [block.display_name for block in positions],
            "children": [[positions[child] for child in block.children] for block in positions],
        }

    def accepts(self, data: Any, _: int, /) -> bool:
        """The table says itself how many blocks there are."""
        if not isinstance(data, dict) or data.keys() != {"types", "ids", "names", "children"}:
            return False
        ids, names, children = data["ids"], data["names"], data["children"]
        if any(type(part) is not list or len(part) != len(ids) for part in (ids, names, children)):
            return False
        return (
            len(ids) > 0
            and is_column(data["types"], len(ids), str)
            and set(map(type, ids)) == set(map(type, names)) == {str}
            and set(map(type, children)) == {list}
            and all(type(child) is int and 0 <= child < len(ids) for row in children for child in row)
        )


BLOCKS = _Blocks()
