"""Clients as slow as on 3G, many of them, in a process of their own.

``python -m tools.bench.slow_clients PORT PATH`` reads commands from its standard input, a line each, and
answers each with one line of JSON: ``start N`` connects so many and answers when all of them get bytes;
``start N SIZE`` too, but they ask for the file from N places on that lie evenly in its bytes; ``drop N``
disconnects so many; ``stat`` says how many bytes came altogether, and how many clients are there.
"""

from __future__ import annotations

import asyncio
import json
import select
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from subprocess import PIPE, Popen
from typing import Any

__all__ = ["SlowClients", "slow_clients"]

RATE = 50_000  # bytes a second
_PER_TURN = 25_000  # bytes that a client takes at once: two turns a second
_RECEIVE_BUFFER = 16 * 1024  # of which the kernel makes twice as much
_TICK = 0.002


class SlowClients:
    """The process, seen from outside."""

    def __init__(self, process: Popen[str]) -> None:
        self._process = process

    def ask(self, command: str) -> dict[str, Any]:
        """Give a command; its answer."""
        self.tell(command)
        return self.answer()

    def tell(self, command: str) -> None:
        """Give a command."""
        assert self._process.stdin is not None
        print(command, file=self._process.stdin, flush=True)

    def answered(self) -> bool:
        """Whether there is an answer."""
        assert self._process.stdout is not None
        return bool(select.select([self._process.stdout], [], [], 0)[0])

    def answer(self) -> dict[str, Any]:
        """The next answer."""
        assert self._process.stdout is not None
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer


@contextmanager
def slow_clients(port: int, path: str) -> Iterator[SlowClients]:
    """Clients that ask a server on this machine for a file; none yet."""
    command = (sys.executable, "-m", __name__, str(port), path)
    with Popen(command, stdin=PIPE, stdout=PIPE, text=True) as process:
        try:
            yield SlowClients(process)
        finally:
            process.kill()


class _Load:
    def __init__(self, port: int, path: str) -> None:
        self._address = ("127.0.0.1", port)
        self._path = path
        self._clients: list[socket.socket] = []
        self._got: dict[socket.socket, int] = {}
        self._next = 0

    async def start(self, count: int, size: int) -> dict[str, Any]:
        for number in range(count):
            client = socket.socket()
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER)
            client.setblocking(False)
            await asyncio.get_running_loop().sock_connect(client, self._address)
            start = size * number // count
            request = f"GET {self._path} HTTP/1.1\r\nHost: bench\r\nRange: bytes={start}-\r\n\r\n"
            client.send(request.encode())
            self._clients.append(client)
            self._got[client] = 0
        while not all(self._got[client] for client in self._clients):
            await asyncio.sleep(_TICK)
        return self.stat()

    def drop(self, count: int) -> dict[str, Any]:
        for _ in range(count):
            client = self._clients.pop()
            client.close()
        return self.stat()

    def stat(self) -> dict[str, Any]:
        return {"clients": len(self._clients), "bytes": sum(self._got.values())}

    async def read(self) -> None:
        """Let every client take its bytes, one after the other, and all within the time of a turn."""
        loop = asyncio.get_running_loop()
        turn = _PER_TURN / RATE
        owed, last = 0.0, loop.time()
        while True:
            await asyncio.sleep(_TICK)
            now = loop.time()
            owed += (now - last) / turn * len(self._clients)
            last = now
            due = min(int(owed), len(self._clients))
            owed = min(owed - due, 1.0)
            for _ in range(due):
                self._next = (self._next + 1) % len(self._clients)
                client = self._clients[self._next]
                with suppress(BlockingIOError):
                    self._got[client] += len(client.recv(_PER_TURN))


async def _main(port: int, path: str) -> None:
    load = _Load(port, path)
    reading = asyncio.ensure_future(load.read())
    while line := await asyncio.to_thread(sys.stdin.readline):
        match line.split():
            case ["start", count, *size]:
                answer = await load.start(int(count), int(size[0]) if size else 0)
            case ["drop", count]:
                answer = load.drop(int(count))
            case _:
                answer = load.stat()
        print(json.dumps(answer), flush=True)
    reading.cancel()


if __name__ == "__main__":
    asyncio.run(_main(int(sys.argv[1]), sys.argv[2]))
