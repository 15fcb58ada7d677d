"""The root folder: a private, read-only Debian tree that holds PostgreSQL with the DocumentDB extension.

No package registry that a test machine can be expected to reach carries `mongod`, but every Debian mirror
carries these packages. They come from a newer Debian than most machines run, so they are unpacked into a
folder of their own (mmdebstrap) and run inside it (bubblewrap); nothing of the system changes but the
presence of those two tools.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tools.debian import Say, cache_folder, captured, last_line, locked, say_nothing
from tools.mongo_server.errors import ServerUnavailable

__all__ = ["ensure_root", "root_folder"]

SUITE = "forky"
PACKAGE = "postgresql-18-documentdb"
POSTGRES_BIN = "usr/lib/postgresql/18/bin/postgres"
DEBIAN_PACKAGES = {"mmdebstrap": "mmdebstrap", "bwrap": "bubblewrap"}
BUILD_OPTIONS = (
    "--variant=apt",
    f"--include={PACKAGE}",
    # A testing suite's Release file may be past its Valid-Until on a mirror that lags; signatures are still
    # verified.
    '--aptopt=Acquire::Check-Valid-Until "false"',
    '--aptopt=APT::Install-Recommends "false"',
    "--dpkgopt=path-exclude=/usr/share/doc/*",
    "--dpkgopt=path-exclude=/usr/share/locale/*",
    "--dpkgopt=path-exclude=/usr/share/man/*",
)
INSTALL_HINT = "Install the Debian packages mmdebstrap and bubblewrap."
OWN_SERVER_HINT = "Start a MongoDB server yourself."


def root_folder() -> Path:
    """The root folder of the present recipe. Builds end with a rename: if it exists, it is complete."""
    recipe = hashlib.sha256("\0".join((SUITE, *BUILD_OPTIONS)).encode()).hexdigest()[:8]
    return cache_folder() / "mongo-server" / f"{SUITE}-{recipe}"


def ensure_root(say: Say = say_nothing) -> Path:
    """The root folder, built first when there is none (about half a minute and 570 MB)."""
    if sys.platform != "linux":
        raise ServerUnavailable("The stand-in server runs on Linux only.", OWN_SERVER_HINT)
    root = root_folder()
    try:
        _need_commands({"bwrap"} if root.exists() else {"bwrap", "mmdebstrap"}, say)
        if not root.exists():
            root.parent.mkdir(parents=True, exist_ok=True)
            with locked(root.parent / "build.lock"):
                if not root.exists():  # another process may have built it while this one waited
                    _build(root, say)
    except OSError as error:
        hint = "Set MODULESTORE_TEST_FOLDER to a folder that can be written."
        raise ServerUnavailable(f"Nothing can be kept in {root.parent}: {error}.", hint) from error
    return root


def _need_commands(commands: set[str], say: Say) -> None:
    missing = sorted(DEBIAN_PACKAGES[command] for command in commands if shutil.which(command) is None)
    if not missing:
        return
    names = " and ".join(missing)
    if shutil.which("apt-get") is None:
        raise ServerUnavailable(f"{names} missing, and this is no Debian system.", OWN_SERVER_HINT)
    if os.geteuid() != 0:
        raise ServerUnavailable(f"{names} missing, and only root can install packages.", INSTALL_HINT)
    say(f"installing {names}")
    apt = ("apt-get", "-q", "-o", "DPkg::Lock::Timeout=120")
    for command in (*apt, "update"), (*apt, "install", "-y", "--no-install-recommends", *missing):
        run = captured(command, DEBIAN_FRONTEND="noninteractive")
        if run.returncode:
            raise ServerUnavailable(f"apt-get could not install {names}: {last_line(run)}", INSTALL_HINT)


def _build(root: Path, say: Say) -> None:
    mirror = _mirror()
    say(f"building the private Debian root in {root} (about 570 MB, once)")
    for leftover in root.parent.glob("building-*"):  # of a build that was killed; nobody else holds the lock
        shutil.rmtree(leftover, ignore_errors=True)
    work = Path(tempfile.mkdtemp(prefix="building-", dir=root.parent))
    try:
        work.chmod(0o755)
        _make(work, mirror)
        work.rename(root)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _make(work: Path, mirror: str) -> None:
    # The death signal ends the build when we are killed. mmdebstrap then removes its temporary files, and
    # passes the signal on to its whole process group, so it must not be in ours.
    build = ["setpriv", "--pdeathsig", "TERM", "mmdebstrap", "--quiet", *BUILD_OPTIONS, *_proxy_options()]
    # As a normal user the tools need their own user namespace, with a range of ids from /etc/subuid.
    build += [f"--mode={'root' if os.geteuid() == 0 else 'unshare'}", SUITE, "-", mirror]
    # Through tar, so that every file is owned by the one user who is mapped into the sandbox later.
    unpack = ["tar", "--extract", "--no-same-owner", "--exclude=./dev/*", f"--directory={work}"]
    with tempfile.TemporaryFile() as log:
        with subprocess.Popen(build, stdout=subprocess.PIPE, stderr=log, start_new_session=True) as maker:
            try:
                unpacked = subprocess.run(unpack, stdin=maker.stdout, stderr=log, check=False)
            except BaseException:
                maker.terminate()
                raise
        if maker.returncode or unpacked.returncode or not (work / POSTGRES_BIN).exists():
            log.seek(0)
            reason = log.read().decode(errors="replace").strip()[-600:]
            raise ServerUnavailable(f"mmdebstrap failed: {reason}", _build_hint())


def _build_hint() -> str:
    if os.geteuid() == 0:
        return "Check that apt's mirror can be reached and that the disk has 1 GB free."
    return "Check apt's mirror, and that uidmap is installed and /etc/subuid has a range of ids for you."


def _mirror() -> str:
    """The Debian mirror that this machine's own apt uses."""
    query = ("apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages", "Label: Debian")
    if shutil.which("apt-get"):
        found = captured(query).stdout.split()
        if not found and os.geteuid() == 0:  # the labels come from lists that container images like to delete
            captured(("apt-get", "-q", "update"))
            found = captured(query).stdout.split()
        if found:
            return found[0]
    raise ServerUnavailable("apt knows no Debian mirror here.", "Run apt-get update on a Debian system.")


def _proxy_options() -> list[str]:
    """The system's proxy for apt, which mmdebstrap's own apt configuration does not take over."""
    settings = captured(("apt-config", "dump", "Acquire::http::Proxy", "Acquire::https::Proxy")).stdout
    return [f"--aptopt={line.rstrip(';')}" for line in settings.splitlines() if not line.endswith('"";')]
