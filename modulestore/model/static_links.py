"""Links to the files of a course, in its content.

In content a file is linked as ``/static/name``, whatever course the content is in. Shown to learners, such a
link becomes a *URL* with the course and the digest of the file in it, which a CDN may keep for ever; in an
export it is ``/static/…`` again. A link is found where it is the whole of

- a text: the value of a setting, say;
- what stands between quotes in a text, escaped (``\\"``, ``&quot;``) or not: attributes of HTML and XML,
  strings of JSON and of scripts;
- ``url(…)`` in CSS;
- an entry of a ``srcset``;
- a value in the query of a link.

Its path may be escaped as in URLs or as in HTML, and leads to the file that gets the name of this path when
it is uploaded (`asset_name`).

Source: Open edX split modulestore, URL forms of assets, what becomes of links at render and at import.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from html import unescape
from typing import Any, TypeVar
from urllib.parse import quote, unquote, unquote_plus

from modulestore.errors import InvalidInput, InvalidKey
from modulestore.keys import AssetKey, ContextKey, asset_name
from modulestore.keys.asset_urls import asset_path, parse_asset_path
from modulestore.model.files import CourseFile

__all__ = ["StaticLinks"]

T = TypeVar("T")
_Convert = Callable[[str], str | None]  # what a link becomes; None if it stays as it is

_STATIC = "/static/"
_ASSET = r"/(?:assets/courseware/(?:v1/)?[0-9a-fA-F]{32}/)?(?:asset-v1:|c4x/)"
_QUOTE = r"""\\?["']|&(?:quot|apos|\#0?3[49]|\#x2[27]);"""
_LONGEST = 2000  # characters of a link: nobody looks further for the quote that ends it
_is_base = re.compile(r"(?:(?:https?:)?//[\w.:\[\]-]+)?(?:/[\w.~/-]*)?", re.ASCII).fullmatch
_is_portable_path = re.compile(r"[\w\-.%]+(?:/[\w\-.%]+)*").fullmatch
_query = re.compile(r"\?|(?<!&)#").search  # &#39; is a sign of the path
_value = re.compile(r"(?<==)[^&#;]+")
_entry = re.compile(r"(?:(?<=,)|^)(\s*)([^\s,]+)")  # of a srcset


@dataclass(frozen=True, slots=True)
class StaticLinks:
    """The links of one course to its files, as these are at one moment. Made once for all of its texts.

    Attributes:
        course: whose files these are.
        files: by name, without thumbnails.
    """

    course: ContextKey
    files: Mapping[str, CourseFile]

    @classmethod
    def of(cls, course: ContextKey, files: Iterable[CourseFile]) -> StaticLinks:
        """The links to these files of a course."""
        return cls(course.bare, {file.key.name: file for file in files if file.key.type == "asset"})

    def find(self, path: str) -> CourseFile | None:
        """The file that ``/static/`` and this path lead to, escaped or not; None if there is none."""
        path = path.lstrip("/")
        for spelling in dict.fromkeys([path, unquote(path), unescape(path), unquote(unescape(path))]):
            file = self.files.get(spelling) or self.files.get(asset_name(spelling))
            if file is not None:
                return file
        return None

    def url(self, file: CourseFile, *, base: str = "", exclude: Collection[str] = ()) -> str:
        """The URL of a file: on ``base``, with its digest if it has one. Of a locked or an excluded file it
        is the canonical path alone: it is asked for where the page came from, and says no digest.

        Args:
            base: what the path is put behind, as in ``https://cdn.example.com``; may be empty.
            exclude: endings of names, as in ``{".html", ".js"}``.

        Raises:
            InvalidInput: no URL begins with ``base``.
        """
        start = _checked(base)
        if file.locked or file.key.name.lower().endswith(tuple(exclude)):
            return asset_path(file.key)
        return start + asset_path(file.key, file.md5)

    def rewrite(self, value: T, *, base: str = "", exclude: Collection[str] = ()) -> T:
        """A text with URLs in the place of its links; those that lead to no file stay. Of lists and
        dictionaries every text that is in them.

        Args:
            base, exclude: as for `url`.

        Raises:
            InvalidInput: no URL begins with ``base``.
        """
        _checked(base)
        pattern = _links_that_begin_with(_STATIC)

        def convert(link: str) -> str | None:
            if not link.startswith(_STATIC):
                return None
            path, rest = _split(link)
            file = self.find(path.removeprefix(_STATIC))
            return (
                None if file is None else self.url(file, base=base, exclude=exclude) + _nested(rest, convert)
            )

        changed: T = _each_text(value, lambda text: _replaced(text, pattern, convert))
        return changed

    def portable(self, value: T, *, base: str = "") -> T:
        """A text with ``/static/…`` in the place of URLs of the course's files, whether they are there or
        not: the path that a file was imported from, or else its name. What `rewrite` made of links that are
        spelled so is undone.

        Args:
            base: what URLs may begin with, besides nothing.

        Raises:
            InvalidInput: no URL begins with ``base``.
        """
        start = _checked(base)
        pattern = _links_that_begin_with(f"(?:{re.escape(start)})?{_ASSET}")

        def convert(link: str) -> str | None:
            path, rest = _split(link.removeprefix(start))
            try:
                found = parse_asset_path(unquote(path))
            except InvalidKey:
                return None
            if found is None or found.key.type != "asset" or not self._has(found.key):
                return None
            return f"{_STATIC}{self._portable_path(found.key.name)}{_nested(rest, convert)}"

        changed: T = _each_text(value, lambda text: _replaced(text, pattern, convert))
        return changed

    def linked(self, text: str) -> list[CourseFile]:
        """The files that ``/static/…`` leads to in a text, in the queries of links too."""
        found: list[CourseFile] = []

        def convert(link: str) -> None:
            if link.startswith(_STATIC):
                path, rest = _split(link)
                file = self.find(path.removeprefix(_STATIC))
                found.extend([] if file is None else [file])
                _nested(rest, convert)

        _replaced(text, _links_that_begin_with(_STATIC), convert)
        return found

    def _has(self, key: AssetKey) -> bool:
        course = key.course
        if course.deprecated and self.course.deprecated:  # which does not say the run
            return (course.org, course.course) == (self.course.org, self.course.course)
        return course == self.course

    def _portable_path(self, name: str) -> str:
        """The path below ``/static/`` that is read as this name again: here, and where it is imported."""
        file = self.files.get(name)
        path = None if file is None else file.import_path
        return path if path and _is_portable_path(path) and asset_name(path) == name else name


def _checked(base: str) -> str:
    if not _is_base(base):
        raise InvalidInput(f"no URL begins with {base!r}", hint='as in "https://cdn.example.com"')
    return base.rstrip("/")


def _links_that_begin_with(start: str) -> re.Pattern[str]:
    return re.compile(
        rf"""
        (?i:srcset)\s*=\s*(?P<around>{_QUOTE})(?P<set>[^<>]{{0,{_LONGEST}}}?)(?P=around)
        | (?P<quote>{_QUOTE})(?P<quoted>{start}[^\r\n<>]{{0,{_LONGEST}}}?)(?P=quote)
        | (?i:url)\(\s*(?P<css>{start}[^\s"'()<>\\&;]{{0,{_LONGEST}}})
        | \A(?P<whole>{start}[^\r\n<>"']{{0,{_LONGEST}}})\Z
        """,
        re.VERBOSE,
    )


def _replaced(text: str, pattern: re.Pattern[str], convert: _Convert) -> str:
    def one(match: re.Match[str]) -> str:
        name = next(name for name in ("set", "quoted", "css", "whole") if match[name] is not None)
        link = match[name]
        if name == "set":
            new = _entry.sub(lambda entry: entry[1] + (convert(entry[2]) or entry[2]), link)
        else:
            new = convert(link) or link
        before, after = text[match.start() : match.start(name)], text[match.end(name) : match.end()]
        return f"{before}{new}{after}"

    return pattern.sub(one, text)


def _nested(rest: str, convert: _Convert) -> str:
    """The rest of a link, with the links converted that are values in its query."""

    def one(match: re.Match[str]) -> str:
        new = convert(unquote_plus(match[0]))
        return match[0] if new is None else quote(new, safe="/:")

    return _value.sub(one, rest) if rest.startswith("?") else rest


def _split(link: str) -> tuple[str, str]:
    """The path of a link, and what comes behind it."""
    match = _query(link)
    return (link, "") if match is None else (link[: match.start()], link[match.start() :])


def _each_text(value: Any, change: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return change(value)
    if isinstance(value, dict):
        return {name: _each_text(item, change) for name, item in value.items()}
    if isinstance(value, list):
        return [_each_text(item, change) for item in value]
    return value
