"""What became of a database's structures when they were converted to another stored format, as a value."""

from __future__ import annotations

from dataclasses import dataclass

from modulestore.formats.structures import Schema
from modulestore.keys import VersionId

__all__ = ["Conversion", "LeftVersion"]


@dataclass(frozen=True, slots=True)
class LeftVersion:
    """A version that stays as it is, and why. It can be read as before."""

    version: VersionId
    reason: str


@dataclass(frozen=True, slots=True)
class Conversion:
    """What a conversion did, or would do.

    Attributes:
        schema: the format that was asked for.
        converted: structures that were stored in the other one; those of a conversion that was interrupted
            and is now finished among them.
        already: structures that were stored in this one.
        left: structures that stay in the other one.
        deltas: how many of the converted ones are stored as what changed since others.
        bytes_before, bytes_after: of the documents of the converted ones.
    """

    schema: Schema
    converted: int = 0
    already: int = 0
    left: tuple[LeftVersion, ...] = ()
    deltas: int = 0
    bytes_before: int = 0
    bytes_after: int = 0
