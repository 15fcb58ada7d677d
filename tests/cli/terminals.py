"""A terminal for tests: a real one, made by the system, of a given width."""

from __future__ import annotations

import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

__all__ = ["COMMAND", "Shown", "in_terminal", "plain_environment"]

COMMAND = (sys.executable, "-m", "modulestore")
_ASKED = (
    "NO_COLOR",
    "FORCE_COLOR",
    "TTY_COMPATIBLE",
    "TTY_INTERACTIVE",
    "COLUMNS",
    "LINES",
    "MODULESTORE_URL",
)


class Shown(NamedTuple):
    """What somebody sees in the end: standard output and standard error, as they come."""

    text: str
    exit_code: int


def plain_environment(**more: str) -> Mapping[str, str]:
    """The environment without what is said about colours and widths in it, on a capable terminal."""
    kept = {name: value for name, value in os.environ.items() if name not in _ASKED}
    return {**kept, "TERM": "xterm-256color", **more}


def in_terminal(
    *words: str, folder: Path, columns: int = 80, command: tuple[str, ...] = COMMAND, **environment: str
) -> Shown:
    """Run a command in a terminal, until it ends."""
    with _terminal(columns) as (ours, theirs):
        process = subprocess.Popen(
            [*command, *words],
            cwd=folder,
            env=plain_environment(**environment),
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
        )
        os.close(theirs)
        text = _read(ours)
        return Shown(text.replace("\r\n", "\n"), process.wait())


@contextmanager
def _terminal(columns: int) -> Iterator[tuple[int, int]]:
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
    try:
        yield ours, theirs
    finally:
        os.close(ours)


def _read(ours: int) -> str:
    """Everything that is written, until the last who could has gone."""
    parts = []
    while True:
        try:
            part = os.read(ours, 65536)
        except OSError:  # EIO: nobody has the other end any more
            break
        if not part:
            break
        parts.append(part)
    return b"".join(parts).decode()
