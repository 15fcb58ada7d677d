"""Statements that compare the columns of structures' headers with the documents, which are what counts."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection
from datetime import datetime
from typing import Any, Final

from modulestore.errors import CorruptDocument
from modulestore.formats.headers import decode_header
from modulestore.formats.references import LEADING, leading_header
from modulestore.keys import VersionId
from modulestore.model.structure import StructureHeader
from modulestore.storage.sqlite.columns import milliseconds

__all__ = ["faulty_headers", "restore_headers"]

_COLUMNS: Final = ("previous", "original", "root_type", "root_id", "edited_by", "edited_on")


def faulty_headers(connection: sqlite3.Connection, versions: Collection[VersionId]) -> dict[VersionId, str]:
    """Structures whose columns say something else than their documents, or whose documents do not say."""
    found: dict[VersionId, str] = {}
    query = f"SELECT {', '.join(_COLUMNS)}, substr(document, 1, {LEADING}) FROM structures WHERE id = ?"
    for version in versions:
        row = connection.execute(query, (version,)).fetchone()
        if row is None:
            continue
        *columns, start = row
        try:
            header = _header(connection, version, start)
        except CorruptDocument as error:
            found[version] = error.message
            continue
        if header.id != version:
            found[version] = f"its document is that of {header.id}"
        elif other := _others(columns, header):
            found[version] = f"its columns and its document do not agree on {', '.join(other)}"
    return found


def restore_headers(connection: sqlite3.Connection, versions: Collection[VersionId]) -> int:
    """Set the columns that say something else than their documents; how many structures had some."""
    restored = 0
    columns = ", ".join(_COLUMNS)
    settings = ", ".join(f"{name} = ?" for name in _COLUMNS)
    for version in versions:
        row = connection.execute(
            f"SELECT {columns}, document FROM structures WHERE id = ?", (version,)
        ).fetchone()
        if row is None:
            continue
        *there, document = row
        try:
            header = decode_header(document)
        except CorruptDocument:
            continue
        if header.id == version and _others(there, header):
            values = (*_as_columns(header), version)
            connection.execute(f"UPDATE structures SET {settings} WHERE id = ?", values)
            restored += 1
    return restored


def _header(connection: sqlite3.Connection, version: VersionId, start: bytes) -> StructureHeader:
    """The header in the beginning of a document; of one that is cut off there, in all of it."""
    try:
        return leading_header(start)
    except CorruptDocument:
        query = "SELECT document FROM structures WHERE id = ?"
        return decode_header(connection.execute(query, (version,)).fetchone()[0])


def _others(columns: Collection[Any], header: StructureHeader) -> list[str]:
    """Names of the columns that say something else than a header."""
    pairs = zip(_COLUMNS, columns, _as_columns(header), strict=True)
    return [name for name, there, right in pairs if there != right]


def _as_columns(header: StructureHeader) -> tuple[Any, ...]:
    return (
        header.previous_version,
        header.original_version,
        header.root.type,
        header.root.id,
        header.edited_by,
        milliseconds(header.edited_on) if isinstance(header.edited_on, datetime) else None,
    )
