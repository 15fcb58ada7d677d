"""Files as the platform keeps them in GridFS: the file document, field for field, and its chunks.

A key of today is the ``_id`` as text. Files of old-style courses have an embedded document instead, whose
fields must be in one order: the server compares it byte by byte.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from bson.int64 import Int64

from modulestore.errors import CorruptDocument
from modulestore.keys import AssetKey, ContextKey
from modulestore.model.files import CourseFile, changed_metadata
from modulestore.storage.content import file_key, parse_file_key

__all__ = [
    "BUCKET",
    "CHUNK",
    "OF_THE_BYTES",
    "TRASH",
    "copied_document",
    "course_filter",
    "decode_file",
    "decode_file_key",
    "decode_file_length",
    "encode_chunks",
    "encode_file",
    "file_id",
    "metadata_changes",
]

CHUNK = 255 * 1024
"""Bytes of a chunk that we write: the driver's default. Chunks of any size are read."""

BUCKET: Final = "fs"
TRASH: Final = "trash_fs"
"""The bucket where platforms keep what was deleted."""

OF_THE_BYTES: Final = ("uploaded_on", "length", "md5", "piece")
"""What two files of one name have in common if they are the same upload."""

_TAG = "c4x"
_FIELDS: Final[Mapping[str, str]] = {
    "display_name": "displayname",
    "content_type": "contentType",
    "locked": "locked",
    "import_path": "import_path",
    "thumbnail": "thumbnail_location",
}
"""What the file document calls the metadata that may change."""


def file_id(key: AssetKey) -> str | dict[str, Any]:
    """The ``_id`` of a file document, and the ``files_id`` of its chunks."""
    course = key.course
    if not course.deprecated:
        return str(file_key(key))
    return {
        "category": key.type,
        "name": key.name,
        "course": course.course,
        "tag": _TAG,
        "org": course.org,
        "revision": None,
    }


def course_filter(course: ContextKey) -> dict[str, Any]:
    """What finds the file documents of a course."""
    if course.deprecated:
        return {"_id.tag": _TAG, "_id.org": course.org, "_id.course": course.course}
    org, name, run = course.identity
    return {
        "content_son.org": org,
        "content_son.course": name,
        "content_son.run": run,
        "content_son.tag": _TAG,
        "_id": {"$type": "string"},  # an old-style course of the same names is another
    }


def encode_file(file: CourseFile) -> dict[str, Any]:
    """The file document, in the order in which the platform's driver writes it."""
    key, course = file.key, file.key.course
    return {
        "_id": file_id(key),
        "filename": str(file_key(key)),
        "displayname": file.display_name,
        "content_son": {
            "category": key.type,
            "name": key.name,
            "course": course.course,
            "tag": _TAG,
            "org": course.org,
            "revision": None,
            "run": course.run,
        },
        "thumbnail_location": _thumbnail_location(file),
        "import_path": file.import_path,
        "locked": file.locked,
        "contentType": file.content_type,
        "chunkSize": file.piece or CHUNK,
        "custom_md5": file.md5,
        "length": Int64(file.length),
        "uploadDate": file.uploaded_on,
    }


def copied_document(document: Mapping[str, Any], file: CourseFile) -> dict[str, Any]:
    """The document of a file that was copied: with whatever else a platform has written into that of the
    other one.
    """
    encoded = encode_file(file)
    return encoded | {name: value for name, value in document.items() if name not in encoded}


def encode_chunks(key: AssetKey, data: bytes) -> list[dict[str, Any]]:
    """The chunk documents of a file of these bytes, without ids of their own; none if it is empty."""
    name = file_id(key)
    parts = (data[at : at + CHUNK] for at in range(0, len(data), CHUNK))
    return [{"files_id": name, "n": n, "data": part} for n, part in enumerate(parts)]


def metadata_changes(was: CourseFile, file: CourseFile) -> dict[str, Any]:
    """The fields of the file document in which the metadata of two files differ, as the second has them."""
    changed = changed_metadata(was, file)
    if "thumbnail" in changed:
        changed["thumbnail"] = _thumbnail_location(file)
    return {_FIELDS[name]: value for name, value in changed.items()}


def decode_file(document: Mapping[str, Any], course: ContextKey) -> CourseFile:
    """The file of a document, in ``course``; old and foreign documents lack many fields.

    Raises:
        CorruptDocument: it lacks what every file must have, or has something else there.
    """
    try:
        key = decode_file_key(document["_id"], course)
        uploaded_on = document.get("uploadDate")
        thumbnail = document.get("thumbnail_location")
        return CourseFile(
            key=key,
            length=int(document["length"]),
            display_name=document.get("displayname") or key.name,
            content_type=document.get("contentType"),
            locked=bool(document.get("locked")),
            import_path=document.get("import_path"),
            md5=document.get("custom_md5") or document.get("md5"),
            thumbnail=thumbnail[4] if thumbnail else None,
            uploaded_on=uploaded_on if isinstance(uploaded_on, datetime) else None,
            piece=int(document.get("chunkSize") or CHUNK),
        )
    except (KeyError, TypeError, ValueError, IndexError) as error:
        place = f"file {document.get('_id')}"
        raise CorruptDocument(f"unreadable file document: {error!r}", place=place) from error


def decode_file_length(document: Mapping[str, Any]) -> int | None:
    """How many bytes the file of a document has; None if it does not say."""
    length = document.get("length")
    return int(length) if isinstance(length, (int, float)) and length >= 0 else None


def decode_file_key(stored: Any, course: ContextKey) -> AssetKey:
    """The key of the file whose document has this ``_id``."""
    if isinstance(stored, str):
        return parse_file_key(stored, course)
    return AssetKey(course.bare, stored["name"], stored["category"])


def _thumbnail_location(file: CourseFile) -> list[str | None] | None:
    if file.thumbnail is None:
        return None
    course = file.key.course
    return [_TAG, course.org, course.course, "thumbnail", file.thumbnail, None]
