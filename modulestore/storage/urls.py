"""URLs in messages."""

from __future__ import annotations

import re
from typing import Final

__all__ = ["shown_url"]

_SECRET: Final = re.compile(r"([?&][^=&]*(?:password|authMechanismProperties)=)[^&]*", re.IGNORECASE)


def shown_url(url: str) -> str:
    """The URL without what may be a password, and not longer than a message should be."""
    url = _SECRET.sub(r"\1…", url)
    head, at, tail = url.rpartition("@")
    scheme, slashes, _ = head.partition("//")
    shown = f"{scheme}{slashes}…@{tail}" if at and slashes else url
    return repr(shown if len(shown) <= 100 else shown[:99] + "…")
