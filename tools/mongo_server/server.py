"""Starting, sharing and stopping servers, from the side of those who use them."""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tools.debian import Say, say_nothing
from tools.mongo_server.engine import Description, Options
from tools.mongo_server.errors import ServerFailed, ServerUnavailable
from tools.mongo_server.folders import keeper_socket, keeper_sockets
from tools.mongo_server.install import ensure_root
from tools.mongo_server.standin import check_libraries

__all__ = ["Server", "running", "servers", "share", "start"]

_REPOSITORY = Path(__file__).resolve().parents[2]
_HOST = "127.0.0.1"
_PATIENCE = 120.0
_POINTER = "mongo-server.path"


class Server:
    """A running server, seen through its keeper at `path`.

    With `hold` it runs at least until `stop()` or until this process ends; without, this is only a look at
    it.
    """

    def __init__(self, path: Path, *, hold: bool) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._lines = self._socket.makefile("rb")
        try:
            self._socket.settimeout(_PATIENCE)
            self._socket.connect(str(path))
            self._known = self._ask("hold" if hold else "info")
        except BaseException:
            self._close()
            raise

    @property
    def uri(self) -> str:
        """Its address, without a database."""
        return self.url("")

    @property
    def port(self) -> int:
        """Its port on the loopback address."""
        return self._known.port

    @property
    def stand_in(self) -> bool:
        """Whether this is PostgreSQL with DocumentDB instead of mongod."""
        return self._known.stand_in

    @property
    def options(self) -> Options:
        """How it was started."""
        return self._known.options

    @property
    def pids(self) -> dict[str, int]:
        """The process ids of the keeper and of the parts that run."""
        return self._ask("info").pids

    @property
    def folder(self) -> Path:
        """Where its data and logs are until it ends."""
        return Path(self._known.folder)

    def url(self, database: str) -> str:
        """The address of a database on it."""
        replica_set = self._known.options.replica_set
        path = f"/{database}" if database or replica_set else ""
        return f"mongodb://{_HOST}:{self.port}{path}" + (f"?replicaSet={replica_set}" if replica_set else "")

    def kill(self, part: str | None = None) -> None:
        """SIGKILL for a part ("gateway", "postgres"; "mongod"), or for all of them.

        A stand-in that is not durable loses the acknowledged writes of its last half second.
        """
        self._ask("kill", parts=[part] if part else self._known.parts)

    def restart(self) -> None:
        """Start again what was killed: on the same port, with the same data."""
        self._ask("restart")

    def pause(self) -> None:
        """Stop answering, with all connections open, until `resume()`."""
        self._ask("pause")

    def resume(self) -> None:
        """Answer again."""
        self._ask("resume")

    def stop(self) -> None:
        """Let go of it. If nobody else holds it, it has ended and left nothing when this returns."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_WR)
            self._lines.read()  # to the end of the keeper, or of its interest in us
        self._close()

    def end(self) -> None:
        """End it for everyone."""
        self._ask("stop")
        self.stop()

    def _ask(self, operation: str, **arguments: Any) -> Description:
        try:
            self._socket.sendall(json.dumps({"op": operation, **arguments}).encode() + b"\n")
            answer = json.loads(self._lines.readline() or '{"error": "the server has ended"}')
        except OSError as error:
            raise ServerFailed(f"the server has ended: {error}") from error
        if "error" in answer:
            raise ServerFailed(answer["error"])
        answer |= {"options": Options(**answer["options"]), "parts": tuple(answer["parts"])}
        return Description(**answer)

    def _close(self) -> None:
        self._lines.close()
        self._socket.close()


def start(options: Options | None = None, *, say: Say = say_nothing) -> Server:
    """Start a server that ends when nobody holds it any more (if detached: when it is told to).

    Raises `ServerUnavailable` when it cannot be had on this machine.
    """
    options = options or Options()
    if not options.mongod:
        check_libraries()
        ensure_root(say)
    command = (sys.executable, "-m", "tools.mongo_server.keeper", json.dumps(dataclasses.asdict(options)))
    environment = os.environ | {"PYTHONPATH": str(_REPOSITORY)}
    keeper = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        env=environment,
        check=False,
        timeout=_PATIENCE,
    )
    told = json.loads(keeper.stdout or '{"error": "the keeper ended without a word"}')
    if "unavailable" in told:
        raise ServerUnavailable(*told["unavailable"])
    if "error" in told:
        raise ServerFailed(told["error"])
    return Server(keeper_socket(Path(told["folder"])), hold=True)


@contextlib.contextmanager
def running(options: Options | None = None, *, say: Say = say_nothing) -> Iterator[Server]:
    """A server for the length of a `with` block."""
    server = start(options, say=say)
    try:
        yield server
    finally:
        server.stop()


def share(folder: Path, options: Options | None = None, *, say: Say = say_nothing) -> Server:
    """The server that all processes share which name the same `folder`; the first of them starts it."""
    pointer = folder / _POINTER
    with (folder / f"{_POINTER}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if pointer.exists():
            with contextlib.suppress(OSError, ServerFailed):  # unless it has ended meanwhile
                return Server(Path(pointer.read_text()), hold=True)
        server = start(options, say=say)
        pointer.write_text(str(keeper_socket(server.folder)))
        return server


def servers() -> Iterator[Server]:
    """All servers on this machine that let us look at them, each until the next one is asked for."""
    for path in keeper_sockets():
        try:
            server = Server(path, hold=False)
        except (OSError, ServerFailed):
            continue
        try:
            yield server
        finally:
            server.stop()
