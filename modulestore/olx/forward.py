"""A file that is read once from beginning to end, within bounds."""

from __future__ import annotations

import io
import tarfile
from typing import BinaryIO

from modulestore.errors import InvalidArchive

__all__ = ["ForwardReader"]

_LARGEST_READ = 16 * 1024 * 1024
_CHUNK = 256 * 1024


class ForwardReader(io.BufferedIOBase):
    """Counts what is read of an archive, and refuses to read more than the archive may hold.

    What tarfile asks for in one read is a header or a piece of a member: no honest one is large, so a header
    that claims to be is refused before it is read into memory.
    """

    def __init__(self, file: BinaryIO | io.BufferedIOBase, name: str, largest: int) -> None:
        super().__init__()
        self._file = file
        self._name = name
        self._largest = largest
        self._at = 0
        self._last = b""

    def readable(self) -> bool:
        """Always."""
        return True

    def tell(self) -> int:
        """How much has been read."""
        return self._at

    def read(self, size: int | None = -1, /) -> bytes:
        """So many bytes, or fewer at the end.

        Raises:
            InvalidArchive: it asks for too much, or the archive is too large.
        """
        if size is None or size < 0 or size > _LARGEST_READ:
            raise InvalidArchive("a header in it is too large", place=self._name)
        data = self._file.read(size)
        self._at += len(data)
        if self._at > self._largest:
            raise InvalidArchive(
                "unpacked it is too large", place=self._name, hint="unpack it yourself and give the folder"
            )
        self._last = data
        return data

    def seek(self, target: int, whence: int = io.SEEK_SET, /) -> int:
        """Read on to a place ahead."""
        if whence != io.SEEK_SET or target < self._at:
            raise io.UnsupportedOperation("only forward")
        while self._at < target and self.read(min(_CHUNK, target - self._at)):
            pass
        return self._at

    def ended_well(self) -> bool:
        """Whether the last thing read is the mark at the end of a tar file.

        Reads what is left, so that gzip checks its sum.
        """
        ended = self._last == bytes(tarfile.BLOCKSIZE)
        while self.read(_CHUNK):
            pass
        return ended
