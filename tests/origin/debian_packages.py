"""Programs that tests put before the origin, or that use it: what this machine has, or Debian's packages,
unpacked and not installed.
"""

from __future__ import annotations

import os
import platform
import shutil
import tempfile
from pathlib import Path

from tools.debian import Say, cache_folder, captured, last_line, locked
from tools.mongo_server import ServerUnavailable

__all__ = ["ensure_nginx", "libraries_of"]


def ensure_nginx(say: Say) -> Path:
    """The program nginx, unpacked first when this machine has none (a megabyte).

    Raises `ServerUnavailable` when it cannot be had on this machine.
    """
    if found := shutil.which("nginx"):
        return Path(found)
    return _unpacked("nginx", say) / "usr" / "sbin" / "nginx"


def libraries_of(program: Path) -> dict[str, str]:
    """What a program that was unpacked needs to be told, so that it finds what was unpacked with it."""
    if not program.is_relative_to(cache_folder()):
        return {}
    folders = program.parents[2].glob("usr/lib/*-linux-gnu*")
    return {"LD_LIBRARY_PATH": ":".join(map(str, folders))}


def _unpacked(package: str, say: Say) -> Path:
    if shutil.which("apt-get") is None or shutil.which("dpkg-deb") is None:
        raise ServerUnavailable(f"{package} is missing, and this is no Debian system.", f"Install {package}.")
    release = platform.freedesktop_os_release()
    system = f"{release['ID']}-{release.get('VERSION_ID', 'testing')}-{platform.machine()}"
    # Unpacking ends with a rename: if the folder exists, it is complete.
    folder = cache_folder() / package / system
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with locked(folder.parent / "unpack.lock"):
            if not folder.exists():
                say(f"unpacking {package} into {folder}")
                _unpack(package, folder)
    except OSError as error:
        hint = "Set MODULESTORE_TEST_FOLDER to a folder that can be written."
        raise ServerUnavailable(f"Nothing can be kept in {folder.parent}: {error}.", hint) from error
    return folder


def _unpack(package: str, folder: Path) -> None:
    hint = f"Install the Debian package {package}."
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix="unpacking-") as name:
        work = Path(name)
        problem = _download(package, work)
        if problem and os.geteuid() == 0:  # container images like to delete the lists, and old ones mislead
            captured(("apt-get", "-q", "update"))
            problem = _download(package, work)
        if problem:
            raise ServerUnavailable(f"apt-get could not fetch {package}: {problem}", hint)
        for file in sorted(work.glob("*.deb")):
            run = captured(("dpkg-deb", "-x", str(file), str(work / "root")))
            if run.returncode:
                raise ServerUnavailable(f"{file.name} cannot be unpacked: {last_line(run)}", hint)
        (work / "root").rename(folder)


def _download(package: str, work: Path) -> str:
    """Fetch the packages that an installation would install; what went wrong, if anything did."""
    run = captured(("apt-get", "-q", "-s", "install", "--no-install-recommends", package))
    if run.returncode:
        return last_line(run)
    names = [line.split()[1] for line in run.stdout.splitlines() if line.startswith("Inst ")]
    run = captured(("apt-get", "-q", "download", *names), cwd=work)
    return last_line(run) if run.returncode else ""
