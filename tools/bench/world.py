"""What jobs work with: places, archives, stored courses. Everything that is made here is gone afterwards."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import modulestore
from tools.bench.courses import write_course
from tools.bench.data import (
    ARCHIVES,
    in_format_2,
    perf_course,
    put_on_server,
    put_on_sqlite,
    synthetic_course,
)
from tools.bench.places import Place, ServerPlace, SqlitePlace
from tools.memcached import Memcached, ensure_memcached
from tools.mongo_server import ServerUnavailable

__all__ = ["Stored", "World", "world"]

_REAL = ("demo-course", "cs50-python", "math-percent-fi")
_QUICK = 60  # blocks of the only course of a quick run


@dataclass(frozen=True, slots=True)
class Stored:
    """A course of so many blocks that is in its places.

    Attributes:
        sqlite, server: stores in our format; ``server`` is empty without one.
        platform: a database on the server with the platform's documents; empty without one.
        sqlite_1: a store with the platform's documents.
    """

    blocks: int
    name: str
    key: str
    sqlite: str
    server: str
    platform: str
    sqlite_1: str


@dataclass(slots=True)
class World:
    """One run's surroundings.

    Attributes:
        quick: whether this is only to see that everything runs.
        memcached: URL of a cache; empty without one.
    """

    quick: bool
    sqlite: SqlitePlace
    server: ServerPlace | None
    memcached: str
    folder: Path
    _stack: ExitStack
    _stored: dict[int, Stored] = field(default_factory=dict)
    _large: dict[int, Stored] = field(default_factory=dict)

    @property
    def places(self) -> Sequence[Place]:
        """Where databases can be made."""
        return [self.sqlite] if self.server is None else [self.sqlite, self.server]

    def sizes(self, *blocks: int) -> Sequence[int]:
        """The sizes of courses to work on: these, or one tiny one."""
        return (_QUICK,) if self.quick else blocks

    def archives(self, *blocks: int) -> Iterator[tuple[str, Path]]:
        """Course archives by name: real ones as far as they are at hand, and written ones of these sizes."""
        real = () if self.quick else (ARCHIVES / f"{name}.tar.gz" for name in _REAL)
        yield from ((path.name.partition(".")[0], path) for path in real if path.exists())
        yield from self.written(*self.sizes(*blocks))

    def written(self, *blocks: int) -> Iterator[tuple[str, Path]]:
        """Archives of courses that are written for this, by name."""
        for size in blocks:
            path = self.folder / f"synthetic-{size}.tar.gz"
            if not path.exists():
                write_course(path, size)
            yield f"synthetic {size:,}", path

    def large(self, blocks: int) -> Stored:
        """A course that only our format can hold: it is in SQLite and, if there is one, on the server."""
        if blocks not in self._large:
            archive = next(path for _, path in self.written(blocks))
            sqlite = self._stack.enter_context(self.sqlite.new())
            server = "" if self.server is None else self._stack.enter_context(self.server.new())
            for url in filter(None, (sqlite, server)):
                with modulestore.connect(url) as store:
                    key = store.import_course(archive).key
            self._large[blocks] = Stored(
                blocks, f"synthetic {blocks:,}", str(key), sqlite, server, platform="", sqlite_1=""
            )
        return self._large[blocks]

    def stored(self, blocks: int) -> Stored:
        """A course of this size, stored wherever there is a place; the same for all who ask."""
        if blocks not in self._stored:
            documents = perf_course(blocks) or synthetic_course(blocks)
            ours = in_format_2(documents)
            sqlite, sqlite_1 = (self._stack.enter_context(self.sqlite.new()) for _ in range(2))
            put_on_sqlite(ours, sqlite, 2)
            put_on_sqlite(documents, sqlite_1, 1)
            server = platform = ""
            if self.server is not None:
                server, platform = (self._stack.enter_context(self.server.new()) for _ in range(2))
                put_on_server(ours, server, 2)
                put_on_server(documents, platform, 1)
            name = f"{documents.writer} {blocks:,}"
            self._stored[blocks] = Stored(blocks, name, documents.key, sqlite, server, platform, sqlite_1)
        return self._stored[blocks]


@contextmanager
def world(*, quick: bool, server_uri: str) -> Iterator[World]:
    """Surroundings for one run; an empty ``server_uri`` for none with a server."""
    with tempfile.TemporaryDirectory(prefix="modulestore-bench-") as folder, ExitStack() as stack:
        server = ServerPlace(server_uri) if server_uri else None
        memcached = _memcached(Path(folder), stack)
        yield World(quick, SqlitePlace(folder), server, memcached, Path(folder), stack)


def _memcached(folder: Path, stack: ExitStack) -> str:
    try:
        program = ensure_memcached()
    except ServerUnavailable:
        return ""
    (folder / "memcached").mkdir()
    server = Memcached(program, folder / "memcached", megabytes=256)
    stack.callback(server.stop)
    return f"memcached://{server.address}?timeout=5"
