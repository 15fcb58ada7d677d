"""The server loop: clients come, send messages, get replies, and go."""

from __future__ import annotations

import asyncio
import itertools
import logging
import signal
import socket
from collections.abc import Callable

import bson

from tools.mongo_server.gateway.command import Command
from tools.mongo_server.gateway.database import connect
from tools.mongo_server.gateway.dispatch import Dispatcher
from tools.mongo_server.gateway.errors import CommandError, DropConnection, error_reply
from tools.mongo_server.gateway.handshake import Identity
from tools.mongo_server.gateway.wire import Message, ProtocolError, read_message, reply_head

__all__ = ["serve"]

log = logging.getLogger(__name__)

HOST = "127.0.0.1"
_BACKLOG = 512
_READ_BUFFER = 8 << 20  # of asyncio's streams; their default of 64 KB stops and starts within one document


class Listener:
    """The connections of all clients."""

    def __init__(self, dispatcher: Dispatcher) -> None:
        self._dispatcher = dispatcher
        self._numbers = itertools.count(1)
        self._tasks: set[asyncio.Task[None]] = set()

    async def client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one client, one command after the other, until it goes."""
        number = next(self._numbers)
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            while True:
                message = await read_message(reader)
                document = await self._answer(message, Command.parse(message, number))
                if message.wants_reply:
                    writer.write(reply_head(message, document))
                    writer.write(document)
                    await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError, ProtocolError, DropConnection):
            pass  # it has gone, talks something else, or is to be dropped
        except asyncio.CancelledError:
            pass  # the server stops; asyncio would log a cancelled client as an error
        finally:
            self._tasks.discard(task)
            self._dispatcher.transactions.connection_closed(number)
            writer.close()

    async def close(self) -> None:
        """Leave all clients."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _answer(self, message: Message, command: Command) -> bytes:
        if message.legacy and command.key not in ("ismaster", "hello"):
            raise ProtocolError("OP_QUERY is for handshakes only")
        try:
            reply = await self._dispatcher.reply(command)
        except DropConnection:
            raise
        except Exception as error:  # a bug of ours must not look like a network failure
            log.exception("%s", command.name)
            reply = error_reply(CommandError(1, repr(error)), command)
        return reply if isinstance(reply, bytes) else bson.encode(reply)


async def serve(*, port: int, socket_folder: str, replica_set: str, ready: Callable[[int], None]) -> None:
    """Serve until SIGTERM; `ready` is told the port as soon as clients may come."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    door = socket.create_server((HOST, port), backlog=_BACKLOG)
    host, port = door.getsockname()
    pool = await connect(socket_folder)
    try:
        dispatcher = Dispatcher(pool, Identity(f"{host}:{port}", replica_set))
        listener = Listener(dispatcher)
        server = await asyncio.start_server(listener.client, sock=door, limit=_READ_BUFFER)
        reaper = asyncio.create_task(dispatcher.transactions.reap())
        ready(port)
        await stop.wait()
        server.close()
        reaper.cancel()
        await listener.close()
        await dispatcher.transactions.close()
    finally:
        pool.terminate()  # no need to wait: everything is rolled back
