"""Pictures for tests, good ones and others."""

from __future__ import annotations

import io
from typing import Any

from PIL import Image

__all__ = ["picture", "png"]


def picture(width: int, height: int, colour: Any, format: str, mode: str = "RGB", **how: Any) -> bytes:  # noqa: A002
    """A picture of one colour."""
    out = io.BytesIO()
    Image.new(mode, (width, height), colour).save(out, format=format, **how)
    return out.getvalue()


def png(width: int, height: int, colour: Any) -> bytes:
    """A PNG of one colour."""
    return picture(width, height, colour, "PNG")
