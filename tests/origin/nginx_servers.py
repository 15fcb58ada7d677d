"""A real nginx on the loopback address, with the configuration of the page on serving."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.origin.debian_packages import ensure_nginx, libraries_of
from tests.server_notes import missing, teller, used
from tools.mongo_server import ServerUnavailable

__all__ = ["nginx", "nginx_program"]

PAGE = Path(__file__).resolve().parents[2] / "docs" / "serving.md"
KIND = "nginx"
_PATIENCE = 30.0


@pytest.fixture(scope="session")
def nginx_program(request: pytest.FixtureRequest) -> Path:
    """The program."""
    try:
        program = ensure_nginx(teller(request.config, "nginx"))
    except ServerUnavailable as unavailable:
        missing(request.config, KIND, str(unavailable))
    shown = subprocess.run(
        [program, "-v"], capture_output=True, text=True, check=False, env=os.environ | libraries_of(program)
    )
    used(request.config, KIND, shown.stderr.strip())
    return program


@contextmanager
def nginx(program: Path, folder: Path, behind: int) -> Iterator[int]:
    """The nginx of the page before an origin at this port, in the foreground; its own port.

    What the page has under ``/srv/modulestore/objects`` is in the folder ``objects``.
    """
    port = _free_port()
    http = _configuration(folder, port, behind)
    names = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    folders = "\n".join(f"{name}_temp_path {folder}/{name};" for name in names)
    (folder / "nginx.conf").write_text(
        f"daemon off; master_process off; pid {folder}/nginx.pid; error_log stderr;\n"
        f"events {{}}\nhttp {{\naccess_log off;\n{folders}\n{http}\n}}\n"
    )
    with (folder / "nginx.log").open("w") as log:
        process = subprocess.Popen(
            [program, "-p", folder, "-c", folder / "nginx.conf", "-e", "stderr"],
            stderr=log,
            env=os.environ | libraries_of(program),
        )
    try:
        deadline = time.monotonic() + _PATIENCE
        while not _answers(port):
            assert process.poll() is None, (folder / "nginx.log").read_text()
            assert time.monotonic() < deadline
            time.sleep(0.01)
        yield port
    finally:
        process.kill()
        process.wait()


def _configuration(folder: Path, port: int, behind: int) -> str:
    server, objects = re.findall(r"^```nginx\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    (folder / "objects").mkdir(exist_ok=True)
    text: str = server.rstrip().removesuffix("}") + objects + "}\n"
    for shown, real in (
        ("/var/cache/nginx/courses", str(folder / "cache")),
        ("/srv/modulestore/objects/", f"{folder}/objects/"),
        ("server 127.0.0.1:8000", f"server 127.0.0.1:{behind}"),
        ("listen 80", f"listen 127.0.0.1:{port}"),
    ):
        assert text.count(shown) == 1
        text = text.replace(shown, real)
    return text


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port: int = listening.getsockname()[1]
    return port


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
