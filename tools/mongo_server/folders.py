"""The folder of each server: its data, its logs, and the socket of its keeper."""

from __future__ import annotations

import contextlib
import fcntl
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

__all__ = ["keeper_socket", "keeper_sockets", "server_folder"]

_PREFIX = "modulestore-mongo-"
_NEWBORN = 60.0
_LONGEST_BASE = 60  # the path of a Unix socket has at most 107 bytes, of which ours need some 40


@contextlib.contextmanager
def server_folder() -> Iterator[Path]:
    """A new folder for a server, removed at the end. Those of killed keepers are removed first."""
    base = _base()
    _sweep(base)
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=base))
    try:
        with _lock_file(folder).open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # says that its keeper lives
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def keeper_socket(folder: Path) -> Path:
    """Where the keeper of this folder listens."""
    return folder / "keeper.sock"


def keeper_sockets() -> list[Path]:
    """Where the keepers of this machine listen."""
    sockets = (keeper_socket(folder) for folder in sorted(_base().glob(f"{_PREFIX}*")))
    return [path for path in sockets if path.exists()]


def _base() -> Path:
    chosen = tempfile.gettempdir()
    return Path(chosen if len(chosen) <= _LONGEST_BASE else "/tmp")


def _lock_file(folder: Path) -> Path:
    return folder / "keeper.lock"


def _sweep(base: Path) -> None:
    for folder in base.glob(f"{_PREFIX}*"):
        with contextlib.suppress(OSError):  # its keeper lives, or it belongs to somebody else
            if time.time() - folder.stat().st_mtime > _NEWBORN:  # a younger one may not be locked yet
                with _lock_file(folder).open("w") as lock:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    shutil.rmtree(folder)
