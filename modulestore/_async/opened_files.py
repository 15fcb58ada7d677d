"""Files that are open for reading.

Its twin in ``_sync`` is written by hand too: there an open file is one of Python's own.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

from modulestore._async.ports import Files
from modulestore.model.files import CourseFile

__all__ = ["OpenFile", "open_file"]


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
        return self._files.pieces(self.file)

    async def read_all(self) -> bytes:
        """All bytes."""
        return b"".join([piece async for piece in self])


def open_file(files: Files, file: CourseFile) -> OpenFile:
    """Open a file."""
    return OpenFile(files, file)
