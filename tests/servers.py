"""Fixtures for tests that need a real MongoDB server.

The order of choice: `MODULESTORE_TEST_MONGODB_URI` when set (any real MongoDB), a `mongod` on the PATH, the
stand-in of `tools.mongo_server`, and otherwise none: the tests are skipped, and the summary says so loudly.
With `MODULESTORE_TEST_REQUIRE_SERVERS=1` they fail instead. An imitation inside of this process never takes
the place of a server.

Tests that use one of these fixtures are marked `mongodb`. The processes of pytest-xdist share one server.
"""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit, urlunsplit

import pytest
from pymongo import MongoClient
from pymongo.errors import PyMongoError

from tests.server_notes import is_worker, missing, teller, used
from tools.mongo_server import Options, Server, ServerUnavailable, share, start

__all__ = ["MongoDB", "PrivateMongoDB"]

URI_VARIABLE = "MODULESTORE_TEST_MONGODB_URI"
REPLICA_SET = "modulestore"
KIND = "MongoDB server"
HINT = f"Or set {URI_VARIABLE} to the address of a MongoDB server, or put a mongod on the PATH."


@dataclass(frozen=True, slots=True)
class MongoDB:
    """A server that tests may use, each with databases of its own."""

    uri: str
    version: str
    stand_in: bool
    """Not mongod: see `tools.mongo_server` for what it cannot do."""

    def __str__(self) -> str:
        kind = "the stand-in (PostgreSQL with DocumentDB; not mongod)" if self.stand_in else "MongoDB"
        return f"{kind}, version {self.version}"

    def url(self, database: str) -> str:
        """The address of a database on it."""
        return with_database(self.uri, database)


@dataclass(frozen=True, slots=True)
class PrivateMongoDB:
    """A server that only this test uses now: it may be killed, paused, or told to fail."""

    server: Server

    def url(self, database: str) -> str:
        """The address of a database on it."""
        return self.server.url(database)

    @contextmanager
    def failing(
        self,
        *commands: str,
        times: int = 1,
        close_connection: bool = False,
        error_code: int | None = None,
        after_execution: bool = False,
    ) -> Iterator[None]:
        """Let the next `times` of these `commands` fail.

        With `close_connection` the client gets no reply. With `after_execution` the command takes effect
        before it fails, which only the stand-in can do: on a mongod, the test is skipped.
        """
        data: dict[str, Any] = {"failCommands": commands, "closeConnection": close_connection}
        if error_code is not None:
            data["errorCode"] = error_code
        if after_execution:
            if not self.server.stand_in:
                pytest.skip("mongod has no fail point that executes a command and loses its reply")
            data["afterExecution"] = True
        self._configure({"mode": {"times": times}, "data": data})
        try:
            yield
        finally:
            with suppress(PyMongoError):  # a server that was killed meanwhile has forgotten it anyway
                self._configure({"mode": "off"})

    def _configure(self, fail_point: Mapping[str, Any]) -> None:
        with admin_client(self.server.uri, timeout=5) as client:
            client.admin.command({"configureFailPoint": "failCommand", **fail_point})


def admin_client(uri: str, *, timeout: float = 30) -> MongoClient[dict[str, Any]]:
    """A client for the chores around a test."""
    return MongoClient(uri, serverSelectionTimeoutMS=int(timeout * 1000), appname="modulestore-tests")


def with_database(uri: str, database: str) -> str:
    """`uri` with `database` as its path."""
    parts = urlsplit(uri)
    query = parts.query
    if "@" in parts.netloc and not {"authsource", "authmechanism"} & {
        name.lower() for name in parse_qs(query)
    }:
        # The database of an address is also where its user is looked up, unless it says otherwise.
        query = "&".join(filter(None, (query, f"authSource={parts.path.strip('/') or 'admin'}")))
    return urlunsplit((parts.scheme, parts.netloc, f"/{database}", query, ""))


@pytest.fixture(scope="session")
def mongodb_server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[MongoDB]:
    """A real MongoDB server, the same for all tests of this run."""
    folder = tmp_path_factory.getbasetemp()
    if is_worker(request.config):
        folder = folder.parent  # which all workers have in common
    uri = os.environ.get(URI_VARIABLE)
    server = None if uri else obtained(request.config, folder)
    try:
        chosen = examined(server.uri if server else uri or "")
        used(request.config, KIND, str(chosen))
        yield chosen
    finally:
        if server:
            server.stop()


@pytest.fixture(scope="session")
def mongodb_uri(mongodb_server: MongoDB) -> str:
    """The address of the server, without a database."""
    return mongodb_server.uri


@pytest.fixture(scope="session")
def mongodb_admin(mongodb_uri: str) -> Iterator[MongoClient[dict[str, Any]]]:
    """A client for the chores around tests."""
    with admin_client(mongodb_uri) as client:
        yield client


@pytest.fixture
def mongodb_url(mongodb_server: MongoDB, mongodb_admin: MongoClient[dict[str, Any]]) -> Iterator[str]:
    """The address of a new, empty database, dropped after the test."""
    database = f"ms_test_{secrets.token_hex(6)}"
    yield mongodb_server.url(database)
    mongodb_admin.drop_database(database)


@pytest.fixture(scope="session")
def private_mongodb_process(request: pytest.FixtureRequest) -> Iterator[Server]:
    """The server behind `private_mongodb`."""
    # Durable, as tests kill it and then ask what has become of acknowledged writes.
    server = obtained(request.config, None, durable=True)
    try:
        used(request.config, KIND, str(examined(server.uri)))
        yield server
    finally:
        server.stop()


@pytest.fixture
def private_mongodb(private_mongodb_process: Server) -> Iterator[PrivateMongoDB]:
    """A server of this process, for tests that hurt it; it is well again for the next."""
    yield PrivateMongoDB(private_mongodb_process)
    private_mongodb_process.restart()
    private_mongodb_process.resume()


def obtained(config: pytest.Config, folder: Path | None, *, durable: bool = False) -> Server:
    """A server that we start, shared with those who name the same folder; without one, the test ends."""
    options = Options(mongod=shutil.which("mongod") or "", replica_set=REPLICA_SET, durable=durable)
    try:
        say = teller(config, "mongo_server")
        return start(options, say=say) if folder is None else share(folder, options, say=say)
    except ServerUnavailable as unavailable:
        missing(config, KIND, str(unavailable), HINT)


def examined(uri: str) -> MongoDB:
    """What kind of server answers at `uri`."""
    with admin_client(uri) as client:
        about = client.server_info()
    return MongoDB(uri, about["version"], "documentdb" in about.get("storageEngines", ()))


def pytest_configure(config: pytest.Config) -> None:
    """Declare the mark."""
    config.addinivalue_line("markers", "mongodb: needs a real MongoDB server (set by the fixtures' use)")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests that use a server."""
    for item in items:
        if {"mongodb_server", "private_mongodb_process"} & set(getattr(item, "fixturenames", ())):
            item.add_marker("mongodb")
