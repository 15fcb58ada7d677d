"""The port of the platform's older store: the collection ``modulestore``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from modulestore._async.mongo.collections import Collections
from modulestore._async.ports import OldStore
from modulestore._async.waiting import Stream
from modulestore.storage.mongo.errors import driver_errors

__all__ = ["OLD_STORE", "MongoOldStore"]

OLD_STORE: Final = "modulestore"
"""Name of the collection."""


class MongoOldStore(OldStore):
    """One document per block and revision, read from the primary: none may be missing."""

    def __init__(self, collections: Collections) -> None:
        primary = collections.raw_primary(OLD_STORE)
        self._documents = collections.raw(OLD_STORE) if primary is None else primary

    async def courses(self) -> list[bytes]:
        with driver_errors(f"collection {OLD_STORE}"):
            found = await self._documents.find({"_id.category": "course"}, {"_id": 1}).to_list()
        return [bytes(document.raw) for document in found]

    async def blocks(self, org: str, course: str, *, batch: int = 1000) -> Stream[Sequence[bytes]]:
        query = {"_id.org": org, "_id.course": course}
        documents: list[bytes] = []
        with driver_errors(f"collection {OLD_STORE}"):
            async with self._documents.find(query, batch_size=batch) as cursor:
                async for document in cursor:
                    documents.append(bytes(document.raw))
                    if len(documents) == batch:
                        yield documents
                        documents = []
        if documents:
            yield documents
