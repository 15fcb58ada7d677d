"""The members of a tar file, checked one by one and kept: small files in memory, the others on disk.

No member's name is ever used as a path on disk, so none can lead anywhere.
"""

from __future__ import annotations

import io
import shutil
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, NamedTuple

from modulestore.errors import InvalidArchive
from modulestore.model.plain import Problem
from modulestore.olx.tree import is_ignored

__all__ = ["Limits", "UnpackedTree", "Unpacking"]

_MIB = 1024 * 1024
_CHUNK = 256 * 1024
_SMALL = 1 * _MIB
_IN_MEMORY = 64 * _MIB
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


class _OnDisk(NamedTuple):
    path: Path
    size: int


class UnpackedTree:
    """The files of an unpacked archive."""

    def __init__(self, name: str, files: dict[str, bytes | _OnDisk], problems: Sequence[Problem]) -> None:
        self._name = name
        self._files = dict(sorted(files.items()))
        self._problems = problems

    @property
    def name(self) -> str:
        """The name of the archive."""
        return self._name

    @property
    def problems(self) -> Sequence[Problem]:
        """What was left out, by name."""
        return self._problems

    def names(self) -> Sequence[str]:
        """The names of all files, sorted."""
        return list(self._files)

    def exists(self, path: str) -> bool:
        """Whether there is a file of this name."""
        return path in self._files

    def size(self, path: str) -> int:
        """The bytes of a file."""
        return _size(self._files[path])

    def read(self, path: str) -> bytes:
        """The content of a file."""
        data = self._files.get(path)
        if isinstance(data, bytes):
            return data
        with self.open(path) as file:
            return file.read()

    def open(self, path: str) -> BinaryIO:
        """A file, open for reading; the caller closes it.

        Raises:
            InvalidArchive: there is none, or it can no longer be read.
        """
        data = self._files.get(path)
        if isinstance(data, bytes):
            return io.BytesIO(data)
        if data is None:
            raise InvalidArchive("there is no such file", place=path)
        try:
            return data.path.open("rb")
        except OSError as error:
            raise InvalidArchive(f"cannot be read: {error.strerror or error}", place=path) from error


class Unpacking:
    """One tar file while it is unpacked; what does not fit into memory goes into ``folder``."""

    def __init__(self, folder: Path, limits: Limits) -> None:
        self._folder = folder
        self._limits = limits
        self._files: dict[str, bytes | _OnDisk] = {}
        self._links: dict[str, str] = {}
        self._kinds: dict[str, str] = {}
        self._count = 0
        self._size = 0
        self._in_memory = 0

    def add(self, archive: tarfile.TarFile, member: tarfile.TarInfo) -> None:
        """Take one member.

        Raises:
            InvalidArchive: it is dangerous, or one too many.
        """
        self._count += 1
        if self._count > self._limits.members:
            raise InvalidArchive(
                f"it has more than {self._limits.members} members", place=_shown(member.name)
            )
        name = _safe_name(member.name)
        if not name or is_ignored(name):
            return
        if member.isdir():
            self._claim(name, "folder")
        elif member.issym() or member.islnk():
            self._claim(name, "file")
            self._files.pop(name, None)
            self._links[name] = _target(name, member)
        elif member.isreg() and not member.issparse():
            self._claim(name, "file")
            self._links.pop(name, None)
            self._files[name] = self._kept(archive, member, name)
        else:
            raise InvalidArchive("it is no file, folder or link", place=name)

    def tree(self, name: str) -> UnpackedTree:
        """What was unpacked, with the files that links lead to in the place of the links."""
        problems = []
        for link in sorted(self._links):
            target = link
            for _ in range(_MOST_LINKS):
                target = self._links.get(target, target)
            data = self._files.get(target)
            if data is None or target in self._links:
                problems.append(Problem(link, "it is a link that leads to no file", "left out"))
            else:
                self._grow(_size(data), link)
                self._files[link] = data
        return UnpackedTree(name, self._files, problems)

    def _kept(self, archive: tarfile.TarFile, member: tarfile.TarInfo, name: str) -> bytes | _OnDisk:
        self._grow(member.size, name)
        if member.size <= _SMALL and self._in_memory + member.size <= _IN_MEMORY:
            self._in_memory += member.size
            return _read(archive, member)
        data = archive.extractfile(member)
        if data is None:
            raise InvalidArchive("it is no file", place=name)
        path = self._folder / str(self._count)
        with data, path.open("wb") as out:
            shutil.copyfileobj(data, out, _CHUNK)
        return _OnDisk(path, member.size)

    def _claim(self, name: str, kind: str) -> None:
        """Note what a name is; of two files of one name the later is kept, as tar does."""
        parts = name.split("/")
        for length in range(1, len(parts)):
            if self._kinds.setdefault("/".join(parts[:length]), "folder") != "folder":
                raise InvalidArchive("its folder is a file of the archive too", place=name)
        if self._kinds.setdefault(name, kind) != kind:
            raise InvalidArchive("it is both a file and a folder", place=name)

    def _grow(self, size: int, name: str) -> None:
        self._size += size
        if size < 0 or self._size > self._limits.size:
            raise InvalidArchive(f"unpacked it is larger than {self._limits.size} bytes", place=name)


def _read(archive: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    """The bytes of a small file; read up to the next header, where tarfile goes on without looking for it."""
    stream = archive.fileobj
    assert stream is not None
    stream.seek(member.offset_data)
    data = stream.read(-(-member.size // tarfile.BLOCKSIZE) * tarfile.BLOCKSIZE)
    if len(data) < member.size:
        raise tarfile.ReadError("unexpected end of data")
    return data[: member.size]


def _size(data: bytes | _OnDisk) -> int:
    return len(data) if isinstance(data, bytes) else data.size


def _target(name: str, member: tarfile.TarInfo) -> str:
    """Where a link leads: the name of another member.

    Raises:
        InvalidArchive: it leads out of the archive.
    """
    link = member.linkname
    base = name.rpartition("/")[0] if member.issym() else ""
    parts = base.split("/") if base else []
    for part in link.split("/"):
        if link.startswith("/") or (part == ".." and not parts):
            raise InvalidArchive("it is a link that leads out of the archive", place=name)
        if part == "..":
            parts.pop()
        elif part not in ("", "."):
            parts.append(part)
    return "/".join(parts)


def _safe_name(name: str) -> str:
    """The name of a member as a path below the top; empty for the top itself.

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
