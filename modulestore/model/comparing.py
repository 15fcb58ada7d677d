"""When two stored values, or two versions of a block, are the same."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from modulestore.keys import VersionId
from modulestore.model.structure import BlockRecord

__all__ = ["mark", "same_content", "same_fields", "same_value"]

_NOTHING = object()


def same_fields(a: Mapping[str, Any], b: Mapping[str, Any]) -> bool:
    """Whether the same fields are set to the same values."""
    if a is b:
        return True
    if len(a) != len(b):
        return False
    for name, value in a.items():
        other = b.get(name, _NOTHING)
        # What most values are, before the call: this runs for every field of every block.
        if type(value) is str and type(other) is str:
            if value != other:
                return False
        elif not same_value(value, other):
            return False
    return True


def same_value(a: Any, b: Any) -> bool:
    """Equality of stored values, for which ``1``, ``1.0`` and ``True`` are three, and a list is a tuple."""
    if a is b:
        return True
    if isinstance(a, Mapping):
        return isinstance(b, Mapping) and same_fields(a, b)
    if isinstance(a, list | tuple):
        return isinstance(b, list | tuple) and len(a) == len(b) and all(map(same_value, a, b))
    if isinstance(a, bool) or isinstance(b, bool) or isinstance(a, float) is not isinstance(b, float):
        return False
    # Not a number does not equal itself, but what is stored twice is stored twice.
    return bool(a == b) or (isinstance(a, float) and a != a and b != b)


def same_content(a: BlockRecord, b: BlockRecord) -> bool:
    """Whether two versions of a block hold the same, but for children and edit info; of content the id."""
    return (
        a.definition == b.definition
        and same_value(a.settings, b.settings)
        and same_value(a.defaults, b.defaults)
        and same_value(list(a.asides), list(b.asides))
    )


def mark(record: BlockRecord) -> VersionId | None:
    """The draft version that a block's values are from: equal for a draft block and its published copy.

    Source: Open edX split modulestore, has_changes rule.
    """
    return record.edit_info.source_version or record.edit_info.update_version
