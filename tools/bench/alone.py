"""What an operation needs of memory, and what it says to the server: found out in a fresh process.

`alone` starts one, which gets the operation on its standard input and answers on its standard output. It
does the operation twice: once to see how far its memory grows, once with a listener that counts. Nothing of
this is timed.
"""

from __future__ import annotations

import contextlib
import gc
import json
import pickle
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any, NamedTuple

import bson
from pymongo import monitoring

from tools.bench.cases import Operation, Outcome

__all__ = ["Costs", "Sample", "alone", "beside", "sample", "sample_alone"]

_REPOSITORY = Path(__file__).resolve().parents[2]
_PROCESS = Path("/proc/self")


class Costs(NamedTuple):
    """What an operation costs beside time; None for what there is not, or what cannot be told.

    Attributes:
        commands: sent to the server.
        sent, received: bytes of commands and of replies, as BSON.
        stored: bytes on the disk afterwards; on a server, bytes of the documents that were inserted.
        peak: bytes of memory at most, beyond what the process had before.
        process: bytes of memory of the whole process at most.
    """

    commands: int | None
    sent: int | None
    received: int | None
    stored: int | None
    peak: int | None
    process: int | None = None


def alone(operation: Operation) -> Costs:
    """Do an operation in a process of its own."""
    return Costs(**_in_process(operation, "costs"))


def beside(operation: Operation) -> Costs:
    """Do an operation in this process, which is quick, and says nothing of memory."""
    return _costs(operation)._replace(peak=None, process=None)


class Sample(NamedTuple):
    """Doing an operation once: how much was done, in how many milliseconds, and what became of it."""

    done: int
    time: float
    outcome: Outcome | None
    note: str


def sample(operation: Operation) -> Sample:
    """Do an operation once, in this process."""
    with operation.ready() as call:
        gc.collect()  # garbage of what ran before is not this one's to clean up
        start = perf_counter()
        done = call.run()
        time = (perf_counter() - start) * 1000
        return Sample(done, time, call.outcome(), call.note())


def sample_alone(operation: Operation) -> Sample:
    """Do an operation once, in a process of its own; one in which no edit can be lost."""
    return Sample(**_in_process(operation, "sample"))


def _in_process(operation: Operation, what: str) -> dict[str, Any]:
    process = subprocess.run(
        (sys.executable, "-m", __name__, what),
        input=pickle.dumps(operation),
        stdout=subprocess.PIPE,
        cwd=_REPOSITORY,
        check=True,
    )
    answer: dict[str, Any] = json.loads(process.stdout)
    return answer


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
        return Costs(None, None, None, stored, peak, after)
    return Costs(traffic.commands, traffic.sent, traffic.received, stored, peak, after)


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
    wanted: Operation = pickle.load(sys.stdin.buffer)
    answer = _costs(wanted) if sys.argv[1] == "costs" else sample(wanted)
    print(json.dumps(answer._asdict()))
