"""A definition: one immutable version of one block's content."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from modulestore.keys import VersionId
from modulestore.model.values import Author

__all__ = ["Definition"]


class Definition(NamedTuple):
    """One version of a block's content-scope fields. Blocks, courses and versions share it.

    Attributes:
        previous_version: the definition that this one replaced; None for a first one.
        original_version: the first of its chain; its own id for a first one.
        fields: values in stored form; shared, never change them.
    """

    id: VersionId
    block_type: str
    fields: Mapping[str, Any]
    edited_by: Author
    edited_on: datetime
    previous_version: VersionId | None
    original_version: VersionId
