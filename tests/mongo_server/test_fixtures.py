"""The fixtures' own behaviour: which server they choose, and what they say when there is none."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.servers import with_database

REPOSITORY = Path(__file__).resolve().parents[2]

NEEDY = """
def test_needs_a_server(mongodb_url):
    raise AssertionError("never runs without a server")

def test_needs_a_cache(memcached):
    raise AssertionError("never runs without a server")
"""


@pytest.mark.parametrize(
    ("uri", "url"),
    [
        ("mongodb://h:1", "mongodb://h:1/db"),
        ("mongodb://h:1/?replicaSet=rs", "mongodb://h:1/db?replicaSet=rs"),
        ("mongodb://a:1,b:2/old?w=1", "mongodb://a:1,b:2/db?w=1"),
        # Who gives a user, but no database, has the user in "admin".
        ("mongodb://u:p@h:1", "mongodb://u:p@h:1/db?authSource=admin"),
        ("mongodb://u:p@h:1/old?w=1", "mongodb://u:p@h:1/db?w=1&authSource=old"),
        ("mongodb://u:p@h:1/?authSource=x", "mongodb://u:p@h:1/db?authSource=x"),
        ("mongodb+srv://u:p@h/", "mongodb+srv://u:p@h/db?authSource=admin"),
    ],
)
def test_the_address_of_a_database(uri: str, url: str) -> None:
    assert with_database(uri, "db") == url


@pytest.mark.parametrize(("processes", "required"), [((), "1"), (("-n", "1"), "0")], ids=["alone", "xdist"])
def test_no_server_is_said_loudly(tmp_path: Path, processes: tuple[str, ...], required: str) -> None:
    (tmp_path / "test_needy.py").write_text(NEEDY)
    variables = {
        name: value for name, value in os.environ.items() if not name.startswith(("MODULESTORE_", "PYTEST_"))
    }
    variables |= {
        "PATH": str(tmp_path),  # on which there is neither a mongod nor anything to build the stand-in with
        "MODULESTORE_TEST_FOLDER": str(tmp_path / "cache"),
        "MODULESTORE_TEST_REQUIRE_SERVERS": required,
        "PYTHONPATH": str(REPOSITORY),
    }
    line = [
        sys.executable,
        "-m",
        "pytest",
        "-p",
        "tests.server_notes",
        "-p",
        "tests.servers",
        "-p",
        "tests.memcached_servers",
        "-p",
        "no:cacheprovider",
        *processes,
        str(tmp_path),
    ]
    run = subprocess.run(
        line, cwd=tmp_path, env=variables, capture_output=True, text=True, check=False, timeout=120
    )
    assert "SERVER TESTS WERE NOT RUN. bubblewrap and mmdebstrap missing" in run.stdout
    assert "Or set MODULESTORE_TEST_MONGODB_URI" in run.stdout
    assert "SERVER TESTS WERE NOT RUN. The tests start memcached on Linux only" in run.stdout
    assert "Install the Debian package memcached." in run.stdout
    if required == "1":
        assert "2 errors" in run.stdout
        assert run.returncode == 1
    else:
        assert "2 skipped" in run.stdout
        assert run.returncode == 0
