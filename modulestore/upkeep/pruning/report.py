"""What a pruning has done."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["PruneReport", "shown_bytes"]


@dataclass(frozen=True, slots=True)
class PruneReport:
    """What was done, counted.

    Attributes:
        deleted, definitions, files: structures, definitions and files that are gone.
        relinked: structures that have another ``previous_version``.
        spared: structures and definitions of the plan that somebody refers to since, and that stay.
        absent: those that were gone already.
        expired: deleted courses that can be taken back no more.
        bytes: of all that is gone.
    """

    deleted: int = 0
    relinked: int = 0
    definitions: int = 0
    files: int = 0
    expired: int = 0
    spared: int = 0
    absent: int = 0
    bytes: int = 0


def shown_bytes(size: int) -> str:
    """Bytes as people read them: ``1.2 GB``, in powers of a thousand."""
    number = float(size)
    for unit in ("bytes", "kB", "MB", "GB"):
        if number < 1000:
            return f"{number:.0f} {unit}" if unit == "bytes" else f"{number:.1f} {unit}"
        number /= 1000
    return f"{number:.1f} TB"
