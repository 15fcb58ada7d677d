"""The sandbox: runs commands inside the root folder, with one folder of ours as `/srv`."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

from tools.mongo_server.errors import ServerUnavailable

__all__ = ["Sandbox"]

_USER = "postgres"
_PATH = "/usr/lib/postgresql/18/bin:/usr/bin:/bin"


@dataclass(frozen=True, slots=True)
class Sandbox:
    """A read-only `root`, of which only `data` can be written (as `/srv`)."""

    root: Path
    data: Path

    def command(self, *command: str, options: tuple[str, ...] = ()) -> list[str]:
        """The command line that runs `command` inside; `options` are more of bubblewrap's."""
        user, group = self._ids()
        # We are mapped to the user `postgres`: PostgreSQL refuses to run as root, and like this no file has
        # to change its owner.
        mapped = ("--unshare-user", "--uid", user, "--gid", group)
        # When the first process dies, the kernel ends all others in its namespace and frees what they shared,
        # however hard the death was.
        mortal = ("--unshare-pid", "--unshare-ipc", "--as-pid-1", "--die-with-parent")
        folders = ("--ro-bind", str(self.root), "/", "--bind", str(self.data), "/srv")
        volatile = ("--dev", "/dev", "--tmpfs", "/tmp", "--tmpfs", "/run")
        variables = ("--clearenv", "--setenv", "LC_ALL", "C.UTF-8", "--setenv", "PATH", _PATH)
        return ["bwrap", *mapped, *mortal, *folders, *volatile, *variables, *options, *command]

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a short command inside, to its end."""
        return subprocess.run(self.command(*command), capture_output=True, text=True, check=False, timeout=60)

    def check(self) -> None:
        """Raise `ServerUnavailable` when this machine allows no sandbox, as many containers do."""
        attempt = self.run("true")
        if attempt.returncode:
            raise ServerUnavailable(
                f"bubblewrap cannot make a sandbox here: {attempt.stderr.strip()}.",
                "Allow user namespaces (a container: run it privileged), or start a MongoDB server yourself.",
            )

    def _ids(self) -> tuple[str, str]:
        for line in (self.root / "etc/passwd").read_text().splitlines():
            name, _, user, group, *_ = line.split(":")
            if name == _USER:
                return user, group
        raise AssertionError(f"{self.root} has no user {_USER}")
