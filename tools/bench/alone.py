"""What an operation needs of memory, and what it says to the server: found out in a fresh process.

`alone` starts one, which gets the operation on its standard input and answers on its standard output. It
does the operation twice: once to see how far its memory grows, once with a listener that counts. Nothing of
this is timed.
"""

from __future__ import annotations

import contextlib
import json
import pickle
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import bson
from pymongo import monitoring

from tools.bench.cases import Operation

__all__ = ["Costs", "alone"]

_REPOSITORY = Path(__file__).resolve().parents[2]
_PROCESS = Path("/proc/self")


class Costs(NamedTuple):
    """What an operation costs beside time; None for what there is not, or what cannot be told.

    Attributes:
        commands: sent to the server.
        sent, received: bytes of commands and of replies, as BSON.
        stored: bytes on the disk afterwards; on a server, bytes of the documents that were inserted.
        peak: bytes of memory at most, beyond what the process had before.
    """

    commands: int | None
    sent: int | None
    received: int | None
    stored: int | None
    peak: int | None


def alone(operation: Operation) -> Costs:
    """Do an operation in a process of its own."""
    process = subprocess.run(
        (sys.executable, "-m", __name__),
        input=pickle.dumps(operation),
        stdout=subprocess.PIPE,
        cwd=_REPOSITORY,
        check=True,
    )
    return Costs(**json.loads(process.stdout))


@dataclass(slots=True)
class _Traffic:
    commands: int = 0
    sent: int = 0
    received: int = 0
    inserted: int = 0


class _Counter(monitoring.CommandListener):
    """Adds up what goes to the server and comes back."""

    def __init__(self) -> None:
        self.traffic = _Traffic()

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        """A command is sent."""
        self.traffic.commands += 1
        self.traffic.sent += len(bson.encode(event.command))
        if event.command_name == "insert":
            self.traffic.inserted += sum(len(bson.encode(item)) for item in event.command["documents"])

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None:
        """Its reply has come."""
        self.traffic.received += len(bson.encode(event.reply))

    def failed(self, event: monitoring.CommandFailedEvent) -> None:
        """A reply that says no."""
        self.traffic.received += len(bson.encode(event.failure))


def _costs(operation: Operation) -> Costs:
    with operation.ready() as call:
        before = _peak_memory(reset=True)
        call.run()
        after = _peak_memory()
    counter = _Counter()
    monitoring.register(counter)  # for clients that are made from now on
    with operation.ready() as call:
        counter.traffic = traffic = _Traffic()
        call.run()
        counter.traffic = _Traffic()
        stored = call.stored() or traffic.inserted or None
    peak = None if before is None or after is None else after - before
    if traffic.commands == 0:
        return Costs(None, None, None, stored, peak)
    return Costs(traffic.commands, traffic.sent, traffic.received, stored, peak)


def _peak_memory(*, reset: bool = False) -> int | None:
    """The largest resident size so far, or since the last reset, where the system can tell."""
    status = _PROCESS / "status"
    if not status.exists():
        return None
    if reset:
        with contextlib.suppress(OSError):
            (_PROCESS / "clear_refs").write_text("5")
    line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024


if __name__ == "__main__":
    print(json.dumps(_costs(pickle.load(sys.stdin.buffer))._asdict()))
