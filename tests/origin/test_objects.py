"""Files in a real object storage, served by the process that people start: no byte goes through it."""

from __future__ import annotations

import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

import modulestore
from modulestore.origin import asset_path
from modulestore.testing.samples import COURSE, random_bytes
from tests.object_servers import ObjectServer
from tests.origin.client import Reply, fetch
from tests.origin.nginx_servers import nginx
from tests.origin.test_serve import port_of

DATA = random_bytes(3_000_000)
NAME = "größe 1.png"


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def fill(url: str, place: str) -> dict[str, str]:
    """Files of a course in an object storage; their paths by name."""
    with modulestore.connect(url, objects=place) as store:
        store.create_course(COURSE)
        store.assets.put(COURSE, NAME, DATA)
        store.assets.put(COURSE, "locked.png", DATA, locked=True)
        return {file.display_name: asset_path(file) for file in store.assets.list(COURSE).files}


def serve(stack: ExitStack, url: str, *options: str) -> int:
    """Start the process; its port."""
    command = (sys.executable, "-m", "modulestore", "--store", url, *options)
    process = stack.enter_context(
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    )
    stack.callback(process.kill)
    assert process.stdout is not None
    return port_of(process.stdout.readline())


def test_clients_are_sent_to_the_storage(
    mongodb_url: str, object_server: ObjectServer, stack: ExitStack
) -> None:
    """Who serves needs not be told where the objects are: the database says so."""
    paths = fill(mongodb_url, object_server.new_place())
    port = serve(stack, mongodb_url, "serve", "--port", "0", "--redirect-seconds", "60")
    reply = fetch(port, paths[NAME])
    assert (reply.status, reply.headers["cache-control"]) == (307, "no-store")
    there = reply.headers["location"]
    assert there.startswith(object_server.url)
    with urllib.request.urlopen(there) as sent:
        assert sent.read() == DATA
        assert sent.headers["Content-Type"] == "image/png"
        assert "gr%C3%B6%C3%9Fe%201.png" in sent.headers["Content-Disposition"]
        assert sent.headers["Cache-Control"] == "public, max-age=300"
    part = urllib.request.Request(there, headers={"Range": "bytes=1000000-1000009"})
    with urllib.request.urlopen(part) as sent:
        assert (sent.status, sent.read()) == (206, DATA[1_000_000:1_000_010])
    refused = fetch(port, paths["locked.png"])
    assert refused.status == 403
    assert "location" not in refused.headers
    assert fetch(port, paths[NAME], "HEAD").headers["content-length"] == str(len(DATA))


def test_without_redirects_they_go_through_the_origin(
    mongodb_url: str, object_server: ObjectServer, stack: ExitStack
) -> None:
    paths = fill(mongodb_url, object_server.new_place())
    port = serve(stack, mongodb_url, "serve", "--port", "0")
    assert fetch(port, paths[NAME]).body == DATA
    part = fetch(port, paths[NAME], headers={"Range": "bytes=1000000-1000009"})
    assert (part.status, part.body) == (206, DATA[1_000_000:1_000_010])


def test_nginx_sends_them_from_a_folder(
    mongodb_url: str, nginx_program: Path, tmp_path: Path, stack: ExitStack
) -> None:
    place = f"file://{tmp_path}/objects"
    paths = fill(mongodb_url, place)
    behind = serve(
        stack, mongodb_url, "--objects", place, "serve", "--port", "0", "--accel-prefix", "/objects"
    )
    front = stack.enter_context(nginx(nginx_program, tmp_path, behind))
    told: Reply = fetch(behind, paths[NAME])
    assert (told.body, told.headers["content-length"]) == (b"", "0"), "the origin sends none of its bytes"
    reply = fetch(front, paths[NAME])
    assert (reply.status, reply.body, reply.headers["content-type"]) == (200, DATA, "image/png")
    assert fetch(front, told.headers["x-accel-redirect"]).status == 404
    assert fetch(front, paths["locked.png"]).status == 403
