"""Which section of a bundle may follow which."""

from __future__ import annotations

from typing import Final

from modulestore.errors import InvalidArchive
from modulestore.formats.bundles.contents import Kind

__all__ = ["check_order"]

_ORDER: Final = (
    Kind.HEAD,
    Kind.VERSIONS,
    Kind.BASES,
    Kind.DEFINITIONS,
    Kind.FILE,
    Kind.RECORDS,
    Kind.LAST,
)
_ONCE: Final = (Kind.HEAD, Kind.LAST)


def check_order(before: str | None, kind: str, place: str) -> None:
    """Make sure that a section may come after another; after None only the first may.

    Raises:
        InvalidArchive: it may not.
    """
    if kind == Kind.DATA:
        right = before in (Kind.FILE, Kind.DATA)
    elif before is None or kind not in _ORDER:
        right = before is None and kind == Kind.HEAD
    else:
        last = _ORDER.index(Kind.FILE if before == Kind.DATA else before)
        right = _ORDER.index(kind) > last or (_ORDER.index(kind) == last and kind not in _ONCE)
    if not right:
        raise InvalidArchive(f"a section {kind!r} after {before or 'the beginning'}", place=place)
