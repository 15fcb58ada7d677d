"""Files that get their name once they are complete."""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from pathlib import Path
from secrets import token_hex
from typing import BinaryIO

from modulestore.errors import InvalidInput, StorageError, StorageFull

__all__ = ["NewFile", "cannot_write"]


class NewFile:
    """A file that is being written, and has to be closed.

    Attributes:
        path: where it is until it gets its name.
        file: to write to.
    """

    def __init__(self, dest: Path, *, force: bool) -> None:
        """Begin a file that will be at ``dest``.

        Raises:
            InvalidInput: there is something already and ``force`` is not set, or there can be nothing.
        """
        self._dest, self._force = dest, force
        self._refuse_existing()
        self.path = dest.with_name(f".{dest.name}.{token_hex(4)}.part")
        try:
            self.file: BinaryIO = self.path.open("xb")
        except OSError as error:
            hint = "give a file in a folder that exists"
            message = f"cannot be written: {error.strerror or error}"
            raise InvalidInput(message, place=str(dest), hint=hint) from error

    def close(self) -> None:
        """Close the file, and remove it unless it has its name."""
        with suppress(OSError):  # also what is left in the buffer when there is no room
            self.file.close()
        self.path.unlink(missing_ok=True)

    def write(self, data: bytes) -> None:
        """Write on.

        Raises:
            StorageFull, StorageError: it cannot be written.
        """
        try:
            self.file.write(data)
        except OSError as error:
            raise cannot_write(error, self._dest) from error

    def end(self) -> None:
        """Make sure that it is on the disk."""
        try:
            self.file.flush()
            os.fsync(self.file.fileno())
        except OSError as error:
            raise cannot_write(error, self._dest) from error

    def publish(self) -> None:
        """Give the file its name.

        Raises:
            InvalidInput: there is something of this name by now, and it is not to be overwritten.
        """
        try:
            if self._force:
                os.replace(self.path, self._dest)
            else:
                os.link(self.path, self._dest)  # unlike renaming, it replaces nothing
        except FileExistsError:
            self._refuse_existing()
            raise
        except OSError as error:
            if self._force or error.errno not in (errno.EPERM, errno.ENOTSUP, errno.ENOSYS):
                raise cannot_write(error, self._dest) from error
            self._refuse_existing()  # a file system without links
            os.replace(self.path, self._dest)

    def _refuse_existing(self) -> None:
        if self._dest.is_dir() or (os.path.lexists(self._dest) and not self._force):
            hint = "give the name of a new file" if self._dest.is_dir() else "--force overwrites it"
            raise InvalidInput("is there already", place=str(self._dest), hint=hint)


def cannot_write(error: OSError, place: Path) -> StorageError:
    """What the system says, as an error of ours."""
    kind = StorageFull if error.errno in (errno.ENOSPC, errno.EDQUOT) else StorageError
    return kind(f"cannot be written: {error.strerror or error}", place=str(place))
