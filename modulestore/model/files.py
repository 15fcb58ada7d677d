"""A course file as the store knows it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from modulestore.keys import AssetKey

__all__ = ["CourseFile"]


@dataclass(frozen=True, slots=True)
class CourseFile:
    """Metadata of one stored file of a course.

    Attributes:
        key: of the file, in its course.
        length: bytes.
        display_name: the name shown to authors.
        content_type: MIME type; None when it is not known.
        locked: only for enrolled learners and staff.
        import_path: path below ``static/`` in the archive that it came from.
        md5, sha256: hexadecimal digests of its bytes; None where the stored document has none.
        thumbnail: name of its thumbnail.
        uploaded_on: when these bytes were stored; None before that.
    """

    key: AssetKey
    length: int
    display_name: str
    content_type: str | None = None
    locked: bool = False
    import_path: str | None = None
    md5: str | None = None
    sha256: str | None = None
    thumbnail: str | None = None
    uploaded_on: datetime | None = None
