"""Statements on files: rows that point to blobs, and blobs in slices."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from modulestore.errors import AssetNotFound, CorruptDocument
from modulestore.keys import AssetKey, ContextKey
from modulestore.model.files import CourseFile
from modulestore.storage.content import Content, file_key, parse_file_key, pieces
from modulestore.storage.documents import now
from modulestore.storage.sqlite.columns import from_milliseconds, milliseconds
from modulestore.storage.sqlite.schema import SLICE

__all__ = [
    "course_name",
    "delete",
    "fetch",
    "get",
    "list_course",
    "put",
    "put_many",
    "update",
]

_FILE = """
    SELECT key, length, display_name, content_type, locked, import_path, md5, sha256, thumbnail, uploaded_on
    FROM files JOIN blobs ON blobs.id = files.blob
"""


def get(connection: sqlite3.Connection, key: AssetKey) -> CourseFile | None:
    """Metadata of one file."""
    row = connection.execute(f"{_FILE} WHERE key = ? AND ended_on IS NULL", (str(file_key(key)),)).fetchone()
    return None if row is None else _file(row, key.course)


def list_course(connection: sqlite3.Connection, course: ContextKey) -> list[CourseFile]:
    """Metadata of a course's files, by name."""
    rows = connection.execute(
        f"{_FILE} WHERE course = ? AND ended_on IS NULL", (course_name(course),)
    ).fetchall()
    return sorted((_file(row, course) for row in rows), key=lambda file: (file.key.name, file.key.type))


def put(connection: sqlite3.Connection, file: CourseFile, content: Content) -> CourseFile:
    """Store bytes, unless they are there already, and let the file's name stand for them."""
    stored = replace(
        file,
        key=file_key(file.key),
        length=content.length,
        md5=content.md5.hex(),
        sha256=content.sha256.hex(),
        uploaded_on=now(),
        piece=SLICE,
    )
    blob = _blob(connection, content)
    _end(connection, stored.key)
    connection.execute(
        "INSERT INTO files (key, course, blob, display_name, content_type, locked, import_path, md5,"
        " thumbnail, uploaded_on) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            str(stored.key),
            course_name(stored.key.course),
            blob,
            stored.display_name,
            stored.content_type,
            stored.locked,
            stored.import_path,
            content.md5,
            stored.thumbnail,
            milliseconds(stored.uploaded_on or now()),
        ),
    )
    return stored


def put_many(connection: sqlite3.Connection, files: Sequence[tuple[CourseFile, Content]]) -> list[CourseFile]:
    """Store several files, one after the other."""
    return [put(connection, file, content) for file, content in files]


def update(connection: sqlite3.Connection, file: CourseFile) -> bool:
    """Set the metadata that is not the bytes'; whether the file is there."""
    cursor = connection.execute(
        "UPDATE files SET display_name = ?, content_type = ?, locked = ?, import_path = ?, thumbnail = ?"
        " WHERE key = ? AND ended_on IS NULL",
        (
            file.display_name,
            file.content_type,
            file.locked,
            file.import_path,
            file.thumbnail,
            str(file_key(file.key)),
        ),
    )
    return cursor.rowcount == 1


def delete(connection: sqlite3.Connection, key: AssetKey) -> bool:
    """End a file; whether it was there. Its row and its bytes stay, as its history."""
    return _end(connection, file_key(key))


def fetch(connection: sqlite3.Connection, file: CourseFile, start: int, stop: int) -> bytes:
    """Bytes of a file, though another one may have its name by now.

    Raises:
        AssetNotFound: they were pruned.
        CorruptDocument: some of them are missing.
    """
    digest = bytes.fromhex(file.sha256 or "")
    found: tuple[int] | None = connection.execute(
        "SELECT id FROM blobs WHERE sha256 = ?", (digest,)
    ).fetchone()
    if found is None:
        raise AssetNotFound("there is no such file any more", place=str(file.key))
    parts = []
    while start < stop:
        number, skip = divmod(start, SLICE)
        length = min(stop - start, SLICE - skip)
        row: tuple[bytes] | None = connection.execute(
            "SELECT substr(data, ?, ?) FROM slices WHERE blob = ? AND number = ?",
            (skip + 1, length, found[0], number),
        ).fetchone()
        if row is None or len(row[0]) != length:
            raise CorruptDocument("bytes of the file are missing", place=f"{file.key}, slice {number}")
        parts.append(row[0])
        start += length
    return b"".join(parts)


def _blob(connection: sqlite3.Connection, content: Content) -> int:
    found: tuple[int] | None = connection.execute(
        "SELECT id FROM blobs WHERE sha256 = ?", (content.sha256,)
    ).fetchone()
    if found is not None:
        return found[0]
    cursor = connection.execute(
        "INSERT INTO blobs (sha256, length) VALUES (?, ?)", (content.sha256, content.length)
    )
    blob = cursor.lastrowid
    assert blob is not None
    connection.executemany(
        "INSERT INTO slices (blob, number, data) VALUES (?, ?, ?)",
        ((blob, number, data) for number, data in enumerate(pieces(content.data, SLICE))),
    )
    return blob


def _end(connection: sqlite3.Connection, key: AssetKey) -> bool:
    statement = "UPDATE files SET ended_on = ? WHERE key = ? AND ended_on IS NULL"
    return connection.execute(statement, (milliseconds(now()), str(key))).rowcount == 1


def course_name(course: ContextKey) -> str:
    """What the files of a course are found by."""
    # The old-style key of a file does not say the run, so its files are found by organisation and course.
    return f"{course.org}/{course.course}" if course.deprecated else str(course.bare)


def _file(row: tuple[Any, ...], course: ContextKey) -> CourseFile:
    key, length, display_name, content_type, locked, import_path, md5, sha256, thumbnail, uploaded_on = row
    return CourseFile(
        key=parse_file_key(key, course),
        length=length,
        display_name=display_name,
        content_type=content_type,
        locked=bool(locked),
        import_path=import_path,
        md5=md5.hex(),
        sha256=sha256.hex(),
        thumbnail=thumbnail,
        uploaded_on=from_milliseconds(uploaded_on),
        piece=SLICE,
    )
