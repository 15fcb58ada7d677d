"""File trees and tar files in memory, and small courses to put into them."""

from __future__ import annotations

import gzip
import io
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import BinaryIO

import pytest

from modulestore.keys import BlockKey, CourseKey, LibraryKey
from modulestore.model.plain import PlainBlock, PlainCourse, Problem
from modulestore.olx import read_course
from tests.conftest import SHARED

__all__ = [
    "COURSES",
    "DictTree",
    "block",
    "course_with",
    "messages",
    "pack",
    "read",
    "shared_archive",
    "unit",
]

COURSES = SHARED / "courses"

POINTER = '<course url_name="R1" org="Org" course="C1"/>'


class DictTree:
    """A file tree of texts and bytes."""

    def __init__(self, files: Mapping[str, str | bytes], name: str = "course") -> None:
        self._files = {
            path: data if isinstance(data, bytes) else data.encode() for path, data in sorted(files.items())
        }
        self.name = name
        self.problems: Sequence[Problem] = ()

    def names(self) -> Sequence[str]:
        return list(self._files)

    def exists(self, path: str) -> bool:
        return path in self._files

    def size(self, path: str) -> int:
        return len(self._files[path])

    def read(self, path: str) -> bytes:
        return self._files[path]

    def open(self, path: str) -> BinaryIO:
        return io.BytesIO(self._files[path])


def read(files: Mapping[str, str | bytes], key: CourseKey | LibraryKey | None = None) -> PlainCourse:
    """What is read of these files."""
    return read_course(DictTree(files), key=key)


def course_with(
    inside: str, files: Mapping[str, str | bytes] | None = None, attributes: str = ""
) -> PlainCourse:
    """A course of run R1 with this inside its element, and these other files."""
    course = f"<course {attributes}>{inside}</course>"
    return read({"course.xml": POINTER, "course/R1.xml": course, **(files or {})})


def unit(inside: str, files: Mapping[str, str | bytes] | None = None) -> PlainCourse:
    """A course with one unit ``vertical/u`` with this inside."""
    return course_with(
        f'<chapter url_name="c"><sequential url_name="s"><vertical url_name="u">{inside}'
        "</vertical></sequential></chapter>",
        files,
    )


def block(course: PlainCourse, name: str) -> PlainBlock:
    """The block called ``type/id``; its draft, if that differs."""
    key = BlockKey(*name.split("/", 1))
    return course.draft_blocks.get(key) or course.blocks[key]


def messages(course: PlainCourse) -> list[str]:
    """The problems as lines."""
    return [f"{problem.place}: {problem.message}: {problem.action}" for problem in course.problems]


def pack(members: Sequence[tuple[tarfile.TarInfo, bytes]], *, packed: bool = True) -> bytes:
    """A tar file of these members."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for member, data in members:
            if member.isreg() and not member.size:
                member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return gzip.compress(buffer.getvalue(), 1, mtime=0) if packed else buffer.getvalue()


def shared_archive(name: str) -> Path:
    """The path of a real archive; skips the test if they are not here."""
    path = COURSES / f"{name}.tar.gz"
    if not path.exists():
        pytest.skip(f"not tested: reading the real course archive {name} ({COURSES} is absent)")
    return path
