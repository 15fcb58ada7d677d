"""A value for each block, by position: what collectors give.

A column is ``[values, at]``: the distinct values, and for each block, in document order, which of them is its
own; None where it has none. Most columns of a course have few distinct values and many blocks.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

__all__ = ["ABSENT", "column", "is_column", "value_at"]

ABSENT: Final = object()
"""Stands, among the values of a column, for none."""

_INDEX = {int, type(None)}


def column(values: Iterable[Any]) -> list[Any]:
    """The column of these values, one for each block; ABSENT where it has none."""
    distinct: list[Any] = []
    known: dict[str, int] = {}
    at: list[int | None] = []
    for value in values:
        if value is ABSENT:
            at.append(None)
            continue
        # Told apart by how they are written: lists have no hash, and 1, 1.0 and True are equal.
        index = known.setdefault(repr(value), len(distinct))
        if index == len(distinct):
            distinct.append(value)
        at.append(index)
    return [distinct, at]


def is_column(data: Any, size: int, *kinds: type) -> bool:
    """Whether this is a column of so many blocks. With ``kinds`` every block must have a value of exactly one
    of these types.
    """
    if not isinstance(data, list) or [type(part) for part in data] != [list, list]:
        return False
    values, at = data
    if len(at) != size or not set(map(type, at)) <= _INDEX:
        return False
    used = set(at)
    if kinds and (None in used or not set(map(type, values)) <= set(kinds)):
        return False
    used.discard(None)
    return not used or (min(used) >= 0 and max(used) < len(values))


def value_at(data: Any, position: int, default: Any = None) -> Any:
    """The value of the block at this position."""
    values, at = data
    index = at[position]
    return default if index is None else values[index]
