"""Many slow readers of one large file, while others fetch small ones."""

from __future__ import annotations

import http.client
import json
import os
import random
import shutil
import statistics
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from subprocess import DEVNULL, PIPE, Popen
from time import monotonic, perf_counter, sleep
from typing import Any

import modulestore
from modulestore.keys import AssetKey, CourseKey
from modulestore.model.files import CourseFile
from tools.bench.cases import Call, Case, Job, Variant
from tools.bench.slow_clients import slow_clients
from tools.bench.world import World

__all__ = ["JOB"]

_READERS, _FEW_READERS, _QUICK = 1000, 20, 10
_SIZE, _QUICK_SIZE = 100_000_000, 1_000_000
_SMALL, _SMALL_SIZE = 20, 10_000
_FETCHES, _QUICK_FETCHES = 2000, 20
_SETTLING = 5.0  # seconds that the readers have been at it when measuring begins
_SLOWER, _MEMORY = 2.0, 150_000_000  # what is to be reached: of the idle p99, and above the idle process
_COURSE = CourseKey("Bench", "Files", "1")


@dataclass(frozen=True, slots=True)
class Files:
    """Where the files are, in a store and in a folder."""

    url: str
    folder: str
    size: int

    def command(self, server: str) -> tuple[str, ...]:
        """What starts a server of them."""
        if server == "ours":
            return (
                sys.executable,
                "-m",
                "modulestore",
                "--store",
                self.url,
                "serve",
                "--port",
                "0",
                "--json",
            )
        place = self.url if server == "whole" else self.folder
        return (sys.executable, "-m", "tools.bench.file_servers", server, place)


@dataclass(frozen=True, slots=True)
class Serving:
    """Small files are fetched, one after the other, while readers read.

    Attributes:
        server: ``ours``, ``whole``, ``static`` or ``nginx``, of the small files.
        readers_at: the server that the readers read from, if that is another one: what is left is how much
            they disturb each other on one machine.
        apart: whether each reads at another place of the file, so that nothing is at hand that they need.
        settling: seconds.
    """

    files: Files
    server: str
    readers: int
    fetches: int
    settling: float
    apart: bool = False
    readers_at: str | None = None

    @contextmanager
    def ready(self) -> Iterator[Call]:
        """A server that has been idle, and then got its readers."""
        with ExitStack() as stack:
            process = stack.enter_context(_Process(self.files.command(self.server)))
            fetch = _Fetches(process.port)
            fetch.run(self.fetches // 4)  # what is to be at hand is at hand
            idle = fetch.run(self.fetches)
            if self.readers_at is not None:
                process = stack.enter_context(_Process(self.files.command(self.readers_at)))
            before = process.memory(reset=True)
            clients = stack.enter_context(slow_clients(process.port, _path("large.bin")))
            where = f"{self.files.size}" if self.apart else ""
            clients.tell(f"start {self.readers} {where}")
            coming = fetch.run(1)
            while not clients.answered():
                coming += fetch.go_on(1)
            clients.answer()
            sleep(self.settling)
            times: list[float] = []
            started, began = clients.ask("stat")["bytes"], monotonic()

            def run() -> int:
                times.extend(fetch.run(self.fetches))
                return len(times)

            def note() -> str:
                got = (clients.ask("stat")["bytes"] - started) / (monotonic() - began)
                open_, peak = process.descriptors(), process.memory(peak=True) - before
                kernel = _kernel_buffers()
                clients.ask(f"drop {self.readers // 2}")
                left = process.descriptors_at_most(open_ - self.readers // 2)
                halved = process.memory() - before
                clients.ask(f"start {self.readers // 2} {where}")
                slower = _p99(times) / _p99(idle)
                return (
                    f"p50 {_p50(times):.2f} p99 {_p99(times):.2f} ms "
                    f"(idle {_p50(idle):.2f}, {_p99(idle):.2f}); "
                    f"at most {max(coming):.0f} ms while they come; {peak / 1e6:+.0f} MB, "
                    f"kernel {kernel / 1e6:.0f} MB; {got / 1000 / self.readers:.0f} KB/s each; "
                    f"{open_} descriptors; half gone: {left}, {halved / 1e6:+.0f} MB; "
                    f"back: {(process.memory() - before) / 1e6:+.0f} MB; "
                    f"p99 ≤ {_SLOWER:g}× and ≤ {_MEMORY / 1e6:g} MB: "
                    f"{'pass' if slower <= _SLOWER and peak <= _MEMORY else 'NOT PASSED'}"
                )

            yield Call(run, note=note)


class _Process:
    """A server of its own."""

    def __init__(self, command: tuple[str, ...]) -> None:
        self._process = Popen(command, stdout=PIPE, stderr=DEVNULL, text=True)
        assert self._process.stdout is not None
        said = json.loads(self._process.stdout.readline())
        self.port = said if isinstance(said, int) else int(said["url"].rpartition(":")[2])
        self._place = Path(f"/proc/{self._process.pid}")

    def __enter__(self) -> _Process:
        return self

    def __exit__(self, *error: object) -> None:
        self._process.kill()
        self._process.wait()

    def memory(self, *, peak: bool = False, reset: bool = False) -> int:
        """Bytes of it that are in memory, or were at most since the last reset."""
        if reset:
            (self._place / "clear_refs").write_text("5")
        name = "VmHWM" if peak else "VmRSS"
        status = (self._place / "status").read_text().splitlines()
        return int(next(line for line in status if line.startswith(name)).split()[1]) * 1024

    def descriptors(self) -> int:
        """How many are open."""
        return len(os.listdir(self._place / "fd"))

    def descriptors_at_most(self, wanted: int) -> int:
        """How many are open, when they are so few, or after ten seconds."""
        deadline = monotonic() + 10
        while (found := self.descriptors()) > wanted and monotonic() < deadline:
            sleep(0.05)
        return found


class _Fetches:
    """A client on a good line."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)

    def run(self, count: int) -> list[float]:
        """Fetch small files one after the other; milliseconds of each."""
        self._connection.close()  # a server may have given up on it meanwhile
        self._connection.connect()
        return self.go_on(count)

    def go_on(self, count: int) -> list[float]:
        """The same on the connection that is open."""
        times = []
        for number in range(count):
            start = perf_counter()
            self._connection.request("GET", _path(f"small-{number % _SMALL}.bin"))
            reply = self._connection.getresponse()
            assert len(reply.read()) == _SMALL_SIZE, reply.status
            times.append((perf_counter() - start) * 1000)
        return times


def _path(name: str) -> str:
    return f"/{AssetKey(_COURSE, name)}"


def _p50(times: list[float]) -> float:
    return statistics.median(times)


def _p99(times: list[float]) -> float:
    return statistics.quantiles(times, n=100)[98]


def _kernel_buffers() -> int:
    """Bytes of all TCP connections of the machine that wait in the kernel."""
    lines = Path("/proc/net/sockstat").read_text().splitlines()
    words = next(line for line in lines if line.startswith("TCP:")).split()
    return int(words[words.index("mem") + 1]) * os.sysconf("SC_PAGE_SIZE")


def cases(world: World) -> Iterator[Case]:
    """A thousand readers of ours and of what serves folders; twenty of the platform's way."""
    with ExitStack() as stack:
        url = stack.enter_context(world.sqlite.new())
        size = _QUICK_SIZE if world.quick else _SIZE
        files = _put(url, world.folder / "files", size)
        readers = _QUICK if world.quick else _READERS
        few = min(readers, _FEW_READERS)
        fetches = _QUICK_FETCHES if world.quick else _FETCHES
        settling = 0.2 if world.quick else _SETTLING

        def serving(server: str, count: int = readers, **how: Any) -> Serving:
            return Serving(files, server, count, fetches, settling, **how)

        variants = [
            Variant(f"modulestore serve, {readers:,} readers", "sqlite", serving("ours")),
            Variant(
                f"modulestore serve, {readers:,} readers in as many places",
                "sqlite",
                serving("ours", apart=True),
            ),
            Variant(f"StaticFiles, {readers:,} readers", "folder", serving("static")),
            Variant(f"whole file per request, {few:,} readers", "sqlite", serving("whole", few)),
        ]
        nginx = shutil.which("nginx") is not None
        if nginx:
            variants += [
                Variant(f"nginx, {readers:,} readers", "folder", serving("nginx")),
                Variant(
                    f"modulestore serve, idle, {readers:,} readers at nginx",
                    "sqlite",
                    serving("ours", readers_at="nginx"),
                ),
            ]
        if world.quick:
            variants = [variants[0], variants[-1]]  # servers take a second each to begin
        yield Case(
            "slow-readers",
            f"{size / 1e6:.0f} MB at 50 KB/s each, {fetches:,} small files meanwhile"
            + ("" if nginx else "; without nginx, which is not on the PATH"),
            variants,
            rounds=1,
        )


def _put(url: str, folder: Path, size: int) -> Files:
    folder.mkdir(exist_ok=True)
    sizes = {"large.bin": size} | {f"small-{number}.bin": _SMALL_SIZE for number in range(_SMALL)}
    dice = random.Random(1)
    with modulestore.connect(url) as store:
        for name, length in sizes.items():
            key = AssetKey(_COURSE, name)
            path = folder / str(key)
            path.write_bytes(dice.randbytes(length))
            with path.open("rb") as source:
                store._backend.files.put(CourseFile(key, length, name), source)
    return Files(url, str(folder), size)


JOB = Job("slow-readers", "many slow readers of one large file, while others fetch small ones", cases)
