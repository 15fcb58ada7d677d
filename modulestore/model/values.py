"""Values that structures and definitions share: who, when, and copies of field values."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

__all__ = ["Author", "Progress", "copy_value"]

Author = int | str | None
"""Who did something: a user id of the platform, any string in our own databases; None in some old documents.
"""

Progress = Callable[[str, int, int], None]
"""Called with what is being done, how much of it is done, and how much there is."""


def copy_value(value: Any) -> Any:
    """A copy of a field's value that the caller may change: lists and dictionaries anew, all else as is."""
    if isinstance(value, dict):
        return {name: copy_value(item) for name, item in value.items()}
    if isinstance(value, list):
        return [copy_value(item) for item in value]
    return value
