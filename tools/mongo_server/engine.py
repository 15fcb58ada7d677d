"""What a keeper keeps: options, and the engine that they ask for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from tools.mongo_server.install import root_folder
from tools.mongo_server.mongod import Mongod
from tools.mongo_server.standin import StandIn

__all__ = ["Description", "Engine", "Options", "make_engine"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How to start a server."""

    port: int = 0
    """0: one that is free."""
    durable: bool = False
    """Whether an acknowledged write survives the loss of power (a mongod always is)."""
    replica_set: str = ""
    """The name of the replica set of which the server is the only member; empty: standalone."""
    mongod: str = ""
    """The path of a mongod to run; empty: the stand-in."""
    detached: bool = False
    """Whether it runs until it is stopped, instead of until nobody holds it any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """What those who use a server know about it."""

    port: int
    options: Options
    stand_in: bool
    parts: tuple[str, ...]
    pids: dict[str, int]
    folder: str


class Engine(Protocol):
    """A server made of one or more processes, which it starts as children of its own process."""

    @property
    def parts(self) -> tuple[str, ...]:
        """The names of the processes, the one that clients talk to first."""

    @property
    def stand_in(self) -> bool:
        """Whether this is something else than mongod."""

    @property
    def port(self) -> int:
        """Where clients connect."""

    def create(self) -> None:
        """Make the empty server and start it."""

    def restart(self) -> None:
        """Start the parts that do not run: on the same port, with the same data."""

    def kill(self, part: str) -> None:
        """SIGKILL for one part."""

    def pause(self) -> None:
        """Stop answering, with all connections open."""

    def resume(self) -> None:
        """Answer again."""

    def stop(self) -> None:
        """End all parts. Also called on an engine that did not start."""

    def pids(self) -> dict[str, int]:
        """The process ids of the parts that run."""


def make_engine(options: Options, folder: Path) -> Engine:
    """The engine that `options` ask for, which writes in `folder` only."""
    if options.mongod:
        return Mongod(options.mongod, folder, port=options.port, replica_set=options.replica_set)
    return StandIn(
        root_folder(),
        folder,
        port=options.port,
        durable=options.durable,
        replica_set=options.replica_set,
    )
