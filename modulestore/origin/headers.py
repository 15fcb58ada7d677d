"""The headers that go with a file. No value of them can hold a line's end, whatever the file is called."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import quote

from modulestore.model.files import CourseFile
from modulestore.origin.conditions import Validators
from modulestore.origin.content_types import content_type, security_policy
from modulestore.origin.dates import format_date

__all__ = [
    "NEVER_STORED",
    "access_headers",
    "content_disposition",
    "file_headers",
    "preflight_headers",
    "without_content",
]

NEVER_STORED = {"Cache-Control": "no-store"}
"""Of answers that are no files."""

_YEAR = 31_536_000  # seconds
_LONGEST_NAME = 150  # characters; file systems take 255 bytes

# A name is one part of a path, without what turns the direction of what follows: that hides what it ends in.
_NOT_IN_NAMES = re.compile("[\\x00-\\x1f\\x7f-\\x9f/\\\\\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
# What old programs cannot tell from syntax, or would decode, is in no plain name.
_NOT_IN_PLAIN_NAMES = re.compile(r'[^\x20-\x7e]|["%]')
_ATTRIBUTE_CHARACTERS = "!#$&+-.^_`|~"  # RFC 8187, attr-char, beside letters and digits


def file_headers(
    file: CourseFile, validators: Validators, *, versioned: bool, max_age: int
) -> dict[str, str]:
    """The headers of an answer with all bytes of a file, but for their number.

    Who may read a file of everybody may do so from any site: pages, fonts and scripts are often served by
    another host than the files. A locked file is for its readers alone: no cache keeps it, and no other site
    gets at it.

    Args:
        versioned: it was asked for by the digest that it has.
        max_age: seconds for which what was asked for without a digest may be kept in caches.
    """
    kind = content_type(file)
    headers = {
        "Content-Type": kind,
        "Content-Disposition": content_disposition(file),
        "X-Content-Type-Options": "nosniff",
        "Accept-Ranges": "bytes",
    }
    if (policy := security_policy(kind)) is not None:
        headers["Content-Security-Policy"] = policy
    if validators.tag is not None:
        headers["ETag"] = validators.tag
    if validators.modified is not None:
        headers["Last-Modified"] = format_date(validators.modified)
    return headers | access_headers(file, versioned=versioned, max_age=max_age)


def access_headers(file: CourseFile, *, versioned: bool = False, max_age: int = 0) -> dict[str, str]:
    """Who may keep an answer about a file, for how long, and which sites may read it."""
    if file.locked:
        return {
            "Cache-Control": "private, no-store",
            "Cross-Origin-Resource-Policy": "same-site",
            "Vary": "Cookie, Authorization",
        }
    if versioned:
        keep = f"public, max-age={_YEAR}, immutable"
    else:
        keep = f"public, max-age={max_age}" if max_age else "public, no-cache"
    # The same for all who ask: so there is nothing that an answer varies by.
    return {
        "Cache-Control": keep,
        "Cross-Origin-Resource-Policy": "cross-origin",
        "Access-Control-Allow-Origin": "*",
        "Access-Control-Expose-Headers": "Accept-Ranges, Content-Range, ETag",
    }


def preflight_headers(file: CourseFile, methods: str) -> dict[str, str]:
    """The headers of an answer to ``OPTIONS``: what a page of another site may ask for."""
    headers = {"Allow": methods} | NEVER_STORED
    if not file.locked:
        headers |= {
            "Access-Control-Allow-Origin": "*",
            "Access-Control-Allow-Methods": methods,
            "Access-Control-Allow-Headers": "If-Match, If-Modified-Since, If-None-Match, If-Range, Range",
            "Access-Control-Max-Age": "86400",
        }
    return headers


def without_content(headers: Mapping[str, str]) -> dict[str, str]:
    """The headers of a file that an answer has too which does not send it."""
    return {name: value for name, value in headers.items() if not name.startswith("Content-")}


def content_disposition(file: CourseFile) -> str:
    """The value of the header: shown where it can be shown, and saved under the name that authors see.

    Source: RFC 6266, RFC 8187.
    """
    name = _clean(file.display_name) or _clean(file.key.name) or "file"
    plain = _NOT_IN_PLAIN_NAMES.sub("_", name)
    value = f'inline; filename="{plain}"'
    if plain != name:
        value += f"; filename*=UTF-8''{quote(name, safe=_ATTRIBUTE_CHARACTERS)}"
    return value


def _clean(name: str) -> str:
    name = _NOT_IN_NAMES.sub("_", name).strip(" .")
    if len(name) <= _LONGEST_NAME:
        return name
    # The ending says what it is: it stays.
    stem, dot, ending = name.rpartition(".")
    ending = f"{dot}{ending}" if stem and len(ending) <= 10 else ""
    return name[: _LONGEST_NAME - len(ending)].rstrip(" .") + ending
