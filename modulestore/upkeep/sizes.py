"""Bytes as people read them."""

from __future__ import annotations

__all__ = ["shown_bytes"]


def shown_bytes(count: int) -> str:
    """``1.2 MB``; a thousand bytes are a kB."""
    if count < 1000:
        return f"{count} B"
    for unit, scale in (("kB", 1e3), ("MB", 1e6), ("GB", 1e9)):
        if count < 999.95 * scale:
            return f"{count / scale:.1f} {unit}"
    return f"{count / 1e12:,.1f} TB"
