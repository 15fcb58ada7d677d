"""``modulestore serve``: a process that says where it listens, and ends when it is told to."""

from __future__ import annotations

import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from tests.origin.client import Connection, Incomplete, fetch
from tests.origin.files import BIG, LOCKED, NOTES, fill, path_of

PROGRAM = (sys.executable, "-m", "modulestore")


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A store that has the files."""
    found = f"sqlite:///{tmp_path_factory.mktemp('serve')}/courses.db"
    fill(found)
    return found


@contextmanager
def started(url: str, *options: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The process, and the first line that it says."""
    command = (*PROGRAM, "--store", url, "serve", "--port", "0", *options)
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process, process.stdout.readline()
        finally:
            process.kill()


def port_of(line: str) -> int:
    return int(line.rstrip().rpartition(":")[2])


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_it_serves_and_ends(url: str, how: signal.Signals) -> None:
    with started(url) as (process, line):
        assert line.startswith("listening on http://127.0.0.1:")
        port = port_of(line)
        assert fetch(port, path_of("notes.txt")).body == NOTES
        assert fetch(port, path_of("big.bin")).body == BIG
        assert fetch(port, f"/{LOCKED}").status == 403
        assert fetch(port, "/healthz").status == 200
        assert fetch(port, path_of("notes.txt")).headers["cache-control"] == "public, max-age=300"
        with Connection(port) as kept:
            kept.ask("/healthz")
            kept.reply()
            process.send_signal(how)
            out, err = process.communicate(timeout=30)
    assert process.returncode == 0
    assert out == ""
    lines = [text.split(" ")[2:5] for text in err.splitlines()]
    assert ["GET", path_of("notes.txt"), "200"] in lines
    assert ["GET", f"/{LOCKED}", "403"] in lines
    assert len(lines) == 6, err


def test_it_does_not_wait_for_ever_for_slow_clients(url: str) -> None:
    with started(url) as (process, line), Connection(port_of(line), receive_buffer=4096) as slow:
        slow.ask(path_of("big.bin"))
        slow.head()
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=60)
        assert process.returncode == 0
        assert "Traceback" not in err
        with pytest.raises(Incomplete):
            slow.body(len(BIG))


def test_json_is_one_line(url: str) -> None:
    with started(url, "--json", "--cdn-age", "7") as (process, line):
        port = port_of(json.loads(line)["url"])
        assert fetch(port, path_of("notes.txt")).headers["cache-control"] == "public, max-age=7"
        process.send_signal(signal.SIGTERM)
        assert process.communicate(timeout=30)[0] == ""


def test_what_a_slow_client_makes_the_kernel_hold_is_bounded(url: str) -> None:
    with started(url) as (process, line), Connection(port_of(line), receive_buffer=4096) as slow:
        slow.ask(path_of("big.bin"))
        slow.head()
        assert fetch(port_of(line), path_of("notes.txt")).status == 200
        process.send_signal(signal.SIGKILL)
        process.wait()
        # All that comes now was in the buffers: of the server's side, and of ours.
        with pytest.raises(Incomplete) as raised:
            slow.body(len(BIG))
        assert raised.value.received < 400_000


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        (*PROGRAM, *arguments), capture_output=True, text=True, check=False, env=os.environ | environment
    )


def test_a_port_that_is_taken(url: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        shown = run("--store", url, "serve", "--port", port)
    assert shown.returncode == 2
    assert shown.stderr.splitlines() == [
        f"modulestore: 127.0.0.1, port {port}: another program listens there",
        "  give another --port, or 0 for any that is free",
    ]
    assert shown.stdout == ""


def test_other_failures(url: str, tmp_path: Path) -> None:
    shown = run("--store", url, "serve", "--host", "no host")
    assert shown.returncode == 2
    assert "is no address" in shown.stderr
    shown = run("--store", f"sqlite:///{tmp_path}/nothing.db", "serve", "--port", "0", "--json")
    assert shown.returncode == 3
    assert json.loads(shown.stderr)["error"]["type"] == "StoreNotFound"
    assert shown.stdout == ""


def test_without_what_serves(url: str, tmp_path: Path) -> None:
    (tmp_path / "starlette.py").write_text("raise ImportError('no starlette')")
    shown = run("--store", url, "serve", PYTHONPATH=str(tmp_path))
    assert shown.returncode == 2
    assert "pip install 'modulestore[origin]'" in shown.stderr
    assert run("--store", url, "courses", PYTHONPATH=str(tmp_path)).returncode == 0


def test_a_file_that_breaks_off_is_one_line(tmp_path: Path) -> None:
    """Bytes that are missing from the database: the client sees it, and so does the log."""
    found = f"sqlite:///{tmp_path}/courses.db"
    fill(found)
    with closing(sqlite3.connect(tmp_path / "courses.db")) as connection, connection:
        connection.execute("DELETE FROM slices WHERE number = 2")
    with started(found) as (process, line):
        with pytest.raises(Incomplete):
            fetch(port_of(line), path_of("big.bin"))
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=30)
    assert len(err.splitlines()) == 2
    assert "broken off: " in err
    assert "slice 2: bytes of the file are missing" in err
