"""What the reader worked around, gathered in the order met."""

from __future__ import annotations

from collections.abc import Iterator

from modulestore.model.plain import Problem

__all__ = ["Problems", "clipped"]

_LONGEST = 60


def clipped(text: str) -> str:
    """The text as a message quotes it: printable, and cut when it is long."""
    return repr(text if len(text) <= _LONGEST else text[:_LONGEST] + "…")


class Problems:
    """A list of problems that only grows, and has each of them once."""

    def __init__(self) -> None:
        self._met: dict[Problem, None] = {}

    def add(self, place: str, message: str, action: str) -> None:
        """Report something."""
        self._met[Problem(place, message, action)] = None

    def __iter__(self) -> Iterator[Problem]:
        return iter(self._met)

    def __len__(self) -> int:
        return len(self._met)
