"""Rows in columns that stay below each other, on a terminal of any width."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import NamedTuple

from rich.cells import cell_len
from rich.text import Text

from modulestore.cli.terminal import console, cut, one_line, room_on, styled

__all__ = ["Column", "laid_out", "print_table"]

_GAP = 2


class Column(NamedTuple):
    """What a column is, and how it gives way.

    Attributes:
        title: what stands above it.
        least: where there is too little room, it gives way down to so many cells; None: it stays whole.
        is_key: where all of it together is too wide, it comes first, and the others go below it.
        right: its cells end below each other: numbers.
        style: of its cells, where there are colours.
    """

    title: str = ""
    least: int | None = None
    is_key: bool = False
    right: bool = False
    style: str = ""


def print_table(columns: Sequence[Column], rows: Sequence[Sequence[str]], *, ragged: bool = False) -> None:
    """Print rows on standard output, with their titles above them if the columns have any.

    On a terminal that is too narrow the last column that may gives way first, then the one before it. Piped,
    everything is there.

    Args:
        ragged: piped, cells are as wide as they are.
    """
    out, room = console(), room_on(sys.stdout)
    plain = [[one_line(cell) for cell in row] for row in rows]
    titles = [column.title for column in columns]
    head = [titles] if any(titles) else []
    every = [*head, *plain]
    apart = ragged and room is None
    laid = (
        [line for row in every for line in laid_out(columns, [row], None)]
        if apart
        else laid_out(columns, every, room)
    )
    for number, line in enumerate(laid):
        text = Text()
        for cell, style in line:
            text.append(cell, "bold" if head and number == 0 else style)
        text.rstrip()
        styled(out, text)


def laid_out(
    columns: Sequence[Column], rows: Sequence[Sequence[str]], room: int | None
) -> list[list[tuple[str, str]]]:
    """Lines of a table: each a list of pieces with their styles.

    Args:
        room: cells of a line; None: as many as it takes.
    """
    natural = [max((cell_len(row[at]) for row in rows), default=0) for at in range(len(columns))]
    every = range(len(columns))
    widths = _fitted(columns, natural, room)
    if sum(widths) + _GAP * (len(widths) - 1) <= (room or sys.maxsize):
        return [_line(columns, row, widths, every) for row in rows]
    first = [at for at in every if columns[at].is_key]
    below = [at for at in every if not columns[at].is_key]
    if not first or not below:
        return [_line(columns, row, widths, every) for row in rows]
    # Not even as narrow as they can be: keys on a line of their own, and below them what belongs to them.
    inner = [natural[at] for at in below]
    for gives in ([columns[at] for at in below], [Column(least=1) for _ in below]):
        inner = _fitted(gives, inner, (room or 0) - _GAP)
    for at, width in zip(below, inner, strict=True):
        widths[at] = width
    lines: list[list[tuple[str, str]]] = []
    for row in rows:
        lines.append(_line(columns, row, natural, first))
        if any(row[at] for at in below):
            lines.append([(" " * _GAP, ""), *_line(columns, row, widths, below)])
    return lines


def _fitted(columns: Sequence[Column], natural: Sequence[int], room: int | None) -> list[int]:
    """Widths that need no more than the room, or as little as they can."""
    widths = list(natural)
    excess = 0 if room is None else sum(widths) + _GAP * (len(widths) - 1) - room
    for at in reversed(range(len(widths))):
        least = columns[at].least
        if least is not None and excess > 0:
            given = min(excess, max(widths[at] - least, 0))
            widths[at] -= given
            excess -= given
    return widths


def _line(
    columns: Sequence[Column], row: Sequence[str], widths: Sequence[int], which: Sequence[int]
) -> list[tuple[str, str]]:
    pieces: list[tuple[str, str]] = []
    for at in which:
        cell = cut(row[at], widths[at])
        blank = " " * (widths[at] - cell_len(cell))
        gap = " " * _GAP if at != which[-1] else ""
        pieces.append(
            (f"{blank}{cell}{gap}" if columns[at].right else f"{cell}{blank}{gap}", columns[at].style)
        )
    return pieces
