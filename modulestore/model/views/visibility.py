"""Blocks that only staff may see."""

from __future__ import annotations

from collections.abc import Sequence

from modulestore.model.views.collecting import Collector, OwnField
from modulestore.model.views.transforming import User
from modulestore.model.views.view import ViewBlock

__all__ = ["StaffOnly"]

_VISIBLE_TO_STAFF_ONLY = OwnField("visible_to_staff_only")


class StaffOnly:
    """Keeps blocks that are not ``visible_to_staff_only``. Staff see all."""

    collectors: Sequence[Collector] = (_VISIBLE_TO_STAFF_ONLY,)

    def keep(self, block: ViewBlock, user: User, /) -> bool:
        return user.is_staff or not block.collected(_VISIBLE_TO_STAFF_ONLY)
