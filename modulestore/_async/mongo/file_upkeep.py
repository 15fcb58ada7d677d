"""Looking after files in GridFS: what is wrong with them, and chunks that no file needs any more.

Ids of files are texts, embedded documents, or of uploads that are not finished ObjectIds: in names of
leftovers they are extended JSON.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from bson import ObjectId, json_util
from bson.errors import BSONError
from pymongo.asynchronous.client_session import AsyncClientSession

from modulestore._async.mongo.collections import Collections
from modulestore._async.mongo.transactions import Transactions
from modulestore._async.waiting import Stream
from modulestore.model.files import FileProblem, FilesChecked, Leftover
from modulestore.storage.mongo.errors import driver_errors
from modulestore.storage.mongo.files import CHUNK, decode_file_length

__all__ = ["FileUpkeep"]

_OPTIONS: Final = json_util.CANONICAL_JSON_OPTIONS
_SIZE: Final[Mapping[str, Any]] = {
    "$cond": [{"$eq": [{"$type": "$data"}, "binData"]}, {"$binarySize": "$data"}, 0]
}
_MOST_IDS: Final = 10_000  # of chunks, in one filter


class FileUpkeep:
    """What the port of files does for upkeep, on the GridFS bucket ``fs``."""

    def __init__(self, collections: Collections, transactions: Transactions) -> None:
        self._files = collections.current("fs.files")
        self._chunks = collections.current("fs.chunks")
        self._transactions = transactions

    async def problems(self, wanted: Mapping[str, Any], *, deep: bool, batch: int) -> Stream[FilesChecked]:
        """What is wrong with the files that a filter finds."""
        with driver_errors("files"):
            query = self._files.find(wanted, batch_size=batch)
            waiting: list[dict[str, Any]] = []
            async for document in query:
                waiting.append(document)
                if len(waiting) == batch:
                    yield await self._checked(waiting, deep)
                    waiting = []
            if waiting:
                yield await self._checked(waiting, deep)

    async def _checked(self, documents: Sequence[Mapping[str, Any]], deep: bool) -> FilesChecked:
        ids = [document["_id"] for document in documents]
        chunks = await self._sizes(ids)
        problems: list[FileProblem] = []
        for document in documents:
            name = _name(document["_id"])
            found = list(_wrong(document, chunks.get(name, {})))
            if not found and deep:
                found += await self._other_bytes(document)
            problems += [FileProblem(_place(document["_id"]), message) for message in found]
        return FilesChecked(len(documents), problems)

    async def _sizes(self, ids: Sequence[Any]) -> dict[str, dict[int, list[int]]]:
        """Of each of these files, the sizes of its chunks by number; more than one where a number is there
        twice.
        """
        found: dict[str, dict[int, list[int]]] = {}
        query = self._chunks.find({"files_id": {"$in": list(ids)}}, {"files_id": 1, "n": 1, "size": _SIZE})
        async for chunk in query:
            numbers = found.setdefault(_name(chunk["files_id"]), {})
            numbers.setdefault(chunk["n"], []).append(chunk["size"])
        return found

    async def _other_bytes(self, document: Mapping[str, Any]) -> list[str]:
        expected = document.get("custom_md5") or document.get("md5")
        if expected is None:
            return []
        md5 = hashlib.md5(usedforsecurity=False)
        query = self._chunks.find({"files_id": document["_id"]}, {"data": 1}).sort("n")
        async for chunk in query:
            md5.update(chunk["data"])
        if md5.hexdigest() == expected:
            return []
        return ["its bytes are not those that were stored: the MD5 differs"]

    async def leftovers(self, before: datetime, *, batch: int) -> Stream[Sequence[Leftover]]:
        """Chunks whose file is not there, the newest of them older than a time; by file."""
        with driver_errors("files"):
            # Answered by the index that every GridFS has; the chunks of one file come one after the other.
            every = self._chunks.find({}, {"_id": 0, "files_id": 1, "n": 1})
            waiting: list[Any] = []
            last = None
            async for chunk in every.sort([("files_id", 1), ("n", 1)]).allow_disk_use(True):
                if chunk["files_id"] == last:
                    continue
                last = chunk["files_id"]
                waiting.append(last)
                if len(waiting) == batch:
                    if found := await self._left(waiting, before):
                        yield found
                    waiting = []
            if found := await self._left(waiting, before):
                yield found

    async def _left(self, ids: Sequence[Any], before: datetime) -> list[Leftover]:
        there = await self._files.find({"_id": {"$in": list(ids)}}, {"_id": 1}).to_list()
        names = {_name(document["_id"]) for document in there}
        missing = [one for one in ids if _name(one) not in names]
        if not missing:
            return []
        sizes: dict[str, int] = {}
        young: set[str] = set()
        query = self._chunks.find({"files_id": {"$in": missing}}, {"files_id": 1, "size": _SIZE})
        async for chunk in query:
            name = _name(chunk["files_id"])
            sizes[name] = sizes.get(name, 0) + chunk["size"]
            if not _is_older(chunk["_id"], before):
                young.add(name)
        return [Leftover(name, size) for name, size in sizes.items() if name not in young]

    async def delete_leftovers(self, names: Collection[str], before: datetime) -> int:
        """Remove the chunks of each of these names, if they still are left over, in a transaction each.

        On a server without transactions only the very chunks that were looked at are removed, and only under
        the name that they had: what is uploaded meanwhile has chunks of its own.
        """
        freed = 0
        for name in names:
            try:
                file = json_util.loads(name, json_options=_OPTIONS)
            except (ValueError, TypeError, BSONError):
                continue  # not one of our names
            with driver_errors(f"file {name}"):
                freed += await self._delete(file, before)
        return freed

    async def _delete(self, file: Any, before: datetime) -> int:
        freed = 0

        async def steps(session: AsyncClientSession | None) -> None:
            nonlocal freed
            freed = 0
            if await self._files.find_one({"_id": file}, {"_id": 1}, session=session):
                return
            sizes: dict[Any, int] = {}
            query = self._chunks.find({"files_id": file}, {"size": _SIZE}, session=session)
            async for chunk in query:
                sizes[chunk["_id"]] = chunk["size"]
            if not all(_is_older(one, before) for one in sizes):
                return
            for ids in _parts(list(sizes)):
                await self._chunks.delete_many({"_id": {"$in": ids}, "files_id": file}, session=session)
            freed = sum(sizes.values())

        async def once(session: AsyncClientSession | None) -> None:
            await steps(session)
            if session is not None:
                await session.commit_transaction()

        await self._transactions.run(once)
        return freed


def _wrong(document: Mapping[str, Any], chunks: Mapping[int, Sequence[int]]) -> Iterator[str]:
    length = decode_file_length(document)
    if length is None:
        yield "its document says no length"
        return
    chunk = document.get("chunkSize") or CHUNK
    expected = {number: [min(chunk, length - number * chunk)] for number in range(-(-length // chunk))}
    if chunks == expected:
        return
    missing = len(expected.keys() - chunks.keys())
    surplus = sum(map(len, chunks.values())) - len(expected.keys() & chunks.keys())
    if missing:
        yield (
            f"{missing} of {len(expected)} chunks of its bytes are not there" if chunks else "it has no bytes"
        )
    if surplus:
        yield f"chunks beyond its length of {length:,} bytes: {surplus}"
    if not missing and not surplus:
        yield f"it has {sum(map(sum, chunks.values())):,} bytes instead of {length:,}"


def _is_older(chunk: object, before: datetime) -> bool:
    """Whether a chunk is from before a time; of one whose id does not say its time nobody knows."""
    return isinstance(chunk, ObjectId) and chunk.generation_time < before


def _name(file: object) -> str:
    return json_util.dumps(file, json_options=_OPTIONS)


def _place(file: object) -> str:
    return file if isinstance(file, str) else f"file {_name(file)}"


def _parts(ids: Sequence[Any]) -> Iterable[Sequence[Any]]:
    return (ids[at : at + _MOST_IDS] for at in range(0, len(ids), _MOST_IDS))
