"""The command that sets shard keys: what it asks a router, what it tells it to do, and that it does no more.

A cluster is played by a fake that answers the few commands there are; what a server of one's own answers
is tried too. Nothing here has run against a mongos.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.errors import OperationFailure

import modulestore
from modulestore.upkeep.sharding import BY_ID, FoundIndex
from tools import shard_collections
from tools.shard_collections import look, main

STRUCTURES, DEFINITIONS = "modulestore.structures", "modulestore.definitions"
ROOT = Path(__file__).resolve().parents[2]
CHANGING = ("enableSharding", "createIndexes", "shardCollection")


@dataclass
class Cluster:
    """A router, as far as the command talks to one.

    Attributes:
        collections: documents by collection; those of both shards have the same size.
        keys: what is sharded, as the cluster writes it down.
        fails: a command that fails.
    """

    collections: dict[str, int]
    indexes: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    keys: dict[str, dict[str, Any]] = field(default_factory=dict)
    shards: tuple[str, ...] = ("one", "two")
    fails: str | None = None
    asked: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def __call__(self, database: str, command: Mapping[str, Any]) -> Mapping[str, Any]:
        name, target = next(iter(command.items()))
        self.asked.append((database, dict(command)))
        if name == self.fails:
            raise OperationFailure("not now", 91)
        answer: dict[str, Any] | list[dict[str, Any]] = getattr(self, f"_{name}")(target, command)
        return {"cursor": {"firstBatch": answer}, "ok": 1.0} if isinstance(answer, list) else answer

    def changes(self) -> list[tuple[str, dict[str, Any]]]:
        """What it was told to change."""
        return [(database, one) for database, one in self.asked if next(iter(one)) in CHANGING]

    def _hello(self, *_: Any) -> dict[str, Any]:
        return {"msg": "isdbgrid", "isWritablePrimary": True}

    def _listShards(self, *_: Any) -> dict[str, Any]:  # noqa: N802
        return {"shards": [{"_id": name, "host": f"{name}/h:1"} for name in self.shards]}

    def _listCollections(self, _: Any, command: Mapping[str, Any]) -> list[dict[str, Any]]:  # noqa: N802
        wanted = command["filter"]["name"]["$in"]
        return [{"name": name, "type": "collection"} for name in self.collections if name in wanted]

    def _find(self, _: Any, command: Mapping[str, Any]) -> list[dict[str, Any]]:
        wanted = command["filter"]
        assert wanted["unsplittable"] == wanted["dropped"] == {"$ne": True}
        return [{"_id": f"courses.{name}", "key": key} for name, key in self.keys.items()]

    def _aggregate(self, name: str, _: Any) -> list[dict[str, Any]]:
        half = {"count": self.collections[name] // 2, "size": self.collections[name] * 50}
        return [{"shard": shard, "storageStats": half} for shard in ("one", "two")]

    def _listIndexes(self, name: str, _: Any) -> list[dict[str, Any]]:  # noqa: N802
        return [{"name": "_id_", "key": {"_id": 1}}, *self.indexes.get(name, [])]

    def _enableSharding(self, *_: Any) -> dict[str, Any]:  # noqa: N802
        return {"ok": 1.0}

    def _createIndexes(self, name: str, command: Mapping[str, Any]) -> dict[str, Any]:  # noqa: N802
        self.indexes.setdefault(name, []).extend(command["indexes"])
        return {"ok": 1.0}

    def _shardCollection(self, target: str, command: Mapping[str, Any]) -> dict[str, Any]:  # noqa: N802
        name = target.removeprefix("courses.")
        known = [{"_id": 1}, *(index["key"] for index in self.indexes.get(name, []))]
        assert command["key"] in known or not self.collections.get(name), "a mongos wants the index first"
        self.collections.setdefault(name, 0)
        self.keys[name] = dict(command["key"])
        return {"collectionsharded": target, "ok": 1.0}


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Cluster:
    """A cluster with a database that is in use; the command talks to it."""
    made = Cluster(
        {
            STRUCTURES: 1000,
            DEFINITIONS: 2000,
            "modulestore.active_versions": 4,
            "modulestore.records": 2,
            "other": 1,
        }
    )

    class Client:
        def __init__(self, *_: Any) -> None: ...
        def __class_getitem__(cls, _: Any) -> type[Client]:
            return cls

        def __enter__(self) -> Client:
            return self

        def __exit__(self, *_: object) -> None: ...
        def __getitem__(self, database: str) -> Any:
            return Database(database)

    @dataclass
    class Database:
        name: str

        def command(self, command: Mapping[str, Any]) -> Mapping[str, Any]:
            return made(self.name, command)

    monkeypatch.setattr(shard_collections, "MongoClient", Client)
    return made


URL = "mongodb://mongos/courses?writes=yes"


def test_what_is_found() -> None:
    cluster = Cluster({STRUCTURES: 1000, "other": 3}, keys={STRUCTURES: {"_id": "hashed"}})
    cluster.indexes[STRUCTURES] = [{"name": "theirs", "key": {"a": 1, "b": -1}, "unique": True}]
    found = look(cluster, "courses")
    assert found.shards == ["one", "two"]
    assert list(found.collections) == [STRUCTURES]
    one = found.collections[STRUCTURES]
    assert (one.documents, one.size, one.shard_key) == (1000, 100_000, BY_ID), "of both shards together"
    assert one.indexes == [
        FoundIndex("_id_", (("_id", 1),)),
        FoundIndex("theirs", (("a", 1), ("b", -1)), unique=True),
    ]
    assert cluster.changes() == []


def test_a_plan_changes_nothing(cluster: Cluster, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([URL]) == 0
    out = capsys.readouterr().out
    assert "database courses, a cluster of 2 shards" in out
    assert re.search(r"to shard +modulestore.structures +1,000 documents +100.0 kB +by {_id: hashed}: ", out)
    assert re.search(r"stays whole +modulestore.active_versions +4 documents", out)
    assert "fs.chunks" not in out, "it is not there"
    assert "  shard modulestore.structures by {_id: hashed}" in out
    assert cluster.changes() == []


def test_applied_it_is_done_in_order(cluster: Cluster, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([URL, "--apply"]) == 0
    index = [{"key": {"_id": "hashed"}, "name": "_id_hashed"}]
    assert cluster.changes() == [
        ("admin", {"enableSharding": "courses"}),
        ("courses", {"createIndexes": STRUCTURES, "indexes": index}),
        ("admin", {"shardCollection": f"courses.{STRUCTURES}", "key": {"_id": "hashed"}}),
        ("courses", {"createIndexes": DEFINITIONS, "indexes": index}),
        ("admin", {"shardCollection": f"courses.{DEFINITIONS}", "key": {"_id": "hashed"}}),
    ]
    assert capsys.readouterr().out.endswith("done\n")
    cluster.asked.clear()
    assert main([URL, "--apply"]) == 0
    assert cluster.changes() == [], "it is done"
    assert "nothing to do" in capsys.readouterr().out


@pytest.mark.parametrize("fails", CHANGING)
def test_after_a_failure_it_goes_on(cluster: Cluster, fails: str, capsys: pytest.CaptureFixture[str]) -> None:
    cluster.fails = fails
    assert main([URL, "--apply"]) == 5
    assert "not now" in capsys.readouterr().err
    cluster.fails = None
    assert main([URL, "--apply"]) == 0
    assert set(cluster.keys) == {STRUCTURES, DEFINITIONS}
    assert [len(made) for made in cluster.indexes.values()] == [1, 1], "nothing was made twice"


def test_what_is_sharded_otherwise_is_not_touched(
    cluster: Cluster, capsys: pytest.CaptureFixture[str]
) -> None:
    cluster.keys[STRUCTURES] = {"original_version": 1}
    assert main([URL, "--apply"]) == 6
    assert all(STRUCTURES not in str(command) for _, command in cluster.changes())
    assert cluster.keys[DEFINITIONS] == {"_id": "hashed"}, "the others are done"
    assert "refused" in capsys.readouterr().out


def test_as_json(cluster: Cluster, capsys: pytest.CaptureFixture[str]) -> None:
    cluster.keys[DEFINITIONS] = {"_id": "hashed"}
    assert main([URL, "--json"]) == 0
    plan = json.loads(capsys.readouterr().out)
    assert (plan["database"], plan["shards"], plan["obstacle"], plan["done"]) == (
        "courses",
        ["one", "two"],
        None,
        [],
    )
    by_name = {one.pop("name"): one for one in plan["collections"]}
    assert by_name[STRUCTURES] == {
        "state": "to shard",
        "documents": 1000,
        "bytes": 100_000,
        "key": {"_id": "hashed"},
        "sharded_by": None,
        "index": {"_id": "hashed"},
        "reason": by_name[STRUCTURES]["reason"],
    }
    assert by_name[DEFINITIONS]["sharded_by"] == {"_id": "hashed"}
    assert [step["action"] for step in plan["steps"]] == [
        "enable sharding",
        "create index",
        "shard collection",
    ]
    assert main([URL, "--json", "--apply"]) == 0
    applied = json.loads(capsys.readouterr().out)
    assert applied["done"] == plan["steps"]
    assert applied["steps"] == []


@pytest.mark.parametrize("url", ["sqlite:///courses.db", "courses", "mongodb://"])
def test_a_url_that_names_no_server(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([url]) == 2
    assert capsys.readouterr().err
    assert main([url, "--json"]) == 2
    assert json.loads(capsys.readouterr().err)["error"]["type"] == "InvalidURL"


def test_a_server_that_is_down(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["mongodb://127.0.0.1:1/courses?serverSelectionTimeoutMS=50"]) == 5
    assert "cannot be reached" in capsys.readouterr().err


@pytest.fixture
def in_use(mongodb_url: str, sample_course: str) -> str:
    """A database on the tests' own server, which is no router."""
    with modulestore.connect(mongodb_url) as store:
        store.import_course(sample_course)
    return mongodb_url


def test_a_server_that_is_no_router(in_use: str, capsys: pytest.CaptureFixture[str]) -> None:
    for options in ((), ("--apply",)):
        assert main([in_use, *options]) == 6
        out = capsys.readouterr().out
        assert "no cluster" in out
        assert "refused: this server is no mongos" in out
        assert re.search(r"to shard +modulestore.definitions +\d\d documents", out), "what is there is said"
    with MongoClient[dict[str, Any]](in_use) as client:
        assert list(client.get_default_database()[STRUCTURES].index_information()) == [
            "_id_",
            "original_version_1",
        ]


def test_what_a_real_server_says_of_a_database(in_use: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([in_use, "--json"]) == 6
    plan = json.loads(capsys.readouterr().out)
    by_name = {one["name"]: one for one in plan["collections"]}
    with MongoClient[dict[str, Any]](in_use) as client:
        database = client.get_default_database()
        for name in database.list_collection_names():
            documents = list(database[name].find({}))
            assert by_name[name]["documents"] == len(documents)
            assert (by_name[name]["bytes"] > 0) is bool(documents)
    assert by_name["modulestore"]["state"] == "not there"
    assert by_name["modulestore.blob_chunks"]["state"] == "to shard"
    assert plan["steps"] == []


def test_the_page_shows_what_is_printed(cluster: Cluster, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["mongodb://mongos/courses"]) == 0
    page = (ROOT / "docs" / "scaling.md").read_text()
    shown = page.partition("$ python tools/shard_collections.py mongodb://mongos/courses\n")[2]
    assert shown.startswith(capsys.readouterr().out + "```\n")
