"""Files that are open for reading.

Its twin in ``_sync`` is written by hand too: there an open file is one of Python's own.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

from modulestore._async.ports import Files
from modulestore.model.files import CourseFile

__all__ = ["OpenFile", "open_file", "pieces_of"]

_AT_ONCE = 1 << 20


class OpenFile:
    """The bytes of one file: ``async for piece in opened``, or all at once.

    Nothing is held open: each piece is read when it is asked for, always of the same file, so there is
    nothing to close. Errors as those of `AsyncAssets.fetch`.

    Attributes:
        file: what is read.
    """

    def __init__(self, files: Files, file: CourseFile) -> None:
        self.file = file
        self._files = files

    def __aiter__(self) -> AsyncIterator[bytes]:
        return pieces_of(self._files, self.file)

    async def read_all(self) -> bytes:
        """All bytes."""
        return b"".join([piece async for piece in self])


def open_file(files: Files, file: CourseFile) -> OpenFile:
    """Open a file."""
    return OpenFile(files, file)


async def pieces_of(files: Files, file: CourseFile) -> AsyncIterator[bytes]:
    """The bytes of a file, about a MiB at a time."""
    piece = file.piece or _AT_ONCE
    step = max(1, _AT_ONCE // piece) * piece
    for start in range(0, file.length, step):
        yield await files.fetch(file, start, min(start + step, file.length))
