"""What files are served by otherwise, to compare with.

``python -m tools.bench.file_servers whole URL`` does what a platform's service does: a worker thread reads
all of a file, and hands it to the server. ``python -m tools.bench.file_servers static FOLDER`` is starlette's
server of static files. Each prints its port, and listens as such servers do, with the kernel's own buffers.
"""

from __future__ import annotations

import socket
import sys

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

import modulestore
from modulestore.keys import parse_asset_key


def whole(url: str) -> ASGIApp:
    """All bytes of a file at once, in a thread of a pool."""
    store = modulestore.connect(url)

    def answer(request: Request) -> Response:
        key = parse_asset_key(request.url.path.lstrip("/"))
        return Response(b"".join(store._backend.files.read(key)), media_type="application/octet-stream")

    return Starlette(routes=[Route("/{path:path}", answer)])


def static(folder: str) -> ASGIApp:
    """Files of a folder."""
    return Starlette(routes=[Mount("/", StaticFiles(directory=folder))])


def main(kind: str, place: str) -> None:
    """Serve until the process is ended."""
    application = {"whole": whole, "static": static}[kind](place)
    # With its protocol, as a server that binds it itself has it: asyncio asks for that before it turns off
    # waiting for acknowledgements.
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.bind(("127.0.0.1", 0))
    listening.listen(2048)
    print(listening.getsockname()[1], flush=True)
    config = uvicorn.Config(application, access_log=False, log_level="error")
    uvicorn.Server(config).run(sockets=[listening])


if __name__ == "__main__":
    main(*sys.argv[1:])
