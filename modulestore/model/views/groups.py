"""Blocks that are for some groups of learners: cohorts, enrolment tracks, experiments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from modulestore.model.course import Course
from modulestore.model.views.collecting import Collector, own_value
from modulestore.model.views.columns import ABSENT, column, is_column
from modulestore.model.views.transforming import User
from modulestore.model.views.view import ViewBlock

__all__ = ["GROUP_ACCESS", "ContentGroups"]

_NOBODY = [[0, []]]


class _GroupAccess:
    """To which groups each block is restricted by itself, as a column of ``[[partition, groups], …]``."""

    name = "modulestore.group-access"
    version = 1

    def collect(self, course: Course, /) -> Any:
        inactive = _inactive_partitions(own_value(course.root, "user_partitions"))
        return column(
            _restrictions(own_value(block, "group_access"), inactive) or ABSENT for block in course.blocks()
        )

    def accepts(self, data: Any, size: int, /) -> bool:
        return is_column(data, size) and all(map(_is_restriction, data[0]))


GROUP_ACCESS: Final = _GroupAccess()
"""To which groups each block is restricted by itself."""


class ContentGroups:
    """Keeps blocks whose ``group_access`` lets the user in: in every partition that is named there, the user
    has to be in one of the groups. Staff see all.

    Since this is so for every block on the way to it, a block is shown to those groups that all of them have
    in common, and to nobody if there are none. Partitions that the course calls inactive do not count. Those
    that it does not know do: they may be the platform's own, such as enrolment tracks.
    """

    collectors: Sequence[Collector] = (GROUP_ACCESS,)

    def keep(self, block: ViewBlock, user: User, /) -> bool:
        restrictions = () if user.is_staff else block.collected(GROUP_ACCESS, ())
        return all(user.groups.get(partition) in groups for partition, groups in restrictions)


def _restrictions(access: Any, inactive: set[int]) -> list[list[Any]]:
    """What a ``group_access`` says; what cannot be understood lets nobody in."""
    if not access:
        return []
    if not isinstance(access, Mapping):
        return _NOBODY
    try:
        # Keys are text in documents. No groups means all groups, for the platform.
        read = [[int(partition), sorted(map(int, groups))] for partition, groups in access.items() if groups]
    except (TypeError, ValueError, OverflowError):
        return _NOBODY
    return sorted(restriction for restriction in read if restriction[0] not in inactive)


def _inactive_partitions(partitions: Any) -> set[int]:
    known = partitions if isinstance(partitions, list) else []
    return {
        one["id"]
        for one in known
        if isinstance(one, Mapping) and one.get("active") is False and isinstance(one.get("id"), int)
    }


def _is_restriction(value: Any) -> bool:
    if not isinstance(value, list):
        return False
    for one in value:
        match one:
            case [int(), list(groups)] if all(type(group) is int for group in groups):
                continue
        return False
    return True
