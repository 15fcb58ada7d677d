"""What jobs work with: places, archives, stored courses. Everything that is made here is gone afterwards."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tools.bench.courses import write_course
from tools.bench.data import ARCHIVES, perf_course, put_on_server, put_on_sqlite, synthetic_course
from tools.bench.places import Place, ServerPlace, SqlitePlace

__all__ = ["Stored", "World", "world"]

_REAL = ("demo-course", "cs50-python", "math-percent-fi")
_QUICK = 60  # blocks of the only course of a quick run


@dataclass(frozen=True, slots=True)
class Stored:
    """A course of so many blocks that is in its places; ``server`` is empty without one."""

    blocks: int
    name: str
    key: str
    sqlite: str
    server: str


@dataclass(slots=True)
class World:
    """One run's surroundings.

    Attributes:
        quick: whether this is only to see that everything runs.
    """

    quick: bool
    sqlite: SqlitePlace
    server: ServerPlace | None
    folder: Path
    _stack: ExitStack
    _stored: dict[int, Stored] = field(default_factory=dict)

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
        for size in self.sizes(*blocks):
            path = self.folder / f"synthetic-{size}.tar.gz"
            if not path.exists():
                write_course(path, size)
            yield f"synthetic {size:,}", path

    def stored(self, blocks: int) -> Stored:
        """A course of this size, stored wherever there is a place; the same for all who ask."""
        if blocks not in self._stored:
            documents = perf_course(blocks) or synthetic_course(blocks)
            sqlite, server = self._stack.enter_context(self.sqlite.new()), ""
            put_on_sqlite(documents, sqlite)
            if self.server is not None:
                server = self._stack.enter_context(self.server.new())
                put_on_server(documents, server)
            name = f"{documents.writer} {blocks:,}"
            self._stored[blocks] = Stored(blocks, name, documents.key, sqlite, server)
        return self._stored[blocks]


@contextmanager
def world(*, quick: bool, server_uri: str) -> Iterator[World]:
    """Surroundings for one run; an empty ``server_uri`` for none with a server."""
    with tempfile.TemporaryDirectory(prefix="modulestore-bench-") as folder, ExitStack() as stack:
        server = ServerPlace(server_uri) if server_uri else None
        yield World(quick, SqlitePlace(folder), server, Path(folder), stack)
