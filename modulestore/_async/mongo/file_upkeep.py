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

from modulestore._async.mongo.batches import in_batches
from modulestore._async.mongo.buckets import Bucket
from modulestore._async.mongo.transactions import Transactions
from modulestore._async.waiting import Stream, closing
from modulestore.model.files import FileProblem, FilesChecked, Leftover, wrong_pieces
from modulestore.storage.mongo.errors import driver_errors
from modulestore.storage.mongo.files import CHUNK, decode_file_length

__all__ = ["FileUpkeep"]

_OPTIONS: Final = json_util.CANONICAL_JSON_OPTIONS
_SIZE: Final[Mapping[str, Any]] = {
    "$cond": [{"$eq": [{"$type": "$data"}, "binData"]}, {"$binarySize": "$data"}, 0]
}
_TRASHED: Final = "trash "  # before the names of what is left over in the trash
_MOST_IDS: Final = 10_000  # of chunks, in one filter


class FileUpkeep:
    """What the port of files does for upkeep, on the files of courses and on the trash.

    In the trash a file is left over itself, once it has been there for long enough.
    """

    def __init__(self, courses: Bucket, trash: Bucket, transactions: Transactions) -> None:
        self._courses = courses
        self._trash = trash
        self._transactions = transactions

    async def problems(self, wanted: Mapping[str, Any], *, deep: bool, batch: int) -> Stream[FilesChecked]:
        """What is wrong with the files that a filter finds."""
        with driver_errors("files"):
            query = self._courses.files.find(wanted, batch_size=batch)
            async with closing(in_batches(query, batch)) as batches:
                async for documents in batches:
                    yield await self._checked(documents, deep)

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
        query = self._courses.chunks.find(
            {"files_id": {"$in": list(ids)}}, {"files_id": 1, "n": 1, "size": _SIZE}
        )
        async for chunk in query:
            numbers = found.setdefault(_name(chunk["files_id"]), {})
            numbers.setdefault(chunk["n"], []).append(chunk["size"])
        return found

    async def _other_bytes(self, document: Mapping[str, Any]) -> list[str]:
        expected = document.get("custom_md5") or document.get("md5")
        if expected is None:
            return []
        md5 = hashlib.md5(usedforsecurity=False)
        query = self._courses.chunks.find({"files_id": document["_id"]}, {"data": 1}).sort("n")
        async for chunk in query:
            md5.update(chunk["data"])
        if md5.hexdigest() == expected:
            return []
        return ["its bytes are not those that were stored: the MD5 differs"]

    async def leftovers(self, before: datetime, *, batch: int) -> Stream[Sequence[Leftover]]:
        """Chunks whose file is not there, the newest of them older than a time, by file; then files that were
        put into the trash before that time.
        """
        for bucket in (self._courses, self._trash):
            prefix = self._prefix(bucket)
            async with (
                closing(_files_of_chunks(bucket)) as files,
                closing(in_batches(files, batch)) as batches,
            ):
                async for ids in batches:
                    if found := await _left(bucket, ids, before):
                        yield [Leftover(prefix + name, size) for name, size in found.items()]
        with driver_errors("files"):
            wanted = {"uploadDate": {"$lt": before}}
            ended = self._trash.files.find(wanted, {"length": 1}, batch_size=batch)
            async with closing(in_batches(ended, batch)) as found_in_trash:
                async for documents in found_in_trash:
                    yield [
                        Leftover(_TRASHED + _name(document["_id"]), decode_file_length(document) or 0)
                        for document in documents
                    ]

    async def delete_leftovers(self, names: Collection[str], before: datetime) -> int:
        """Remove the chunks of each of these names, if they still are left over, in a transaction each.

        On a server without transactions only the very chunks that were looked at are removed, and only under
        the name that they had: what is uploaded meanwhile has chunks of its own.
        """
        freed = 0
        for name in names:
            bucket = self._trash if name.startswith(_TRASHED) else self._courses
            try:
                file = json_util.loads(name.removeprefix(_TRASHED), json_options=_OPTIONS)
            except (ValueError, TypeError, BSONError):
                continue  # not one of our names
            freed += await self._delete(bucket, file, before, f"file {name}")
        return freed

    async def _delete(self, bucket: Bucket, file: Any, before: datetime, place: str) -> int:
        freed = 0

        async def steps(session: AsyncClientSession | None) -> None:
            nonlocal freed
            freed = 0
            document = await bucket.files.find_one({"_id": file}, {"uploadDate": 1}, session=session)
            if document is not None and (bucket is self._courses or not _is_ended(document, before)):
                return
            sizes: dict[Any, int] = {}
            query = bucket.chunks.find({"files_id": file}, {"size": _SIZE}, session=session)
            async for chunk in query:
                sizes[chunk["_id"]] = chunk["size"]
            if document is not None:
                ended = {"_id": file, "uploadDate": document["uploadDate"]}
                await bucket.files.delete_one(ended, session=session)
            elif not all(_is_older(one, before) for one in sizes):
                return
            for ids in _parts(list(sizes)):
                await bucket.chunks.delete_many({"_id": {"$in": ids}, "files_id": file}, session=session)
            freed = sum(sizes.values())

        await self._transactions.write(steps, place)
        return freed

    def _prefix(self, bucket: Bucket) -> str:
        return _TRASHED if bucket is self._trash else ""


async def _files_of_chunks(bucket: Bucket) -> Stream[Any]:
    """What the chunks of a bucket say that they are of, each once."""
    with driver_errors("files"):
        # Answered by the index that every GridFS has; the chunks of one file come one after the other.
        every = bucket.chunks.find({}, {"_id": 0, "files_id": 1, "n": 1})
        last = None
        async for chunk in every.sort([("files_id", 1), ("n", 1)]).allow_disk_use(True):
            if chunk["files_id"] != last:
                last = chunk["files_id"]
                yield last


async def _left(bucket: Bucket, ids: Sequence[Any], before: datetime) -> dict[str, int]:
    """Those of the files that are not there, and whose chunks are all old enough, with their bytes."""
    with driver_errors("files"):
        there = await bucket.files.find({"_id": {"$in": list(ids)}}, {"_id": 1}).to_list()
        names = {_name(document["_id"]) for document in there}
        missing = [one for one in ids if _name(one) not in names]
        if not missing:
            return {}
        sizes: dict[str, int] = {}
        young: set[str] = set()
        query = bucket.chunks.find({"files_id": {"$in": missing}}, {"files_id": 1, "size": _SIZE})
        async for chunk in query:
            name = _name(chunk["files_id"])
            sizes[name] = sizes.get(name, 0) + chunk["size"]
            if not _is_older(chunk["_id"], before):
                young.add(name)
    return {name: size for name, size in sizes.items() if name not in young}


def _wrong(document: Mapping[str, Any], chunks: Mapping[int, Sequence[int]]) -> Iterator[str]:
    length = decode_file_length(document)
    if length is None:
        yield "its document says no length"
        return
    yield from wrong_pieces(length, document.get("chunkSize") or CHUNK, chunks, "chunks")


def _is_ended(document: Mapping[str, Any], before: datetime) -> bool:
    """Whether a file in the trash has been there since before a time."""
    moment = document.get("uploadDate")
    return isinstance(moment, datetime) and moment < before


def _is_older(chunk: object, before: datetime) -> bool:
    """Whether a chunk is from before a time; of one whose id does not say its time nobody knows."""
    return isinstance(chunk, ObjectId) and chunk.generation_time < before


def _name(file: object) -> str:
    return json_util.dumps(file, json_options=_OPTIONS)


def _place(file: object) -> str:
    return file if isinstance(file, str) else f"file {_name(file)}"


def _parts(ids: Sequence[Any]) -> Iterable[Sequence[Any]]:
    return (ids[at : at + _MOST_IDS] for at in range(0, len(ids), _MOST_IDS))
