"""What the store needs of collections, on the server in use: indexes, aggregation, files, management."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import gridfs
import pytest
from pymongo import IndexModel
from pymongo.database import Database
from pymongo.errors import CollectionInvalid, DuplicateKeyError, OperationFailure, WriteError

from tests.servers import MongoDB

DB = Database[dict[str, Any]]


def test_unique_index(db: DB) -> None:
    db.items.create_index([("org", 1), ("run", 1)], unique=True)
    db.items.insert_one({"org": 1, "run": 1})
    with pytest.raises(DuplicateKeyError) as caught:
        db.items.insert_one({"org": 1, "run": 1})
    assert caught.value.code == 11000
    assert "E11000" in str(caught.value)
    assert "org_1_run_1" in str(caught.value)


@pytest.mark.parametrize(
    "change",
    [
        lambda items: items.update_one({"_id": 2}, {"$set": {"a": 1}}),
        lambda items: items.update_one({"_id": 2}, [{"$set": {"a": 1}}]),
        lambda items: items.find_one_and_update({"_id": 2}, {"$set": {"a": 1}}),
        lambda items: items.replace_one({"_id": 2}, {"a": 1}),
        lambda items: items.update_one({"_id": 3}, {"$set": {"a": 1}}, upsert=True),
    ],
    ids=["update", "pipeline", "findAndModify", "replace", "upsert"],
)
def test_unique_index_refuses_changes(db: DB, change: Callable[[Any], object]) -> None:
    db.items.create_index("a", unique=True)
    db.items.insert_many([{"_id": 1, "a": 1}, {"_id": 2, "a": 2}])
    with pytest.raises(DuplicateKeyError):
        change(db.items)
    assert list(db.items.find().sort("_id")) == [{"_id": 1, "a": 1}, {"_id": 2, "a": 2}]


def test_sparse_and_partial_unique_indexes(db: DB) -> None:
    db.items.create_index("a", unique=True, sparse=True)
    db.items.insert_many([{"_id": 1}, {"_id": 2}])
    db.items.create_index("b", unique=True, partialFilterExpression={"b": {"$exists": True}})
    db.items.insert_many([{"_id": 3, "b": 1}, {"_id": 4, "a": 9}])
    with pytest.raises(DuplicateKeyError):
        db.items.insert_one({"_id": 5, "b": 1})


def test_indexes_are_made_listed_and_dropped(db: DB) -> None:
    db.items.create_index([("a", 1), ("b", -1)], name="ab")
    db.items.create_indexes([IndexModel([("c", 1)])])
    db.items.create_index([("a", 1), ("b", -1)], name="ab")  # once more is no error
    information = db.items.index_information()
    assert set(information) == {"_id_", "ab", "c_1"}
    assert information["_id_"]["key"] == [("_id", 1)]
    assert information["ab"]["key"] == [("a", 1), ("b", -1)]
    db.items.drop_index("ab")
    db.items.drop_indexes()
    assert set(db.items.index_information()) == {"_id_"}


def test_errors_about_indexes_have_codes(db: DB) -> None:
    db.items.create_index("a", name="n1")
    with pytest.raises(OperationFailure) as conflict:
        db.items.create_index("a", name="n1", unique=True)
    assert conflict.value.code in (85, 86)
    with pytest.raises(OperationFailure) as missing:
        db.items.drop_index("nope")
    assert missing.value.code == 27


def test_text_and_ttl_indexes(db: DB) -> None:
    db.items.create_index("at", expireAfterSeconds=3_600)
    assert db.items.index_information()["at_1"]["expireAfterSeconds"] == 3_600
    db.items.create_index([("s", "text")])
    db.items.insert_many([{"s": "hello world"}, {"s": "other"}])
    assert db.items.count_documents({"$text": {"$search": "hello"}}) == 1


def test_collections_are_made_renamed_and_dropped(db: DB) -> None:
    db.create_collection("a")
    with pytest.raises(CollectionInvalid):
        db.create_collection("a")
    db.a.insert_one({"_id": 1})
    db.a.rename("b", dropTarget=True)
    assert db.list_collection_names() == ["b"]
    assert db.name in db.client.list_database_names()
    assert db.command("collstats", "b")["count"] == 1
    assert db.command("dbstats")["ok"] == 1
    db.drop_collection("b")
    db.drop_collection("b")  # once more is no error
    assert db.list_collection_names() == []


def test_validator(db: DB) -> None:
    db.create_collection("items", validator={"a": {"$type": "int"}})
    with pytest.raises(WriteError) as caught:
        db.items.insert_one({"a": "x"})
    assert caught.value.code == 121


def test_view(db: DB) -> None:
    db.items.insert_many([{"v": i} for i in range(10)])
    db.create_collection("few", viewOn="items", pipeline=[{"$match": {"v": {"$lt": 5}}}])
    assert db.few.count_documents({}) == 5


def test_count_and_distinct(db: DB) -> None:
    db.items.insert_many([{"g": i % 3, "v": i, "list": [i, i + 1]} for i in range(30)])
    assert db.items.estimated_document_count() == 30
    assert sorted(db.items.distinct("g")) == [0, 1, 2]
    assert sorted(db.items.distinct("list", {"v": 1})) == [1, 2]


def test_group_unwind_sample_and_facet(db: DB) -> None:
    db.items.insert_many([{"_id": i, "g": i % 3, "v": i, "list": [i, i + 1]} for i in range(30)])
    group: dict[str, Any] = {"_id": "$g", "n": {"$sum": 1}, "sum": {"$sum": "$v"}, "max": {"$max": "$v"}}
    group |= {"all": {"$push": "$v"}, "set": {"$addToSet": "$g"}, "first": {"$first": "$v"}}
    pipeline = [{"$match": {"v": {"$gte": 3}}}, {"$group": group}, {"$sort": {"_id": 1}}]
    first = next(iter(db.items.aggregate([*pipeline, {"$project": {"n": 1, "sum": 1, "max": 1}}])))
    assert first == {"_id": 0, "n": 9, "sum": sum(range(3, 30, 3)), "max": 27}
    assert list(db.items.aggregate([{"$count": "n"}])) == [{"n": 30}]
    assert len(list(db.items.aggregate([{"$unwind": "$list"}]))) == 60
    assert len(list(db.items.aggregate([{"$sample": {"size": 3}}]))) == 3
    largest = [{"$sort": {"v": -1}}, {"$limit": 1}, {"$replaceRoot": {"newRoot": {"v": "$v"}}}]
    facet = {"$facet": {"count": [{"$count": "n"}], "largest": largest}}
    assert list(db.items.aggregate([facet])) == [{"count": [{"n": 30}], "largest": [{"v": 29}]}]


def test_lookup_union_and_graph(db: DB) -> None:
    db.left.insert_many([{"_id": 1, "r": 10}, {"_id": 2, "r": 20}])
    db.right.insert_many([{"_id": 10, "x": 1}, {"_id": 11, "x": 2}])
    plain = {"from": "right", "localField": "r", "foreignField": "_id", "as": "j"}
    match = [{"$match": {"$expr": {"$eq": ["$_id", "$$r"]}}}]
    for lookup in plain, {"from": "right", "let": {"r": "$r"}, "pipeline": match, "as": "j"}:
        joined = list(db.left.aggregate([{"$lookup": lookup}, {"$sort": {"_id": 1}}]))
        assert joined == [{"_id": 1, "r": 10, "j": [{"_id": 10, "x": 1}]}, {"_id": 2, "r": 20, "j": []}]
    assert len(list(db.left.aggregate([{"$unionWith": {"coll": "right"}}]))) == 4
    db.tree.insert_many([{"_id": i, "p": i - 1} for i in range(1, 6)])
    graph = {"from": "tree", "startWith": "$p", "connectFromField": "p", "connectToField": "_id", "as": "up"}
    found = list(db.tree.aggregate([{"$match": {"_id": 5}}, {"$graphLookup": graph}]))
    assert len(found[0]["up"]) == 4


def test_out_and_merge(db: DB) -> None:
    db.left.insert_many([{"_id": 1}, {"_id": 2}])
    db.right.insert_many([{"_id": 3}, {"_id": 4}])
    db.left.aggregate([{"$out": "both"}]).close()
    db.right.aggregate([{"$merge": {"into": "both"}}]).close()
    assert sorted(document["_id"] for document in db.both.find()) == [1, 2, 3, 4]


def test_gridfs(db: DB) -> None:
    files = gridfs.GridFS(db, "files")
    data = os.urandom(3_000_000)
    key = files.put(data, filename="x", metadata={"a": 1}, content_type="a/b")
    assert files.get(key).read() == data
    assert files.get_last_version("x")._id == key
    assert files.list() == ["x"]
    files.delete(key)
    assert not files.exists(key)


def test_gridfs_bucket(db: DB) -> None:
    bucket = gridfs.GridFSBucket(db, "bucket")
    key = bucket.upload_from_stream("n", b"abc" * 200_000)
    assert bucket.open_download_stream(key).read() == b"abc" * 200_000
    bucket.rename(key, "m")
    bucket.delete(key)


def test_what_only_mongod_can(db: DB, mongodb_server: MongoDB) -> None:
    if mongodb_server.stand_in:
        pytest.skip("the stand-in has no details of duplicate keys and no explain")
    db.items.create_index("a", unique=True)
    db.items.insert_one({"a": 1})
    with pytest.raises(DuplicateKeyError) as caught:
        db.items.insert_one({"a": 1})
    assert caught.value.details is not None
    assert caught.value.details["keyPattern"] == {"a": 1}
    assert db.items.find({"a": 1}).explain()["queryPlanner"]
