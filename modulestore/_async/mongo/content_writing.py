"""How files get into the layout *content*: announced, their bytes stored or found, switched to."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any, Final

from bson import ObjectId

from modulestore._async.mongo.blobs import Blobs
from modulestore._async.mongo.collections import Collections
from modulestore._async.mongo.upserts import upsert_each
from modulestore.errors import Conflict, ModuleStoreError
from modulestore.model.files import CourseFile
from modulestore.storage.content import Content, course_name
from modulestore.storage.documents import now
from modulestore.storage.mongo.errors import driver_errors
from modulestore.storage.mongo.file_versions import (
    FILES,
    announcement,
    announces_only,
    decode_version,
    new_announcement,
    switching,
    version_document,
    withdrawal,
)
from modulestore.storage.mongo.updates import Pipeline

__all__ = ["Coming", "ContentWriter"]

_TRIES: Final = 5


@dataclass(frozen=True, slots=True)
class Coming:
    """A file on its way: as it will be, what finds its bytes, and what is stored of it."""

    file: CourseFile
    digest: bytes
    version: Mapping[str, Any]

    @classmethod
    def of(cls, file: CourseFile, put: ObjectId) -> Coming:
        """A file whose digests are known; ``put`` says which of all calls stores it.

        Raises:
            DocumentTooLarge: its names are too long.
        """
        return cls(file, bytes.fromhex(file.sha256 or ""), version_document(file, put))


class ContentWriter:
    """Writes the collection ``modulestore.files``."""

    def __init__(self, collections: Collections, blobs: Blobs) -> None:
        self._files = collections.latest(FILES)
        self._blobs = blobs

    async def store(
        self,
        coming: Sequence[Coming],
        put: ObjectId,
        contents: Mapping[bytes, Content] | None,
        keep: Collection[str] = (),
    ) -> list[CourseFile]:
        """Let names stand for files; those that were stored, in order. Of two of one name the later counts.

        Args:
            put: what all of them are marked with.
            contents: their bytes by SHA-256. Without, these must be there: a file whose bytes are gone is
                passed over.
            keep: as of `Files.put`.

        Cost: two round trips, or four for many; one more to ``keep``; and those of `Blobs.store`, or of
        `Blobs.revive`.

        Raises:
            Conflict: pruning was faster, again and again.
        """
        every = {str(one.file.key): one for one in coming}
        waiting = every
        gone: set[bytes] = set()
        done: set[str] = set()
        try:
            for _ in range(_TRIES):
                if not waiting:
                    stored = [one.file for one in coming if one.digest not in gone]
                    return await self._as_stored(stored, put) if keep else stored
                await self._announce(waiting)
                digests = {one.digest for one in waiting.values()}
                if contents is None:
                    gone |= digests - await self._blobs.revive(digests)
                elif not await self._blobs.store({one: contents[one] for one in digests}, put):
                    continue
                waiting = {name: one for name, one in waiting.items() if one.digest not in gone}
                done |= await self._switch(waiting.keys(), put, keep)
                waiting = {name: one for name, one in waiting.items() if name not in done}
        finally:
            await self._withdraw(every.keys() - done, put)
        raise Conflict(
            "bytes of the file were pruned again and again before they were stored",
            place=min(waiting),
            hint="try again when nobody prunes the database",
        )

    async def _announce(self, files: Mapping[str, Coming]) -> None:
        time = now()
        courses = {name: course_name(one.file.key.course) for name, one in files.items()}
        new = {name: new_announcement(courses[name], one.version, time) for name, one in files.items()}

        def update(name: str) -> Pipeline:
            return announcement(courses[name], files[name].version)

        with driver_errors("files"):
            await upsert_each(self._files, new, update)

    async def _switch(self, names: Set[str], put: ObjectId, keep: Collection[str]) -> Set[str]:
        """Let names stand for what was announced; those that do, or did so, since they were told to."""
        wanted = {"$in": list(names)}
        with driver_errors("files"):
            result = await self._files.update_many(
                {"_id": wanted, "pending.version.put": put}, switching(put, keep)
            )
            if result.matched_count == len(names):
                return names
            switched = {"_id": wanted, "$or": [{"current.put": put}, {"history.put": put}]}
            return {found["_id"] for found in await self._files.find(switched, {"_id": 1}).to_list()}

    async def _as_stored(self, files: Sequence[CourseFile], put: ObjectId) -> list[CourseFile]:
        """The files of this ``put`` with the metadata that they got; by now they may be history."""
        names = {"$in": [str(file.key) for file in files]}
        with driver_errors("files"):
            found = await self._files.find({"_id": names}, {"current": 1, "history": 1}).to_list()
        own = {
            document["_id"]: version
            for document in found
            for version in (document["current"], *document["history"])
            if version is not None and version["put"] == put
        }
        # One that was overtaken so often that nobody remembers it is as it was sent.
        return [
            decode_version(name, own[name], file.key.course) if (name := str(file.key)) in own else file
            for file in files
        ]

    async def _withdraw(self, names: Collection[str], put: ObjectId) -> None:
        if not names:
            return
        wanted = {"$in": list(names)}
        try:
            with driver_errors():
                await self._files.delete_many({"_id": wanted, **announces_only(put)})
                await self._files.update_many({"_id": wanted, "pending.version.put": put}, withdrawal(put))
        except ModuleStoreError:
            pass  # nobody sees an announcement; if an error brought us here, that is the one to report
