"""What a request is answered with, as values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from modulestore.model.files import CourseFile
from modulestore.origin.headers import NEVER_STORED, access_headers, without_content
from modulestore.origin.multipart import content_range, interleaved, multipart_type
from modulestore.origin.ranges import Part
from modulestore.origin.urls import asset_path

__all__ = ["Answer", "content", "moved", "refused", "unsatisfiable"]


@dataclass(frozen=True, slots=True)
class Answer:
    """Status, headers and body.

    Attributes:
        segments: what the body consists of: bytes, and parts of ``file``.
    """

    status: int
    headers: Mapping[str, str]
    segments: Sequence[bytes | Part] = ()
    file: CourseFile | None = None

    @property
    def length(self) -> int:
        """Bytes of the body."""
        return sum(len(one) if isinstance(one, bytes) else one.stop - one.start for one in self.segments)


def refused(status: int, text: str, headers: Mapping[str, str] = NEVER_STORED) -> Answer:
    """No file, and why."""
    plain = {"Content-Type": "text/plain; charset=utf-8", "X-Content-Type-Options": "nosniff"}
    return Answer(status, {**plain, **headers}, [f"{text}\n".encode()])


def moved(file: CourseFile, root: str, query: str) -> Answer:
    """Where the file of today is, for who asked for one of another time.

    Not for ever: an author may upload the former file again, and who has kept both redirections would go
    round in circles.

    Args:
        root: path where the origin is mounted, escaped.
        query: what stood behind the question mark, escaped.
    """
    place = root + asset_path(file, versioned=True) + (f"?{query}" if query else "")
    access = access_headers(file)
    return refused(302, "this file was replaced", {**access, "Location": place})


def unsatisfiable(file: CourseFile, headers: Mapping[str, str]) -> Answer:
    """The file has no part that was asked for. That holds for these parts only, so no cache keeps it."""
    kept = {**without_content(headers), **NEVER_STORED, "Content-Range": f"bytes */{file.length}"}
    return refused(416, f"the file has {file.length} bytes", kept)


def content(
    file: CourseFile, headers: Mapping[str, str], parts: Sequence[Part] | None, boundary: str
) -> Answer:
    """The whole file, or parts of it.

    Args:
        headers: that go with the file.
        parts: one or more; None for the whole file.
        boundary: between parts, if there are several.
    """
    if parts is None:
        return Answer(200, headers, [Part(0, file.length)], file)
    if len(parts) == 1:
        return Answer(206, {**headers, "Content-Range": content_range(parts[0], file.length)}, parts, file)
    segments = interleaved(parts, headers["Content-Type"], file.length, boundary)
    return Answer(206, {**headers, "Content-Type": multipart_type(boundary)}, segments, file)
