"""Lists of files: which of them, in which order, page by page.

A page begins behind a *position*: what the last file of the page before was sorted by, and its name. So
whatever is added or deleted between two pages, no other file comes twice or is missed.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal, get_args

from modulestore.errors import InvalidInput
from modulestore.model.files import CourseFile

__all__ = ["FileFilter", "FilePage", "FileSort", "page_of"]

FileSort = Literal["name", "display_name", "uploaded_on", "length", "content_type"]
"""What files are sorted by: ties by name. Display names regardless of case; what is not known comes first."""

_KINDS: Final[dict[str, type]] = {
    "name": str,
    "display_name": str,
    "uploaded_on": int,
    "length": int,
    "content_type": str,
}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class FileFilter:
    """Which files are listed.

    Attributes:
        type: ``asset`` or ``thumbnail``; None for both.
        content_type: what the content type begins with: ``image/``.
        locked: only locked files, or only others.
        name_contains: what the name or the display name contains, regardless of case.
    """

    type: str | None = "asset"
    content_type: str | None = None
    locked: bool | None = None
    name_contains: str | None = None

    def takes(self, file: CourseFile) -> bool:
        """Whether a file is listed."""
        wanted = (self.name_contains or "").casefold()
        return (
            (self.type is None or file.key.type == self.type)
            and (file.content_type or "").startswith(self.content_type or "")
            and (self.locked is None or file.locked == self.locked)
            and (wanted in file.key.name.casefold() or wanted in file.display_name.casefold())
        )


@dataclass(frozen=True, slots=True)
class FilePage:
    """Some files of a list, in order; to iterate over.

    Attributes:
        after: what to ask for the next page with; None if this is the last one.
    """

    files: Sequence[CourseFile]
    after: str | None = None

    def __iter__(self) -> Iterator[CourseFile]:
        return iter(self.files)

    def __len__(self) -> int:
        return len(self.files)


def page_of(
    files: Iterable[CourseFile],
    which: FileFilter,
    *,
    sort: FileSort = "name",
    descending: bool = False,
    after: str | None = None,
    limit: int | None = None,
) -> FilePage:
    """A page of a list of files.

    Args:
        after: `FilePage.after` of the page before, which was sorted in the same way.
        limit: files on the page; None for all.

    Raises:
        InvalidInput: there is no such order, ``after`` is of no page of this order, or ``limit`` is not
            positive.
    """
    if sort not in get_args(FileSort):
        raise InvalidInput(f"files are not sorted by {sort!r}", hint=f"by {', '.join(get_args(FileSort))}")
    if limit is not None and limit < 1:
        raise InvalidInput(f"a page of {limit} files is none")
    start = None if after is None else _parse(after, sort, descending)
    found = [(_position(file, sort), file) for file in files if which.takes(file)]
    found.sort(key=lambda one: one[0], reverse=descending)
    if start is not None:
        found = [one for one in found if (one[0] < start if descending else one[0] > start)]
    page = found[:limit]
    more = len(page) < len(found)
    return FilePage(tuple(file for _, file in page), _text(page[-1][0], sort, descending) if more else None)


def _position(file: CourseFile, sort: FileSort) -> tuple[Any, str, str]:
    return _sort_value(file, sort), file.key.name, file.key.type


def _sort_value(file: CourseFile, sort: FileSort) -> str | int:
    match sort:
        case "name":
            return file.key.name
        case "display_name":
            return file.display_name.casefold()
        case "uploaded_on":
            moment = file.uploaded_on
            return -1 if moment is None else (moment - _EPOCH) // timedelta(microseconds=1)
        case "length":
            return file.length
        case "content_type":
            return file.content_type or ""


def _text(position: tuple[Any, str, str], sort: FileSort, descending: bool) -> str:
    """A position as text that can stand in a URL as it is."""
    raw = json.dumps([sort, descending, *position], ensure_ascii=False, separators=(",", ":"))
    return base64.urlsafe_b64encode(raw.encode()).rstrip(b"=").decode()


def _parse(text: str, sort: FileSort, descending: bool) -> tuple[Any, str, str]:
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        of_sort, of_descending, value, name, type_ = json.loads(raw)
    except (binascii.Error, ValueError, TypeError, RecursionError):
        of_sort = None
    if (
        of_sort != sort
        or of_descending is not descending
        or type(value) is not _KINDS[sort]
        or not isinstance(name, str)
        or not isinstance(type_, str)
    ):
        raise InvalidInput(
            f"{text[:80]!r} is no position in this order",
            hint="give `after` of the page before, and its order",
        )
    return value, name, type_
