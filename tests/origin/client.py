"""An HTTP client that says what it is told, byte for byte, and shows what comes back."""

from __future__ import annotations

import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Self

__all__ = ["Connection", "Incomplete", "Reply", "fetch", "parts_of"]

_PATIENCE = 30.0


class Incomplete(Exception):
    """The connection ended before the answer was complete.

    Attributes:
        received: bytes of the body.
    """

    def __init__(self, received: int) -> None:
        super().__init__(f"{received} bytes of the body were received")
        self.received = received


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer; header names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    head: bytes


class Connection:
    """A connection to a server, as it is."""

    def __init__(self, port: int, *, receive_buffer: int | None = None) -> None:
        self._socket = socket.socket()
        if receive_buffer is not None:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self._socket.settimeout(_PATIENCE)
        self._socket.connect(("127.0.0.1", port))
        self._read = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.close()

    def ask(self, path: str, method: str = "GET", headers: Mapping[str, str] | None = None) -> None:
        """Send a request. The path is sent as it stands there."""
        lines = [f"{method} {path} HTTP/1.1", "Host: origin.test"]
        lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
        self.send("\r\n".join([*lines, "", ""]).encode("latin-1"))

    def send(self, data: bytes) -> None:
        """Send bytes."""
        self._socket.sendall(data)

    def reply(self, method: str = "GET") -> Reply:
        """The next answer, to a request of this method.

        Raises:
            Incomplete: the connection ended before the answer did.
        """
        head = self.head()
        status, headers = _parsed(head)
        bodiless = method == "HEAD" or status in (204, 304)
        body = b"" if bodiless else self.body(int(headers["content-length"]))
        return Reply(status, headers, body, head)

    def head(self) -> bytes:
        """Status line and headers of the next answer."""
        while b"\r\n\r\n" not in self._read:
            if not self._more():
                raise Incomplete(0)
        head, _, self._read = self._read.partition(b"\r\n\r\n")
        return head

    def body(self, length: int) -> bytes:
        """So many bytes."""
        while len(self._read) < length:
            if not self._more():
                raise Incomplete(len(self._read))
        body, self._read = self._read[:length], self._read[length:]
        return body

    def ended(self) -> bool:
        """Whether the server closes the connection, and says nothing before."""
        return not self._read and not self._more()

    def _more(self) -> bool:
        try:
            data = self._socket.recv(65536)
        except ConnectionResetError:
            data = b""
        self._read += data
        return bool(data)


def fetch(port: int, path: str, method: str = "GET", headers: Mapping[str, str] | None = None) -> Reply:
    """The answer to one request on a connection of its own."""
    with Connection(port) as connection:
        connection.ask(path, method, {"Connection": "close"} | dict(headers or {}))
        return connection.reply(method)


def parts_of(reply: Reply) -> list[tuple[dict[str, str], bytes]]:
    """Headers and bytes of every part of a multipart answer."""
    match = re.fullmatch("multipart/byteranges; boundary=([0-9a-f]+)", reply.headers["content-type"])
    assert match
    mark = f"--{match[1]}".encode()
    first, *parts, last = (b"\r\n" + reply.body).split(b"\r\n" + mark)
    assert (first, last) == (b"", b"--\r\n")
    found = []
    for part in parts:
        head, _, data = part.removeprefix(b"\r\n").partition(b"\r\n\r\n")
        lines = (line.split(": ", 1) for line in head.decode("ascii").split("\r\n"))
        found.append(({name.lower(): value for name, value in lines}, data))
    return found


def _parsed(head: bytes) -> tuple[int, dict[str, str]]:
    first, *lines = head.decode("latin-1").split("\r\n")
    headers: dict[str, str] = {}
    for line in lines:
        name, _, value = line.partition(": ")
        assert name.lower() not in headers, f"{name} is said twice"
        headers[name.lower()] = value
    return int(first.split(" ")[1]), headers
