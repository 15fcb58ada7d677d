"""What views take from a version, once: collectors, and the ready-made ones for fields."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from modulestore.model.course import Block, Course
from modulestore.model.inheritance import Origin
from modulestore.model.views.columns import ABSENT, column, is_column

__all__ = ["Collector", "EffectiveField", "OwnField", "own_value"]


class Collector(Protocol):
    """Takes data from a version. What it gives is kept under its name and version, as long as caches like.

    Positions count blocks in document order (``course.blocks()``), from 0, the root.
    """

    @property
    def name(self) -> str:
        """Letters, digits, ``.``, ``_``, ``-``. Ours begin with ``modulestore.``; begin yours with something
        else.
        """

    @property
    def version(self) -> int:
        """Raise it whenever `collect` gives something else than before for the same course."""

    def collect(self, course: Course, /) -> Any:
        """Plain data: what documents can hold, times included. Settings, inherited ones too; no content.

        The course is a version under a key that names nothing but that: courses share versions, and so they
        share what was collected.
        """

    def accepts(self, data: Any, size: int, /) -> bool:
        """Whether this has the shape of what `collect` gives for so many blocks.

        A cache may give anything. What is not accepted is collected anew.
        """


def own_value(block: Block, name: str, default: Any = None) -> Any:
    """What the block itself sets, neither inherited nor a default.

    Inheritance goes through one parent. What holds for a block through any of several parents is worked out
    from what each block sets itself.
    """
    return block.course.structure.data.settings(block._position).get(name, default)


@dataclass(frozen=True, slots=True)
class OwnField:
    """The values that blocks themselves set, as a column."""

    field: str
    version = 1

    @property
    def name(self) -> str:
        return f"modulestore.own.{self.field}"

    def collect(self, course: Course, /) -> Any:
        return column(own_value(block, self.field, ABSENT) for block in course.blocks())

    def accepts(self, data: Any, size: int, /) -> bool:
        return is_column(data, size)


@dataclass(frozen=True, slots=True)
class EffectiveField:
    """The values that blocks set, inherit, or have from a library, as a column; ``block.get`` finds them, and
    adds the default of the field.
    """

    field: str
    version = 1  # to be raised as well when another field becomes inheritable

    @property
    def name(self) -> str:
        return f"modulestore.effective.{self.field}"

    def collect(self, course: Course, /) -> Any:
        resolved = (block.resolve(self.field) for block in course.blocks())
        return column(
            ABSENT if value is None or value.origin is Origin.DEFAULT else value.value for value in resolved
        )

    def accepts(self, data: Any, size: int, /) -> bool:
        return is_column(data, size)
