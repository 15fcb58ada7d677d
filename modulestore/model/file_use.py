"""Which files of a course its content uses.

Whether a file is needed cannot be told for sure: programs in the content put names together. So a file counts
as used wherever it may be, and as unused only if nothing speaks of it. It is used

- if ``/static/…`` leads to it (`StaticLinks.linked`), or
- if its name stands anywhere as a word or between quotes, or the path that it was imported from, or the last
  part of that: so are files linked by their keys, by each other, and by settings such as ``course_image``;
- subtitles, if the word is the video that their name speaks of: ``abc`` for ``subs_abc.srt.sjson`` and
  ``uk_subs_abc.srt.sjson``;
- a thumbnail, if its picture is;
- always ``python_lib.zip``, which all problems may use, and a file whose name no link can spell.

Source: Open edX split modulestore, URL forms of assets; course archive format, subtitles.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from html import unescape
from typing import Any
from urllib.parse import unquote

from modulestore.keys import AssetKey, ContextKey, asset_name
from modulestore.model.files import CourseFile, thumbnail_key
from modulestore.model.static_links import StaticLinks

__all__ = ["FileUse", "is_text"]

_ALWAYS = "python_lib.zip"
_LONGEST = 300  # characters between quotes that may be a name
_DEEPEST = 8  # folders of a path
_word = re.compile(r"[\w\-.%/]+")
_not_in_word = re.compile(r"[^\w\-.%/]")
_url_end = re.compile(r"[?#]")
_escape = re.compile(r"\\u([0-9a-fA-F]{4})")
_subtitles = re.compile(r"(?:[\w-]+?_)?subs_(.+?)\.(?:srt\.sjson|srt|sjson|txt|vtt)").fullmatch
_text_type = re.compile(
    r"text/.*|application/(?:.*\+)?(?:json|xml|javascript|x-javascript)|image/svg\+xml"
).match
_TEXT_ENDINGS = (".css", ".htm", ".html", ".js", ".json", ".mjs", ".svg", ".xhtml", ".xml")


class FileUse:
    """What is found to be used while texts are looked at.

    Attributes:
        used: keys of files and thumbnails.
    """

    def __init__(self, course: ContextKey, files: Iterable[CourseFile]) -> None:
        self._files = {file.key: file for file in files}
        self._links = StaticLinks.of(course, self._files.values())
        self._by_word: dict[str, list[AssetKey]] = {}
        self.used: set[AssetKey] = set()
        for file in self._files.values():
            for word in _names(file):
                self._by_word.setdefault(word, []).append(file.key)
            if file.key.name == _ALWAYS or asset_name(file.key.name) != file.key.name:
                self._use(file.key)

    def see(self, value: Any) -> None:
        """Look at a text, or at all texts in lists and dictionaries, names of these included."""
        for text in _texts(value):
            for spelling in _spellings(text):
                for file in self._links.linked(spelling):
                    self._use(file.key)
                for word in self._by_word.keys() & _words(spelling):
                    for key in self._by_word[word]:
                        self._use(key)

    def _use(self, key: AssetKey) -> None:
        self.used.add(key)
        thumbnail = thumbnail_key(self._files[key])
        if thumbnail is not None and thumbnail in self._files:
            self.used.add(thumbnail)


def is_text(file: CourseFile) -> bool:
    """Whether a file is one in which others may be named: a page, a style sheet, a script, data."""
    return bool(_text_type(file.content_type or "")) or file.key.name.lower().endswith(_TEXT_ENDINGS)


def _names(file: CourseFile) -> set[str]:
    names = {file.key.name}
    if file.import_path is not None:
        names |= {asset_name(file.import_path), asset_name(file.import_path.rpartition("/")[2])}
    if match := _subtitles(file.key.name):
        names.add(match[1])
    return names


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, item in value.items():
            yield str(name)
            yield from _texts(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _texts(item)


def _spellings(text: str) -> set[str]:
    """A text, and what it says to who takes its escapes for such: those of JSON, of HTML, of URLs."""
    spellings = {text, _escape.sub(lambda escape: chr(int(escape[1], 16)), text).replace("\\/", "/")}
    spellings |= {unescape(one) for one in spellings}
    return spellings | {unquote(one) for one in spellings}


def _words(text: str) -> set[str]:
    """What may be the name of a file: words, what stands between quotes, and the ends of paths in them."""
    paths = set(_word.findall(text))
    paths |= {path.rstrip(".") for path in paths}  # at the end of a sentence
    for quote in "\"'":
        for part in set(text.split(quote)):
            if len(part) <= _LONGEST and not _word.fullmatch(part):
                paths.add(_not_in_word.sub("_", _url_end.split(part, maxsplit=1)[0].strip()))
    return {end for path in paths for end in _ends(path)}


def _ends(path: str) -> Iterator[str]:
    parts = [part for part in path.split("/") if part][-_DEEPEST:]
    for at in range(len(parts)):
        yield "_".join(parts[at:])
    if parts:
        yield parts[-1].rpartition(".")[0]  # a video has subtitles without its ending
