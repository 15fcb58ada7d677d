"""What the jobs of authors choose: blocks, new values, where, and how good it has to be."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing

import modulestore
from tools.bench.cases import Goal, Operation, Variant
from tools.bench.places import sqlite_path
from tools.bench.platform_path import Key
from tools.bench.platform_writes import Change
from tools.bench.world import Stored

__all__ = ["JUDGED", "a_unit", "edit_goals", "edits", "on_all", "structure_bytes"]

JUDGED = 4000
"""Blocks of the course that goals of time are given for."""

_FASTER, _MILLISECONDS, _PART = 1 / 50, 3.0, 0.001


def on_all(course: Stored, name: str, make: Callable[[str], Operation]) -> list[Variant]:
    """A way to do it wherever the course is, on a server first."""
    urls = {"server": course.server, "sqlite": course.sqlite}
    return [Variant(name, place, make(url)) for place, url in urls.items() if url]


def edits(course: Stored, count: int, *, content: bool = False) -> Sequence[Change]:
    """New values for so many problems, spread over the course; fewer if it has not so many."""
    with modulestore.connect(course.sqlite) as store:
        problems = [Key(*problem.block_key) for problem in store.open(course.key).blocks("problem")]
    step = max(1, len(problems) // count)
    chosen = problems[step // 2 :: step][:count]
    if content:
        return [Change(key, {}, {"data": f"<problem>{key.id} {'words ' * 150}</problem>"}) for key in chosen]
    return [Change(key, {"max_attempts": 77}, {}) for key in chosen]


def a_unit(course: Stored) -> tuple[Key, Change]:
    """A unit in the middle of the course, and a new value for a block in it."""
    with modulestore.connect(course.sqlite) as store:
        units = [unit for unit in store.open(course.key).blocks("vertical") if unit.children]
        unit = units[len(units) // 2]
        return Key(*unit.block_key), Change(Key(*unit.children[0].block_key), {"display_name": "Edited"}, {})


def edit_goals(course: Stored, variants: Sequence[Variant]) -> list[tuple[Variant, Goal]]:
    """The goals of a commit of one block, for one way to do it in every place."""
    if course.blocks < JUDGED:
        return []
    stored = int(structure_bytes(course) * _PART)
    if course.blocks != JUDGED:
        return [(variant, Goal(stored=stored)) for variant in variants]
    goals = {
        "server": Goal(_FASTER, stored=stored),
        "sqlite": Goal(milliseconds=_MILLISECONDS, stored=stored),
    }
    return [(variant, goals[variant.place]) for variant in variants]


def structure_bytes(course: Stored) -> int:
    """Bytes of the whole structure as the platform stores it."""
    with closing(sqlite3.connect(sqlite_path(course.sqlite_1))) as connection:
        (size,) = connection.execute("SELECT max(length(document)) FROM structures").fetchone()
    return int(size)
