"""A memcached server for tests: what this machine has, or Debian's package, unpacked and not installed.

It is a child of the process that started it, and ends with it.
"""

from __future__ import annotations

import os
import platform
import shutil
import sys
import tempfile
import time
from pathlib import Path

from tools.debian import Say, cache_folder, captured, last_line, locked, say_nothing
from tools.mongo_server.errors import ServerUnavailable
from tools.mongo_server.processes import Process

__all__ = ["Memcached", "ensure_memcached"]

_HOST = "127.0.0.1"
_PATIENCE = 60.0
_HINT = "Install the Debian package memcached."


def ensure_memcached(say: Say = say_nothing) -> Path:
    """The program, unpacked first when this machine has none (half a megabyte).

    Raises `ServerUnavailable` when it cannot be had on this machine.
    """
    if sys.platform != "linux" or shutil.which("setpriv") is None:
        raise ServerUnavailable("The tests start memcached on Linux only, with setpriv.", _HINT)
    if found := shutil.which("memcached"):
        return Path(found)
    folder = _folder()
    try:
        if not folder.exists():
            folder.parent.mkdir(parents=True, exist_ok=True)
            with locked(folder.parent / "unpack.lock"):
                if not folder.exists():  # another process may have unpacked it while this one waited
                    say(f"unpacking memcached into {folder}")
                    _unpack(folder)
    except OSError as error:
        hint = "Set MODULESTORE_TEST_FOLDER to a folder that can be written."
        raise ServerUnavailable(f"Nothing can be kept in {folder.parent}: {error}.", hint) from error
    return folder / "usr" / "bin" / "memcached"


class Memcached:
    """One server on a free port of the loopback address, with its log in `folder`."""

    def __init__(self, program: Path, folder: Path, *, megabytes: int = 64) -> None:
        self._program = program
        self._folder = folder
        self._megabytes = megabytes
        self.port = -1  # which lets it choose one
        self._process = self._started()

    @property
    def address(self) -> str:
        """Host and port."""
        return f"{_HOST}:{self.port}"

    def kill(self) -> None:
        """SIGKILL: all that it held is lost."""
        self._process.kill()

    def restart(self) -> None:
        """Start it again, empty, on the same port."""
        self._process = self._started()

    def pause(self) -> None:
        """Stop answering, with all connections open, and new ones accepted by the kernel."""
        self._process.pause()
        # Its threads stop one after the other; on a busy machine one of them may still answer for a while.
        while any(state != "T" for state in _states(self._process.pid)):
            time.sleep(0.001)

    def resume(self) -> None:
        """Answer again."""
        self._process.resume()

    def stop(self) -> None:
        """End it, if it runs. It takes its time over SIGTERM, and has nothing to save."""
        if self._process.running:
            self._process.kill()

    def _started(self) -> Process:
        told = self._folder / "memcached.port"
        told.unlink(missing_ok=True)
        where = ("-l", _HOST, "-p", str(self.port), "-U", "0")
        room = ("-m", str(self._megabytes), "-I", "1m" if self._megabytes > 1 else "512k")
        user = ("-u", "root") if os.geteuid() == 0 else ()
        process = Process(
            "memcached",
            (str(self._program), *where, *room, *user),
            self._folder / "memcached.log",
            environment=os.environ | {"MEMCACHED_PORT_FILENAME": str(told)} | self._libraries(),
        )
        deadline = time.monotonic() + _PATIENCE
        while process.running and time.monotonic() < deadline:
            if told.exists():
                self.port = int(told.read_text().split()[-1])
                return process
            time.sleep(0.002)
        raise process.failure("did not start")

    def _libraries(self) -> dict[str, str]:
        # What the unpacked program needs and the system lacks was unpacked with it.
        folders = [*self._program.parents[2].glob("usr/lib/*-linux-gnu*")] if self._is_unpacked() else []
        return {"LD_LIBRARY_PATH": ":".join(map(str, folders))} if folders else {}

    def _is_unpacked(self) -> bool:
        return self._program.is_relative_to(cache_folder())


def _states(pid: int) -> list[str]:
    """What each thread of a process does: R, S, T …"""
    tasks = Path(f"/proc/{pid}/task").glob("*/stat")
    return [task.read_text().rpartition(")")[2].split()[0] for task in tasks]


def _folder() -> Path:
    """Where it is unpacked, for this system. Unpacking ends with a rename: if it exists, it is complete."""
    release = platform.freedesktop_os_release()
    system = f"{release['ID']}-{release.get('VERSION_ID', 'testing')}-{platform.machine()}"
    return cache_folder() / "memcached" / system


def _unpack(folder: Path) -> None:
    if shutil.which("apt-get") is None or shutil.which("dpkg-deb") is None:
        raise ServerUnavailable("memcached is missing, and this is no Debian system.", "Install memcached.")
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix="unpacking-") as name:
        work = Path(name)
        problem = _download(work)
        if problem and os.geteuid() == 0:  # container images like to delete the lists, and old ones mislead
            captured(("apt-get", "-q", "update"))
            problem = _download(work)
        if problem:
            raise ServerUnavailable(f"apt-get could not fetch memcached: {problem}", _HINT)
        root = work / "root"
        for package in sorted(work.glob("*.deb")):
            run = captured(("dpkg-deb", "-x", str(package), str(root)))
            if run.returncode:
                raise ServerUnavailable(f"{package.name} cannot be unpacked: {last_line(run)}", _HINT)
        root.rename(folder)


def _download(work: Path) -> str:
    """Fetch the packages that an installation would install; what went wrong, if anything did."""
    run = captured(("apt-get", "-q", "-s", "install", "--no-install-recommends", "memcached"))
    if run.returncode:
        return last_line(run)
    names = [line.split()[1] for line in run.stdout.splitlines() if line.startswith("Inst ")]
    run = captured(("apt-get", "-q", "download", *names), cwd=work)
    return last_line(run) if run.returncode else ""
