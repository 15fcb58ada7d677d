"""The port of records."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from pymongo.errors import DuplicateKeyError

from modulestore._async.mongo.collections import Collections
from modulestore._async.ports import Record, Records
from modulestore.errors import CorruptDocument
from modulestore.storage.documents import encode
from modulestore.storage.mongo.errors import driver_errors
from modulestore.storage.mongo.queries import record_id, record_range, records_starting

__all__ = ["MongoRecords"]


class MongoRecords(Records):
    """``modulestore.records``: ``{_id: "kind/key", kind, key, revision, value}``."""

    def __init__(self, collections: Collections) -> None:
        self._records = collections.current("modulestore.records")

    async def get(self, kind: str, key: str) -> Record | None:
        with driver_errors(f"record {kind} {key}"):
            found = await self._records.find_one({"_id": record_id(kind, key)})
        return None if found is None else _record(found)

    async def starting(self, prefix: str) -> list[Record]:
        with driver_errors(f"records {prefix}"):
            found = await self._records.find(records_starting(prefix)).to_list()
        return sorted((_record(document) for document in found), key=lambda record: (record.kind, record.key))

    async def list(self, kind: str) -> list[Record]:
        with driver_errors(f"records {kind}"):
            found = await self._records.find(record_range(kind)).to_list()
        return sorted((_record(document) for document in found), key=lambda record: record.key)

    async def put_if_absent(self, kind: str, key: str, value: Mapping[str, Any]) -> bool:
        document = _document(Record(kind, key, 1, value))
        with driver_errors(f"record {kind} {key}"):
            try:
                await self._records.insert_one(document)
            except DuplicateKeyError:
                return False
        return True

    async def swap(self, record: Record, value: Mapping[str, Any]) -> bool:
        new = _document(replace(record, value=value))
        with driver_errors(f"record {record.kind} {record.key}"):
            result = await self._records.update_one(
                _as_read(record), {"$set": {"value": new["value"]}, "$inc": {"revision": 1}}
            )
        return result.matched_count == 1

    async def delete(self, record: Record) -> bool:
        with driver_errors(f"record {record.kind} {record.key}"):
            result = await self._records.delete_one(_as_read(record))
        return result.deleted_count == 1


def _as_read(record: Record) -> dict[str, Any]:
    return {"_id": record_id(record.kind, record.key), "revision": record.revision}


def _document(record: Record) -> dict[str, Any]:
    document = {
        "_id": record_id(record.kind, record.key),
        "kind": record.kind,
        "key": record.key,
        "revision": record.revision,
        "value": dict(record.value),
    }
    encode(document, f"record {record.kind} {record.key}")  # may refuse it
    return document


def _record(document: Mapping[str, Any]) -> Record:
    try:
        return Record(document["kind"], document["key"], document["revision"], document["value"])
    except KeyError as error:
        raise CorruptDocument(f"unreadable record: no {error}", place=f"record {document['_id']}") from error
