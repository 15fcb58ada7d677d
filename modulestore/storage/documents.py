"""Limits and encodings that every backend keeps to, so that what one has stored another can take."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

import bson
from bson.errors import BSONError

from modulestore.errors import CorruptDocument, DocumentTooLarge, InvalidInput
from modulestore.formats.encoding import OPTIONS
from modulestore.keys import VersionId

__all__ = ["MAX_DOCUMENT", "check_names", "check_range", "check_sizes", "decode", "encode", "now"]

MAX_DOCUMENT = 16 * 1024 * 1024
"""Bytes of the largest document that MongoDB holds, and so of the largest that any backend takes."""


def check_sizes(kind: str, documents: Mapping[VersionId, bytes], limit: int) -> None:
    """Refuse a set of documents if one of them does not fit.

    Raises:
        DocumentTooLarge: names the first that does not.
    """
    for version, document in documents.items():
        _check_size(len(document), limit, f"{kind} {version}")


def check_names(kind: str, names: Iterable[str]) -> None:
    """Refuse names that cannot be field names of a stored document.

    Raises:
        InvalidInput: one is empty, begins with ``$``, or holds a dot or a zero byte.
    """
    for name in names:
        if not name or name.startswith("$") or "." in name or "\0" in name:
            raise InvalidInput(f"{name!r} cannot be the name of a {kind}")


def check_range(start: int, length: int | None) -> None:
    """Refuse a negative range of bytes.

    Raises:
        InvalidInput: ``start`` or ``length`` is negative.
    """
    if start < 0 or (length is not None and length < 0):
        raise InvalidInput(f"{length} bytes from {start} are no range")


def encode(document: Mapping[str, Any], place: str) -> bytes:
    """A small document as BSON.

    Raises:
        InvalidInput: it holds something that documents cannot hold.
        DocumentTooLarge: it does not fit.
    """
    try:
        encoded = bson.encode(document, codec_options=OPTIONS)
    except (BSONError, OverflowError, UnicodeError, TypeError) as error:
        raise InvalidInput(f"this cannot be stored: {error}", place=place) from error
    _check_size(len(encoded), MAX_DOCUMENT, place)
    return encoded


def decode(document: bytes, place: str) -> dict[str, Any]:
    """The document that :func:`encode` made.

    Raises:
        CorruptDocument: it is no BSON.
    """
    try:
        return bson.decode(document, OPTIONS)
    except BSONError as error:
        raise CorruptDocument(f"unreadable document: {error}", place=place) from error


def now() -> datetime:
    """The time, as documents can hold it: in UTC, in whole milliseconds."""
    time = datetime.now(UTC)
    return time.replace(microsecond=time.microsecond // 1000 * 1000)


def _check_size(size: int, limit: int, place: str) -> None:
    if size > limit:
        message = f"{size:,} bytes, and the database holds {limit:,} at most"
        raise DocumentTooLarge(message, size=size, limit=limit, place=place)
