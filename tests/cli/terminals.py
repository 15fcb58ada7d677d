"""A terminal for tests: one that the system makes, of a given width; and a pipe to compare it with."""

from __future__ import annotations

import fcntl
import io
import os
import pty
import struct
import subprocess
import sys
import termios
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import chdir, contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from unittest.mock import patch

from modulestore.cli import main

__all__ = ["COMMAND", "in_a_pipe", "in_a_terminal", "process_in_a_terminal"]

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


def in_a_terminal(*words: str, folder: Path, columns: int = 80, **environment: str) -> str:
    """What somebody sees of a command, errors too; it runs in this process."""
    with _terminal() as (ours, theirs), ThreadPoolExecutor(1) as reader:
        text = reader.submit(_read, ours)  # at the same time: a terminal holds a few kilobytes
        with (
            open(theirs, "w") as screen,
            _at(folder, {"COLUMNS": str(columns), **environment}),
            redirect_stdout(screen),
            redirect_stderr(screen),
        ):
            main(words)
        return text.result()


def in_a_pipe(*words: str, folder: Path, **environment: str) -> str:
    """What a program reads of both outputs."""
    out = io.StringIO()
    with _at(folder, environment), redirect_stdout(out), redirect_stderr(out):
        main(words)
    return out.getvalue()


def process_in_a_terminal(*words: str, folder: Path, columns: int) -> str:
    """What somebody sees of the command as a process, in a terminal that says itself how wide it is."""
    with _terminal() as (ours, theirs):
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
        with subprocess.Popen(
            [*COMMAND, *words], cwd=folder, env=_environment({}), stdin=theirs, stdout=theirs, stderr=theirs
        ):
            os.close(theirs)
            return _read(ours)


def _environment(more: Mapping[str, str]) -> Mapping[str, str]:
    """Nothing of what is said about colours and widths outside of the test."""
    kept = {name: value for name, value in os.environ.items() if name not in _ASKED}
    return {**kept, "TERM": "xterm-256color", **more}


@contextmanager
def _at(folder: Path, environment: Mapping[str, str]) -> Iterator[None]:
    with chdir(folder), patch.dict(os.environ, _environment(environment), clear=True):
        yield


@contextmanager
def _terminal() -> Iterator[tuple[int, int]]:
    ours, theirs = pty.openpty()
    try:
        yield ours, theirs
    finally:
        os.close(ours)


def _read(ours: int) -> str:
    """Everything that was written, until the last who could has gone."""
    parts = []
    while True:
        try:
            part = os.read(ours, 65536)
        except OSError:  # EIO: nobody has the other end any more
            break
        if not part:
            break
        parts.append(part)
    return b"".join(parts).decode().replace("\r\n", "\n")
