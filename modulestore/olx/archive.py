"""Opening an archive: a folder, or a tar file that is unpacked into a folder of its own while it is open.

A tar file from anywhere is safe to open. What its members may be is checked while it is unpacked, and nothing
of a refused one is left behind. Links that stay inside become copies of the files that they lead to; links
that lead out are refused. Source: course archive format, archive.
"""

from __future__ import annotations

import gzip
import os
import shutil
import tarfile
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from modulestore.errors import InvalidArchive
from modulestore.model.plain import Problem
from modulestore.olx.forward import ForwardReader
from modulestore.olx.tree import FileTree, FolderTree, course_root, is_companion

__all__ = ["Limits", "open_archive"]

_MIB = 1024 * 1024
_GZIP = b"\x1f\x8b"
_CHUNK = 256 * 1024
_HINT = "give a folder, or a .tar.gz that a course or library was exported to"
_LONGEST_NAME = 4096
_LONGEST_PART = 255
_DEEPEST = 64
_MOST_LINKS = 8


@dataclass(frozen=True, slots=True)
class Limits:
    """What an archive may be at most. A course with hours of video is some gigabytes, in thousands of files.

    Attributes:
        size: bytes of the unpacked archive.
        members: files and folders in it.
        ratio: unpacked bytes for each packed one, once more than ``ratio_from`` are unpacked.
        ratio_from: how much may be unpacked before the ratio counts.
    """

    size: int = 16 * 1024 * _MIB
    members: int = 200_000
    ratio: int = 200
    ratio_from: int = 64 * _MIB


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
        problems = _unpack(file, folder, source.name, limits or Limits())
        yield course_root(FolderTree(folder, name=source.name.partition(".")[0], problems=problems))


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


def _unpack(file: BinaryIO, folder: Path, name: str, limits: Limits) -> list[Problem]:
    """Unpack a tar file into a folder; what was left out."""
    try:
        stream = _decompressed(file, name, limits)
        with tarfile.open(fileobj=stream, mode="r:") as archive:
            unpacking = _Unpacking(folder, limits)
            while (member := _next(archive)) is not None:
                unpacking.add(archive, member)
        if not stream.ended_well():
            raise InvalidArchive("is cut off or damaged: its end is missing", place=name)
        unpacking.resolve_links()
        return unpacking.problems
    except InvalidArchive:
        raise
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
    data = gzip.GzipFile(fileobj=file) if magic == _GZIP else file
    largest = limits.size + limits.members * 3 * tarfile.BLOCKSIZE
    by_ratio = max(limits.ratio_from, packed * limits.ratio)
    return ForwardReader(data, name, min(largest, by_ratio))


@dataclass(slots=True)
class _Unpacking:
    """One tar file on its way into a folder."""

    folder: Path
    limits: Limits
    problems: list[Problem] = field(default_factory=list)
    size: int = 0
    count: int = 0
    links: dict[str, str] = field(default_factory=dict)
    kinds: dict[str, str] = field(default_factory=dict)

    def add(self, archive: tarfile.TarFile, member: tarfile.TarInfo) -> None:
        """Unpack one member."""
        self.count += 1
        if self.count > self.limits.members:
            raise InvalidArchive(f"it has more than {self.limits.members} members", place=_shown(member.name))
        name = _safe_name(member.name)
        if not name or any(is_companion(part) for part in name.split("/")):
            return
        if member.isdir():
            self._claim(name, "folder")
            self._make(name)
        elif member.issym() or member.islnk():
            self._claim(name, "file")
            self._note_link(name, member)
        elif member.isreg() and not member.issparse():
            self._claim(name, "file")
            self.links.pop(name, None)
            self._write(archive, member, name)
        else:
            raise InvalidArchive("it is no file, folder or link", place=name)

    def resolve_links(self) -> None:
        """Put copies of files where links to them are."""
        for name in sorted(self.links):
            target = name
            for _ in range(_MOST_LINKS):
                if target not in self.links:
                    break
                target = self.links[target]
            if self.kinds.get(target) == "file" and target not in self.links:
                path = self.folder / target
                self._grow(path.stat().st_size, name)
                self._make(name.rpartition("/")[0])
                shutil.copyfile(path, self.folder / name)
            else:
                self.problems.append(Problem(name, "it is a link that leads to no file", "left out"))

    def _note_link(self, name: str, member: tarfile.TarInfo) -> None:
        link = member.linkname
        base = name.rpartition("/")[0] if member.issym() else ""
        parts: list[str] = base.split("/") if base else []
        if link.startswith("/") or "\0" in link:
            raise InvalidArchive("it is a link that leads out of the archive", place=name)
        for part in link.split("/"):
            if part == ".." and not parts:
                raise InvalidArchive("it is a link that leads out of the archive", place=name)
            if part == "..":
                parts.pop()
            elif part not in ("", "."):
                parts.append(part)
        (self.folder / name).unlink(missing_ok=True)
        self.links[name] = "/".join(parts)

    def _claim(self, name: str, kind: str) -> None:
        """Note what a name is; of two files of one name the later is kept, as tar does."""
        parts = name.split("/")
        for length in range(1, len(parts)):
            if self.kinds.setdefault("/".join(parts[:length]), "folder") != "folder":
                raise InvalidArchive("its folder is a file of the archive too", place=name)
        if self.kinds.setdefault(name, kind) != kind:
            raise InvalidArchive("it is both a file and a folder", place=name)

    def _write(self, archive: tarfile.TarFile, member: tarfile.TarInfo, name: str) -> None:
        self._grow(member.size, name)
        self._make(name.rpartition("/")[0])
        data = archive.extractfile(member)
        if data is None:
            raise InvalidArchive("it is no file", place=name)
        with data, (self.folder / name).open("wb") as out:
            shutil.copyfileobj(data, out, _CHUNK)

    def _grow(self, size: int, name: str) -> None:
        self.size += size
        if size < 0 or self.size > self.limits.size:
            raise InvalidArchive(f"unpacked it is larger than {self.limits.size} bytes", place=name)

    def _make(self, folder: str) -> None:
        (self.folder / folder).mkdir(parents=True, exist_ok=True)


def _safe_name(name: str) -> str:
    """The name of a member as a path below the folder; empty for the folder itself.

    Raises:
        InvalidArchive: it is none.
    """
    place = _shown(name)
    if name.startswith("/"):
        raise InvalidArchive("its name is absolute", place=place)
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if ".." in parts:
        raise InvalidArchive("its name leads out of the archive", place=place)
    if "\0" in name or place != name:
        raise InvalidArchive("its name cannot be the name of a file", place=place)
    longest = max((len(part.encode()) for part in parts), default=0)
    if len(name.encode()) > _LONGEST_NAME or longest > _LONGEST_PART or len(parts) > _DEEPEST:
        raise InvalidArchive("its name is too long", place=place[:_LONGEST_PART])
    return "/".join(parts)


def _shown(name: str) -> str:
    return name.encode(errors="replace").decode()
