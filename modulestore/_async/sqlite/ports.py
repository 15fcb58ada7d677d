"""The ports of documents: index, structures, definitions, records."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from modulestore._async.ports import Definitions, Index, Record, Records, Structures
from modulestore._async.sqlite.session import Session
from modulestore._async.waiting import Stream
from modulestore.keys import ContextKey, VersionId
from modulestore.model.columns import VersionColumn
from modulestore.model.index import FaultyEntry, IndexEntry, SwapResult
from modulestore.model.stored import References, StructureLinks
from modulestore.model.structure import StructureHeader
from modulestore.storage.documents import check_sizes
from modulestore.storage.sqlite import documents as statements
from modulestore.storage.sqlite import header_columns as header_statements
from modulestore.storage.sqlite import index as index_statements
from modulestore.storage.sqlite import records as rows

__all__ = ["SqliteDefinitions", "SqliteIndex", "SqliteRecords", "SqliteStructures"]


class SqliteIndex(Index):
    """Index entries."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def get(self, key: ContextKey, *, ignore_case: bool = False) -> IndexEntry | None:
        return await self._session.read(index_statements.get, key, ignore_case)

    async def list(self) -> list[IndexEntry]:
        return await self._session.read(index_statements.list_all)

    async def list_readable(self) -> tuple[Sequence[IndexEntry], Sequence[FaultyEntry]]:
        return await self._session.read(index_statements.list_readable)

    async def insert(self, entry: IndexEntry) -> None:
        await self._session.write(index_statements.insert, entry)

    async def swap(
        self,
        entry: IndexEntry,
        expected: Mapping[str, VersionId | None],
        new: Mapping[str, VersionId],
        *,
        search_targets: Mapping[str, str] | None = None,
    ) -> SwapResult:
        return await self._session.write(index_statements.swap, entry, expected, new, search_targets or {})

    async def delete(self, entry: IndexEntry) -> bool:
        return await self._session.write(index_statements.delete, entry)


class SqliteStructures(Structures):
    """Encoded structures."""

    def __init__(self, session: Session, max_document: int) -> None:
        self._session = session
        self._max_document = max_document

    async def get_many(self, ids: Collection[VersionId]) -> dict[VersionId, bytes]:
        return await self._session.read(statements.get_many, "structures", ids)

    async def put_many(self, documents: Mapping[VersionId, bytes]) -> bool:
        check_sizes("structure", documents, self._max_document)
        return await self._session.write(statements.put_structures, documents)

    async def replace_many(self, documents: Mapping[VersionId, bytes]) -> int:
        check_sizes("structure", documents, self._max_document)
        return await self._session.write(statements.replace_structures, documents)

    async def headers(
        self, *, original: VersionId | None = None, batch: int = 1000
    ) -> Stream[Sequence[StructureHeader]]:
        after = b""
        while found := await self._session.read(statements.headers, original, after, batch):
            yield found
            after = found[-1].id

    async def ids(self, *, batch: int = 50_000) -> Stream[VersionColumn]:
        after = b""
        while found := await self._session.read(statements.ids, "structures", after, batch):
            yield found
            after = found[-1]

    async def links(self, ids: Collection[VersionId]) -> dict[VersionId, StructureLinks]:
        return await self._session.read(statements.links, ids)

    async def references(self, ids: Collection[VersionId]) -> dict[VersionId, References]:
        return await self._session.read(statements.references, ids)

    async def faulty_headers(self, ids: Collection[VersionId]) -> dict[VersionId, str]:
        return await self._session.read(header_statements.faulty_headers, ids)

    async def restore_headers(self, ids: Collection[VersionId]) -> int:
        return await self._session.write(header_statements.restore_headers, ids)

    async def sizes(self, ids: Collection[VersionId]) -> dict[VersionId, int]:
        return await self._session.read(statements.sizes, "structures", ids)

    async def relink(self, previous: Mapping[VersionId, VersionId | None]) -> int:
        return await self._session.write(statements.relink, previous)

    async def delete_many(self, ids: Collection[VersionId]) -> int:
        return await self._session.write(statements.delete_many, "structures", ids)


class SqliteDefinitions(Definitions):
    """Encoded definitions."""

    def __init__(self, session: Session, max_document: int) -> None:
        self._session = session
        self._max_document = max_document

    async def get_many(self, ids: Collection[VersionId]) -> dict[VersionId, bytes]:
        return await self._session.read(statements.get_many, "definitions", ids)

    async def put_many(self, documents: Mapping[VersionId, bytes]) -> bool:
        check_sizes("definition", documents, self._max_document)
        return await self._session.write(statements.put_definitions, documents)

    async def ids(self, *, batch: int = 50_000) -> Stream[VersionColumn]:
        after = b""
        while found := await self._session.read(statements.ids, "definitions", after, batch):
            yield found
            after = found[-1]

    async def sizes(self, ids: Collection[VersionId]) -> dict[VersionId, int]:
        return await self._session.read(statements.sizes, "definitions", ids)

    async def delete_many(self, ids: Collection[VersionId]) -> int:
        return await self._session.write(statements.delete_many, "definitions", ids)


class SqliteRecords(Records):
    """What the library itself must remember."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def get(self, kind: str, key: str) -> Record | None:
        row = await self._session.read(rows.get, kind, key)
        return None if row is None else Record(*row)

    async def starting(self, prefix: str) -> list[Record]:
        return [Record(*row) for row in await self._session.read(rows.starting, prefix)]

    async def list(self, kind: str) -> list[Record]:
        return [Record(*row) for row in await self._session.read(rows.list_kind, kind)]

    async def put_if_absent(self, kind: str, key: str, value: Mapping[str, Any]) -> bool:
        return await self._session.write(rows.put, kind, key, value)

    async def swap(self, record: Record, value: Mapping[str, Any]) -> bool:
        return await self._session.write(rows.swap, record.kind, record.key, record.revision, value)

    async def delete(self, record: Record) -> bool:
        return await self._session.write(rows.delete, record.kind, record.key, record.revision)
