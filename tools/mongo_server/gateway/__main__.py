"""`python -m tools.mongo_server.gateway`: run by `StandIn`, not by people."""

from __future__ import annotations

import argparse
import logging
import os
import sys

import uvloop

from tools.mongo_server.gateway.listener import serve


def main() -> None:
    """Run the gateway until SIGTERM."""
    parser = argparse.ArgumentParser(prog="gateway")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--socket-folder", required=True)
    parser.add_argument("--replica-set", default="")
    parser.add_argument("--report-fd", type=int, default=1)
    options = parser.parse_args()
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")

    def ready(port: int) -> None:
        os.write(options.report_fd, b"%d\n" % port)
        os.close(options.report_fd)

    server = serve(
        port=options.port,
        socket_folder=options.socket_folder,
        replica_set=options.replica_set,
        ready=ready,
    )
    try:
        uvloop.run(server)
    except OSError as error:
        sys.exit(f"port {options.port}: {error}")


if __name__ == "__main__":
    main()
