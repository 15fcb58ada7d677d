"""Statements on files: rows that point to blobs, and blobs in slices."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any

from modulestore.errors import AssetNotFound, CorruptDocument
from modulestore.keys import AssetKey, ContextKey
from modulestore.model.files import CourseFile, FileVersion, changed_metadata, with_kept
from modulestore.storage.content import Content, course_name, file_key, parse_file_key, pieces
from modulestore.storage.documents import now
from modulestore.storage.sqlite.columns import from_milliseconds, milliseconds
from modulestore.storage.sqlite.schema import SLICE

__all__ = [
    "copy",
    "delete",
    "fetch",
    "get",
    "history",
    "list_course",
    "put",
    "put_many",
    "restore",
    "trash",
    "update",
]

_FILE = """
    SELECT key, length, display_name, content_type, locked, import_path, md5, sha256, thumbnail, uploaded_on,
        ended_on FROM files JOIN blobs ON blobs.id = files.blob
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


def put(
    connection: sqlite3.Connection, file: CourseFile, content: Content, keep: Collection[str] = ()
) -> CourseFile:
    """Store bytes, unless they are there already, and let the file's name stand for them; what ``keep`` names
    of its metadata stays as it is.
    """
    stored = replace(
        with_kept(file, get(connection, file.key) if keep else None, keep),
        key=file_key(file.key),
        length=content.length,
        md5=content.md5.hex(),
        sha256=content.sha256.hex(),
        uploaded_on=now(),
        piece=SLICE,
    )
    blob = _blob(connection, content)
    _end(connection, stored.key)
    return _insert(connection, stored, blob)


def put_many(connection: sqlite3.Connection, files: Sequence[tuple[CourseFile, Content]]) -> list[CourseFile]:
    """Store several files, one after the other."""
    return [put(connection, file, content) for file, content in files]


def update(connection: sqlite3.Connection, was: CourseFile, file: CourseFile) -> bool:
    """Set the metadata in which a file differs from what it was; whether it is there."""
    changed = changed_metadata(was, file)
    # Its columns have the names of its attributes.
    settings = ", ".join(f"{name} = ?" for name in changed) or "locked = locked"
    statement = f"UPDATE files SET {settings} WHERE key = ? AND ended_on IS NULL"
    return connection.execute(statement, (*changed.values(), str(file_key(was.key)))).rowcount == 1


def delete(connection: sqlite3.Connection, key: AssetKey) -> bool:
    """End a file; whether it was there. Its row and its bytes stay, as its history."""
    return _end(connection, file_key(key))


def trash(connection: sqlite3.Connection, course: ContextKey) -> list[FileVersion]:
    """What names of a course stood for last that stand for nothing now, by name."""
    rows = connection.execute(
        f"{_FILE} WHERE ended_on IS NOT NULL"
        " AND files.id IN (SELECT max(id) FROM files WHERE course = ? GROUP BY key)",
        (course_name(course),),
    ).fetchall()
    found = (_version(row, course) for row in rows)
    return sorted(found, key=lambda version: (version.file.key.name, version.file.key.type))


def history(connection: sqlite3.Connection, key: AssetKey) -> list[FileVersion]:
    """What a name has stood for, the newest first."""
    rows = connection.execute(f"{_FILE} WHERE key = ? ORDER BY files.id DESC", (str(file_key(key)),))
    return [_version(row, key.course) for row in rows]


def restore(connection: sqlite3.Connection, version: FileVersion) -> CourseFile | None:
    """Let a name stand for what it stood for; None if that is not remembered."""
    found = next((past for past in history(connection, version.file.key) if past.file == version.file), None)
    if found is None:
        return None
    blob = _find_blob(connection, found.file)
    assert blob is not None, "rows refer to blobs"
    _end(connection, found.file.key)
    return _insert(connection, replace(found.file, uploaded_on=now()), blob)


def copy(connection: sqlite3.Connection, files: Sequence[CourseFile], target: ContextKey) -> list[CourseFile]:
    """Let names of another course stand for the same bytes."""
    copied = []
    for file in files:
        key = file_key(file.key.map_into(target))
        blob = _find_blob(connection, file)
        if blob is not None:
            _end(connection, key)
            copied.append(_insert(connection, replace(file, key=key, uploaded_on=now()), blob))
    return copied


def fetch(connection: sqlite3.Connection, file: CourseFile, start: int, stop: int) -> bytes:
    """Bytes of a file, though another one may have its name by now.

    Raises:
        AssetNotFound: they were pruned.
        CorruptDocument: some of them are missing.
    """
    blob = _find_blob(connection, file)
    if blob is None:
        raise AssetNotFound("there is no such file any more", place=str(file.key))
    parts = []
    while start < stop:
        number, skip = divmod(start, SLICE)
        length = min(stop - start, SLICE - skip)
        row: tuple[bytes] | None = connection.execute(
            "SELECT substr(data, ?, ?) FROM slices WHERE blob = ? AND number = ?",
            (skip + 1, length, blob, number),
        ).fetchone()
        if row is None or len(row[0]) != length:
            raise CorruptDocument("bytes of the file are missing", place=f"{file.key}, slice {number}")
        parts.append(row[0])
        start += length
    return b"".join(parts)


def _find_blob(connection: sqlite3.Connection, file: CourseFile) -> int | None:
    digest = bytes.fromhex(file.sha256 or "")
    found: tuple[int] | None = connection.execute(
        "SELECT id FROM blobs WHERE sha256 = ?", (digest,)
    ).fetchone()
    return None if found is None else found[0]


def _insert(connection: sqlite3.Connection, file: CourseFile, blob: int) -> CourseFile:
    """Let a name that stands for nothing stand for a file; the file."""
    connection.execute(
        "INSERT INTO files (key, course, blob, display_name, content_type, locked, import_path, md5,"
        " thumbnail, uploaded_on) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            str(file.key),
            course_name(file.key.course),
            blob,
            file.display_name,
            file.content_type,
            file.locked,
            file.import_path,
            bytes.fromhex(file.md5 or ""),
            file.thumbnail,
            milliseconds(file.uploaded_on or now()),
        ),
    )
    return file


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


def _file(row: tuple[Any, ...], course: ContextKey) -> CourseFile:
    key, length, display_name, content_type, locked, import_path, md5, sha256, thumbnail, uploaded_on, _ = row
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


def _version(row: tuple[Any, ...], course: ContextKey) -> FileVersion:
    return FileVersion(_file(row, course), None if row[-1] is None else from_milliseconds(row[-1]))
