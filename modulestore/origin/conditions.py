"""What a request makes its answer depend on: conditions, and the validators that they are compared with.

Source: RFC 9110, sections 8.8 and 13.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import NamedTuple

from modulestore.model.files import CourseFile
from modulestore.origin.dates import parse_date

__all__ = ["Outcome", "Validators", "precondition", "range_applies", "validators_of"]

_tag = re.compile(r'(W/)?("[\x21\x23-\x7e\x80-\xff]*")')
_separator = re.compile(r"[ \t]*,[ \t,]*").match


class Outcome(Enum):
    """What conditions come to."""

    SEND = 200
    NOT_MODIFIED = 304
    FAILED = 412


@dataclass(frozen=True, slots=True)
class Validators:
    """What tells the bytes of a file from others that its name has stood for.

    Attributes:
        tag: the entity tag, with its quotation marks; a strong one. None if nothing is known that it could be
            made of.
        modified: in whole seconds; None if it is not known, or tells too little (see `validators_of`).
    """

    tag: str | None
    modified: datetime | None


class _Tag(NamedTuple):
    opaque: str
    weak: bool


def validators_of(file: CourseFile, now: datetime) -> Validators:
    """The validators of a file.

    The tag is made of the SHA-256 digest, else of the MD5 digest: two files of one name that have the same
    MD5 were made so by their author, who fools only readers of the own file. Else it is made of upload time
    and length. That too is a strong tag: the time is that of one upload, in milliseconds, an upload takes
    longer than that, and a store that has no digests tells files of one name apart by nothing else.

    A date is in seconds, in which a file can be replaced twice. So while the second of the upload lasts, no
    date is given: whoever has been told one has bytes that were not replaced within its second, and may ask
    for the rest of them by it.
    """
    uploaded = file.uploaded_on
    modified = None if uploaded is None else uploaded.replace(microsecond=0)
    if modified is not None and now < modified + timedelta(seconds=1):
        modified = None
    if file.sha256:
        return Validators(f'"{file.sha256}"', modified)
    if file.md5:
        return Validators(f'"md5-{file.md5}"', modified)
    if uploaded is not None:
        return Validators(f'"{uploaded.timestamp() * 1000:.0f}-{file.length}"', modified)
    return Validators(None, modified)


def precondition(headers: Mapping[str, str], validators: Validators, now: datetime) -> Outcome:
    """What the conditions of a GET or HEAD request come to.

    ``If-Match`` goes before ``If-Unmodified-Since``, ``If-None-Match`` before ``If-Modified-Since``; a date
    that is none is ignored. Of a list that is none, nothing matches.

    Args:
        headers: by lower-case name; several lines of one name are joined with commas.
    """
    tag, modified = validators.tag, validators.modified
    if (matching := headers.get("if-match")) is not None:
        if not _is_any(matching) and _Tag(tag or "", weak=False) not in _tags(matching):
            return Outcome.FAILED
    elif (since := _date(headers, "if-unmodified-since", now)) and modified and modified > since:
        return Outcome.FAILED
    if (other := headers.get("if-none-match")) is not None:
        # Here W/ says nothing: a weak tag and a strong one of the same text match.
        same = _is_any(other) or tag in {found.opaque for found in _tags(other)}
        return Outcome.NOT_MODIFIED if same else Outcome.SEND
    if (since := _date(headers, "if-modified-since", now)) and modified and modified <= since:
        return Outcome.NOT_MODIFIED
    return Outcome.SEND


def range_applies(headers: Mapping[str, str], validators: Validators, now: datetime) -> bool:
    """Whether parts may be sent that a request asks for: always, unless its ``If-Range`` means other bytes.

    A tag must be strong and the same; a date must be exactly the one that is sent.
    """
    condition = headers.get("if-range")
    if condition is None:
        return True
    if (found := _tag.fullmatch(condition)) is not None:
        return found[1] is None and found[2] == validators.tag
    date = parse_date(condition, now)
    return date is not None and date == validators.modified


def _date(headers: Mapping[str, str], name: str, now: datetime) -> datetime | None:
    return parse_date(headers.get(name, ""), now)


def _is_any(condition: str) -> bool:
    return condition.strip(" \t") == "*"


def _tags(condition: str) -> list[_Tag]:
    """The tags of a list; none if it is no list of tags."""
    text = condition.strip(" \t,")
    tags: list[_Tag] = []
    at = 0
    while (found := _tag.match(text, at)) is not None:
        tags.append(_Tag(found[2], found[1] is not None))
        if found.end() == len(text):
            return tags
        separator = _separator(text, found.end())
        if separator is None:
            break
        at = separator.end()
    return []
