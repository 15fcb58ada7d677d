"""How much there is to do: the number of graded exercises below each block."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from modulestore.model.course import Block, Course
from modulestore.model.fields import is_scored
from modulestore.model.views.collecting import Collector
from modulestore.model.views.columns import column, is_column
from modulestore.model.views.transforming import User
from modulestore.model.views.view import CourseView

__all__ = ["GRADABLE", "GradableCounts"]


class _Gradable:
    """Whether each block is one that grades come from, as a column."""

    name = "modulestore.gradable"
    version = 1

    def collect(self, course: Course, /) -> Any:
        return column(map(_is_gradable, course.blocks()))

    def accepts(self, data: Any, size: int, /) -> bool:
        return is_column(data, size, bool)


def _is_gradable(block: Block) -> bool:
    has_score = block.get("has_score", is_scored(block.type))
    return bool(has_score and block.get("graded")) and block.get("weight") != 0


GRADABLE: Final = _Gradable()
"""Which blocks grades come from: of a type that is scored (where blocks choose, ``has_score`` says so),
``graded``, and not of weight 0.
"""


class GradableCounts:
    """Annotates every block with ``gradable``: how many blocks that grades come from (see `GRADABLE`) it
    leads to, itself included, each counted once. Only those count that the user sees.
    """

    collectors: Sequence[Collector] = (GRADABLE,)

    def transform(self, view: CourseView, user: User, /) -> CourseView:
        parents = view.table.outline.parents
        counts = dict.fromkeys(view.positions, 0)
        for block in view.blocks():
            if block.collected(GRADABLE):
                # Whatever leads to it, in however many ways.
                above = {block.position}
                waiting = [block.position]
                while waiting:
                    new = [at for at in parents[waiting.pop()] if at in counts and at not in above]
                    above.update(new)
                    waiting += new
                for at in above:
                    counts[at] += 1
        return view.annotated("gradable", counts)
