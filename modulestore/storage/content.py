"""The bytes of a file on their way into a database."""

from __future__ import annotations

import errno
import hashlib
import io
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, BinaryIO, Final

from modulestore.errors import StorageError, StorageFull
from modulestore.keys import AssetKey, ContextKey, parse_asset_key

__all__ = [
    "IN_MEMORY",
    "Content",
    "course_name",
    "file_key",
    "in_memory",
    "parse_file_key",
    "pieces",
    "read_piece",
    "set_aside",
    "temporary_file_errors",
]

IN_MEMORY: Final = 4 * 1024 * 1024
"""Bytes of a file that are kept in memory on its way; beyond, they are in a temporary file."""


@dataclass(frozen=True, slots=True)
class Content:
    """All bytes of a file, set aside, and what they add up to."""

    data: IO[bytes]
    length: int
    md5: bytes
    sha256: bytes


def in_memory(data: bytes) -> Content:
    """Bytes that need not be set aside."""
    md5 = hashlib.md5(data, usedforsecurity=False)
    return Content(io.BytesIO(data), len(data), md5.digest(), hashlib.sha256(data).digest())


@contextmanager
def set_aside(source: BinaryIO, piece: int) -> Iterator[Content]:
    """Read ``source`` to its end: into memory if it is small, into a temporary file if not."""
    md5, sha256, length = hashlib.md5(usedforsecurity=False), hashlib.sha256(), 0
    with tempfile.SpooledTemporaryFile(max_size=IN_MEMORY) as data:
        for part in pieces(source, piece):
            md5.update(part)
            sha256.update(part)
            length += len(part)
            with temporary_file_errors():
                data.write(part)
        data.seek(0)
        yield Content(data, length, md5.digest(), sha256.digest())


def pieces(source: IO[bytes], size: int) -> Iterator[bytes]:
    """What is left of ``source``, in pieces of ``size`` bytes; the last may be shorter."""
    while part := read_piece(source, size):
        yield part


def read_piece(source: IO[bytes], size: int) -> bytes:
    """The next ``size`` bytes of ``source``, however few at a time it gives; fewer at its end only."""
    parts = []
    while size and (part := source.read(size)):
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def file_key(key: AssetKey) -> AssetKey:
    """The key that a file is kept under: without branch and version."""
    return key.map_into(key.course.bare)


def course_name(course: ContextKey) -> str:
    """What the files of a course are found by."""
    # The old-style key of a file does not say the run, so its files are found by organisation and course.
    return f"{course.org}/{course.course}" if course.deprecated else str(course.bare)


def parse_file_key(text: str, course: ContextKey | None = None) -> AssetKey:
    """The key that is stored as ``text``; old-style ones do not say the run, ``course`` does."""
    key = parse_asset_key(text)
    return key if course is None else key.map_into(course.bare)


@contextmanager
def temporary_file_errors() -> Iterator[None]:
    """What the system says when a temporary file cannot be written, as an error of ours.

    Raises:
        StorageFull, StorageError: it cannot.
    """
    try:
        yield
    except OSError as error:
        hint = f"free some space in {tempfile.gettempdir()}, or let TMPDIR name another folder"
        kind = StorageFull if error.errno in (errno.ENOSPC, errno.EDQUOT) else StorageError
        raise kind(f"no temporary file can be written: {error}", hint=hint) from error
