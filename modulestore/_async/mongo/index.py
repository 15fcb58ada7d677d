"""The port of index entries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import bson
from pymongo import ReturnDocument
from pymongo.errors import DuplicateKeyError

from modulestore._async.mongo.collections import Collections
from modulestore._async.ports import Index
from modulestore.errors import CorruptDocument, CourseExists
from modulestore.formats.encoding import OPTIONS
from modulestore.formats.entries import decode_entry, encode_entry
from modulestore.formats.ids import to_object_id
from modulestore.keys import ContextKey, VersionId
from modulestore.model.index import FaultyEntry, IndexEntry, Moved, Swapped, SwapResult
from modulestore.storage.documents import check_names
from modulestore.storage.mongo.errors import driver_errors
from modulestore.storage.mongo.queries import entry_filter, head_filter, head_update, same_heads_filter

__all__ = ["MongoIndex"]


class MongoIndex(Index):
    """``modulestore.active_versions``."""

    def __init__(self, collections: Collections) -> None:
        self._entries = collections.current("modulestore.active_versions")
        self._raw = collections.raw_current("modulestore.active_versions")

    async def get(self, key: ContextKey, *, ignore_case: bool = False) -> IndexEntry | None:
        with driver_errors(str(key)):
            found = await self._entries.find(entry_filter(key, ignore_case)).to_list()
        entries = sorted((decode_entry(document) for document in found), key=_names)
        exact = [entry for entry in entries if entry.key.identity == key.identity]
        return next(iter(exact + entries), None)

    async def list(self) -> list[IndexEntry]:
        with driver_errors("index"):
            found = await self._entries.find({}).to_list()
        return sorted((decode_entry(document) for document in found), key=_names)

    async def list_readable(self) -> tuple[Sequence[IndexEntry], Sequence[FaultyEntry]]:
        entries: list[IndexEntry] = []
        faulty: list[FaultyEntry] = []
        with driver_errors("index"):
            found = await self._raw.find({}).to_list()
        for raw in found:
            names = "an index entry"
            try:
                with driver_errors():
                    document = bson.decode(bytes(raw.raw), OPTIONS)
                names = (
                    f"index entry {'/'.join(str(document.get(name)) for name in ('org', 'course', 'run'))}"
                )
                entries.append(decode_entry(document))
            except CorruptDocument as error:
                faulty.append(FaultyEntry(names, error.message))
        return sorted(entries, key=_names), faulty

    async def insert(self, entry: IndexEntry) -> None:
        check_names("branch", entry.heads)
        with driver_errors(str(entry.key)):
            if await self._entries.find_one(entry_filter(entry.key, ignore_case=False), {"_id": 1}):
                raise _exists(entry)
            try:
                await self._entries.insert_one(encode_entry(entry))
            except DuplicateKeyError as error:
                raise _exists(entry) from error

    async def swap(
        self,
        entry: IndexEntry,
        expected: Mapping[str, VersionId | None],
        new: Mapping[str, VersionId],
        *,
        search_targets: Mapping[str, str] | None = None,
    ) -> SwapResult:
        with driver_errors(str(entry.key)):
            changed = await self._entries.find_one_and_update(
                head_filter(entry.id, expected),
                head_update(new, search_targets or {}),
                return_document=ReturnDocument.AFTER,
            )
            if changed is not None:
                return Swapped(decode_entry(changed))
            stored = await self._entries.find_one({"_id": to_object_id(entry.id)})
        return Moved(None if stored is None else decode_entry(stored))

    async def delete(self, entry: IndexEntry) -> bool:
        with driver_errors(str(entry.key)):
            result = await self._entries.delete_one(same_heads_filter(entry))
        return result.deleted_count == 1


def _exists(entry: IndexEntry) -> CourseExists:
    return CourseExists("there is a course of this key already", place=str(entry.key))


def _names(entry: IndexEntry) -> tuple[str, str, str]:
    return entry.key.identity
