"""Servers that are no memcached: they do what a test tells them to. And a clock that can be put forward."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from threading import Thread

__all__ = ["Clock", "pretender"]


class Clock:
    """The time that passes, and what is added to it."""

    def __init__(self) -> None:
        self._added = 0.0

    def __call__(self) -> float:
        return time.monotonic() + self._added

    def add(self, seconds: float) -> None:
        """Let this time be over."""
        self._added += seconds


@contextmanager
def pretender(behave: Callable[[socket.socket], object]) -> Iterator[int]:
    """The port of a server that does this with every connection, and is gone at the end."""
    connections: list[socket.socket] = []
    threads: list[Thread] = []

    def talk(connection: socket.socket) -> None:
        with suppress(OSError):  # the other side has gone, or the test has ended
            behave(connection)

    def listen() -> None:
        with suppress(OSError):
            while True:
                connection, _ = listener.accept()
                connections.append(connection)
                threads.append(Thread(target=talk, args=(connection,)))
                threads[-1].start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threads.append(Thread(target=listen))
        threads[0].start()
        try:
            yield listener.getsockname()[1]
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            threads[0].join()
            for connection in connections:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
            for thread in threads:
                thread.join()
            for connection in connections:
                connection.close()
