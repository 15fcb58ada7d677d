"""The stand-in server: PostgreSQL with DocumentDB behind the gateway. Real, but not mongod."""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path

from tools.mongo_server.errors import ServerFailed, ServerUnavailable
from tools.mongo_server.postgres import Postgres
from tools.mongo_server.processes import REPORT_FD, Process

__all__ = ["StandIn", "check_libraries"]

_REPOSITORY = Path(__file__).resolve().parents[2]
_LIBRARIES = ("asyncpg", "bson", "uvloop")


def check_libraries() -> None:
    """Raise `ServerUnavailable` when this interpreter cannot run the gateway."""
    missing = [name for name in _LIBRARIES if importlib.util.find_spec(name) is None]
    if missing:
        names = ", ".join(missing)
        raise ServerUnavailable(f"The gateway needs {names}.", "Run pip install --group server.")


class StandIn:
    """Both processes, with everything that they write in `folder`."""

    parts = ("gateway", "postgres")
    stand_in = True

    def __init__(self, root: Path, folder: Path, *, port: int, durable: bool, replica_set: str) -> None:
        self.port = port
        self._folder = folder
        self._replica_set = replica_set
        self._postgres = Postgres(root, folder, durable=durable)
        self._gateway: Process | None = None

    def create(self) -> None:
        """Make the empty server and start it."""
        self._postgres.create()
        self.restart()

    def restart(self) -> None:
        """Start what does not run: on the same port, with the same data."""
        if self._postgres.pid is None:
            self._postgres.start()
        if self._gateway is None or not self._gateway.running:
            self._start_gateway()

    def kill(self, part: str) -> None:
        """SIGKILL for one part."""
        if part == "postgres":
            self._postgres.kill()
        elif self._gateway:
            self._gateway.kill()

    def pause(self) -> None:
        """Stop answering, with all connections open."""
        self._running_gateway().pause()

    def resume(self) -> None:
        """Answer again."""
        self._running_gateway().resume()

    def stop(self) -> None:
        """End both. What PostgreSQL has not written yet is not needed: its data is thrown away."""
        if self._gateway:
            self._gateway.stop()
        self._postgres.kill()

    def pids(self) -> dict[str, int]:
        """The process ids of the parts that run."""
        gateway = self._gateway.pid if self._gateway and self._gateway.running else None
        return {name: pid for name, pid in (("gateway", gateway), ("postgres", self._postgres.pid)) if pid}

    def _running_gateway(self) -> Process:
        if self._gateway is None or not self._gateway.running:
            raise ServerFailed("the gateway does not run")
        return self._gateway

    def _start_gateway(self) -> None:
        module = ("-m", "tools.mongo_server.gateway", "--report-fd", REPORT_FD)
        options = ("--port", str(self.port), "--socket-folder", str(self._postgres.socket_folder))
        name = ("--replica-set", self._replica_set) if self._replica_set else ()
        self._gateway = Process(
            "gateway",
            (sys.executable, *module, *options, *name),
            self._folder / "gateway.log",
            cwd=_REPOSITORY,
            environment=os.environ | {"PYTHONPATH": str(_REPOSITORY)},
        )
        self.port = int(self._gateway.report())
