"""Pieces of updates that the server computes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

__all__ = ["Pipeline", "field_of_first", "without"]

Pipeline: TypeAlias = Sequence[Mapping[str, Any]]
"""An update that is computed from the document as it is at that moment."""


def without(array: object, condition: Mapping[str, Any]) -> dict[str, Any]:
    """An array without the items that a condition on ``$$this`` is true of."""
    return {"$filter": {"input": array, "cond": {"$not": [condition]}}}


def field_of_first(array: object, condition: Mapping[str, Any], field: str) -> dict[str, Any]:
    """A field of the first item of an array that a condition on ``$$this`` is true of."""
    found = {"$arrayElemAt": [{"$filter": {"input": array, "cond": condition}}, 0]}
    return {"$let": {"vars": {"found": found}, "in": f"$$found.{field}"}}
