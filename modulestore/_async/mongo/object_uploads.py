"""Uploads as objects outside of the database."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from bson import ObjectId

from modulestore._async.mongo.uploads import Uploads
from modulestore._async.ports import Records
from modulestore._async.waiting import Stream, gather, run_blocking
from modulestore.errors import Conflict
from modulestore.storage.content import Content
from modulestore.storage.object_names import is_object_url, object_url, parse_object_url

if TYPE_CHECKING:
    from modulestore.storage.objects import ObjectStorage

__all__ = ["OBJECTS", "ObjectUploads"]

OBJECTS: Final = ("database", "objects")
"""The record that says in which folder of any place a database keeps its objects."""

_AT_ONCE: Final = 16


class ObjectUploads(Uploads[str]):
    """Objects, each with the bytes of one upload.

    Whoever may read the database reads them wherever they are. Only who was told of a place writes and
    deletes there: a copy of a database, made to try something, must not prune what the original needs.

    Args:
        place: where new ones go; None: nowhere.
    """

    def __init__(self, records: Records, place: str | None) -> None:
        self.place = place
        self._records = records
        self._own_folder: str | None = None
        self._storages: dict[str, ObjectStorage] = {}

    async def begin(self, count: int) -> Sequence[str]:
        """Up to three round trips the first time.

        Raises:
            ValueError: there is no place for new ones.
        """
        if self.place is None:
            raise ValueError("there is no place for new objects")
        folder = await self._folder()
        return [object_url(self.place, folder, ObjectId()) for _ in range(count)]

    async def send(self, contents: Mapping[str, Content]) -> None:
        """Small ones together."""
        by_place: dict[str, dict[str, Content]] = {}
        for upload, content in contents.items():
            named = parse_object_url(upload)
            by_place.setdefault(named.place, {})[named.name] = content
        for place, of_place in by_place.items():
            await run_blocking((await self._storage(place)).write, of_place)

    async def read(self, upload: str, start: int, stop: int) -> bytes | None:
        storage, name = await self._find(upload)
        return await run_blocking(storage.read, name, start, stop)

    async def size(self, upload: str) -> int:
        return await self._size(upload) or 0

    async def faults(self, lengths: Mapping[str, int]) -> Mapping[str, Sequence[str]]:
        found: dict[str, Sequence[str]] = {}
        uploads = list(lengths)
        for at in range(0, len(uploads), _AT_ONCE):
            some = uploads[at : at + _AT_ONCE]
            sizes = await gather(*(lambda upload=upload: self._size(upload) for upload in some))
            found |= {
                upload: _faults(lengths[upload], size) for upload, size in zip(some, sizes, strict=True)
            }
        return found

    async def delete(self, uploads: Collection[str]) -> None:
        """Those in this database's folder of its place; others are left."""
        if self.place is None or not uploads:
            return
        folder = await self._folder()
        names = [parse_object_url(upload) for upload in uploads]
        own = [one.name for one in names if (one.place, one.folder) == (self.place, folder)]
        if own:
            storage = await self._storage(self.place)
            await run_blocking(storage.delete, own)

    async def every(self) -> Stream[str]:
        """Those in this database's folder of its place."""
        if self.place is None:
            return
        storage = await self._storage(self.place)
        for part in await run_blocking(storage.names, await self._folder()):
            for name in await run_blocking(storage.names, part):
                # Anything else there is somebody else's.
                if is_object_url(upload := f"{self.place}/{name}"):
                    yield upload

    def own_name(self, upload: str) -> str | None:
        """What an object is called in this database's place; None if it is somewhere else."""
        named = parse_object_url(upload)
        return named.name if named.place == self.place else None

    async def signed_url(self, upload: str, seconds: int, headers: Mapping[str, str]) -> str | None:
        """A URL by which anybody can get the object for so long; None if its storage makes none."""
        storage, name = await self._find(upload)
        return await run_blocking(storage.signed_url, name, seconds, headers)

    async def _size(self, upload: str) -> int | None:
        storage, name = await self._find(upload)
        return await run_blocking(storage.size, name)

    async def _find(self, upload: str) -> tuple[ObjectStorage, str]:
        named = parse_object_url(upload)
        return await self._storage(named.place), named.name

    async def _storage(self, place: str) -> ObjectStorage:
        if place not in self._storages:
            self._storages[place] = await run_blocking(_open, place)
        return self._storages[place]

    async def _folder(self) -> str:
        """The folder of this database, chosen once for all."""
        if self._own_folder is None:
            record = await self._records.get(*OBJECTS)
            if record is None:
                await self._records.put_if_absent(*OBJECTS, {"folder": str(ObjectId())})
                record = await self._records.get(*OBJECTS)
            if record is None:
                raise Conflict("the record of the objects was deleted meanwhile", hint="try again")
            self._own_folder = str(record.value["folder"])
        return self._own_folder


def _open(place: str) -> ObjectStorage:
    # Only now: fsspec, and what it stands on, need not be installed by who keeps files in the database.
    from modulestore.storage.objects import ObjectStorage

    return ObjectStorage(place)


def _faults(length: int, size: int | None) -> list[str]:
    if size is None:
        return ["the object with its bytes is not there"]
    return [] if size == length else [f"the object with its bytes has {size:,} instead of {length:,}"]
