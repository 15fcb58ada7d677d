"""What is asked of the collections that a cluster spreads over its shards: each statement in a store's life,
by the fields of its filter. docs/scaling.md has the same as a table.

On a cluster, a statement about one document has to name its shard key, a transaction over several shards is
slow, and what does not name the key goes to every shard.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

from bson import ObjectId
from pymongo import MongoClient
from pymongo.monitoring import CommandListener, CommandStartedEvent

from modulestore import Store
from modulestore._sync.mongo import open_database
from modulestore.storage.mongo.blobs import CHUNKS, chunk_id
from modulestore.testing.samples import random_bytes
from modulestore.upkeep.pruning.policy import Policy, Retention
from modulestore.upkeep.sharding import BY_ID, PLACEMENTS
from tests.pruning.past import long_ago

SPREAD = {one.collection.removeprefix("modulestore.") for one in PLACEMENTS if one.key == BY_ID}
KEY, AGAIN = "course-v1:Example+MS101+2026", "course-v1:Example+MS101+2027"

TO_ITS_SHARDS = {
    "structures find _id=in",
    "structures delete _id=in",
    "structures update _id=",  # linked anew
    "structures update _id= previous_version=",  # stored in another format
    "definitions find _id=in",
    "definitions delete _id=in",
    "blob_chunks find _id=in",
}
TO_ALL_SHARDS = {
    "structures find",  # whether there is anything at all: before the first write
    "definitions find",
    "structures find _id=range",  # walks through all of them, and the ids of upkeep
    "structures find _id=range original_version=",  # a history
    "definitions find _id=range",
    "blob_chunks find",
    "blob_chunks find _id=range",
    "blob_chunks delete _id=range",
    "blob_chunks find or",
}


class Statements(CommandListener):
    """What is asked of the collections that are spread."""

    def __init__(self) -> None:
        self.shapes: set[str] = set()
        self.inserted: set[str] = set()
        self.others: list[Mapping[str, Any]] = []

    def started(self, event: CommandStartedEvent) -> None:
        command = event.command
        name = str(command[event.command_name]).removeprefix("modulestore.")
        if name not in SPREAD or event.command_name in ("createIndexes", "listIndexes"):
            return
        if "autocommit" in command or event.command_name not in ("find", "insert", "update", "delete"):
            self.others.append(command)
        elif event.command_name == "insert":
            self.inserted.add(name)
        elif event.command_name == "find":
            self.shapes.add(f"{name} find{shape(command['filter'])}")
        else:
            for one in command["updates" if event.command_name == "update" else "deletes"]:
                self.shapes.add(f"{name} {event.command_name}{shape(one['q'])}")
                if one.get("upsert") or (event.command_name == "update" and one.get("multi")):
                    self.others.append(command)

    def succeeded(self, event: Any) -> None: ...

    def failed(self, event: Any) -> None: ...


def shape(wanted: Mapping[str, Any]) -> str:
    """The fields of a filter, and how they are compared."""
    return "".join(f" {part(name, value)}" for name, value in sorted(wanted.items()))


def part(name: str, value: object) -> str:
    if name == "$or":
        return "or"
    if not isinstance(value, Mapping):
        return f"{name}="
    return f"{name}={'in' if set(value) == {'$in'} else 'range'}"


def test_what_a_store_asks_of_collections_that_are_spread(
    mongodb_url: str, sample_course: str, tmp_path: Path
) -> None:
    statements = Statements()
    with (
        MongoClient[dict[str, Any]](mongodb_url, tz_aware=True, event_listeners=[statements]) as client,
        closing(Store(open_database(client.get_default_database()), **long_ago())) as store,
    ):
        broken_off = {"_id": chunk_id(ObjectId("0" * 24), 0), "data": b"of an upload"}
        client.get_default_database()[CHUNKS].insert_one(broken_off)
        live(store, sample_course, tmp_path)
    assert statements.inserted == SPREAD
    assert statements.others == [], "no transaction, no upsert, no update of many"
    assert statements.shapes == TO_ITS_SHARDS | TO_ALL_SHARDS


def live(store: Store, sample_course: str, folder: Path) -> None:
    """Most of what can happen to a course, and to its files."""
    store.import_course(sample_course)
    for name in ("one", "two", "three"):
        with store.edit(KEY, author="ana", message=name) as edit:
            edit.update(("html", "columns"), display_name=name, data=f"<p>{name}</p>")
    store.load_content(store.open(KEY).blocks("problem"))
    store.publish(KEY, author="ana")
    store.rerun(KEY, AGAIN, author="ana")
    first = store.history(KEY, branch="draft")[-1]
    store.restore(KEY, first.version, author="ana")
    store.delete(AGAIN, author="ana")
    store.undelete(AGAIN, author="ana")
    film = store.assets.put(KEY, "film.webm", io.BytesIO(random_bytes(600_000))).file
    store.assets.fetch(film, 100_000, 500_000)
    store.assets.delete(film.key)
    store.convert(1)
    policy = Policy(Retention(keep=1), min_age=timedelta(0))
    store.plan_pruning(policy, folder / "plan")
    store.apply_pruning(folder / "plan", grace=timedelta(0))
    store.convert(2)
    store.check(deep=True)
    store.statistics()
    store.bundle(KEY, folder / "bundle", history=True)
