"""Files that are open for reading: the twin of ``_async/opened_files.py``, written by hand."""

from __future__ import annotations

import io
from typing import TypeAlias

from modulestore._sync.ports import Files
from modulestore.model.files import CourseFile

__all__ = ["OpenFile", "open_file"]

OpenFile: TypeAlias = io.BufferedReader
"""The bytes of one file, as a binary file to read from and to seek in.

Nothing is held open: what is read is read when it is asked for, always of the same file. Errors as those of
`Assets.fetch`.
"""

_AT_ONCE = 1 << 20


class _Bytes(io.RawIOBase):
    def __init__(self, files: Files, file: CourseFile) -> None:
        self._files = files
        self._file = file
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._file.length}[whence]
        if base + offset < 0:
            raise ValueError(f"there is no byte {base + offset}")
        self._at = base + offset
        return self._at

    def tell(self) -> int:
        return self._at

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        stop = min(self._at + min(len(buffer), _AT_ONCE), self._file.length)
        if stop <= self._at:
            return 0
        data = self._files.fetch(self._file, self._at, stop)
        buffer[: len(data)] = data
        self._at = stop
        return len(data)

    def readall(self) -> bytes:
        data = b"".join(self._files.pieces(self._file, self._at))
        self._at += len(data)
        return data


def open_file(files: Files, file: CourseFile) -> OpenFile:
    """Open a file."""
    return io.BufferedReader(_Bytes(files, file), buffer_size=file.piece or _AT_ONCE)
