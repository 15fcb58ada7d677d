"""A `mongod` that this machine has, as a replica set of one member."""

from __future__ import annotations

import contextlib
import socket
import time
from pathlib import Path
from typing import Any

from pymongo import MongoClient
from pymongo.errors import PyMongoError

from tools.mongo_server.processes import Process

__all__ = ["Mongod"]

_HOST = "127.0.0.1"
_PATIENCE = 60.0


class Mongod:
    """One process, with everything that it writes in `folder`."""

    parts = ("mongod",)
    stand_in = False

    def __init__(self, program: str, folder: Path, *, port: int, replica_set: str) -> None:
        self.port = port or _free_port()
        self._program = program
        self._folder = folder
        self._replica_set = replica_set
        self._process: Process | None = None

    def create(self) -> None:
        """Make the empty server, start it, and make it the primary of its replica set."""
        (self._folder / "data").mkdir()
        self.restart()
        with self._client() as client:
            if self._replica_set:
                member = {"_id": 0, "host": f"{_HOST}:{self.port}"}
                client.admin.command("replSetInitiate", {"_id": self._replica_set, "members": [member]})
            self._wait_writable(client)

    def restart(self) -> None:
        """Start it when it does not run: on the same port, with the same data."""
        if self._process and self._process.running:
            return
        first = self._process is None
        address = ("--bind_ip", _HOST, "--port", str(self.port), "--nounixsocket")
        # Fail points are test commands, which a mongod has only when told so at its start.
        extra = ("--dbpath", str(self._folder / "data"), "--setParameter", "enableTestCommands=1")
        name = ("--replSet", self._replica_set) if self._replica_set else ()
        self._process = Process(
            "mongod", (self._program, *address, *extra, *name), self._folder / "mongod.log"
        )
        if not first:
            with self._client() as client:
                self._wait_writable(client)

    def kill(self, part: str) -> None:
        """SIGKILL."""
        if self._process:
            self._process.kill()

    def pause(self) -> None:
        """Stop answering, with all connections open."""
        if self._process:
            self._process.pause()

    def resume(self) -> None:
        """Answer again."""
        if self._process:
            self._process.resume()

    def stop(self) -> None:
        """End it."""
        if self._process:
            self._process.kill()  # its data is thrown away

    def pids(self) -> dict[str, int]:
        """Its process id, if it runs."""
        return {"mongod": self._process.pid} if self._process and self._process.running else {}

    def _client(self) -> MongoClient[dict[str, Any]]:
        return MongoClient(
            _HOST, self.port, directConnection=True, serverSelectionTimeoutMS=int(_PATIENCE * 1000)
        )

    def _wait_writable(self, client: MongoClient[dict[str, Any]]) -> None:
        deadline = time.monotonic() + _PATIENCE
        assert self._process is not None
        while self._process.running and time.monotonic() < deadline:
            with contextlib.suppress(PyMongoError):
                if client.admin.command("hello")["isWritablePrimary"]:
                    return
            time.sleep(0.05)
        raise self._process.failure("takes no writes")


def _free_port() -> int:
    # mongod cannot report a port that it has chosen itself; a port that was free a moment ago has to do.
    with socket.create_server((_HOST, 0)) as probe:
        port: int = probe.getsockname()[1]
        return port
