"""What the servers for tests need of a Debian machine: its packages, and a folder to keep things in."""

from __future__ import annotations

import fcntl
import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["Say", "cache_folder", "captured", "last_line", "locked", "say_nothing"]

Say = Callable[[str], None]
"""Told, one sentence at a time, about steps that take long."""


def say_nothing(message: str) -> None:
    """A `Say` for callers that do not report progress."""


def cache_folder() -> Path:
    """Where software that is unpacked stays: outside the checkout, so that a fresh clone has it already."""
    if chosen := os.environ.get("MODULESTORE_TEST_FOLDER"):
        return Path(chosen).absolute()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "modulestore"


def captured(
    command: tuple[str, ...], *, cwd: Path | None = None, **environment: str
) -> subprocess.CompletedProcess[str]:
    """A command that was run to its end, without input, and what it wrote."""
    return subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
        cwd=cwd,
        env=os.environ | environment,
    )


def last_line(run: subprocess.CompletedProcess[str]) -> str:
    """The last that a command said, which is mostly why it failed."""
    lines = (run.stderr or run.stdout).strip().splitlines()
    return lines[-1] if lines else f"exit status {run.returncode}"


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold a lock file. The kernel releases it when the holder dies."""
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
