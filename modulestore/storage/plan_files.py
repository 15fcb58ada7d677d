"""Plans of pruning as files."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

from modulestore.errors import InvalidInput

__all__ = ["open_plan"]


def open_plan(path: Path) -> BinaryIO:
    """A plan, to be read.

    Raises:
        InvalidInput: there is no such file, or it may not be read.
    """
    try:
        return path.open("rb")
    except OSError as error:
        hint = "`modulestore prune plan -o FILE` makes one"
        message = f"the plan cannot be read: {error.strerror}"
        raise InvalidInput(message, place=str(path), hint=hint) from error
