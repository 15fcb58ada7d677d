"""The one place where errors of SQLite become ours."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from modulestore.errors import (
    CorruptDocument,
    InvalidInput,
    InvalidURL,
    ModuleStoreError,
    StorageError,
    StorageFull,
    StorageUnavailable,
)

__all__ = ["ended", "error_kind", "mapped", "sqlite_errors"]

_UNREACHABLE = {
    sqlite3.SQLITE_CANTOPEN: "does the folder exist, and may this user read and write there?",
    sqlite3.SQLITE_PERM: "may this user read and write the file?",
    sqlite3.SQLITE_AUTH: "may this user read and write the file?",
    sqlite3.SQLITE_READONLY: "may this user write the file and its folder?",
    sqlite3.SQLITE_IOERR: "is the disk in order? Try again",
    sqlite3.SQLITE_PROTOCOL: "another process is starting to use the file: try again",
}


@contextmanager
def sqlite_errors(place: str) -> Iterator[None]:
    """Errors of the driver become ours; ``place`` is the database's path."""
    try:
        yield
    except sqlite3.Error as error:
        raise mapped(error, place) from error
    except (UnicodeEncodeError, OverflowError) as error:
        raise InvalidInput(f"this cannot be stored: {error}", place=place) from error


def mapped(error: sqlite3.Error, place: str) -> ModuleStoreError:
    """Our error for one of SQLite's."""
    if isinstance(error, sqlite3.ProgrammingError) and "closed" in str(error):
        return ended("the store is closed", place)
    code, kind = _code(error), error_kind(error)
    # What a full disk stops first is enlarging the shared memory of the log; SQLite does not call that full.
    if kind == sqlite3.SQLITE_FULL or code == sqlite3.SQLITE_IOERR_SHMSIZE:
        return StorageFull(
            "the disk is full, nothing was written", place=place, hint="free some space, then try again"
        )
    if kind in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return StorageUnavailable(
            "the database is locked by somebody else",
            place=place,
            hint="wait until the other process has finished, then try again",
        )
    if kind == sqlite3.SQLITE_NOTADB:
        return InvalidURL("the file is no SQLite database", place=place, hint="give the path of another file")
    if kind == sqlite3.SQLITE_CORRUPT:
        return CorruptDocument(
            f"the file is damaged: {error}", place=place, hint="bring it back from a backup"
        )
    if kind in _UNREACHABLE:
        return StorageUnavailable(f"the file cannot be used: {error}", place=place, hint=_UNREACHABLE[kind])
    return StorageError(str(error), place=place)


def ended(message: str, place: str) -> StorageUnavailable:
    """The error for using what is over: a closed store, a group that has ended."""
    return StorageUnavailable(message, place=place, hint="open the store again")


def error_kind(error: sqlite3.Error) -> int:
    """SQLite's primary result code."""
    return _code(error) & 0xFF


def _code(error: sqlite3.Error) -> int:
    code: int = getattr(
        error, "sqlite_errorcode", sqlite3.SQLITE_ERROR
    )  # absent where Python itself found the error
    return code
