"""The origin as a process of its own: a listening socket, and the server behind it.

The only module that knows the server. What a slow client can make it hold is bounded here, in the two places
where bytes wait: in the kernel, by the size of send buffers, and in the process, by a limit above which
nothing more is asked of the application.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import signal
import socket
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TypeAlias

from modulestore.errors import ExtraMissing, InvalidInput, ModuleStoreError

try:
    from starlette.types import ASGIApp
    from uvicorn import Config, Server
    from uvicorn.loops.auto import auto_loop_factory
    from uvicorn.protocols.http.h11_impl import H11Protocol
except ImportError as error:
    raise ExtraMissing(
        f"files cannot be served: {error}", hint="pip install 'modulestore[origin]'"
    ) from error

__all__ = ["Serve", "address_of", "listen", "log_to", "run"]

_SEND_BUFFER = 64 * 1024  # bytes in the kernel for a client; it takes twice as many, for what it needs itself
_WAITING = 2048  # connections that are not yet accepted
_PATIENCE = 5  # seconds for clients to finish when the server is to end
_HINT = "for example --host 127.0.0.1 --port 8000"

Serve: TypeAlias = Callable[[ASGIApp], Awaitable[None]]
"""Serves an application until the process is asked to end."""


def listen(host: str, port: int) -> socket.socket:
    """A listening socket whose connections have small send buffers; port 0 for any that is free.

    Connections inherit the size from it, and only if it is set before: left to itself, the kernel gives a
    connection megabytes, and a thousand slow clients gigabytes.

    Raises:
        InvalidInput: there is no such host, or the port is taken.
    """
    place = f"{host}, port {port}"
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        # With its protocol: asyncio sends small pieces at once only if a socket says that it is TCP.
        listening = socket.socket(family, kind, protocol)
    except OSError as error:
        raise InvalidInput(f"is no address: {error.strerror}", place=place, hint=_HINT) from error
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER)
        listening.bind(address)
        listening.listen(_WAITING)
    except OSError as error:
        listening.close()
        if error.errno == errno.EADDRINUSE:
            hint = "give another --port, or 0 for any that is free"
            raise InvalidInput("another program listens there", place=place, hint=hint) from error
        raise InvalidInput(f"cannot be listened on: {error.strerror}", place=place, hint=_HINT) from error
    return listening


def address_of(listening: socket.socket) -> str:
    """The URL of a listening socket."""
    host, port, *_ = listening.getsockname()
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def run(main: Callable[[Serve], Awaitable[None]], listening: socket.socket) -> None:
    """Serve until the process is asked to end, by SIGINT or SIGTERM.

    Args:
        main: opens what an application needs, calls what it is given with the application, and closes it.
    """
    _raise_descriptor_limit()

    async def serve(application: ASGIApp) -> None:
        config = Config(
            application,
            http=_BoundedProtocol,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            backlog=_WAITING,
            timeout_graceful_shutdown=_PATIENCE,
        )
        await Server(config).serve([listening])

    async def whole() -> None:
        await main(serve)

    with _signals_left_to_server(), asyncio.Runner(loop_factory=auto_loop_factory()) as runner:
        runner.run(whole())


def log_to(handler: logging.Handler) -> None:
    """Let a handler have a line for every request, and whatever goes wrong."""
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
    handler.addFilter(_is_worth_a_line)
    for name, level in (("modulestore.origin", logging.INFO), ("uvicorn.error", logging.WARNING)):
        logger = logging.getLogger(name)
        logger.addHandler(handler)
        logger.setLevel(level)


class _BoundedProtocol(H11Protocol):
    """A connection that takes a next piece of a body only when the kernel has taken all of the one before."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        transport.set_write_buffer_limits(high=0)
        super().connection_made(transport)


@contextmanager
def _signals_left_to_server() -> Iterator[None]:
    # While it runs, the server catches both signals. When it has ended it sends itself those that came, for
    # whoever was there before: that is us, and we have done what they ask.
    names = (signal.SIGINT, signal.SIGTERM)
    before = {name: signal.signal(name, lambda *_: None) for name in names}
    try:
        yield
    finally:
        for name, handler in before.items():
            signal.signal(name, handler)


def _raise_descriptor_limit() -> None:
    """Every client is a descriptor: allow as many as the system lets this process have."""
    with suppress(ImportError, OSError, ValueError):
        import resource  # not on every system

        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _is_worth_a_line(record: logging.LogRecord) -> bool:
    # The server shows where it was when an answer was broken off: by itself, since it was asked to end, or by
    # the origin, which has said why.
    broken_off = asyncio.CancelledError, ModuleStoreError
    return not (record.exc_info and isinstance(record.exc_info[1], broken_off))
