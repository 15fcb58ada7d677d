"""Statements that look after files: what is wrong with them, and bytes that none needs any more."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from modulestore.errors import InvalidKey
from modulestore.keys import parse_asset_key
from modulestore.model.files import FileProblem, FilesChecked, Leftover, wrong_pieces
from modulestore.storage.sqlite.columns import milliseconds
from modulestore.storage.sqlite.schema import SLICE

__all__ = ["check", "delete_leftovers", "ended_files", "unused_blobs"]

_FILE = "file"
_BLOB = "blob"
_NEEDED = "SELECT 1 FROM files AS other WHERE other.blob = files.blob AND other.id != files.id"


class _Row(NamedTuple):
    """A file that a course has, and what its blob says of itself."""

    id: int
    key: str
    md5: bytes
    blob: int
    length: int | None
    sha256: bytes | None


def check(
    connection: sqlite3.Connection, course: str | None, after: int, most: int, deep: bool
) -> tuple[int, FilesChecked] | None:
    """The next files by number, looked at, with the number of the last; None if there are no more."""
    of_course = "" if course is None else "AND course = :course"
    rows = [
        _Row(*row)
        for row in connection.execute(
            "SELECT files.id, key, md5, blob, length, sha256 FROM files LEFT JOIN blobs ON blobs.id = blob"
            f" WHERE files.id > :after AND ended_on IS NULL {of_course} ORDER BY files.id LIMIT :most",
            {"after": after, "course": course, "most": most},
        )
    ]
    if not rows:
        return None
    slices = _slices(connection, {row.blob for row in rows})
    problems = [
        FileProblem(row.key, message)
        for row in rows
        for message in _wrong(connection, row, slices.get(row.blob, {}), deep)
    ]
    return rows[-1].id, FilesChecked(len(rows), problems)


def _wrong(
    connection: sqlite3.Connection, row: _Row, slices: Mapping[int, Sequence[int]], deep: bool
) -> Iterator[str]:
    try:
        parse_asset_key(row.key)
    except InvalidKey as error:
        yield f"this is no key of a file: {error.message}"
    if row.length is None:
        yield "none of its bytes are there"
        return
    wrong = list(wrong_pieces(row.length, SLICE, slices, "slices"))
    yield from wrong
    if deep and not wrong:
        yield from _other_bytes(connection, row)


def _other_bytes(connection: sqlite3.Connection, row: _Row) -> Iterator[str]:
    """Whether the bytes are those that the digests were made of. One slice is in memory at a time."""
    sha256, md5 = hashlib.sha256(), hashlib.md5(usedforsecurity=False)
    for (data,) in connection.execute("SELECT data FROM slices WHERE blob = ? ORDER BY number", (row.blob,)):
        sha256.update(data)
        md5.update(data)
    if sha256.digest() != row.sha256:
        yield "its bytes are not those that were stored: the SHA-256 differs"
    elif md5.digest() != row.md5:
        yield "the stored MD5 is not that of its bytes"


def _slices(connection: sqlite3.Connection, blobs: Collection[int]) -> dict[int, dict[int, list[int]]]:
    """Lengths of the slices of each blob by number; SQLite knows them without reading the bytes."""
    found: dict[int, dict[int, list[int]]] = {}
    for chunk in _chunks(list(blobs)):
        query = f"SELECT blob, number, length(data) FROM slices WHERE blob IN ({_marks(chunk)})"
        for blob, number, length in connection.execute(query, chunk):
            found.setdefault(blob, {})[number] = [length]
    return found


def ended_files(
    connection: sqlite3.Connection, before: datetime, after: int, most: int
) -> tuple[int, list[Leftover]] | None:
    """The next files by number that were replaced or deleted before a time, with the number of the last.

    What a blob takes is counted with the last of them, if no other file needs it.
    """
    rows = connection.execute(
        f"""SELECT id, CASE WHEN EXISTS (
                {_NEEDED} AND (other.ended_on IS NULL OR other.ended_on >= :before OR other.id > files.id)
            ) THEN 0 ELSE coalesce((SELECT length FROM blobs WHERE blobs.id = files.blob), 0) END
            FROM files WHERE ended_on < :before AND id > :after ORDER BY id LIMIT :most""",
        {"before": milliseconds(before), "after": after, "most": most},
    ).fetchall()
    return (rows[-1][0], [Leftover(f"{_FILE} {row}", size) for row, size in rows]) if rows else None


def unused_blobs(connection: sqlite3.Connection, after: int, most: int) -> tuple[int, list[Leftover]] | None:
    """The next blobs by number that no file has or had, with the number of the last."""
    rows = connection.execute(
        "SELECT id, length FROM blobs WHERE id > ? AND id NOT IN (SELECT blob FROM files)"
        " ORDER BY id LIMIT ?",
        (after, most),
    ).fetchall()
    return (rows[-1][0], [Leftover(f"{_BLOB} {blob}", size) for blob, size in rows]) if rows else None


def delete_leftovers(connection: sqlite3.Connection, names: Collection[str], before: datetime) -> int:
    """Remove those of the rows and blobs that are still left over; bytes that are free.

    A blob goes with the last row that points to it.
    """
    blobs = set(_numbers(names, _BLOB))
    for chunk in _chunks(_numbers(names, _FILE)):
        ended = f"id IN ({_marks(chunk)}) AND ended_on < ?"
        values = (*chunk, milliseconds(before))
        blobs.update(
            blob for (blob,) in connection.execute(f"SELECT blob FROM files WHERE {ended}", values).fetchall()
        )
        connection.execute(f"DELETE FROM files WHERE {ended}", values)
    freed = 0
    for chunk in _chunks(sorted(blobs)):
        unused = f"id IN ({_marks(chunk)}) AND NOT EXISTS (SELECT 1 FROM files WHERE blob = blobs.id)"
        (size,) = connection.execute(
            f"SELECT coalesce(sum(length), 0) FROM blobs WHERE {unused}", chunk
        ).fetchone()
        connection.execute(f"DELETE FROM blobs WHERE {unused}", chunk)  # their slices go with them
        freed += size
    return freed


def _numbers(names: Collection[str], kind: str) -> list[int]:
    parts = (name.partition(" ") for name in names)
    return [int(number) for what, _, number in parts if what == kind and number.isdecimal()]


def _chunks(values: Sequence[int]) -> Iterator[Sequence[int]]:
    return (values[at : at + 500] for at in range(0, len(values), 500))


def _marks(chunk: Collection[Any]) -> str:
    return ",".join("?" * len(chunk))
