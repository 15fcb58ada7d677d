"""Several parts of a file in one answer: ``multipart/byteranges``. Source: RFC 9110, section 14.6."""

from __future__ import annotations

from collections.abc import Sequence

from modulestore.origin.ranges import Part

__all__ = ["content_range", "interleaved", "multipart_type"]


def content_range(part: Part, length: int) -> str:
    """Which bytes of how many a part is."""
    return f"bytes {part.start}-{part.stop - 1}/{length}"


def multipart_type(boundary: str) -> str:
    """The type of the answer."""
    return f"multipart/byteranges; boundary={boundary}"


def interleaved(parts: Sequence[Part], content_type: str, length: int, boundary: str) -> list[bytes | Part]:
    """The parts with what stands before, between and after them.

    Args:
        content_type: of the file.
        length: of the file, in bytes.
        boundary: what no part can be expected to hold: made by chance for this answer.
    """
    segments: list[bytes | Part] = []
    for number, part in enumerate(parts):
        lead = "\r\n" if number else ""
        range_ = content_range(part, length)
        head = f"{lead}--{boundary}\r\nContent-Type: {content_type}\r\nContent-Range: {range_}\r\n\r\n"
        segments += [head.encode("ascii"), part]
    return [*segments, f"\r\n--{boundary}--\r\n".encode("ascii")]
