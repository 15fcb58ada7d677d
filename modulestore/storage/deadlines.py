"""A connection whose every operation ends by one moment, however many there are."""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any

__all__ = ["DeadlineSocket"]

_AT_ONCE = 64 * 1024

_Addresses = Sequence[tuple[socket.AddressFamily, socket.SocketKind, int, str, Any]]


class DeadlineSocket:
    """A TCP connection: what drivers use of a socket.

    A socket's own time-out begins anew with every byte that arrives, so that a slow server can hold a reader
    for ever. Here it is the time that is left until `deadline`, by ``clock``.
    """

    def __init__(self, host: str, port: int, deadline: float, clock: Callable[[], float]) -> None:
        """Connect to the first address of the host that answers.

        Raises:
            OSError: none did, in time or at all.
        """
        self.deadline = deadline
        self._clock = clock
        self._socket = self._connected(host, port)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def sendall(self, data: bytes) -> None:
        """Send all of it."""
        self._socket.settimeout(self._left())
        self._socket.sendall(data)

    def recv(self, size: int) -> bytes:
        """Some of what has arrived; more than ``size`` if there is more, as long reads are cheaper."""
        self._socket.settimeout(self._left())
        return self._socket.recv(max(size, _AT_ONCE))

    def close(self) -> None:
        """Close the connection."""
        self._socket.close()

    def is_quiet(self) -> bool:
        """Whether the connection is open, and nothing is left in it that nobody asked for."""
        self._socket.settimeout(0)
        try:
            self._socket.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return True
        except OSError:
            return False
        return False

    def _connected(self, host: str, port: int) -> socket.socket:
        failure = OSError(f"{host} has no address")
        for family, kind, protocol, _, address in _addresses(host, port, self._left()):
            try:
                with ExitStack() as stack:
                    connection = stack.enter_context(socket.socket(family, kind, protocol))
                    connection.settimeout(self._left())
                    connection.connect(address)
                    stack.pop_all()
                    return connection
            except OSError as error:
                failure = error
        raise failure

    def _left(self) -> float:
        left = self.deadline - self._clock()
        if left <= 0:
            raise TimeoutError("the time is over")
        return left


def _addresses(host: str, port: int, seconds: float) -> _Addresses:
    try:
        return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
    except socket.gaierror:
        pass  # it is a name
    # The system's resolver knows no time-out and may take half a minute, so it is waited for from outside.
    answers: SimpleQueue[_Addresses | Exception] = SimpleQueue()

    def resolve() -> None:
        try:
            answers.put(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
        except Exception as error:
            answers.put(error)

    Thread(target=resolve, name="modulestore-resolver", daemon=True).start()
    try:
        answer = answers.get(timeout=seconds)
    except Empty:
        raise TimeoutError(f"{host} was not resolved in time") from None
    if isinstance(answer, Exception):
        raise OSError(f"{host} cannot be resolved: {answer}") from answer
    return answer
