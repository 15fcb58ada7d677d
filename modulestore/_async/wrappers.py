"""Backends around backends: behaviour is added by wrapping, not by flags.

A wrapper hands every call to one function, which decides what becomes of it. Calls have names: the port and
the method (``index.swap``), the method alone for the backend's own, ``group.begin`` and ``group.commit``; a
stream is a call for each of its items.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, BinaryIO, Generic, Protocol, TypeVar

from modulestore._async.ports import Backend, Definitions, Files, Index, OldStore, Record, Records, Structures
from modulestore._async.waiting import Call, Stream, closing
from modulestore.errors import ReadOnlyStore
from modulestore.keys import AssetKey, ContextKey, VersionId
from modulestore.model.columns import VersionColumn
from modulestore.model.files import CourseFile, FilesChecked, FileVersion, Leftover
from modulestore.model.index import FaultyEntry, IndexEntry, SwapResult
from modulestore.model.stored import References, StructureLinks
from modulestore.model.structure import StructureHeader
from modulestore.upkeep.steps import DatabaseIndex

__all__ = ["WRITES", "Around", "Giving", "ReadOnlyBackend", "WrappedBackend"]

T = TypeVar("T")

WRITES = frozenset(
    {
        "create_indexes",
        "definitions.delete_many",
        "definitions.put_many",
        "files.copy",
        "files.delete",
        "files.delete_leftovers",
        "files.discard",
        "files.put",
        "files.put_many",
        "files.restore",
        "files.set_digest",
        "files.update",
        "group.commit",
        "index.delete",
        "index.insert",
        "index.swap",
        "records.delete",
        "records.put_if_absent",
        "records.swap",
        "structures.delete_many",
        "structures.put_many",
        "structures.relink",
        "structures.replace_many",
        "structures.restore_headers",
    }
)
"""Names of the calls that change something."""


class Around(Protocol):
    """Does a call, or does something else instead, before, or after."""

    async def __call__(self, name: str, call: Call[T], /) -> T: ...


@dataclass(frozen=True, slots=True)
class Giving(Generic[T]):
    """A call that gives documents to the database.

    Attributes:
        documents: by id; for who is around and wants to know how much that is.
    """

    call: Call[T]
    documents: Mapping[VersionId, bytes]

    async def __call__(self) -> T:
        return await self.call()


class WrappedBackend(Backend):
    """A backend whose every call goes through ``around``, in groups too."""

    def __init__(self, backend: Backend, around: Around) -> None:
        self._backend = backend
        self._around = around
        self.index = _Index(backend.index, around)
        self.structures = _Structures(backend.structures, around)
        self.definitions = _Definitions(backend.definitions, around)
        self.files = _Files(backend.files, around)
        self.records = _Records(backend.records, around)
        self.max_document = backend.max_document
        self.old_store = None if backend.old_store is None else _OldStore(backend.old_store, around)
        self.has_atomic_groups = backend.has_atomic_groups

    async def now(self) -> datetime:
        return await self._around("now", self._backend.now)

    async def is_empty(self) -> bool:
        return await self._around("is_empty", self._backend.is_empty)

    async def create_indexes(self, indexes: Sequence[DatabaseIndex]) -> list[str]:
        return await self._around("create_indexes", lambda: self._backend.create_indexes(indexes))

    async def missing_indexes(self, indexes: Sequence[DatabaseIndex]) -> list[str]:
        return await self._around("missing_indexes", lambda: self._backend.missing_indexes(indexes))

    @asynccontextmanager
    async def group(self) -> AsyncIterator[Backend]:
        context = self._backend.group()
        inner = await self._around("group.begin", context.__aenter__)
        ended = False

        async def commit() -> None:
            nonlocal ended
            ended = True
            await context.__aexit__(None, None, None)

        try:
            yield WrappedBackend(inner, self._around)
            await self._around("group.commit", commit)
        except BaseException as error:
            if not ended:
                await context.__aexit__(type(error), error, error.__traceback__)
            raise

    def past_cache(self) -> Backend:
        return WrappedBackend(self._backend.past_cache(), self._around)

    async def close(self) -> None:
        await self._backend.close()


class ReadOnlyBackend(WrappedBackend):
    """Refuses to change anything.

    Args:
        hint: what the caller can do about it.
    """

    def __init__(self, backend: Backend, hint: str) -> None:
        super().__init__(backend, self._refuse)
        self._hint = hint

    async def _refuse(self, name: str, call: Call[T], /) -> T:
        if name in WRITES or name == "group.begin":
            raise ReadOnlyStore("the store is open for reading only", hint=self._hint)
        return await call()


class _Index(Index):
    def __init__(self, inner: Index, around: Around) -> None:
        self._inner = inner
        self._around = around

    async def get(self, key: ContextKey, *, ignore_case: bool = False) -> IndexEntry | None:
        return await self._around("index.get", lambda: self._inner.get(key, ignore_case=ignore_case))

    async def list(self) -> list[IndexEntry]:
        return await self._around("index.list", self._inner.list)

    async def list_readable(self) -> tuple[Sequence[IndexEntry], Sequence[FaultyEntry]]:
        return await self._around("index.list_readable", self._inner.list_readable)

    async def insert(self, entry: IndexEntry) -> None:
        await self._around("index.insert", lambda: self._inner.insert(entry))

    async def swap(
        self,
        entry: IndexEntry,
        expected: Mapping[str, VersionId | None],
        new: Mapping[str, VersionId],
        *,
        search_targets: Mapping[str, str] | None = None,
    ) -> SwapResult:
        return await self._around(
            "index.swap", lambda: self._inner.swap(entry, expected, new, search_targets=search_targets)
        )

    async def delete(self, entry: IndexEntry) -> bool:
        return await self._around("index.delete", lambda: self._inner.delete(entry))


class _Structures(Structures):
    def __init__(self, inner: Structures, around: Around) -> None:
        self._inner = inner
        self._around = around

    async def get_many(self, ids: Collection[VersionId]) -> dict[VersionId, bytes]:
        return await self._around("structures.get_many", lambda: self._inner.get_many(ids))

    async def put_many(self, documents: Mapping[VersionId, bytes]) -> bool:
        call = Giving(lambda: self._inner.put_many(documents), documents)
        return await self._around("structures.put_many", call)

    async def replace_many(self, documents: Mapping[VersionId, bytes]) -> int:
        call = Giving(lambda: self._inner.replace_many(documents), documents)
        return await self._around("structures.replace_many", call)

    def headers(
        self, *, original: VersionId | None = None, batch: int = 1000
    ) -> Stream[Sequence[StructureHeader]]:
        return _each(self._around, "structures.headers", self._inner.headers(original=original, batch=batch))

    def ids(self, *, batch: int = 50_000) -> Stream[VersionColumn]:
        return _each(self._around, "structures.ids", self._inner.ids(batch=batch))

    async def links(self, ids: Collection[VersionId]) -> dict[VersionId, StructureLinks]:
        return await self._around("structures.links", lambda: self._inner.links(ids))

    async def references(self, ids: Collection[VersionId]) -> dict[VersionId, References]:
        return await self._around("structures.references", lambda: self._inner.references(ids))

    async def sizes(self, ids: Collection[VersionId]) -> dict[VersionId, int]:
        return await self._around("structures.sizes", lambda: self._inner.sizes(ids))

    async def faulty_headers(self, ids: Collection[VersionId]) -> dict[VersionId, str]:
        return await self._around("structures.faulty_headers", lambda: self._inner.faulty_headers(ids))

    async def restore_headers(self, ids: Collection[VersionId]) -> int:
        return await self._around("structures.restore_headers", lambda: self._inner.restore_headers(ids))

    async def relink(self, previous: Mapping[VersionId, VersionId | None]) -> int:
        return await self._around("structures.relink", lambda: self._inner.relink(previous))

    async def delete_many(self, ids: Collection[VersionId]) -> int:
        return await self._around("structures.delete_many", lambda: self._inner.delete_many(ids))


class _Definitions(Definitions):
    def __init__(self, inner: Definitions, around: Around) -> None:
        self._inner = inner
        self._around = around

    async def get_many(self, ids: Collection[VersionId]) -> dict[VersionId, bytes]:
        return await self._around("definitions.get_many", lambda: self._inner.get_many(ids))

    async def put_many(self, documents: Mapping[VersionId, bytes]) -> bool:
        call = Giving(lambda: self._inner.put_many(documents), documents)
        return await self._around("definitions.put_many", call)

    def ids(self, *, batch: int = 50_000) -> Stream[VersionColumn]:
        return _each(self._around, "definitions.ids", self._inner.ids(batch=batch))

    async def sizes(self, ids: Collection[VersionId]) -> dict[VersionId, int]:
        return await self._around("definitions.sizes", lambda: self._inner.sizes(ids))

    async def delete_many(self, ids: Collection[VersionId]) -> int:
        return await self._around("definitions.delete_many", lambda: self._inner.delete_many(ids))


class _Files(Files):
    def __init__(self, inner: Files, around: Around) -> None:
        self._inner = inner
        self._around = around

    async def get(self, key: AssetKey) -> CourseFile | None:
        return await self._around("files.get", lambda: self._inner.get(key))

    async def list(self, course: ContextKey) -> list[CourseFile]:
        return await self._around("files.list", lambda: self._inner.list(course))

    async def put(self, file: CourseFile, source: BinaryIO, *, keep: Collection[str] = ()) -> CourseFile:
        return await self._around("files.put", lambda: self._inner.put(file, source, keep=keep))

    async def put_many(self, files: Sequence[tuple[CourseFile, bytes]]) -> Sequence[CourseFile]:
        return await self._around("files.put_many", lambda: self._inner.put_many(files))

    async def update(self, was: CourseFile, file: CourseFile) -> bool:
        return await self._around("files.update", lambda: self._inner.update(was, file))

    async def set_digest(self, file: CourseFile, md5: str) -> bool:
        return await self._around("files.set_digest", lambda: self._inner.set_digest(file, md5))

    async def fetch(self, file: CourseFile, start: int, stop: int) -> bytes:
        return await self._around("files.fetch", lambda: self._inner.fetch(file, start, stop))

    async def object_name(self, file: CourseFile) -> str | None:
        return await self._around("files.object_name", lambda: self._inner.object_name(file))

    async def signed_url(self, file: CourseFile, seconds: int, headers: Mapping[str, str]) -> str | None:
        return await self._around("files.signed_url", lambda: self._inner.signed_url(file, seconds, headers))

    def read(self, key: AssetKey, *, start: int = 0, length: int | None = None) -> Stream[bytes]:
        return _each(self._around, "files.read", self._inner.read(key, start=start, length=length))

    async def delete(self, key: AssetKey) -> bool:
        return await self._around("files.delete", lambda: self._inner.delete(key))

    async def discard(self, key: AssetKey) -> bool:
        return await self._around("files.discard", lambda: self._inner.discard(key))

    async def trash(self, course: ContextKey) -> Sequence[FileVersion]:
        return await self._around("files.trash", lambda: self._inner.trash(course))

    async def history(self, key: AssetKey) -> Sequence[FileVersion]:
        return await self._around("files.history", lambda: self._inner.history(key))

    async def restore(self, version: FileVersion) -> CourseFile | None:
        return await self._around("files.restore", lambda: self._inner.restore(version))

    async def copy(self, files: Sequence[CourseFile], target: ContextKey) -> Sequence[CourseFile]:
        return await self._around("files.copy", lambda: self._inner.copy(files, target))

    def problems(
        self, course: ContextKey | None = None, *, deep: bool = False, batch: int = 200
    ) -> Stream[FilesChecked]:
        return _each(self._around, "files.problems", self._inner.problems(course, deep=deep, batch=batch))

    def leftovers(self, before: datetime, *, batch: int = 1000) -> Stream[Sequence[Leftover]]:
        return _each(self._around, "files.leftovers", self._inner.leftovers(before, batch=batch))

    async def delete_leftovers(self, names: Collection[str], before: datetime) -> int:
        return await self._around(
            "files.delete_leftovers", lambda: self._inner.delete_leftovers(names, before)
        )


class _Records(Records):
    def __init__(self, inner: Records, around: Around) -> None:
        self._inner = inner
        self._around = around

    async def get(self, kind: str, key: str) -> Record | None:
        return await self._around("records.get", lambda: self._inner.get(kind, key))

    async def starting(self, prefix: str) -> list[Record]:
        return await self._around("records.starting", lambda: self._inner.starting(prefix))

    async def list(self, kind: str) -> list[Record]:
        return await self._around("records.list", lambda: self._inner.list(kind))

    async def put_if_absent(self, kind: str, key: str, value: Mapping[str, Any]) -> bool:
        return await self._around(
            "records.put_if_absent", lambda: self._inner.put_if_absent(kind, key, value)
        )

    async def swap(self, record: Record, value: Mapping[str, Any]) -> bool:
        return await self._around("records.swap", lambda: self._inner.swap(record, value))

    async def delete(self, record: Record) -> bool:
        return await self._around("records.delete", lambda: self._inner.delete(record))


class _OldStore(OldStore):
    def __init__(self, inner: OldStore, around: Around) -> None:
        self._inner = inner
        self._around = around

    async def courses(self) -> list[bytes]:
        return await self._around("old_store.courses", self._inner.courses)

    def blocks(self, org: str, course: str, *, batch: int = 1000) -> Stream[Sequence[bytes]]:
        return _each(self._around, "old_store.blocks", self._inner.blocks(org, course, batch=batch))


async def _each(around: Around, name: str, stream: Stream[T]) -> Stream[T]:
    async with closing(stream) as items:
        while True:
            try:
                item = await around(name, items.__anext__)
            except StopAsyncIteration:
                return
            yield item
