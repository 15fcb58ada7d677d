"""What files are served by otherwise, to compare with.

``python -m tools.bench.file_servers whole URL`` does what a platform's service does: a worker thread reads
all of a file, and hands it to the server. ``python -m tools.bench.file_servers static FOLDER`` is starlette's
server of static files. Both listen as such servers do, with the kernel's own buffers.
``python -m tools.bench.file_servers nginx FOLDER`` is nginx, one worker, its buffers bounded as ours are.
Each prints its port.
"""

from __future__ import annotations

import os
import shutil
import socket
import sys
from pathlib import Path
from time import sleep
from typing import NoReturn

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


def nginx(folder: str, port: int) -> NoReturn:
    """Become an nginx that serves the files of a folder; its port is printed when it listens.

    Not with ``sendfile``: under it, readers with small buffers got 11 of the 50 KB/s that they would take.
    """
    program = shutil.which("nginx")
    assert program is not None, "nginx is not on the PATH"
    names = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    kept = " ".join(f"{name}_temp_path {folder}/{name};" for name in names)
    configuration = Path(folder, "nginx.conf")
    configuration.write_text(
        "daemon off; master_process off; error_log /dev/null; worker_rlimit_nofile 8192;\n"
        f"pid {folder}/nginx.pid; events {{ worker_connections 4096; }}\n"
        f"http {{ access_log off; sendfile off; output_buffers 1 32k; keepalive_requests 1000000; {kept}\n"
        f"server {{ listen 127.0.0.1:{port} sndbuf=64k; root {folder}; }} }}\n"
    )
    if os.fork() == 0:
        while socket.socket().connect_ex(("127.0.0.1", port)):
            sleep(0.01)
        print(port, flush=True)
        os._exit(0)
    os.execv(program, [program, "-p", folder, "-c", str(configuration), "-e", "/dev/null"])


def main(kind: str, place: str) -> None:
    """Serve until the process is ended."""
    # With its protocol, as a server that binds it itself has it: asyncio asks for that before it turns off
    # waiting for acknowledgements.
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.bind(("127.0.0.1", 0))
    port = listening.getsockname()[1]
    if kind == "nginx":
        listening.close()
        nginx(place, port)
    listening.listen(2048)
    print(port, flush=True)
    application = {"whole": whole, "static": static}[kind](place)
    config = uvicorn.Config(application, access_log=False, log_level="error")
    uvicorn.Server(config).run(sockets=[listening])


if __name__ == "__main__":
    main(*sys.argv[1:])
