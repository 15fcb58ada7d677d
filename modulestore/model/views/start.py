"""Blocks that have not started yet."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from modulestore.model.course import Block, Course
from modulestore.model.fields import INHERITABLE
from modulestore.model.views.collecting import Collector, EffectiveField, own_value
from modulestore.model.views.columns import column, is_column
from modulestore.model.views.transforming import User
from modulestore.model.views.view import ViewBlock

__all__ = ["START", "StartDates"]

_DEFAULT: datetime = INHERITABLE["start"].default
_DAYS_EARLY = EffectiveField("days_early_for_beta")


class _Start:
    """When each block starts, as a column."""

    name = "modulestore.start"
    version = 1

    def collect(self, course: Course, /) -> Any:
        starts: dict[Block, datetime] = {}
        for block in course.walk(order="topological"):
            # Parents that nothing leads to have no say.
            above = [starts[parent] for parent in block.parents if parent in starts]
            starts[block] = max(filter(None, (_own_start(block), min(above, default=None))), default=_DEFAULT)
        return column(starts[block] for block in course.blocks())

    def accepts(self, data: Any, size: int, /) -> bool:
        return is_column(data, size, datetime)


def _own_start(block: Block) -> datetime | None:
    start = own_value(block, "start")
    # A date that could not be read is kept as text. Who wrote it did not mean "at once".
    return start if start is None or isinstance(start, datetime) else _DEFAULT


START: Final = _Start()
"""When each block starts: at the latest of its own date and those above it; of several ways to it, on the
earliest. A course without a date starts with the year 2030.
"""


class StartDates:
    """Keeps blocks that have started (see `START`); for beta testers, so many days earlier as the block's
    ``days_early_for_beta`` says. Staff see all.
    """

    collectors: Sequence[Collector] = (START, _DAYS_EARLY)

    def keep(self, block: ViewBlock, user: User, /) -> bool:
        if user.is_staff:
            return True
        start: datetime = block.collected(START)
        if start <= user.now:
            return True
        days = block.collected(_DAYS_EARLY) if user.is_beta_tester else None
        # Not the other way round: a date may be as near to the year 1 as days can be many.
        return isinstance(days, int | float) and (start - user.now) / timedelta(days=1) <= days
