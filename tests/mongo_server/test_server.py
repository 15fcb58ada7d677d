"""The processes behind a server: they come, are shared, and go without a trace."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient

from tests.servers import MongoDB, PrivateMongoDB
from tools.mongo_server import (
    Options,
    Server,
    ServerFailed,
    ServerUnavailable,
    running,
    servers,
    share,
    start,
)
from tools.mongo_server.folders import server_folder
from tools.mongo_server.install import ensure_root

REPOSITORY = Path(__file__).resolve().parents[2]

OWNER = """
import json, sys, time
from tools.mongo_server import start
server = start()
print(json.dumps([server.pids, str(server.folder)]), flush=True)
time.sleep(600)
"""


@pytest.fixture(autouse=True)
def _stand_in(mongodb_server: MongoDB) -> None:
    """These tests start servers of their own: stand-ins, whatever the server in use is."""
    if not mongodb_server.stand_in:
        try:
            ensure_root()
        except ServerUnavailable as unavailable:
            pytest.skip(str(unavailable))


def alive(pid: int) -> bool:
    """Whether a process runs; one that only waits for its parent to look does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def family(server: Server) -> set[int]:
    """The ids of all processes of a server: PostgreSQL's are alone in their namespace."""
    pids = server.pids
    namespace = os.readlink(f"/proc/{pids['postgres']}/ns/pid")
    found = set(pids.values())
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            inside = os.readlink(folder / "ns/pid") == namespace
            ours = str(server.folder).encode() in (folder / "cmdline").read_bytes()
        except OSError:
            continue
        if inside or ours:
            found.add(int(folder.name))
    return found


def eventually(condition: Callable[[], bool]) -> bool:
    """Whether `condition` comes true within some seconds."""
    deadline = time.monotonic() + 30
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def gone(pids: set[int], folder: Path) -> bool:
    """Whether nothing is left."""
    return eventually(lambda: not any(map(alive, pids)) and not folder.exists())


def test_it_starts_answers_and_leaves_nothing() -> None:
    with running() as server:
        pids = family(server)
        assert set(server.pids) == {"keeper", "gateway", "postgres"}
        assert len(pids) > 8
        assert all(map(alive, pids))
        with MongoClient[dict[str, Any]](server.uri) as client:
            assert client.admin.command("ping")["ok"] == 1
            address = client.address
        assert address == ("127.0.0.1", server.port)
        folder = server.folder
    assert not folder.exists()
    assert gone(pids, folder)


def test_several_run_at_once() -> None:
    with running() as one, running(Options(replica_set="rs", durable=True)) as other:
        assert one.port != other.port
        assert other.uri == f"mongodb://127.0.0.1:{other.port}/?replicaSet=rs"
        assert other.url("db") == f"mongodb://127.0.0.1:{other.port}/db?replicaSet=rs"
        with MongoClient[dict[str, Any]](one.uri) as client, MongoClient[dict[str, Any]](other.uri) as beside:
            client.test.items.insert_one({"_id": 1})
            assert beside.test.items.count_documents({}) == 0
            assert beside.admin.command("hello")["setName"] == "rs"
            assert "setName" not in client.admin.command("hello")
        assert {one.port, other.port} <= {server.port for server in servers()}
        settings = [(server.folder / "srv/data/postgresql.conf").read_text() for server in (one, other)]
        assert ["fsync = 'off'" in text for text in settings] == [True, False]


def test_a_killed_owner_takes_it_along() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", OWNER], stdout=subprocess.PIPE, cwd=REPOSITORY, text=True
    ) as owner:
        assert owner.stdout is not None
        processes, path = json.loads(owner.stdout.readline())
        pids, folder = set(processes.values()), Path(path)
        assert all(map(alive, pids))
        owner.kill()
    assert gone(pids, folder)


def test_a_killed_keeper_takes_it_along() -> None:
    server = start()
    pids, folder = family(server), server.folder
    os.kill(server.pids["keeper"], signal.SIGKILL)
    assert eventually(lambda: not any(map(alive, pids)))
    with pytest.raises(ServerFailed, match="has ended"):
        server.restart()
    server.stop()
    # Its folder is left. The next server removes it, unless it could be that of one that is just starting.
    with server_folder():
        assert folder.exists()
    os.utime(folder, (0, 0))
    with server_folder():
        assert not folder.exists()


def test_those_who_share_it_hold_it(tmp_path: Path) -> None:
    one = share(tmp_path)
    other = share(tmp_path)
    assert one.port == other.port
    pids, folder = family(one), one.folder
    one.stop()
    assert other.pids.keys() == {"keeper", "gateway", "postgres"}
    other.stop()
    assert gone(pids, folder)


def test_a_port_that_is_taken() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ServerFailed, match=r"gateway did not start[^$]*in use"):
            start(Options(port=port))


def test_garbage_harms_nobody(private_mongodb: PrivateMongoDB) -> None:
    header = (100).to_bytes(4, "little") + bytes(8) + (2013).to_bytes(4, "little")
    server = private_mongodb.server
    for garbage in (b"GET / HTTP/1.1\r\n\r\n", bytes(100), header, header + bytes(84), b"\xff" * 5_000):
        with socket.create_connection(("127.0.0.1", server.port), timeout=5) as connection:
            connection.sendall(garbage)
            connection.shutdown(socket.SHUT_WR)
            with contextlib.suppress(ConnectionResetError):
                assert connection.recv(100) == b""
    with MongoClient[dict[str, Any]](server.uri) as client:
        assert client.admin.command("ping")["ok"] == 1


def command(*arguments: str) -> subprocess.CompletedProcess[str]:
    """`python -m tools.mongo_server …`."""
    line = [sys.executable, "-m", "tools.mongo_server", *arguments]
    return subprocess.run(line, capture_output=True, text=True, check=False, cwd=REPOSITORY, timeout=60)


def test_by_hand() -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = str(probe.getsockname()[1])
    started = command("start", "--port", port, "--replica-set", "rs")
    assert started.returncode == 0, started.stderr
    uri = started.stdout.splitlines()[-1]
    assert uri == f"mongodb://127.0.0.1:{port}/?replicaSet=rs"
    try:
        line = next(line for line in command("status").stdout.splitlines() if line.startswith(uri))
        assert "runs until stopped" in line
        with MongoClient[dict[str, Any]](uri) as client:
            assert client.admin.command("ping")["ok"] == 1
    finally:
        stopped = command("stop", "--port", port)
    assert stopped.returncode == 0, stopped.stderr
    assert uri not in command("status").stdout
    again = command("stop", "--port", port)
    assert (again.returncode, again.stderr) == (1, "no such server runs\n")
