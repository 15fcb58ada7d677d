"""Which parts of a file a request wants. Source: RFC 9110, sections 14.1.2, 14.2 and 15.3.7.2."""

from __future__ import annotations

import re
from typing import NamedTuple

__all__ = ["MOST_PARTS", "Part", "requested_parts"]

MOST_PARTS = 32
"""Who asks for more parts than these gets the whole file: so many have no use but to make work."""

_GAP = 128  # bytes between two parts that cost less than the head of another part
_MOST_DIGITS = 18

_bytes_unit = re.compile(r"bytes=(.*)", re.IGNORECASE).fullmatch
_span = re.compile(r"([0-9]*)-([0-9]*)").fullmatch


class Part(NamedTuple):
    """Bytes of a file from ``start`` up to ``stop``, which is not in it."""

    start: int
    stop: int


def requested_parts(header: str | None, length: int) -> tuple[Part, ...] | None:
    """The parts of a file of ``length`` bytes that a ``Range`` header asks for; None: the whole file.

    They do not overlap, and stand in the order in which they were asked for. Those that overlap, or nearly
    touch, are put together. No parts at all: nothing that is asked for is in the file. A header of another
    unit, with an error, or with too many parts is ignored, and so is any of an empty file, which has no part.
    """
    match = _bytes_unit(header or "")
    specs = [spec for spec in (text.strip(" \t") for text in match[1].split(",")) if spec] if match else []
    if not length or not 0 < len(specs) <= MOST_PARTS:
        return None
    parts: list[Part] = []
    for spec in specs:
        found = _span(spec)
        if found is None or spec == "-":
            return None
        first, last = (_number(text) if text else None for text in found.groups())
        if first is None:
            part = Part(max(0, length - (last or 0)), length)
        elif last is not None and last < first:
            return None
        else:
            part = Part(first, length if last is None else min(last + 1, length))
        if part.start < part.stop:
            parts = _with(parts, part)
    return tuple(parts)


def _number(text: str) -> int:
    # Nothing is that long; and Python refuses to read a number of thousands of digits.
    digits = text.lstrip("0")
    return int(digits or "0") if len(digits) <= _MOST_DIGITS else 10**_MOST_DIGITS


def _with(parts: list[Part], part: Part) -> list[Part]:
    """Parts and one more; what it touches becomes one part with it, in the place of the first of them."""
    touched = [other for other in parts if max(part.start, other.start) - min(part.stop, other.stop) <= _GAP]
    if not touched:
        return [*parts, part]
    whole = Part(min(part, *touched).start, max(one.stop for one in (part, *touched)))
    return [whole if one == touched[0] else one for one in parts if one == touched[0] or one not in touched]
