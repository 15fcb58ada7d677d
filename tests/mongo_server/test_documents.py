"""What the store needs of documents: storing, finding and changing them, on the server in use."""

from __future__ import annotations

import asyncio
import datetime as dt
import os
import re
from typing import Any

import bson
import pytest
from bson.codec_options import CodecOptions
from bson.raw_bson import RawBSONDocument
from pymongo import (
    AsyncMongoClient,
    DeleteOne,
    InsertOne,
    ReadPreference,
    ReplaceOne,
    ReturnDocument,
    UpdateOne,
    WriteConcern,
)
from pymongo.collation import Collation
from pymongo.collection import Collection
from pymongo.database import Database
from pymongo.errors import (
    AutoReconnect,
    BulkWriteError,
    DocumentTooLarge,
    OperationFailure,
    WriteError,
)
from pymongo.read_concern import ReadConcern

DB = Database[dict[str, Any]]


def test_every_type_comes_back_as_it_went(db: DB) -> None:
    document = {
        "_id": bson.ObjectId(),
        "int": 1,
        "long": bson.Int64(2**40),
        "float": 1.5,
        "text": "é",
        "bytes": b"\0\1",
        "date": dt.datetime(2020, 1, 1, 0, 0, 0, 123000),  # noqa: DTZ001 - what the driver gives back
        "null": None,
        "bool": True,
        "list": [1, [2, {"x": []}]],
        "empty": {},
        "regex": bson.Regex("a", "i"),
        "timestamp": bson.Timestamp(1, 2),
        "decimal": bson.Decimal128("1.10"),
    }
    db.items.insert_one(document)
    found = db.items.find_one({"_id": document["_id"]})
    assert found == document
    assert list(found) == list(document)


def test_keys_keep_their_order_and_their_dots(db: DB) -> None:
    db.items.insert_one({"_id": 1, "z": 1, "a": 2, "m": {"q": 1, "b": 2}, "a.b": {"c.d": 1}})
    found = db.items.find_one()
    assert found is not None
    assert list(found) == ["_id", "z", "a", "m", "a.b"]
    assert list(found["m"]) == ["q", "b"]


def test_compound_id(db: DB) -> None:
    db.items.insert_one({"_id": {"org": "o", "course": "c"}, "v": 1})
    assert db.items.count_documents({"_id": {"org": "o", "course": "c"}}) == 1
    assert db.items.count_documents({"_id.org": "o"}) == 1


def test_raw_documents_go_and_come_unchanged(db: DB) -> None:
    options: CodecOptions[RawBSONDocument] = CodecOptions(document_class=RawBSONDocument)
    raw: Collection[RawBSONDocument] = db.get_collection("items", codec_options=options)  # type: ignore[assignment]
    documents = [RawBSONDocument(bson.encode({"_id": i, "p": {"q": [1, "x" * 10_000]}})) for i in range(20)]
    raw.insert_one(documents[0])
    raw.insert_many(documents[1:])
    assert [document.raw for document in raw.find().sort("_id")] == [document.raw for document in documents]
    replacement = RawBSONDocument(bson.encode({"_id": 3, "new": True}))
    raw.replace_one({"_id": 3}, replacement)
    found = raw.find_one({"_id": 3})
    assert found is not None
    assert found.raw == replacement.raw


def test_documents_of_almost_16_megabytes(db: DB) -> None:
    payload = os.urandom(15_900_000)
    db.items.insert_one({"_id": 1, "p": payload})
    found = db.items.find_one({"_id": 1})
    assert found is not None
    assert found["p"] == payload
    with pytest.raises((DocumentTooLarge, WriteError, OperationFailure, AutoReconnect)):
        db.items.insert_one({"_id": 2, "p": bytes(17_000_000)})


def test_an_insert_larger_than_one_message(db: DB) -> None:
    db.items.insert_many([{"_id": i, "p": bytes(1_000_000)} for i in range(60)])
    assert db.items.count_documents({}) == 60
    assert sum(len(document["p"]) for document in db.items.find()) == 60_000_000


def test_an_insert_larger_than_one_batch(db: DB) -> None:
    db.items.insert_many([{"_id": i} for i in range(30_000)])
    assert db.items.estimated_document_count() == 30_000


def test_update_operators(db: DB) -> None:
    db.items.insert_one({"_id": 1, "a": [1, 2, 3], "n": {"x": 1}, "c": 1})
    updates: list[dict[str, Any]] = [
        {"$set": {"n.y": 2}, "$unset": {"c": ""}, "$inc": {"k": 5}, "$currentDate": {"when": True}},
        {"$addToSet": {"a": {"$each": [3, 4]}}, "$mul": {"z": 2}},
        {"$push": {"a": {"$each": [9], "$position": 0, "$slice": 4}}, "$rename": {"n": "nn"}},
        {"$min": {"k": 2}, "$max": {"m": 3}, "$pull": {"a": {"$gte": 3}}},
        {"$pop": {"a": -1}},
    ]
    for update in updates:
        assert db.items.update_one({"_id": 1}, update).modified_count == 1
    found = db.items.find_one({}, {"when": 0})
    assert found == {"_id": 1, "a": [2], "nn": {"x": 1, "y": 2}, "k": 2, "m": 3, "z": 0}


def test_current_date_beside_max(db: DB) -> None:
    db.items.insert_one({"_id": 1, "n": 3})
    before = dt.datetime.now(dt.UTC).replace(tzinfo=None) - dt.timedelta(seconds=60)
    db.items.update_one({"_id": 1}, {"$currentDate": {"at": True}, "$max": {"n": 5}})
    found = db.items.find_one()
    assert found is not None
    assert found["n"] == 5
    assert found["at"] > before
    with pytest.raises(WriteError):  # the two cannot meet in one field: a pipeline is needed for that
        db.items.update_one({"_id": 1}, {"$currentDate": {"at": True}, "$max": {"at": before}})


def test_arrays_by_position_and_by_filter(db: DB) -> None:
    db.items.insert_one({"_id": 1, "a": [{"k": 1, "v": 1}, {"k": 2, "v": 2}]})
    db.items.update_one({"_id": 1, "a.k": 2}, {"$set": {"a.$.v": 20}})
    db.items.update_one({"_id": 1}, {"$set": {"a.$[e].v": 10}}, array_filters=[{"e.k": 1}])
    assert db.items.find_one({}, {"_id": 0}) == {"a": [{"k": 1, "v": 10}, {"k": 2, "v": 20}]}


def test_nested_arrays(db: DB) -> None:
    db.items.insert_one({"_id": 1, "children": [["video", "a"], ["html", "b"]]})
    db.items.update_one({"_id": 1}, {"$pull": {"children": ["video", "a"]}})
    db.items.update_one({"_id": 1}, {"$addToSet": {"children": ["html", "b"]}})
    assert db.items.find_one() == {"_id": 1, "children": [["html", "b"]]}


def test_upsert(db: DB) -> None:
    update = {"$set": {"a": 1}, "$setOnInsert": {"b": 2}}
    assert db.items.update_one({"_id": 1}, update, upsert=True).upserted_id == 1
    db.items.update_one({"_id": 1}, {"$set": {"a": 3}, "$setOnInsert": {"b": 9}}, upsert=True)
    assert db.items.find_one() == {"_id": 1, "a": 3, "b": 2}


def test_find_one_and(db: DB) -> None:
    items = db.items
    after = ReturnDocument.AFTER
    update = {"$inc": {"v": 1}}
    assert items.find_one_and_update({"_id": 1}, update, upsert=True, return_document=after) == {
        "_id": 1,
        "v": 1,
    }
    assert items.find_one_and_update({"_id": 9}, update) is None
    items.insert_many([{"_id": i, "s": i} for i in range(2, 6)])
    last = items.find_one_and_update(
        {"s": {"$gt": 0}}, update, sort=[("s", -1)], projection={"s": 1, "_id": 0}
    )
    assert last == {"s": 5}
    assert items.find_one_and_replace({"_id": 2}, {"b": 2}, return_document=after) == {"_id": 2, "b": 2}
    assert items.find_one_and_delete({"_id": 2}) == {"_id": 2, "b": 2}
    assert items.count_documents({"_id": 2}) == 0


def test_a_filter_that_matches_nothing_changes_nothing(db: DB) -> None:
    db.items.insert_one({"_id": 1, "v": 1})
    assert db.items.update_one({"_id": 1, "v": 1}, {"$set": {"v": 2}}).modified_count == 1
    assert db.items.update_one({"_id": 1, "v": 1}, {"$set": {"v": 2}}).matched_count == 0


def test_delete_many_by_a_long_list(db: DB) -> None:
    ids = [bson.ObjectId() for _ in range(2_000)]
    db.items.insert_many([{"_id": each} for each in ids])
    assert db.items.delete_many({"_id": {"$in": ids[:1_500]}}).deleted_count == 1_500
    assert db.items.count_documents({}) == 500


def test_bulk_write_in_order_stops_at_the_first_error(db: DB) -> None:
    db.items.insert_one({"_id": 2})
    with pytest.raises(BulkWriteError) as caught:
        db.items.bulk_write([InsertOne({"_id": 1}), InsertOne({"_id": 2}), InsertOne({"_id": 3})])
    details = caught.value.details
    assert details["nInserted"] == 1
    assert [(error["index"], error["code"]) for error in details["writeErrors"]] == [(1, 11000)]
    assert db.items.count_documents({}) == 2


def test_bulk_write_out_of_order_does_what_it_can(db: DB) -> None:
    db.items.insert_one({"_id": 2})
    operations: list[InsertOne[dict[str, Any]] | UpdateOne | DeleteOne | ReplaceOne[dict[str, Any]]] = [
        *(InsertOne({"_id": i}) for i in (1, 2, 3)),
        UpdateOne({"_id": 1}, {"$set": {"x": 1}}),
        DeleteOne({"_id": 3}),
        UpdateOne({"_id": 77}, {"$set": {"y": 1}}, upsert=True),
        ReplaceOne({"_id": 2}, {"z": 1}),
    ]
    with pytest.raises(BulkWriteError) as caught:
        db.items.bulk_write(operations, ordered=False)
    counts = caught.value.details
    assert [counts[name] for name in ("nInserted", "nMatched", "nRemoved", "nUpserted")] == [2, 2, 1, 1]


def test_bulk_upserts_tell_their_ids(db: DB) -> None:
    upserts = [UpdateOne({"_id": i}, {"$set": {"v": i}}, upsert=True) for i in range(250)]
    done = db.items.bulk_write(upserts)
    assert done.upserted_count == 250
    assert done.upserted_ids is not None
    assert done.upserted_ids[3] == 3


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ({"a": {"$gt": 5, "$lte": 10}}, 5),
        ({"a": {"$nin": [1, 2]}}, 18),
        ({"t": "x"}, 10),
        ({"t": {"$all": ["x", "y"]}}, 10),
        ({"t": {"$size": 1}}, 10),
        ({"$or": [{"a": 1}, {"a": 2}]}, 2),
        ({"$nor": [{"a": 1}]}, 19),
        ({"b": {"$exists": False}}, 20),
        ({"s": re.compile("^k1")}, 11),
        ({"sub": {"$elemMatch": {"p": 5, "q": 2}}}, 1),
        ({"a": {"$not": {"$lt": 10}}}, 10),
        ({"a": {"$mod": [5, 0]}}, 4),
        ({"a": {"$type": "int"}}, 20),
        ({"$expr": {"$eq": ["$a", "$_id"]}}, 20),
        ({"missing": None}, 20),
        ({"$and": [{"a": {"$ne": 3}}, {"a": {"$lt": 5}}]}, 4),
    ],
)
def test_query_operators(db: DB, query: dict[str, Any], count: int) -> None:
    db.items.insert_many(
        {
            "_id": i,
            "a": i,
            "t": ["x", "y"] if i % 2 else ["z"],
            "s": f"k{i}",
            "sub": [{"p": i, "q": 1}, {"p": i + 1, "q": 2}],
        }
        for i in range(20)
    )
    assert db.items.count_documents(query) == count


@pytest.mark.parametrize("operation", [{"$zzz": {"a": 1}}, {"$set": {"_id": 2}}])
def test_nonsense_is_refused(db: DB, operation: dict[str, Any]) -> None:
    db.items.insert_one({"_id": 1})
    with pytest.raises(WriteError):
        db.items.update_one({"_id": 1}, operation)
    with pytest.raises(OperationFailure):
        db.items.find_one({"v": {"$zzz": 1}})


def test_sort_skip_limit_and_projection(db: DB) -> None:
    db.items.insert_many({"_id": i, "a": i % 3, "b": -i, "c": {"d": i, "e": 1}} for i in range(30))
    cursor = db.items.find({}, {"a": 1, "c.d": 1, "_id": 0}).sort([("a", -1), ("b", 1)]).skip(2).limit(3)
    assert list(cursor) == [{"a": 2, "c": {"d": i}} for i in (23, 20, 17)]
    assert db.items.find_one({"_id": 1}, {"c": 0}) == {"_id": 1, "a": 1, "b": -1}


def test_projection_of_arrays(db: DB) -> None:
    db.items.insert_one({"_id": 1, "a": [{"k": 1, "v": 1}, {"k": 2, "v": 2}], "l": [1, 2, 3, 4]})
    second = {"_id": 1, "a": [{"k": 2, "v": 2}]}
    assert db.items.find_one({"_id": 1}, {"a": {"$elemMatch": {"k": 2}}}) == second
    assert db.items.find_one({"a.k": 2}, {"a.$": 1}) == second
    assert db.items.find_one({"_id": 1}, {"a": 0, "l": {"$slice": -2}}) == {"_id": 1, "l": [3, 4]}


def test_cursors_in_many_batches(db: DB) -> None:
    db.items.insert_many({"_id": i, "p": "x" * 100} for i in range(2_000))
    assert [document["_id"] for document in db.items.find().sort("_id", 1).batch_size(50)] == list(
        range(2_000)
    )
    assert len(list(db.items.find())) == 2_000
    with db.items.find().sort("p", 1).batch_size(2) as cursor:  # closed on the server before its end
        next(cursor)
        next(cursor)
        next(cursor)


def test_write_concerns(db: DB) -> None:
    majority = db.get_collection(
        "items",
        write_concern=WriteConcern(w="majority", j=True),
        read_preference=ReadPreference.SECONDARY_PREFERRED,
        read_concern=ReadConcern("majority"),
    )
    majority.insert_one({"_id": 1})
    assert majority.find_one() == {"_id": 1}
    unacknowledged = db.get_collection("items", write_concern=WriteConcern(w=0))
    assert not unacknowledged.insert_one({"_id": 2}).acknowledged
    # The same connection comes first out of the pool: the count is behind the insert.
    assert db.items.count_documents({}) == 2


def test_collation_of_a_query(db: DB) -> None:
    db.items.insert_many([{"_id": 1, "s": "ABC"}, {"_id": 2, "s": "abc"}])
    assert len(list(db.items.find({"s": "abc"}).collation(Collation("en", strength=2)))) == 2


def test_the_asynchronous_client(mongodb_url: str) -> None:
    async def work() -> set[int]:
        async with AsyncMongoClient[dict[str, Any]](mongodb_url) as client:
            items = client.get_default_database().items
            await items.insert_one({"_id": 1, "v": 0})
            after = ReturnDocument.AFTER
            update = {"$inc": {"v": 1}}
            changes = (
                items.find_one_and_update({"_id": 1}, update, return_document=after) for _ in range(100)
            )
            return {document["v"] for document in await asyncio.gather(*changes) if document}

    assert asyncio.run(work()) == set(range(1, 101))


def test_hint_comment_and_time_limit(db: DB) -> None:
    db.items.create_index("a")
    db.items.insert_one({"_id": 1, "a": 1})
    assert list(db.items.find({"a": 1}, comment="x").hint("a_1").max_time_ms(10_000)) == [{"_id": 1, "a": 1}]
