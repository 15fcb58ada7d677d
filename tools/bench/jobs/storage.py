"""Bytes that a thousand edits of a thousand blocks cost, one setting each, one version each."""

from __future__ import annotations

import os
import sqlite3
import statistics
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial

import bson

import modulestore
from tools.bench.authoring import edits, on_all, structure_bytes
from tools.bench.cases import Call, Case, Goal, Job, Variant
from tools.bench.edits import apply_changes
from tools.bench.places import connected, sqlite_path
from tools.bench.platform_writes import Change
from tools.bench.scratch import AUTHOR, scratch
from tools.bench.world import Stored, World

__all__ = ["JOB"]

_EDITS = 1000
_PART = 0.001  # of the whole structure, for an edit in the mean


@dataclass(frozen=True, slots=True)
class Edits:
    """Edits one after the other, by one store."""

    url: str
    key: str
    changes: Sequence[Change]

    @contextmanager
    def ready(self) -> Iterator[Call]:
        """A new store."""
        with scratch(self.url) as own, modulestore.connect(own) as store:
            before = _database_bytes(own)

            def run() -> int:
                for change in self.changes:
                    apply_changes(store, self.key, [change])
                return len(self.changes)

            yield Call(run, lambda: sum(_sizes(own)), note=lambda: _note(own, before))


def _sizes(url: str) -> list[int]:
    """Bytes of each structure that was stored since."""
    if url.startswith("sqlite:"):
        query = "SELECT length(document) FROM structures WHERE edited_by >= ?"
        with closing(sqlite3.connect(sqlite_path(url))) as connection:
            return [size for (size,) in connection.execute(query, (AUTHOR,))]
    with connected(url) as client:
        structures = client.get_default_database()["modulestore.structures"]
        return [len(bson.encode(found)) for found in structures.find({"edited_by": {"$gte": AUTHOR}})]


def _database_bytes(url: str) -> int:
    """What the database itself says that it takes."""
    if url.startswith("sqlite:"):
        with closing(sqlite3.connect(sqlite_path(url))) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return os.path.getsize(sqlite_path(url))
    with connected(url) as client:
        return int(client.get_default_database().command("dbStats").get("storageSize", 0))


def _note(url: str, before: int) -> str:
    sizes = sorted(_sizes(url))
    if not sizes:
        return ""
    middle, most = sizes[len(sizes) // 2], sizes[len(sizes) * 99 // 100]
    return (
        f"an edit {statistics.mean(sizes):,.0f} bytes, p50 {middle:,}, p99 {most:,}, max {sizes[-1]:,};"
        f" the database grew by {(_database_bytes(url) - before) / 1e6:.1f} MB"
    )


def cases(world: World) -> Iterator[Case]:
    """Both formats, on SQLite also beside each other."""
    for size in world.sizes(4000, 12000):
        course = world.stored(size)
        changes = edits(course, _EDITS)
        allowed = Goal(stored=int(structure_bytes(course) * _PART * len(changes)))
        ours = on_all(course, "format 2", partial(Edits, key=course.key, changes=changes))
        few = changes[: len(changes) // 20]
        yield Case(
            "storage",
            f"{len(changes):,} edits, {course.name}",
            ours,
            goals=[(variant, allowed) for variant in ours],
            rounds=1,
        )
        both = _both(course, few)
        yield Case("storage", f"{len(few)} edits, {course.name}", both, both[1], rounds=1)


def _both(course: Stored, changes: Sequence[Change]) -> list[Variant]:
    return [
        Variant("format 2", "sqlite", Edits(course.sqlite, course.key, changes)),
        Variant("format 1", "sqlite", Edits(course.sqlite_1, course.key, changes)),
    ]


JOB = Job("storage", "bytes that a thousand edits cost", cases)
