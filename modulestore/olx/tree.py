"""File trees: where the files of an archive are read from.

A tree gives plain files by relative, ``/``-separated name. Companion files of editors and of macOS are not in
it.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO, Protocol

from modulestore.errors import InvalidArchive
from modulestore.model.plain import Problem

__all__ = ["ROOT_FILES", "FileTree", "FolderTree", "SubTree", "course_root", "is_ignored"]

ROOT_FILES = ("course.xml", "library.xml")

_IGNORED = frozenset({".DS_Store", ".git"})


def is_ignored(path: str) -> bool:
    """Whether a file or folder is ignored everywhere, for a part of its path: ``._*``, ``.DS_Store``, ``*~``.

    So is ``.git``: people keep their courses in it.
    """
    return any(part in _IGNORED or part.startswith("._") or part.endswith("~") for part in path.split("/"))


class FileTree(Protocol):
    """Plain files by name.

    Attributes:
        name: the name of the tree's top folder.
        problems: what was left out of the tree, and why.
    """

    @property
    def name(self) -> str: ...

    @property
    def problems(self) -> Sequence[Problem]: ...

    def names(self) -> Sequence[str]:
        """The names of all files, sorted."""

    def exists(self, path: str) -> bool:
        """Whether there is a file of this name."""

    def size(self, path: str) -> int:
        """The bytes of a file."""

    def read(self, path: str) -> bytes:
        """The content of a file."""

    def open(self, path: str) -> BinaryIO:
        """A file, open for reading; the caller closes it."""


class FolderTree:
    """The files below a folder.

    A link is read as the file that it leads to, if that lies within the folder. Links that lead out of it,
    into nothing or to folders, and what is no plain file, are left out and reported.

    Raises:
        InvalidArchive: the folder cannot be read.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self._folder = Path(os.path.realpath(os.fspath(folder)))
        self._prefix = os.path.join(self._folder, "")  # paths as text: a course has thousands
        self._sizes: dict[str, int] = {}
        self._left_out: list[Problem] = []
        try:
            below = [""]
            while below:
                below.extend(self._scan(below.pop()))
        except OSError as error:
            raise _unreadable(error, self._folder) from error
        self._sizes = dict(sorted(self._sizes.items()))
        self._left_out.sort(key=lambda problem: problem.place)

    @property
    def name(self) -> str:
        """The name of the folder."""
        return self._folder.name

    @property
    def problems(self) -> Sequence[Problem]:
        """What was left out, by name."""
        return self._left_out

    def names(self) -> Sequence[str]:
        """The names of all files, sorted."""
        return list(self._sizes)

    def exists(self, path: str) -> bool:
        """Whether there is a file of this name."""
        return path in self._sizes

    def size(self, path: str) -> int:
        """The bytes of a file, as they were when the folder was listed."""
        return self._sizes[path]

    def read(self, path: str) -> bytes:
        """The content of a file.

        Raises:
            InvalidArchive: it cannot be read.
        """
        with self.open(path) as file:
            try:
                return file.read()
            except OSError as error:
                raise _unreadable(error, path) from error

    def open(self, path: str) -> BinaryIO:
        """A file, open for reading; the caller closes it.

        Raises:
            InvalidArchive: there is none, or it cannot be read.
        """
        if path not in self._sizes:
            raise InvalidArchive("there is no such file", place=path)
        try:
            return open(f"{self._prefix}{path}", "rb")
        except OSError as error:
            raise _unreadable(error, path) from error

    def _scan(self, prefix: str) -> list[str]:
        """Note what is in one folder; the folders in it."""
        below = []
        with os.scandir(self._folder / prefix) as entries:
            for entry in entries:
                if is_ignored(entry.name):
                    continue
                name = prefix + entry.name
                if not _is_text(entry.name):
                    self._leave_out(name.encode(errors="replace").decode(), "its name is not UTF-8")
                elif entry.is_symlink():
                    self._follow(name)
                elif entry.is_dir():
                    below.append(name + "/")
                elif entry.is_file():
                    self._sizes[name] = entry.stat().st_size
                else:
                    self._leave_out(name, "it is no plain file")
        return below

    def _follow(self, name: str) -> None:
        target = Path(os.path.realpath(self._folder / name))
        if not target.is_relative_to(self._folder):
            self._leave_out(name, "it is a link that leads out of the folder")
        elif target.is_file():
            self._sizes[name] = target.stat().st_size
        else:
            self._leave_out(name, "it is a link that leads to no file")

    def _leave_out(self, name: str, message: str) -> None:
        self._left_out.append(Problem(name, message, "left out"))


class SubTree:
    """The part of a tree below one of its folders, as a tree of its own."""

    def __init__(self, tree: FileTree, folder: str) -> None:
        self._tree = tree
        self.prefix = f"{folder}/"
        self._names = [name[len(self.prefix) :] for name in tree.names() if name.startswith(self.prefix)]
        self._known = frozenset(self._names)

    @property
    def name(self) -> str:
        """The name of the folder."""
        return self.prefix.rstrip("/").rpartition("/")[2]

    @property
    def problems(self) -> Sequence[Problem]:
        """What was left out of the whole tree; places below the folder are named from there."""
        return [
            Problem(problem.place.removeprefix(self.prefix), problem.message, problem.action)
            for problem in self._tree.problems
        ]

    def names(self) -> Sequence[str]:
        """The names of all files, sorted."""
        return self._names

    def exists(self, path: str) -> bool:
        """Whether there is a file of this name."""
        return path in self._known

    def size(self, path: str) -> int:
        """The bytes of a file."""
        return self._tree.size(self.prefix + path)

    def read(self, path: str) -> bytes:
        """The content of a file."""
        return self._tree.read(self.prefix + path)

    def open(self, path: str) -> BinaryIO:
        """A file, open for reading; the caller closes it."""
        return self._tree.open(self.prefix + path)


def course_root(tree: FileTree) -> FileTree:
    """The folder of the course or library: the uppermost that holds ``course.xml`` or ``library.xml``.

    Of several at one depth the first by name. Source: course archive format, archive.

    Raises:
        InvalidArchive: there is none.
    """
    folders = {name.rpartition("/")[0] for name in tree.names() if name.rpartition("/")[2] in ROOT_FILES}
    if not folders:
        raise InvalidArchive(
            "there is no course.xml or library.xml in it", hint="give an export of a course or of a library"
        )
    root = min(folders, key=lambda folder: (folder.count("/") + 1 if folder else 0, folder))
    return SubTree(tree, root) if root else tree


def _is_text(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _unreadable(error: OSError, place: object) -> InvalidArchive:
    return InvalidArchive(f"cannot be read: {error.strerror or error}", place=str(place))
