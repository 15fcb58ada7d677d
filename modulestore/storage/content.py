"""The bytes of a file on their way into a database."""

from __future__ import annotations

import errno
import hashlib
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, BinaryIO

from modulestore.errors import StorageError, StorageFull
from modulestore.keys import AssetKey, ContextKey, parse_asset_key

__all__ = ["Content", "file_key", "parse_file_key", "pieces", "read_piece", "set_aside"]

_IN_MEMORY = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Content:
    """All bytes of a file, set aside, and what they add up to."""

    data: IO[bytes]
    length: int
    md5: bytes
    sha256: bytes


@contextmanager
def set_aside(source: BinaryIO, piece: int) -> Iterator[Content]:
    """Read ``source`` to its end: into memory if it is small, into a temporary file if not."""
    md5, sha256, length = hashlib.md5(usedforsecurity=False), hashlib.sha256(), 0
    with tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY) as data:
        for part in pieces(source, piece):
            md5.update(part)
            sha256.update(part)
            length += len(part)
            with _temporary_file_errors():
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


def parse_file_key(text: str, course: ContextKey | None = None) -> AssetKey:
    """The key that is stored as ``text``; old-style ones do not say the run, ``course`` does."""
    key = parse_asset_key(text)
    return key if course is None else key.map_into(course.bare)


@contextmanager
def _temporary_file_errors() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        hint = f"free some space in {tempfile.gettempdir()}, or let TMPDIR name another folder"
        kind = StorageFull if error.errno in (errno.ENOSPC, errno.EDQUOT) else StorageError
        raise kind(f"no temporary file can be written: {error}", hint=hint) from error
