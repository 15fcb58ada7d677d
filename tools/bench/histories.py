"""Databases with a long past, as a platform leaves them: very many small structures, to be pruned.

Chains of 300 to 700 versions for each branch; a draft and a published branch for each course, each with a
first version of its own; of twenty courses one is a re-run, whose branches begin in the middle of another
course; two of a hundred structures belong to nothing. All of it is years old. Of fifty courses one pins a
version of another one that a platform's rules would delete, and of a thousand orphans one is an hour old:
what our rules keep beyond a platform's is in it too. Structures have three blocks and about 0.97 KB; every
second has content of its own.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import bson
from bson import ObjectId

from modulestore._sync.mongo import open_mongo
from modulestore._sync.ports import Backend
from modulestore._sync.sqlite import open_sqlite
from modulestore.formats.entries import decode_entry
from modulestore.formats.headers import document_id
from tools.bench.places import sqlite_path

__all__ = ["Course", "courses", "put"]

_PAST = timedelta(days=5 * 365)
_BATCH = 5000  # documents in one message
_RERUN, _ORPHAN, _PIN, _YOUNG = 1 / 20, 1 / 50, 1 / 50, 1 / 1000
_BRANCHES = ("draft-branch", "published-branch")


@dataclass(frozen=True, slots=True)
class Course:
    """One course: its index entry, and its documents with the orphans that its authors left."""

    entry: dict[str, Any]
    structures: list[dict[str, Any]]
    definitions: list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class _Fork:
    """Where a re-run may begin: a version in the middle of a branch, and the first one of that branch."""

    previous: ObjectId
    original: ObjectId
    moment: datetime


class _Writer:
    """Makes the documents of one database, the same every time but for the ids that have to be of today."""

    def __init__(self, now: datetime) -> None:
        self.dice = random.Random(1)
        self.now = now
        self._number = count(1)

    def new_id(self, moment: datetime) -> ObjectId:
        """An id that was made at a moment."""
        return ObjectId(
            int(moment.timestamp()).to_bytes(4, "big") + b"bench" + next(self._number).to_bytes(3, "big")
        )

    def structure(
        self,
        moment: datetime,
        before: dict[str, Any] | None,
        fork: _Fork | None = None,
        definitions: tuple[ObjectId, ...] = (),
    ) -> dict[str, Any]:
        """One version."""
        made = self.new_id(moment)
        previous, original = (
            (before["_id"], before["original_version"])
            if before is not None
            else (fork.previous, fork.original)
            if fork is not None
            else (None, made)
        )
        return {
            "_id": made,
            "root": ["course", "course"],
            "previous_version": previous,
            "original_version": original,
            "edited_by": 1,
            "edited_on": moment,
            "blocks": [_block(made, moment, *given) for given in zip(_BLOCKS, definitions, strict=True)],
            "schema_version": 1,
        }


_BLOCKS = (("course", "course"), ("chapter", "b1"), ("html", "b2"))


def _block(version: ObjectId, moment: datetime, key: tuple[str, str], definition: ObjectId) -> dict[str, Any]:
    block_type, block_id = key
    return {
        "fields": {"display_name": block_id},
        "block_type": block_type,
        "definition": definition,
        "edit_info": {
            "previous_version": None,
            "update_version": version,
            "source_version": None,
            "edited_on": moment,
            "edited_by": 1,
            "original_usage": None,
            "original_usage_version": None,
        },
        "block_id": block_id,
    }


def courses(structures: int) -> Iterator[Course]:
    """Courses with so many structures, or a few more, together. In memory is one course at a time.

    A few courses have shorter chains if there are to be few structures, so that there are several.
    """
    writer = _Writer(datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1))
    shortest = min(300, max(5, structures // 20))
    made, number = 0, 0
    forks: list[_Fork] = []
    pinned: ObjectId | None = None
    while made < structures:
        number += 1
        fork = forks if forks and writer.dice.random() < _RERUN else None
        course, forks = _course(writer, number, shortest, fork, pinned)
        pinned = forks[0].previous if writer.dice.random() < _PIN or number == 1 else None
        made += len(course.structures)
        yield course


def _course(
    writer: _Writer, number: int, shortest: int, begin: list[_Fork] | None, pinned: ObjectId | None
) -> tuple[Course, list[_Fork]]:
    """A course, and where re-runs of it may begin."""
    dice = writer.dice
    start = writer.now - _PAST * dice.uniform(0.5, 1) if begin is None else begin[-1].moment
    end = start + (writer.now - start) * dice.uniform(0.1, 0.9)
    structures: list[dict[str, Any]] = []
    definitions: list[dict[str, Any]] = []
    heads: dict[str, ObjectId] = {}
    forks: list[_Fork] = []
    shared = [writer.new_id(start) for _ in _BLOCKS]
    definitions += (_definition(one, start) for one in shared)
    for at, branch in enumerate(_BRANCHES):
        length = dice.randint(shortest, shortest * 7 // 3)
        step = (end - start) / length
        before: dict[str, Any] | None = None
        for version in range(length):
            moment = (start + step * version).replace(microsecond=0)
            if version % 2:
                definitions.append(_definition(writer.new_id(moment), moment))
                shared[2] = definitions[-1]["_id"]
            before = writer.structure(
                moment, before, None if begin is None else begin[at], definitions=tuple(shared)
            )
            structures.append(before)
            if version == length // 2:
                forks.append(_Fork(before["_id"], before["original_version"], moment))
            if dice.random() < _ORPHAN:
                lost = moment if dice.random() > _YOUNG else writer.now
                structures.append(writer.structure(lost, before, definitions=tuple(shared)))
        assert before is not None
        heads[branch] = before["_id"]
    if pinned is not None:
        structures[-1]["blocks"][2]["fields"]["source_library_version"] = str(pinned)
    entry = {
        "_id": writer.new_id(start),
        "org": "Bench",
        "course": f"Old{number}",
        "run": "run",
        "edited_by": 1,
        "edited_on": start,
        "versions": heads,
        "schema_version": 1,
        "search_targets": {"wiki_slug": f"Old{number}"},
        "last_update": end.replace(microsecond=0),
    }
    return Course(entry, structures, definitions), forks


def _definition(made: ObjectId, moment: datetime) -> dict[str, Any]:
    return {
        "_id": made,
        "block_type": "html",
        "fields": {"data": f"<p>{made}</p>"},
        "edit_info": {
            "edited_by": 1,
            "edited_on": moment,
            "previous_version": None,
            "original_version": made,
        },
        "schema_version": 1,
    }


def put(url: str, structures: int) -> int:
    """Store such a database at a URL where there is none yet; the number of its structures."""
    backend = open_sqlite(sqlite_path(url)) if url.startswith("sqlite:") else open_mongo(url)
    stored = 0
    waiting: dict[str, list[dict[str, Any]]] = {"structures": [], "definitions": []}
    for course in courses(structures):
        backend.index.insert(decode_entry(course.entry))
        stored += len(course.structures)
        waiting["structures"] += course.structures
        waiting["definitions"] += course.definitions
        if len(waiting["structures"]) >= _BATCH:
            _store(backend, waiting)
    _store(backend, waiting)
    backend.close()
    return stored


def _store(backend: Backend, waiting: dict[str, list[dict[str, Any]]]) -> None:
    for name, port in (("definitions", backend.definitions), ("structures", backend.structures)):
        encoded = map(bson.encode, waiting[name])
        port.put_many({document_id(document): document for document in encoded})
        waiting[name].clear()
