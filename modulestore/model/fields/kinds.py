"""What a field is: the kind of its value, its scope, its default."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple

__all__ = ["BlockType", "Field", "Kind", "Scope"]


class Kind(StrEnum):
    """What a field's value is, in stored form."""

    STRING = "string"
    INTEGER = "integer"
    FLOAT = "float"
    BOOLEAN = "boolean"
    DATE = "date"  # an aware datetime
    TIMEDELTA = "timedelta"  # text: "1 day 12 hours"
    RELATIVE_TIME = "relative time"  # text: "00:01:30"
    LIST = "list"
    DICT = "dict"
    ANY = "any"
    REFERENCE = "reference"  # [type, id]
    REFERENCE_LIST = "reference list"  # [[type, id], …]
    REFERENCE_DICT = "reference dict"  # {name: [type, id]}


class Scope(StrEnum):
    """Where a field is kept: with the block in the structure, or in its definition."""

    SETTINGS = "settings"
    CONTENT = "content"


class Field(NamedTuple):
    """One field of a block type. ``default`` is the value of a block on which nothing sets it."""

    kind: Kind
    scope: Scope = Scope.SETTINGS
    default: Any = None


@dataclass(frozen=True, slots=True)
class BlockType:
    """What is known of a type of block.

    Attributes:
        fields: its own fields, without those that every type takes.
        container: whether its child elements in an archive are blocks, and it has ``children``.
        detached: whether it stands beside the tree: it has no parent.
        classic: whether it follows the older rules of the archive format: its element may be a pointer to a
            file of its own, its attributes are read as JSON first.
    """

    fields: Mapping[str, Field]
    container: bool = False
    detached: bool = False
    classic: bool = True
