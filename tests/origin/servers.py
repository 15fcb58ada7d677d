"""An origin behind a real uvicorn on the loopback address, in a thread of this process."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Literal

import uvicorn
from starlette.types import ASGIApp

from modulestore import connect_async
from modulestore.origin import Source

__all__ = ["Running", "running", "serving"]

MakeApplication = Callable[[Source], ASGIApp]


@dataclass(frozen=True, slots=True)
class Running:
    """A server that answers.

    Attributes:
        open: how many connections are open.
    """

    port: int
    open: Callable[[], int]


@contextmanager
def serving(url: str, make: MakeApplication) -> Iterator[Running]:
    """Serve the application that ``make`` makes of the files of a store."""

    @contextmanager
    def opened(runner: asyncio.Runner) -> Iterator[ASGIApp]:
        store = runner.run(connect_async(url))
        yield make(store.assets)
        runner.run(store.close())

    with _running(opened) as server:
        yield server


@contextmanager
def running(application: ASGIApp, *, lifespan: Literal["on", "off"] = "off") -> Iterator[Running]:
    """Serve an application."""

    @contextmanager
    def opened(runner: asyncio.Runner) -> Iterator[ASGIApp]:
        yield application

    with _running(opened, lifespan) as server:
        yield server


@contextmanager
def _running(
    opened: Callable[[asyncio.Runner], AbstractContextManager[ASGIApp]],
    lifespan: Literal["on", "off"] = "off",
) -> Iterator[Running]:
    # With its protocol, or asyncio leaves it waiting for acknowledgements before it sends small pieces.
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    # Else the kernel takes megabytes off a slow client's hands, and nobody is slow.
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 32 * 1024)
    listening.bind(("127.0.0.1", 0))
    listening.listen(100)
    ready: list[uvicorn.Server] = []
    started = threading.Event()

    def serve() -> None:
        with asyncio.Runner() as runner, opened(runner) as application:
            config = uvicorn.Config(application, lifespan=lifespan, log_config=None, access_log=False)
            server = uvicorn.Server(config)
            ready.append(server)
            started.set()
            runner.run(server.serve([listening]))

    thread = threading.Thread(target=serve)
    thread.start()
    assert started.wait(timeout=30)
    try:
        # The socket listens already: who connects now is answered as soon as the server is there.
        yield Running(listening.getsockname()[1], lambda: len(ready[0].server_state.connections))
    finally:
        ready[0].should_exit = True
        thread.join(timeout=30)
        assert not thread.is_alive()
