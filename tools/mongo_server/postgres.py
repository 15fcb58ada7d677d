"""PostgreSQL with DocumentDB, in the sandbox. It has no network port: the gateway uses a socket in `/srv`."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path

from tools.mongo_server.errors import ServerFailed
from tools.mongo_server.processes import REPORT_FD, Process
from tools.mongo_server.sandbox import Sandbox

__all__ = ["Postgres"]

_SETTINGS = {
    "listen_addresses": "",
    "unix_socket_directories": "/srv",
    "shared_preload_libraries": "pg_cron,pg_documentdb_core,pg_documentdb",
    "cron.database_name": "postgres",
    "cron.host": "/srv",
    "cron.log_run": "off",
    "cron.log_statement": "off",
    "documentdb.localhost_connection_string": "host=/srv",
    "max_connections": "100",
    "shared_buffers": "256MB",
    "jit": "off",
    "default_toast_compression": "lz4",  # twice as fast as the default for documents of 100 KB and more
    # Inserts of one key into a unique index may deadlock; with the default of a second that is a stall each
    # time.
    "deadlock_timeout": "10ms",
}
_NOT_DURABLE = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    # Nothing is written twice that is dropped in a minute.
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_wal_size": "2GB",
    "checkpoint_timeout": "1h",
}
_PATIENCE = 30.0
_CANNOT_CONNECT = 2  # psql's exit status


class Postgres:
    """One instance, with its data in `folder`/srv."""

    def __init__(self, root: Path, folder: Path, *, durable: bool) -> None:
        self.socket_folder = folder / "srv"
        self._log = folder / "postgres.log"
        self._sandbox = Sandbox(root, self.socket_folder)
        self._durable = durable
        self._process: Process | None = None
        self._pid = 0

    def create(self) -> None:
        """Make the empty data folder."""
        self.socket_folder.mkdir()
        self._sandbox.check()
        options = ("-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync")
        made = self._sandbox.run("initdb", "-D", "/srv/data", *options)
        if made.returncode:
            raise ServerFailed(f"initdb failed: {made.stderr.strip()}")
        settings = _SETTINGS if self._durable else _SETTINGS | _NOT_DURABLE
        with (self.socket_folder / "data/postgresql.conf").open("a") as file:
            file.writelines(f"{name} = '{value}'\n" for name, value in settings.items())

    def start(self) -> None:
        """Start it and wait until it takes queries."""
        # A socket that a killed instance has left must not be taken for that of the new one.
        (self.socket_folder / ".s.PGSQL.5432").unlink(missing_ok=True)
        command = self._sandbox.command("postgres", "-D", "/srv/data", options=("--info-fd", REPORT_FD))
        self._pid = 0
        self._process = Process("postgres", command, self._log)
        self._pid = json.loads(self._process.report())["child-pid"]
        self._prepare(self._process)

    @property
    def pid(self) -> int | None:
        """The process id of the postmaster, seen from outside of the sandbox; None when it does not run."""
        return self._pid if self._process and self._process.running else None

    def kill(self) -> None:
        """SIGKILL for all of its processes at once."""
        if self._process and self._process.running:
            if self._pid:
                # Bubblewrap, which we have started, ends when everything inside has ended, and not before.
                os.kill(self._pid, signal.SIGKILL)
                self._process.wait()
            else:
                self._process.kill()

    def _prepare(self, process: Process) -> None:
        deadline = time.monotonic() + _PATIENCE
        while process.running and time.monotonic() < deadline:
            query = "CREATE EXTENSION IF NOT EXISTS documentdb CASCADE"
            done = self._sandbox.run("psql", "-q", "-h", "/srv", "-U", "postgres", "-c", query)
            if not done.returncode:
                return
            if done.returncode != _CANNOT_CONNECT:
                raise ServerFailed(f"psql failed: {done.stderr.strip()}")
            time.sleep(0.02)
        raise process.failure("takes no queries")
