"""What a pruning has done."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["PruneReport"]


@dataclass(frozen=True, slots=True)
class PruneReport:
    """What was done, counted.

    Attributes:
        deleted, definitions: structures and definitions that are gone.
        relinked: structures that have another ``previous_version``.
        spared: structures and definitions of the plan that somebody refers to since, and that stay.
        absent: those that were gone already.
        expired: deleted courses that can be taken back no more.
        bytes: of all that is gone.
        file_bytes: of these, what no file needed any more.
    """

    deleted: int = 0
    relinked: int = 0
    definitions: int = 0
    expired: int = 0
    spared: int = 0
    absent: int = 0
    bytes: int = 0
    file_bytes: int = 0
