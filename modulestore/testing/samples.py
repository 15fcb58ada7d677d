"""Small values to store: what they mean does not matter, that they come back as they were does."""

from __future__ import annotations

import random
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import bson

from modulestore.formats.ids import new_version_id, to_object_id
from modulestore.keys import AssetKey, ContextKey, CourseKey, VersionId
from modulestore.model.files import CourseFile
from modulestore.model.index import IndexEntry
from modulestore.model.values import Author

__all__ = [
    "COURSE",
    "MOMENT",
    "definition_document",
    "new_entry",
    "new_file",
    "new_version_id",
    "random_bytes",
    "structure_document",
]

COURSE = CourseKey("Örg", "Kurs.101", "2026_春")
MOMENT = datetime(2026, 3, 29, 1, 59, 59, 987000, tzinfo=UTC)


def new_entry(
    key: ContextKey = COURSE,
    heads: Mapping[str, VersionId] | None = None,
    *,
    edited_by: Author = 7,
    last_update: datetime | None = MOMENT,
    search_targets: Mapping[str, str] | None = None,
) -> IndexEntry:
    """An entry that is in no database yet; with a draft head unless heads are given."""
    return IndexEntry(
        id=new_version_id(),
        key=key,
        heads={"draft": new_version_id()} if heads is None else heads,
        edited_by=edited_by,
        edited_on=MOMENT,
        last_update=last_update,
        search_targets=search_targets or {},
    )


def structure_document(
    version: VersionId,
    *,
    previous: VersionId | None = None,
    original: VersionId | None = None,
    edited_by: Author = 7,
    title: str = "",
    size: int | None = None,
) -> bytes:
    """An encoded structure without blocks; of exactly ``size`` bytes if that is given."""
    document = {
        "_id": to_object_id(version),
        "root": ["course", "course"],
        "previous_version": None if previous is None else to_object_id(previous),
        "original_version": to_object_id(original or version),
        "edited_by": edited_by,
        "edited_on": MOMENT,
        "blocks": [],
        "schema_version": 1,
        "title": title,
    }
    return _of_size(document, "title", size)


def definition_document(
    version: VersionId, fields: Mapping[str, Any] | None = None, *, size: int | None = None
) -> bytes:
    """An encoded definition; of exactly ``size`` bytes if that is given."""
    edit_info = {
        "edited_by": 7,
        "edited_on": MOMENT,
        "previous_version": None,
        "original_version": to_object_id(version),
    }
    document = {
        "_id": to_object_id(version),
        "block_type": "html",
        "fields": dict(fields or {}),
        "edit_info": edit_info,
        "schema_version": 1,
        "padding": "",
    }
    return _of_size(document, "padding", size)


def new_file(name: str = "pic.png", course: ContextKey = COURSE, **metadata: Any) -> CourseFile:
    """Metadata of a file that is about to be uploaded."""
    return CourseFile(AssetKey(course, name), 0, metadata.pop("display_name", name), **metadata)


def random_bytes(length: int, seed: int = 0) -> bytes:
    """Bytes that look like nothing, the same every time."""
    return random.Random(seed).randbytes(length)


def _of_size(document: dict[str, Any], field: str, size: int | None) -> bytes:
    if size is not None:
        document[field] = "x" * (size - len(bson.encode({**document, field: ""})))
    return bson.encode(document)
