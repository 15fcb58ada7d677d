"""Fixtures for tests that need real memcached servers: started by the tests, one or more for each.

Without the program the tests are skipped, and the summary says so; with `MODULESTORE_TEST_REQUIRE_SERVERS=1`
they fail.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.server_notes import missing, teller, used
from tools.memcached import Memcached, ensure_memcached
from tools.mongo_server import ServerUnavailable

__all__ = ["StartMemcached"]

KIND = "memcached server"

StartMemcached = Callable[..., Memcached]
"""Starts a server, which ends with the test; `megabytes` of memory may be given."""


@pytest.fixture(scope="session")
def memcached_program(request: pytest.FixtureRequest) -> Path:
    """The program."""
    try:
        program = ensure_memcached(teller(request.config, "memcached"))
    except ServerUnavailable as unavailable:
        missing(request.config, KIND, str(unavailable))
    version = subprocess.run([program, "-V"], capture_output=True, text=True, check=False).stdout.strip()
    used(request.config, KIND, version)
    return program


@pytest.fixture
def start_memcached(
    memcached_program: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[StartMemcached]:
    """Starts servers that this test may kill, freeze, or fill."""
    servers: list[Memcached] = []

    def start(*, megabytes: int = 64) -> Memcached:
        servers.append(
            Memcached(memcached_program, tmp_path_factory.mktemp("memcached"), megabytes=megabytes)
        )
        return servers[-1]

    yield start
    for server in servers:
        server.stop()


@pytest.fixture
def memcached(start_memcached: StartMemcached) -> Memcached:
    """An empty server for this test alone."""
    return start_memcached()
