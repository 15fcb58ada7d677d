"""Fixtures for tests that need a real server of object storage: one that speaks S3, from a package (moto).

It keeps everything in its memory, and is not S3: it asks for no credentials, and knows no limits.
"""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

import boto3
import pytest
from s3fs import S3FileSystem

from tools.mongo_server.processes import Process

__all__ = ["ObjectServer"]

_PATIENCE = 60.0
_ADDRESS = re.compile(r"Running on (http://127\.0\.0\.1:\d+)")


@dataclass
class ObjectServer:
    """A server on a free port of the loopback address, with its log in `folder`."""

    folder: Path
    process: Process = field(init=False)
    url: str = field(init=False)

    def __post_init__(self) -> None:
        log = self.folder / "moto.log"
        command = (sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", "0")
        self.process = Process("moto", command, log)
        deadline = time.monotonic() + _PATIENCE
        while self.process.running and time.monotonic() < deadline:
            if found := _ADDRESS.search(log.read_text()):
                self.url = found[1]
                return
            time.sleep(0.01)
        raise self.process.failure("did not start")

    def stop(self) -> None:
        """End it: all that it held is lost."""
        if self.process.running:
            self.process.kill()

    def new_place(self) -> str:
        """A place of its own, in a bucket of its own."""
        bucket = f"courses-{uuid4().hex}"
        boto3.client("s3").create_bucket(Bucket=bucket)
        return f"s3://{bucket}/files"


@pytest.fixture(scope="session")
def shared_object_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ObjectServer]:
    """The server of this process of the tests."""
    server = ObjectServer(tmp_path_factory.mktemp("moto"))
    yield server
    server.stop()


def reach(server: ObjectServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let all in this process that speaks S3 speak to this server, and not wait long for a dead one."""
    for name, value in {
        "AWS_ENDPOINT_URL": server.url,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_MAX_ATTEMPTS": "1",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(S3FileSystem, "retries", 1)
    S3FileSystem.clear_instance_cache()


@pytest.fixture
def object_server(
    shared_object_server: ObjectServer, monkeypatch: pytest.MonkeyPatch
) -> Iterator[ObjectServer]:
    """A server, which everything that speaks S3 now reaches."""
    reach(shared_object_server, monkeypatch)
    yield shared_object_server
    S3FileSystem.clear_instance_cache()


@pytest.fixture
def own_object_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ObjectServer]:
    """The same of this test alone, which may kill it."""
    server = ObjectServer(tmp_path)
    reach(server, monkeypatch)
    yield server
    S3FileSystem.clear_instance_cache()
    server.stop()


@pytest.fixture(params=["folder", "s3"])
def object_place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty place for objects, of each kind."""
    if request.param == "folder":
        return f"file://{tmp_path}/größe %20"
    server: ObjectServer = request.getfixturevalue("object_server")
    return server.new_place()
