"""A course file as the store knows it."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final

from modulestore.keys import AssetKey

__all__ = [
    "METADATA",
    "CourseFile",
    "Digested",
    "FileProblem",
    "FileVersion",
    "FilesChecked",
    "Leftover",
    "Upload",
    "changed_metadata",
    "same_bytes",
    "thumbnail_key",
    "with_kept",
    "wrong_pieces",
]


METADATA: Final = ("display_name", "content_type", "locked", "import_path", "thumbnail")
"""What may change of a file without new bytes."""


@dataclass(frozen=True, slots=True)
class CourseFile:
    """Metadata of one stored file of a course.

    Attributes:
        key: of the file, in its course.
        length: bytes.
        display_name: the name shown to authors.
        content_type: MIME type; None when it is not known.
        locked: only for enrolled learners and staff.
        import_path: path below ``static/`` in the archive that it came from.
        md5, sha256: hexadecimal digests of its bytes; None where the stored document has none.
        thumbnail: name of its thumbnail.
        uploaded_on: when these bytes were stored; None before that.
        piece: bytes that are stored together: reading from a multiple of it on is the cheapest. None before
            the file is stored.
    """

    key: AssetKey
    length: int
    display_name: str
    content_type: str | None = None
    locked: bool = False
    import_path: str | None = None
    md5: str | None = None
    sha256: str | None = None
    thumbnail: str | None = None
    uploaded_on: datetime | None = None
    piece: int | None = field(default=None, compare=False)


def changed_metadata(was: CourseFile, file: CourseFile) -> dict[str, Any]:
    """What may change of a file without new bytes, as far as it does, by attribute."""
    return {name: getattr(file, name) for name in METADATA if getattr(file, name) != getattr(was, name)}


def with_kept(file: CourseFile, replaced: CourseFile | None, keep: Collection[str]) -> CourseFile:
    """A file with what ``keep`` names of its metadata as in the file that it replaces, if there is one."""
    kept = {} if replaced is None else {name: getattr(replaced, name) for name in keep}
    return replace(file, **kept)


def same_bytes(one: CourseFile, other: CourseFile) -> bool:
    """Whether two files are known to have the same bytes: by a digest that both have."""
    digests = ((one.sha256, other.sha256), (one.md5, other.md5))
    known = next(((a, b) for a, b in digests if a and b), None)
    return known is not None and known[0] == known[1] and one.length == other.length


def thumbnail_key(file: CourseFile) -> AssetKey | None:
    """The key that a file's thumbnail has if it is stored; None if the file has none."""
    return None if file.thumbnail is None else AssetKey(file.key.course, file.thumbnail, "thumbnail")


@dataclass(frozen=True, slots=True)
class FileVersion:
    """What a name stood for at a time.

    Attributes:
        ended_on: when it was replaced or deleted; None while it is the file of this name.
    """

    file: CourseFile
    ended_on: datetime | None


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that was stored.

    Attributes:
        thumbnail: what was stored as its thumbnail; None if there is none.
        problem: why there is no thumbnail although one was asked for, in words; None if there is one, or if
            the file is no picture.
    """

    file: CourseFile
    thumbnail: CourseFile | None = None
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Digested:
    """Files that were given the digest that they lacked.

    Attributes:
        files: how many.
        problems: what is wrong with those that could not be read, and still lack it.
    """

    files: int
    problems: Sequence[FileProblem]


@dataclass(frozen=True, slots=True)
class FileProblem:
    """What is wrong with one stored file.

    Attributes:
        place: key of the file, or what its document is called.
        message: what is wrong, in words.
        lost: whether bytes of it cannot be read, or are not those that were stored.
    """

    place: str
    message: str
    lost: bool = True


def wrong_pieces(length: int, piece: int, found: Mapping[int, Sequence[int]], noun: str) -> Iterator[str]:
    """What is wrong with the pieces that the bytes of a file are stored in; nothing, if all are there.

    Args:
        length: bytes of the file.
        piece: bytes of each piece but the last.
        found: bytes of the pieces that are there, by number; several where a number is there more than once.
        noun: what they are called, in the plural.
    """
    expected = {number: [min(piece, length - number * piece)] for number in range(-(-length // piece))}
    if found == expected:
        return
    missing = len(expected.keys() - found.keys())
    surplus = sum(map(len, found.values())) - len(expected.keys() & found.keys())
    if missing:
        yield f"{missing} of {len(expected)} {noun} of its bytes are not there"
    if surplus:
        yield f"{noun} beyond its length of {length:,} bytes: {surplus}"
    if not missing and not surplus:
        yield f"it has {sum(map(sum, found.values())):,} bytes instead of {length:,}"


@dataclass(frozen=True, slots=True)
class FilesChecked:
    """Some files that were looked at: how many, and what is wrong with them."""

    files: int
    problems: Sequence[FileProblem]


@dataclass(frozen=True, slots=True)
class Leftover:
    """Bytes that no file needs any more.

    Attributes:
        name: what the backend knows them by.
        size: bytes that are free when this one, and all that were named before it, are gone.
    """

    name: str
    size: int
