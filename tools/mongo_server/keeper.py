"""The keeper: the process that owns a server and ends it when nobody holds it any more.

Everyone who uses the server holds a connection to the keeper's Unix socket. The kernel closes it when they
end, in whatever way, so a killed test run leaves nothing behind, and several processes can share one server
without anyone being its owner. Should the keeper itself be killed, the kernel ends its children (see
`processes`, `sandbox`); only its folder is left then, for the next keeper to remove.

The protocol is a line of JSON each way: `{"op": "hold" | "info" | "kill" | "pause" | "resume" | "restart" |
"stop"}`, answered by the server's description or by `{"error": …}`.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

from tools.mongo_server.engine import Description, Engine, Options, make_engine
from tools.mongo_server.errors import ServerFailed, ServerUnavailable
from tools.mongo_server.folders import keeper_socket, server_folder

__all__: list[str] = []

_FIRST_HOLD = 30.0


class Keeper:
    """One server and those who hold it."""

    def __init__(self, options: Options, engine: Engine, folder: Path) -> None:
        self._options = options
        self._engine = engine
        self._folder = folder
        self._holders = 0
        self._leaving: list[asyncio.StreamWriter] = []  # open until this object goes
        self._end = asyncio.Event()

    async def keep(self) -> None:
        """Serve holders until the last has gone or someone says stop, and end the server."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._end.set)
        server = await asyncio.start_unix_server(self._client, keeper_socket(self._folder))
        if not self._options.detached:
            loop.call_later(_FIRST_HOLD, self._end_unheld)
        _tell(self._describe())
        _detach(self._folder / "keeper.log")
        await self._end.wait()
        server.close()

    async def _client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        holds = False
        try:
            while line := await reader.readline():
                request = json.loads(line)
                if request["op"] == "hold" and not holds:
                    holds = True
                    self._holders += 1
                writer.write(json.dumps(self._answer(request)).encode() + b"\n")
                await writer.drain()
        except ConnectionError:
            pass
        finally:
            self._holders -= holds
            if holds:
                self._end_unheld()
            if self._end.is_set():
                # Whoever ends the server waits for the end of this connection, which comes with that of our
                # process: by then the server has ended, too.
                self._leaving.append(writer)
            else:
                writer.close()

    def _answer(self, request: dict[str, Any]) -> dict[str, Any]:
        # Blocks everybody while it works, which keeps their requests apart.
        engine = self._engine
        try:
            match request["op"]:
                case "kill":
                    for part in request["parts"]:
                        engine.kill(part)
                case "pause":
                    engine.pause()
                case "resume":
                    engine.resume()
                case "restart":
                    engine.restart()
                case "stop":
                    self._end.set()
        except ServerFailed as error:
            return {"error": str(error)}
        return self._describe()

    def _describe(self) -> dict[str, Any]:
        engine = self._engine
        description = Description(
            port=engine.port,
            options=self._options,
            stand_in=engine.stand_in,
            parts=engine.parts,
            pids={"keeper": os.getpid()} | engine.pids(),
            folder=str(self._folder),
        )
        return dataclasses.asdict(description)

    def _end_unheld(self) -> None:
        if self._holders == 0 and not self._options.detached:
            self._end.set()


def _tell(message: dict[str, Any]) -> None:
    # To whoever started us. If they are gone by now, the broken pipe ends us like any other error.
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


def _detach(log: Path) -> None:
    # Whoever reads the output of the process that started us shall not wait for our end.
    for path, descriptor in (os.devnull, 1), (log, 2):
        opened = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
        os.dup2(opened, descriptor)
        os.close(opened)


def _run(options: Options) -> None:
    with contextlib.ExitStack() as stack:  # its steps come in the opposite order
        folder = stack.enter_context(server_folder())
        engine = make_engine(options, folder)
        stack.callback(engine.stop)
        engine.create()
        keeper = Keeper(options, engine, folder)
        asyncio.run(keeper.keep())


def main() -> None:
    """`python -m tools.mongo_server.keeper OPTIONS`, the options as JSON: run by `server`, not by people."""
    options = Options(**json.loads(sys.argv[1]))
    if os.fork():
        os._exit(0)  # so that whoever started us has no child to wait for
    os.setsid()  # Ctrl-C in their terminal is for them to handle
    try:
        _run(options)
    except ServerUnavailable as error:
        _tell({"unavailable": [error.reason, error.how_to_enable]})
    except ServerFailed as error:
        _tell({"error": str(error)})


if __name__ == "__main__":
    main()
