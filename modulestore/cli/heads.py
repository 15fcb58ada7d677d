"""``--heads``: the heads that a platform's SQL index has."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from modulestore.errors import InvalidInput, NotFound
from modulestore.keys import VersionId
from modulestore.upkeep.heads import parse_heads

__all__ = ["read_heads"]


def read_heads(path: Path | None) -> Mapping[str, Mapping[str, VersionId]] | None:
    """The heads in an export of a platform's SQL index; None if none was given.

    Raises:
        NotFound: there is no such file.
        InvalidInput: it cannot be read.
    """
    if path is None:
        return None
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        hint = "--heads takes a CSV or JSON file that was exported from the platform's SQL"
        raise NotFound("there is no such file", place=str(path), hint=hint) from error
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"this file cannot be read: {error}", place=str(path)) from error
    return parse_heads(text, str(path))
