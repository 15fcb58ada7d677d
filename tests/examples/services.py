"""The example services as processes, started as their pages say."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

__all__ = ["EXAMPLES", "Service", "started"]

EXAMPLES = Path(__file__).resolve().parents[2] / "docs" / "examples"


class Service(NamedTuple):
    """A process, and where it listens."""

    address: str
    process: subprocess.Popen[str]

    @property
    def port(self) -> int:
        return int(self.address.rpartition(":")[2])

    def ask_to_end(self) -> None:
        self.process.send_signal(signal.SIGTERM)


@contextmanager
def started(service: str, url: str, processes: int = 1) -> Iterator[Sequence[Service]]:
    """So many processes of a service on one store.

    In the end they are asked to end, and have to do so by themselves, without losing words.
    """
    command = [sys.executable, "-m", "uvicorn", "--app-dir", str(EXAMPLES), "--factory"]
    command += [f"{service}:create_app", "--port", "0", "--no-access-log"]
    environment = os.environ | {"MODULESTORE_URL": url}
    with ExitStack() as stack:
        running = []
        for _ in range(processes):
            process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment)
            stack.enter_context(process)
            stack.callback(process.kill)
            running.append(process)
        services = [Service(_address(process), process) for process in running]
        yield services
        for one in services:
            one.ask_to_end()
        for one in services:
            _, said = one.process.communicate(timeout=30)
            assert "Application shutdown complete" in said, said
            assert "Traceback" not in said, said


def _address(process: subprocess.Popen[str]) -> str:
    assert process.stderr is not None
    said = []
    for line in process.stderr:
        said.append(line)
        if where := re.search(r"running on (http://127\.0\.0\.1:\d+)", line):
            return where[1]
    raise AssertionError("the service did not start:\n" + "".join(said))
