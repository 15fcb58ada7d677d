"""What Open edX's script does to plan a pruning, step by step: the baseline for our planner.

Our own code, after its documented rules: the ids of all structures and of those before them are in memory as
Python objects; heads are read afterwards; what is kept is walked from them; the plan is one JSON object. It
pauses nowhere, where the script waits for 15 seconds after every 10,000 structures unless told otherwise.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

from bson import ObjectId
from pymongo import MongoClient
from pymongo.database import Database

__all__ = ["plan_pruning"]

_BATCH = 10_000  # the script's default


class _Structure(NamedTuple):
    id: str
    original: str
    previous: str | None


def plan_pruning(url: str, path: Path, retain: int) -> int:
    """Write the plan of a database to a file; how many structures it deletes."""
    with MongoClient[dict[str, Any]](url) as client:
        database = client.get_default_database()
        graph = _read_graph(database)
        heads = _read_heads(database, graph)
    kept = _kept(graph, heads, retain)
    delete = sorted(graph.keys() - kept)
    with path.open("w") as file:
        json.dump({"delete": delete, "update_parents": _relinks(graph, heads, kept)}, file, indent=2)
    return len(delete)


def _read_graph(database: Database[dict[str, Any]]) -> dict[str, _Structure]:
    fields = ("original_version", "previous_version")
    found = database["modulestore.structures"].find({}, fields, batch_size=_BATCH)
    return {structure.id: structure for structure in map(_parsed, found)}


def _parsed(document: dict[str, Any]) -> _Structure:
    previous = document["previous_version"]
    return _Structure(
        str(document["_id"]), str(document["original_version"]), None if previous is None else str(previous)
    )


def _read_heads(database: Database[dict[str, Any]], graph: dict[str, _Structure]) -> list[str]:
    """The heads of all branches; one that was made since is fetched, with what comes before it."""
    entries = database["modulestore.active_versions"].find({}, ("versions",))
    heads = [str(head) for entry in entries for head in entry["versions"].values()]
    structures = database["modulestore.structures"]
    for head in heads:
        at: str | None = head
        while at is not None and at not in graph:
            document = structures.find_one({"_id": ObjectId(at)}, ("original_version", "previous_version"))
            assert document is not None, f"{at} is not there"
            graph[at] = _parsed(document)
            at = graph[at].previous
    return heads


def _kept(graph: dict[str, _Structure], heads: list[str], retain: int) -> set[str]:
    """Heads, the first version of each, and so many versions before each."""
    kept = set()
    for head in heads:
        kept |= {head, graph[head].original}
        at = graph[head].previous
        for _ in range(retain):
            if at is None or at not in graph:
                break
            kept.add(at)
            at = graph[at].previous
    return kept


def _relinks(graph: dict[str, _Structure], heads: list[str], kept: set[str]) -> list[tuple[str, str]]:
    """What comes after the first gap of each branch is to come after the first version instead."""
    found = set()
    for head in heads:
        last = graph[head]
        while last.previous in kept and last.id != last.original:
            assert last.previous is not None
            last = graph[last.previous]
        if last.id != last.original and last.previous != last.original:
            found.add((last.id, last.original))
    return sorted(found)
