"""`python -m tools.mongo_server`: start, stop and list servers by hand."""

from __future__ import annotations

import argparse
import sys

from tools.mongo_server.engine import Options
from tools.mongo_server.errors import ServerFailed, ServerUnavailable
from tools.mongo_server.server import Server, servers, start


def main() -> int:
    """Run one command; its exit status."""
    options = _parser().parse_args()
    try:
        if options.command == "start":
            return _start(options)
        return _stop(options.port) if options.command == "stop" else _status()
    except (ServerUnavailable, ServerFailed) as error:
        print(error, file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    about = "A MongoDB server for tests, or what can stand in for one."
    parser = argparse.ArgumentParser(prog="python -m tools.mongo_server", description=about)
    commands = parser.add_subparsers(dest="command", required=True)
    start_ = commands.add_parser("start", help="start a server in the background; its URI is the last line")
    start_.add_argument("--port", type=int, default=0, help="default: one that is free")
    start_.add_argument("--durable", action="store_true", help="acknowledge only what is on the disk")
    start_.add_argument("--replica-set", default="", metavar="NAME", help="be the only member of this one")
    stop = commands.add_parser("stop", help="end a server that was started so, and remove its data")
    stop.add_argument("--port", type=int, default=0, help="which one, if there are several")
    commands.add_parser("status", help="list the servers that run")
    return parser


def _start(options: argparse.Namespace) -> int:
    server = start(
        Options(
            port=options.port,
            durable=options.durable,
            replica_set=options.replica_set,
            detached=True,
        ),
        say=lambda message: print(message, file=sys.stderr),
    )
    print(server.uri)
    server.stop()  # lets go of it; being detached, it goes on
    return 0


def _stop(port: int) -> int:
    ports = [server.port for server in servers() if server.options.detached and port in (0, server.port)]
    if len(ports) != 1:
        print(f"which one? --port is one of {ports}" if ports else "no such server runs", file=sys.stderr)
        return 1
    for server in servers():
        if server.port == ports[0]:
            server.end()
    return 0


def _status() -> int:
    for server in servers():
        print(_line(server))
    return 0


def _line(server: Server) -> str:
    kind = "stand-in" if server.stand_in else "mongod"
    life = "until stopped" if server.options.detached else "until its users end"
    processes = ", ".join(f"{name} {pid}" for name, pid in server.pids.items())
    return f"{server.uri}  {kind}, runs {life}; {processes}"


if __name__ == "__main__":
    sys.exit(main())
