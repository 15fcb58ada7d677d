"""The MongoDB server of a run, and what may be said of it.

The order of choice is that of the tests: an address that is given (``--server``, or the variable that the
tests go by), a ``mongod`` on the PATH, the stand-in. Without any, what needs a server is left out, and the
result says so.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tools.bench.places import connected
from tools.mongo_server import Options, ServerUnavailable, start

__all__ = ["NONE", "BenchServer", "server"]

URI_VARIABLE = "MODULESTORE_TEST_MONGODB_URI"
NONE = "none"

_STAND_IN = "stand-in: PostgreSQL + DocumentDB behind our gateway, {}not MongoDB"


@dataclass(frozen=True, slots=True)
class BenchServer:
    """A server that answers; ``about`` is what a result says of it. No server: ``uri`` is empty."""

    uri: str
    about: str


@contextmanager
def server(wish: str | None, say: Callable[[str], None]) -> Iterator[BenchServer]:
    """The server for a run; one that had to be started ends with the context.

    Args:
        wish: its address, or ``none``; None for the order of choice.
        say: called with what takes long.
    """
    uri = wish or os.environ.get(URI_VARIABLE)
    if uri == NONE:
        yield BenchServer("", "none: not wanted")
        return
    if uri:
        yield BenchServer(uri, _about(uri))
        return
    try:
        # Of a replica set, since transactions need one and installations have one.
        started = start(Options(mongod=shutil.which("mongod") or "", replica_set="bench"), say=say)
    except ServerUnavailable as error:
        yield BenchServer("", f"none: {error.reason}")
        return
    try:
        yield BenchServer(started.uri, _about(started.uri, "durability off, "))
    finally:
        started.stop()


def _about(uri: str, durability: str = "") -> str:
    with connected(uri) as client:
        info = client.server_info()
    if "documentdb" in info.get("storageEngines", ()):
        return _STAND_IN.format(durability)
    return f"MongoDB {info['version']}"
