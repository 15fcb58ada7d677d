"""Opening an archive: a folder, or a tar file that is unpacked while it is open.

A tar file from anywhere is safe to open. What its members may be is checked while it is unpacked, and nothing
of a refused one is left behind. Links that stay inside become the files that they lead to; links that lead
out are refused. Source: course archive format, archive.
"""

from __future__ import annotations

import gzip
import os
import tarfile
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from modulestore.errors import InvalidArchive
from modulestore.olx.forward import ForwardReader
from modulestore.olx.headers import Header
from modulestore.olx.tree import FileTree, FolderTree, course_root
from modulestore.olx.unpacking import Limits, UnpackedTree, Unpacking

__all__ = ["Limits", "open_archive"]

_GZIP = b"\x1f\x8b"
_ZIP = b"PK"
_HINT = "give a folder, or a .tar.gz that a course or library was exported to"


@contextmanager
def open_archive(path: str | os.PathLike[str], *, limits: Limits | None = None) -> Iterator[FileTree]:
    """The files of a course or library, from the folder that holds ``course.xml`` or ``library.xml``.

    ``path`` is a folder, or a ``.tar.gz``, ``.tgz`` or ``.tar``; what it is is seen from the content.

    Raises:
        InvalidArchive: there is nothing there, it is neither, it is damaged, a member is dangerous, it is
            beyond the limits, or there is no course in it.
    """
    source = Path(path)
    file = _opened(source)
    if file is None:
        yield course_root(FolderTree(source))
        return
    with file, _scratch() as folder:
        yield course_root(_unpacked(file, folder, source.name, limits or Limits()))


def _opened(source: Path) -> BinaryIO | None:
    """A file to read; None for a folder."""
    place = str(source)
    if "\0" in place:
        raise InvalidArchive("is no path", place=place, hint=_HINT)
    try:
        if source.is_dir():
            return None
        if source.exists() and not source.is_file():
            raise InvalidArchive("is neither a file nor a folder", place=place, hint=_HINT)
        return source.open("rb")
    except OSError as error:
        message = f"cannot be opened: {error.strerror or error}"
        raise InvalidArchive(message, place=place, hint=_HINT) from None


@contextmanager
def _scratch() -> Iterator[Path]:
    try:
        folder = tempfile.TemporaryDirectory(prefix="modulestore-", ignore_cleanup_errors=True)
    except OSError as error:
        raise InvalidArchive(f"there is no room to unpack it: {error.strerror or error}") from None
    with folder as name:
        yield Path(name)


def _unpacked(file: BinaryIO, folder: Path, name: str, limits: Limits) -> UnpackedTree:
    try:
        stream = _decompressed(file, name, limits)
        unpacking = Unpacking(folder, limits)
        with tarfile.open(fileobj=stream, mode="r:", tarinfo=Header) as archive:
            while (member := _next(archive)) is not None:
                unpacking.add(archive, member)
        if not stream.ended_well():
            raise InvalidArchive("is cut off or damaged: its end is missing", place=name)
        return unpacking.tree(name.partition(".")[0])
    except (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise InvalidArchive(f"is no readable tar file: {error}", place=name, hint=_HINT) from None
    except OSError as error:
        raise InvalidArchive(f"cannot be unpacked: {error.strerror or error}", place=name) from None


def _next(archive: tarfile.TarFile) -> tarfile.TarInfo | None:
    try:
        member = archive.next()
    except (InvalidArchive, tarfile.TarError, OSError, EOFError, zlib.error):
        raise
    except Exception as error:  # what tarfile makes of headers that no program writes is not documented
        raise tarfile.ReadError(f"a header is damaged: {error}") from error
    archive.members.clear()  # type: ignore[attr-defined]  # it would keep them all
    return member


def _decompressed(file: BinaryIO, name: str, limits: Limits) -> ForwardReader:
    packed = os.fstat(file.fileno()).st_size
    magic = file.read(len(_GZIP))
    file.seek(0)
    if magic == _ZIP:
        raise InvalidArchive("is a ZIP file", place=name, hint="unpack it, and give the folder")
    data = gzip.GzipFile(fileobj=file) if magic == _GZIP else file
    largest = limits.size + limits.members * 3 * tarfile.BLOCKSIZE
    by_ratio = max(limits.ratio_from, packed * limits.ratio)
    return ForwardReader(data, name, min(largest, by_ratio))
