"""A backend with a cache before it: structures and definitions are looked for there first.

Only what the database has is cached: documents that were read from it, and documents that were written to it,
once their group is committed. A group itself reads from the database, since only that knows what the group
has done so far.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Generic, TypeVar

from modulestore._async.ports import Backend, Definitions, Structures
from modulestore._async.waiting import Call, Stream, run_blocking
from modulestore.keys import VersionId
from modulestore.model.columns import VersionColumn
from modulestore.model.stored import References, StructureLinks
from modulestore.model.structure import StructureHeader
from modulestore.storage.caching import Cache
from modulestore.upkeep.steps import DatabaseIndex

__all__ = ["CachedBackend"]

T = TypeVar("T")
P = TypeVar("P", bound="Structures | Definitions")


class _Shelf(ABC):
    """Where documents are looked for before the database is asked, and put for later."""

    @abstractmethod
    async def find(self, names: Collection[str]) -> dict[str, bytes]:
        """Those that are there."""

    @abstractmethod
    async def keep(self, values: Mapping[str, bytes]) -> None:
        """Put what the database has."""

    @abstractmethod
    async def forget(self, names: Collection[str]) -> None:
        """Take away what the database has no more, or not so."""


class _Backend(Backend):
    def __init__(self, backend: Backend, shelf: _Shelf) -> None:
        self._backend = backend
        self._shelf = shelf
        self.index = backend.index
        self.structures = _Structures(backend.structures, "structure", shelf)
        self.definitions = _Definitions(backend.definitions, "definition", shelf)
        self.files = backend.files
        self.records = backend.records
        self.max_document = backend.max_document
        self.old_store = backend.old_store
        self.has_atomic_groups = backend.has_atomic_groups

    async def now(self) -> datetime:
        return await self._backend.now()

    async def is_empty(self) -> bool:
        return await self._backend.is_empty()

    async def create_indexes(self, indexes: Sequence[DatabaseIndex]) -> list[str]:
        return await self._backend.create_indexes(indexes)

    async def missing_indexes(self, indexes: Sequence[DatabaseIndex]) -> list[str]:
        return await self._backend.missing_indexes(indexes)

    @asynccontextmanager
    async def group(self) -> AsyncIterator[Backend]:
        later = _AfterGroup(self._shelf)
        try:
            async with self._backend.group() as inner:
                yield _Backend(inner, later)
        except BaseException:
            await later.end(committed=False)
            raise
        await later.end(committed=True)

    def past_cache(self) -> Backend:
        return self._backend.past_cache()

    async def close(self) -> None:
        await self._backend.close()


class CachedBackend(_Backend):
    """The backend with a cache, which may lose anything at any time. Whoever made the cache closes it.

    Cost: one call of the cache for what is asked for, and one to keep what was not there.
    """

    def __init__(self, backend: Backend, cache: Cache) -> None:
        super().__init__(backend, _AtOnce(cache))


class _Cached(Generic[P]):
    def __init__(self, inner: P, kind: str, shelf: _Shelf) -> None:
        self._inner = inner
        self._kind = kind
        self._shelf = shelf

    async def get_many(self, ids: Collection[VersionId]) -> dict[VersionId, bytes]:
        names = self._names(ids)
        cached = await self._shelf.find(names.values())
        found = {version: cached[name] for version, name in names.items() if name in cached}
        missing = [version for version in names if version not in found]
        if missing:
            read = await self._inner.get_many(missing)
            await self._shelf.keep({names[version]: document for version, document in read.items()})
            found |= read
        return found

    async def put_many(self, documents: Mapping[VersionId, bytes]) -> bool:
        all_new = await self._inner.put_many(documents)
        # Of a document that was there already it is not known whether it is the same.
        if all_new:
            names = self._names(documents)
            await self._shelf.keep({names[version]: document for version, document in documents.items()})
        return all_new

    async def delete_many(self, ids: Collection[VersionId]) -> int:
        return await self._forgetting(ids, lambda: self._inner.delete_many(ids))

    async def _forgetting(self, ids: Collection[VersionId], call: Call[T]) -> T:
        # Before, in case that we do not live to do it after; after, as a reader may have brought it back.
        names = self._names(ids).values()
        await self._shelf.forget(names)
        try:
            return await call()
        finally:
            await self._shelf.forget(names)

    def _names(self, ids: Collection[VersionId]) -> dict[VersionId, str]:
        return {version: f"{self._kind}/{version}" for version in ids}


class _Structures(_Cached[Structures], Structures):
    async def replace_many(self, documents: Mapping[VersionId, bytes]) -> int:
        return await self._forgetting(documents.keys(), lambda: self._inner.replace_many(documents))

    def headers(
        self, *, original: VersionId | None = None, batch: int = 1000
    ) -> Stream[Sequence[StructureHeader]]:
        return self._inner.headers(original=original, batch=batch)

    def ids(self, *, batch: int = 50_000) -> Stream[VersionColumn]:
        return self._inner.ids(batch=batch)

    async def links(self, ids: Collection[VersionId]) -> dict[VersionId, StructureLinks]:
        return await self._inner.links(ids)

    async def references(self, ids: Collection[VersionId]) -> dict[VersionId, References]:
        return await self._inner.references(ids)

    async def faulty_headers(self, ids: Collection[VersionId]) -> dict[VersionId, str]:
        return await self._inner.faulty_headers(ids)

    async def restore_headers(self, ids: Collection[VersionId]) -> int:
        return await self._inner.restore_headers(ids)

    async def sizes(self, ids: Collection[VersionId]) -> dict[VersionId, int]:
        return await self._inner.sizes(ids)

    async def relink(self, previous: Mapping[VersionId, VersionId | None]) -> int:
        return await self._forgetting(previous.keys(), lambda: self._inner.relink(previous))


class _Definitions(_Cached[Definitions], Definitions):
    def ids(self, *, batch: int = 50_000) -> Stream[VersionColumn]:
        return self._inner.ids(batch=batch)

    async def sizes(self, ids: Collection[VersionId]) -> dict[VersionId, int]:
        return await self._inner.sizes(ids)


class _AtOnce(_Shelf):
    """The cache itself, which blocks."""

    def __init__(self, cache: Cache) -> None:
        self._cache = cache

    async def find(self, names: Collection[str]) -> dict[str, bytes]:
        return await run_blocking(self._cache.get_many, names) if names else {}

    async def keep(self, values: Mapping[str, bytes]) -> None:
        if values:
            await run_blocking(self._cache.put_many, values)

    async def forget(self, names: Collection[str]) -> None:
        if names:
            await run_blocking(self._cache.delete_many, names)


class _AfterGroup(_Shelf):
    """What is to be put there when a group is committed, and taken away whatever becomes of the group."""

    def __init__(self, shelf: _Shelf) -> None:
        self._shelf = shelf
        self._values: dict[str, bytes] = {}
        self._forgotten: set[str] = set()

    async def find(self, names: Collection[str]) -> dict[str, bytes]:
        return {}

    async def keep(self, values: Mapping[str, bytes]) -> None:
        self._values.update(values)

    async def forget(self, names: Collection[str]) -> None:
        for name in names:
            self._values.pop(name, None)
        self._forgotten.update(names)
        await self._shelf.forget(names)

    async def end(self, *, committed: bool) -> None:
        """The group is over."""
        await self._shelf.forget(self._forgotten)
        if committed:
            await self._shelf.keep(self._values)
