"""Where people read: how wide it is, whether it has colours, and lines that fit into it.

A terminal gets lines that are no wider than it is. What is piped into a program or a file is whole, and plain
unless the environment asks for colours.
"""

from __future__ import annotations

import os
import re
import sys
import unicodedata
from collections.abc import Iterable
from typing import TextIO

from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.text import Text

__all__ = ["console", "cut", "one_line", "print_lines", "room_on", "styled", "wrapped"]

_UNBOUNDED = 100_000
_TOKEN = re.compile(r"\s*(?:`modulestore [^`]*`\S*|\S+)")


def console(stream: TextIO | None = None) -> Console:
    """Standard output (or another stream) for people.

    Colours are for terminals, unless ``$NO_COLOR`` is set or ``$TERM`` is ``dumb``; ``$FORCE_COLOR`` asks for
    them everywhere. No line is cut or broken where it is piped.
    """
    stream = sys.stdout if stream is None else stream
    return Console(
        file=stream,
        width=_columns(stream) if _is_terminal(stream) else _UNBOUNDED,
        color_system=None if os.environ.get("NO_COLOR") else "auto",
        highlight=False,
        markup=False,
        emoji=False,
        soft_wrap=True,
    )


def room_on(stream: TextIO) -> int | None:
    """Cells of a line on this stream; None if it is no terminal, where lines are as long as they are."""
    return (_columns(stream) or console(stream).width) if _is_terminal(stream) else None


def _is_terminal(stream: TextIO) -> bool:
    try:
        return stream.isatty()
    except (AttributeError, ValueError):  # there is none, or it is closed
        return False


def _columns(stream: TextIO) -> int | None:
    """What the environment says, or the terminal; None if neither does. (A dumb one has 80, says rich.)"""
    asked = os.environ.get("COLUMNS", "")
    if asked.isdecimal() and int(asked):
        return int(asked)
    try:
        return os.get_terminal_size(stream.fileno()).columns or None
    except (OSError, ValueError):
        return None


def one_line(text: str) -> str:
    """The text without what would break a line or tell a terminal what to do.

    Titles come from archives: line ends and tabs become spaces, other control characters a sign that there
    was one.
    """
    if text.isprintable():
        return text
    return "".join(
        (" " if letter.isspace() else "\N{REPLACEMENT CHARACTER}")
        if unicodedata.category(letter) in ("Cc", "Cs", "Zl", "Zp")
        else letter
        for letter in text
    )


def cut(text: str, room: int | None) -> str:
    """The text in no more cells than there is room for, with ``…`` for what is left out."""
    if room is None or cell_len(text) <= room:
        return text
    return set_cell_size(text, max(room - 1, 0)).rstrip() + "…"


def wrapped(text: str, room: int | None, hang: int) -> list[str]:
    """The text as lines in no more cells than there is room for, broken between words.

    A word stays whole, though it be wider, and so does a command in a text: both are there to be copied.

    Args:
        hang: cells before all lines but the first.
    """
    if room is None or cell_len(text) <= room:
        return [text]
    lines = [""]
    for token in _TOKEN.findall(text):
        if lines[-1].strip() and cell_len(lines[-1] + token) > room:
            lines.append(" " * hang + token.lstrip())
        else:
            lines[-1] += token
    return lines


def print_lines(lines: Iterable[str], *, hang: int = 2, stream: TextIO | None = None) -> None:
    """Print lines, on a terminal broken between words where they are too long. Commands are not broken: they
    are there to be copied.

    Args:
        hang: cells by which what is broken off stands further right than the beginning of its line.
    """
    stream = sys.stdout if stream is None else stream
    room = room_on(stream)
    for line in lines:
        text = line.lstrip(" ")
        indent = len(line) - len(text)
        lines_of_it = [line] if text.startswith("modulestore ") else wrapped(line, room, indent + hang)
        print(*lines_of_it, sep="\n", file=stream)


def styled(out: Console, line: Text) -> None:
    """Print a line with its styles, quickly where there are none."""
    if out.color_system is None:
        print(line.plain, file=out.file)
    else:
        out.print(line)
