"""Index entries ⇄ the documents of ``active_versions``. Every format of structures has the same.

Source: split modulestore documents, active versions.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from modulestore.formats.headers import EPOCH, corrupt
from modulestore.formats.ids import to_object_id, to_version_id
from modulestore.formats.numbers import expect_known
from modulestore.keys import CourseKey, LibraryKey
from modulestore.model.branches import branch_name, stored_name
from modulestore.model.index import IndexEntry

__all__ = ["decode_entry", "encode_entry"]

_SCHEMA_VERSION = 1
_LIBRARY_RUN = "library"


def encode_entry(entry: IndexEntry) -> dict[str, Any]:
    """The ``active_versions`` document of an entry."""
    return {
        "_id": to_object_id(entry.id),
        "org": entry.key.org,
        "course": entry.key.course,
        "run": entry.key.run,
        "edited_by": entry.edited_by,
        "edited_on": entry.edited_on,
        "versions": {stored_name(branch): to_object_id(head) for branch, head in entry.heads.items()},
        "schema_version": _SCHEMA_VERSION,
        "search_targets": dict(entry.search_targets),
        "last_update": entry.last_update,
    }


def decode_entry(document: Mapping[str, Any]) -> IndexEntry:
    """The entry of an ``active_versions`` document; old documents lack the last three fields.

    Raises:
        UnknownFormat: a later release wrote it.
        CorruptDocument: a field is missing or is not what it should be.
    """
    schema = document.get("schema_version", _SCHEMA_VERSION)
    expect_known("an index entry", schema, _SCHEMA_VERSION, f"index entry {document.get('_id')}")
    try:
        org, course, run = document["org"], document["course"], document["run"]
        versions = document["versions"]
        key: CourseKey | LibraryKey
        is_library = run == _LIBRARY_RUN and (not versions or "library" in versions)
        key = LibraryKey(org, course) if is_library else _course_key(org, course, run)
        return IndexEntry(
            id=to_version_id(document["_id"]),
            key=key,
            heads={
                branch_name(name): to_version_id(head) for name, head in versions.items() if head is not None
            },
            edited_by=document.get("edited_by"),
            edited_on=document.get("edited_on") or EPOCH,
            last_update=document.get("last_update"),
            search_targets=dict(document.get("search_targets") or {}),
        )
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise corrupt("index entry", document.get("_id"), error) from error


def _course_key(org: str, course: str, run: str) -> CourseKey:
    """The key of a course. The index has the names only; a name with ``%`` is one of an old-style key."""
    names = (org, course, run)
    return CourseKey(*names, deprecated=any("%" in name for name in names))
