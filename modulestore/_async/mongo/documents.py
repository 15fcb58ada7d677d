"""The ports of structures and definitions: documents that go in and out as bytes."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, cast

from bson import ObjectId
from bson.raw_bson import RawBSONDocument
from pymongo import ReplaceOne, UpdateOne
from pymongo.errors import BulkWriteError

from modulestore._async.mongo.collections import RAW, Collections, RawCollection
from modulestore._async.ports import Definitions, Structures
from modulestore._async.waiting import Stream
from modulestore.errors import CorruptDocument
from modulestore.formats.headers import decode_header, document_id
from modulestore.formats.ids import optional_oid, to_object_id, to_version_id
from modulestore.formats.references import LINKS, REFERENCES, links_of, references_in, references_of
from modulestore.formats.structures import PLATFORM_SCHEMA
from modulestore.keys import VersionId
from modulestore.model.columns import VersionColumn
from modulestore.model.stored import References, StructureLinks
from modulestore.model.structure import StructureHeader
from modulestore.storage.documents import check_sizes
from modulestore.storage.mongo.errors import driver_errors
from modulestore.storage.mongo.queries import after_filter

__all__ = ["MongoDefinitions", "MongoStructures"]

_MOST_BYTES = 16 * 1024 * 1024  # of documents in one message
_MOST_IDS = 10_000  # in one filter
_find_ids = re.compile(rb"\x07_id\0(.{12})\0", re.DOTALL).findall  # in documents that have nothing else
_HEADER = ("root", "previous_version", "original_version", "edited_by", "edited_on")


class MongoStructures(Structures):
    """``modulestore.structures``."""

    def __init__(self, collections: Collections, max_document: int) -> None:
        self._documents = _Documents(collections, "structure", max_document)
        self._current = collections.current("modulestore.structures")
        self._raw_current = collections.raw_current("modulestore.structures")
        self._max_document = max_document

    async def get_many(self, ids: Collection[VersionId]) -> dict[VersionId, bytes]:
        return await self._documents.get_many(ids)

    async def put_many(self, documents: Mapping[VersionId, bytes]) -> bool:
        return await self._documents.put_many(documents)

    async def replace_many(self, documents: Mapping[VersionId, bytes]) -> int:
        check_sizes("structure", documents, self._max_document)
        replaced = 0
        for batch in _batches(documents.values()):
            writes: list[ReplaceOne[RawBSONDocument]] = [
                ReplaceOne(_as_linked(document), document) for document in batch
            ]
            with driver_errors("structures"):
                replaced += (await self._raw_current.bulk_write(writes, ordered=False)).matched_count
        return replaced

    async def headers(
        self, *, original: VersionId | None = None, batch: int = 1000
    ) -> Stream[Sequence[StructureHeader]]:
        of_one = {} if original is None else {"original_version": to_object_id(original)}
        after = None
        while True:
            with driver_errors("structures"):
                query = self._current.find(after_filter(after) | of_one, _HEADER, batch_size=batch)
                found = await query.sort("_id").limit(batch).to_list()
            if not found:
                return
            headers = [decode_header(document) for document in found]
            yield headers
            after = headers[-1].id

    def ids(self, *, batch: int = 50_000) -> Stream[VersionColumn]:
        return self._documents.ids(batch)

    async def links(self, ids: Collection[VersionId]) -> dict[VersionId, StructureLinks]:
        found: dict[VersionId, StructureLinks] = {}
        for chunk in _chunks(ids):
            with driver_errors("structures"):
                query = self._current.find({"_id": {"$in": chunk}}, LINKS, batch_size=len(chunk) + 1)
                found.update(
                    (to_version_id(document["_id"]), links_of(document)) for document in await query.to_list()
                )
        return found

    async def references(self, ids: Collection[VersionId]) -> dict[VersionId, References]:
        found: dict[VersionId, References] = {}
        whole: list[VersionId] = []
        for chunk in _chunks(ids):
            with driver_errors("structures"):
                query = self._current.find({"_id": {"$in": chunk}}, REFERENCES, batch_size=len(chunk) + 1)
                async for document in query:
                    version = to_version_id(document["_id"])
                    if document.get("schema_version", PLATFORM_SCHEMA) == PLATFORM_SCHEMA:
                        found[version] = references_in(document)
                    else:
                        whole.append(version)
        documents = await self._documents.get_current(whole) if whole else {}
        return found | {version: references_of(document) for version, document in documents.items()}

    async def faulty_headers(self, ids: Collection[VersionId]) -> dict[VersionId, str]:
        found: dict[VersionId, str] = {}
        for chunk in _chunks(ids):
            with driver_errors("structures"):
                query = {"_id": {"$in": chunk}}
                batches = self._raw_current.find_raw_batches(query, _HEADER, batch_size=len(chunk) + 1)
                async for batch in batches:
                    for document in _split(cast(bytes, batch)):
                        try:
                            decode_header(document)
                        except CorruptDocument as error:
                            found[document_id(document)] = error.message
        return found

    async def restore_headers(self, ids: Collection[VersionId]) -> int:
        return 0  # headers are in the documents, and nowhere else

    async def sizes(self, ids: Collection[VersionId]) -> dict[VersionId, int]:
        return await self._documents.sizes(ids)

    async def relink(self, previous: Mapping[VersionId, VersionId | None]) -> int:
        updates = [
            UpdateOne(
                {"_id": to_object_id(version)},
                {"$set": {"previous_version": None if before is None else to_object_id(before)}},
            )
            for version, before in previous.items()
        ]
        if not updates:
            return 0
        with driver_errors("structures"):
            result = await self._current.bulk_write(updates, ordered=False)
        return result.matched_count

    async def delete_many(self, ids: Collection[VersionId]) -> int:
        return await self._documents.delete_many(ids)


class MongoDefinitions(Definitions):
    """``modulestore.definitions``."""

    def __init__(self, collections: Collections, max_document: int) -> None:
        self._documents = _Documents(collections, "definition", max_document)

    async def get_many(self, ids: Collection[VersionId]) -> dict[VersionId, bytes]:
        return await self._documents.get_many(ids)

    async def put_many(self, documents: Mapping[VersionId, bytes]) -> bool:
        return await self._documents.put_many(documents)

    def ids(self, *, batch: int = 50_000) -> Stream[VersionColumn]:
        return self._documents.ids(batch)

    async def sizes(self, ids: Collection[VersionId]) -> dict[VersionId, int]:
        return await self._documents.sizes(ids)

    async def delete_many(self, ids: Collection[VersionId]) -> int:
        return await self._documents.delete_many(ids)


class _Documents:
    """What both collections do alike."""

    def __init__(self, collections: Collections, kind: str, max_document: int) -> None:
        name = f"modulestore.{kind}s"
        self._kind = kind
        self._max_document = max_document
        self._nearest = collections.raw(name)
        self._primary = collections.raw_primary(name)
        # What upkeep decides by must not be older than what is there.
        self._current = collections.current(name)
        self._raw_current = collections.raw_current(name)

    async def get_many(self, ids: Collection[VersionId]) -> dict[VersionId, bytes]:
        found = await self._find(self._nearest, ids)
        missing = [version for version in ids if version not in found]
        if missing and self._primary is not None:
            # A secondary may not have got there yet.
            found.update(await self._find(self._primary, missing))
        return found

    async def get_current(self, ids: Collection[VersionId]) -> dict[VersionId, bytes]:
        """The documents as the primary has last committed them."""
        return await self._find(self._raw_current, ids)

    async def put_many(self, documents: Mapping[VersionId, bytes]) -> bool:
        check_sizes(self._kind, documents, self._max_document)
        all_new = True
        for batch in _batches(documents.values()):
            with driver_errors(f"{self._kind}s"):
                try:
                    await self._nearest.insert_many(batch, ordered=False)
                except BulkWriteError as error:
                    if not _only_duplicates(error):
                        raise
                    all_new = False
        return all_new

    async def delete_many(self, ids: Collection[VersionId]) -> int:
        deleted = 0
        for chunk in _chunks(ids):
            with driver_errors(f"{self._kind}s"):
                result = await self._nearest.delete_many({"_id": {"$in": chunk}})
            deleted += result.deleted_count
        return deleted

    async def ids(self, batch: int) -> Stream[VersionColumn]:
        """Ids in order, of as many documents at a time."""
        after = None
        while True:
            command = {
                "find": self._current.name,
                "filter": after_filter(after),
                "projection": {"_id": 1},
                "sort": {"_id": 1},
                "limit": batch,
                "batchSize": batch,
                "singleBatch": True,
                "readConcern": self._current.read_concern.document,
            }
            with driver_errors(f"{self._kind}s"):
                # The reply as bytes: a cursor makes an object of each document, even one of raw batches.
                reply = await self._current.database.command(
                    command, read_preference=self._current.read_preference, codec_options=RAW
                )
            found = VersionColumn(b"".join(_find_ids(reply.raw)))
            if not found:
                return
            yield found
            after = found[-1]

    async def sizes(self, ids: Collection[VersionId]) -> dict[VersionId, int]:
        """Bytes of the documents that are there."""
        found: dict[VersionId, int] = {}
        for chunk in _chunks(ids):
            size = {"size": {"$bsonSize": "$$ROOT"}}
            with driver_errors(f"{self._kind}s"):
                query = self._current.find({"_id": {"$in": chunk}}, size, batch_size=len(chunk) + 1)
                found.update(
                    (to_version_id(document["_id"]), document["size"]) for document in await query.to_list()
                )
        return found

    async def _find(self, collection: RawCollection, ids: Collection[VersionId]) -> dict[VersionId, bytes]:
        found: dict[VersionId, bytes] = {}
        for chunk in _chunks(ids):
            with driver_errors(f"{self._kind}s"):
                # A first batch has 101 documents unless more are asked for.
                query = {"_id": {"$in": chunk}}
                async for batch in collection.find_raw_batches(query, batch_size=len(chunk) + 1):
                    # Typed as a document by the driver, but these are bytes: documents end to end.
                    found.update((document_id(one), one) for one in _split(cast(bytes, batch)))
        return found


def _split(batch: bytes) -> Iterator[bytes]:
    """The documents in a batch. A driver would make an object of each."""
    start = 0
    while start < len(batch):
        end = start + int.from_bytes(batch[start : start + 4], "little")
        if not start < end <= len(batch):
            raise CorruptDocument("the server sent what is no document")
        yield batch[start:end]
        start = end


def _chunks(ids: Iterable[VersionId]) -> Iterator[list[ObjectId]]:
    every = [to_object_id(version) for version in ids]
    return (every[at : at + _MOST_IDS] for at in range(0, len(every), _MOST_IDS))


def _batches(documents: Iterable[bytes]) -> Iterator[list[RawBSONDocument]]:
    batch: list[RawBSONDocument] = []
    size = 0
    for document in documents:
        if batch and size + len(document) > _MOST_BYTES:
            yield batch
            batch, size = [], 0
        batch.append(RawBSONDocument(document))
        size += len(document)
    if batch:
        yield batch


def _only_duplicates(error: BulkWriteError) -> bool:
    # The collections have no unique index but that of the id.
    details = error.details or {}
    codes = {failure.get("code") for failure in details.get("writeErrors", ())}
    return codes == {11000} and not details.get("writeConcernErrors")


def _as_linked(document: RawBSONDocument) -> dict[str, Any]:
    """What finds a structure that has the ``previous_version`` of this document."""
    header = decode_header(bytes(document.raw))
    return {"_id": to_object_id(header.id), "previous_version": optional_oid(header.previous_version)}
