"""Writing the files of an archive: into a tar file, or into a folder.

The same files give the same bytes, wherever and whenever (of a ``.tar.gz``, with the same zlib): no times,
owners or modes of the machine are in it.
"""

from __future__ import annotations

import errno
import gzip
import os
import shutil
import tarfile
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable
from contextlib import suppress
from pathlib import Path, PurePosixPath
from secrets import token_hex
from typing import BinaryIO

from modulestore.errors import InvalidInput
from modulestore.storage.new_files import NewFile, cannot_write

__all__ = ["ArchiveWriter", "FolderWriter", "TarWriter", "is_tar_name"]

_GZIP_LEVEL = 6
_ROOT_FILES = ("course.xml", "library.xml")
_TAR_NAMES = (".tar.gz", ".tgz", ".tar")


def is_tar_name(path: Path) -> bool:
    """Whether a path names a tar file."""
    return path.name.lower().endswith(_TAR_NAMES)


class ArchiveWriter(ABC):
    """Takes files one after the other, and has to be closed.

    Attributes:
        size: bytes of what is written: of the tar file, or of all files.
    """

    size: int

    @abstractmethod
    def begin(self, path: str, size: int) -> None:
        """A file, of which so many bytes follow."""

    @abstractmethod
    def write(self, data: bytes) -> None:
        """Bytes of it, in pieces of any length."""

    @abstractmethod
    def finish(self) -> None:
        """It is complete."""

    @abstractmethod
    def end(self) -> None:
        """All files are there: it gets its name."""

    @abstractmethod
    def close(self) -> None:
        """Remove what is not complete."""


class TarWriter(ArchiveWriter):
    """A tar file with one folder, compressed unless its name says that it is not."""

    def __init__(self, dest: Path | BinaryIO, folder: str, *, force: bool) -> None:
        """Begin one.

        Args:
            dest: a file that gets its name at the end, or a stream, which is left open.

        Raises:
            InvalidInput: there is something already and ``force`` is not set, or there can be nothing.
        """
        self.size = 0
        self._closed = False
        self._folder = folder
        self._new = NewFile(dest, force=force) if isinstance(dest, Path) else None
        self._stream = None if isinstance(dest, Path) else dest
        is_plain = isinstance(dest, Path) and dest.suffix.lower() == ".tar"
        self._gzip = None if is_plain else gzip.GzipFile("", "wb", _GZIP_LEVEL, _Sink(self), mtime=0)
        self._tar_size = 0
        self._left = 0

    def begin(self, path: str, size: int) -> None:
        info = tarfile.TarInfo(f"{self._folder}/{path}")
        info.size, info.mode = size, 0o644
        self._put(info.tobuf(tarfile.PAX_FORMAT, "utf-8", "strict"))
        self._left = size

    def write(self, data: bytes) -> None:
        self._put(data)
        self._left -= len(data)

    def finish(self) -> None:
        if self._left:
            raise ValueError(f"{self._left} bytes of a file are missing")
        self._put(bytes(-self._tar_size % tarfile.BLOCKSIZE))

    def end(self) -> None:
        self._put(bytes(2 * tarfile.BLOCKSIZE))
        self._put(bytes(-self._tar_size % tarfile.RECORDSIZE))
        if self._gzip is not None:
            self._gzip.close()
        if self._new is not None:
            self._new.end()
            self._new.publish()

    def close(self) -> None:
        self._closed = True
        if self._new is not None:
            self._new.close()

    def raw(self, data: bytes) -> None:
        """Write what is compressed already."""
        if self._closed:
            return  # gzip ends what broke off when it is collected, as if it were whole
        if self._new is not None:
            self._new.write(data)
        elif self._stream is not None:
            try:
                self._stream.write(data)
            except OSError as error:
                raise cannot_write(error, Path("-")) from error
        self.size += len(data)

    def _put(self, data: bytes) -> None:
        self._tar_size += len(data)
        if self._gzip is None:
            self.raw(data)
        else:
            self._gzip.write(data)


class _Sink:
    """The file that gzip writes to."""

    def __init__(self, writer: TarWriter) -> None:
        self._writer = writer

    def write(self, data: bytes) -> int:
        self._writer.raw(bytes(data))
        return len(data)

    def flush(self) -> None:
        """Nothing is held back."""


class FolderWriter(ArchiveWriter):
    """A folder: a new one, which gets its name at the end, or one that is there, whose files get theirs one
    by one.

    Attributes:
        written: paths of files that were not as they are to be.
    """

    def __init__(self, dest: Path, *, update: bool) -> None:
        """Begin one; to ``update`` a folder that is there.

        Raises:
            InvalidInput: there is something already, and it is not to be updated; or there can be nothing.
        """
        self.size = 0
        self.written: list[str] = []
        self._dest = dest
        self._updates = update and dest.is_dir()
        self._fills = not self._updates and _is_empty_folder(dest)
        if not self._updates and os.path.lexists(dest) and not _is_empty_folder(dest):
            raise InvalidInput(
                "is there already",
                place=str(dest),
                hint="give an empty folder, or --since to bring it up to date",
            )
        if self._fills:  # it may be where somebody works, or a disk of its own: it stays
            self._root = dest / _part_name()
        else:
            self._root = dest if self._updates else dest.with_name(f".{dest.name}.{token_hex(4)}.part")
        self._part: Path | None = None
        self._file: BinaryIO | None = None
        self._path = ""
        try:
            self._root.mkdir(exist_ok=self._updates)
        except OSError as error:
            hint = "give a folder in one that exists"
            raise InvalidInput(
                f"cannot be made: {error.strerror or error}", place=str(dest), hint=hint
            ) from error

    def expect_inside(self, paths: Iterable[str]) -> None:
        """Look whether the folder has these paths itself, or could have them.

        Raises:
            InvalidInput: a link on the way leads somewhere else.
        """
        parents = {parent for path in paths for parent in PurePosixPath(path).parents}
        for folder in sorted(self._root / parent for parent in parents - {PurePosixPath()}):
            if folder.is_symlink():
                raise InvalidInput(
                    "is a link: what it leads to is not brought up to date",
                    place=str(folder),
                    hint="put a folder in its place",
                )

    def begin(self, path: str, size: int) -> None:
        self._path = path
        file = self._root / path
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            self._part = file.with_name(_part_name()) if self._updates else file
            self._file = self._part.open("xb")  # a disk may take two names for one
        except OSError as error:
            raise cannot_write(error, self._dest / path) from error

    def write(self, data: bytes) -> None:
        assert self._file is not None
        try:
            self._file.write(data)
        except OSError as error:
            raise cannot_write(error, self._dest / self._path) from error
        self.size += len(data)

    def finish(self) -> None:
        assert self._file is not None
        assert self._part is not None
        try:
            self._file.close()
            if self._updates:
                os.replace(self._part, self._root / self._path)
        except OSError as error:
            raise cannot_write(error, self._dest / self._path) from error
        self._part = self._file = None
        self.written.append(self._path)

    def remove(self, paths: Collection[str]) -> list[str]:
        """Remove files, and folders that are empty then; those that were there."""
        removed = []
        for path in sorted(paths):
            file = self._root / path
            if file.is_dir() or not os.path.lexists(file):
                continue
            try:
                file.unlink()
            except OSError as error:
                raise cannot_write(error, self._dest / path) from error
            removed.append(path)
            for folder in file.parents:
                if folder == self._root or not _is_empty_folder(folder):
                    break
                folder.rmdir()
        return removed

    def end(self) -> None:
        if self._updates:
            return
        try:
            if self._fills:
                self._fill()
            else:
                os.rename(self._root, self._dest)
        except OSError as error:
            raise cannot_write(error, self._dest) from error

    def _fill(self) -> None:
        """Move all there is into the folder; the file that makes it a course last."""
        names = sorted((entry.name for entry in self._root.iterdir()), key=lambda name: name in _ROOT_FILES)
        moved: list[Path] = []
        try:
            for name in names:
                if os.path.lexists(self._dest / name):
                    raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))
                os.rename(self._root / name, self._dest / name)
                moved.append(self._dest / name)
        except BaseException:
            for path in moved:
                os.rename(path, self._root / path.name)
            raise

    def close(self) -> None:
        if self._file is not None:
            with suppress(OSError):
                self._file.close()
        if self._part is not None:
            self._part.unlink(missing_ok=True)
        if not self._updates:
            shutil.rmtree(self._root, ignore_errors=True)


def _part_name() -> str:
    """The name of what is not complete; should it stay behind, no import reads it."""
    return f"._{token_hex(8)}.part"


def _is_empty_folder(path: Path) -> bool:
    return path.is_dir() and not any(path.iterdir())
