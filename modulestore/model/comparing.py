"""When two stored values, or two versions of a block, are the same."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from modulestore.keys import VersionId
from modulestore.model.structure import BlockRecord

__all__ = ["mark", "same_content", "same_value"]


def same_value(a: Any, b: Any) -> bool:
    """Equality of stored values, for which ``1``, ``1.0`` and ``True`` are three."""
    if a is b:
        return True
    if isinstance(a, Mapping) and isinstance(b, Mapping):
        return a.keys() == b.keys() and all(same_value(value, b[name]) for name, value in a.items())
    if isinstance(a, list | tuple) and isinstance(b, list | tuple):
        return len(a) == len(b) and all(same_value(x, y) for x, y in zip(a, b, strict=True))
    kinds = [(isinstance(x, bool), isinstance(x, float)) for x in (a, b)]
    return kinds[0] == kinds[1] and bool(a == b)


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
