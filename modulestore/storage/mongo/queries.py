"""Filters and updates on index entries, and the ids of records."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from bson import ObjectId

from modulestore.formats.ids import to_object_id
from modulestore.keys import ContextKey, VersionId
from modulestore.model.branches import STORED_NAMES, stored_name
from modulestore.model.index import IndexEntry
from modulestore.storage.documents import check_names

__all__ = [
    "after_filter",
    "entry_filter",
    "head_filter",
    "head_update",
    "record_id",
    "record_range",
    "records_starting",
    "same_heads_filter",
]


def entry_filter(key: ContextKey, ignore_case: bool) -> dict[str, Any]:
    """What finds the entry of a course by its names."""
    names = zip(("org", "course", "run"), key.identity, strict=True)
    if not ignore_case:
        return dict(names)
    return {field: {"$regex": f"^{re.escape(name)}$", "$options": "i"} for field, name in names}


def head_filter(entry: VersionId, expected: Mapping[str, VersionId | None]) -> dict[str, Any]:
    """What finds an entry only if its heads are as expected; None finds one without the branch."""
    check_names("branch", expected)
    heads = {
        _field(branch): None if head is None else to_object_id(head) for branch, head in expected.items()
    }
    return {"_id": to_object_id(entry), **heads}


def head_update(
    new: Mapping[str, VersionId], search_targets: Mapping[str, str]
) -> Sequence[Mapping[str, Any]]:
    """What moves heads; a pipeline, since the time is to be the server's, and later than the one before."""
    check_names("branch", new)
    check_names("search target", search_targets)
    heads = {_field(branch): to_object_id(head) for branch, head in new.items()}
    targets = {f"search_targets.{name}": {"$literal": value} for name, value in search_targets.items()}
    last_update = {"$max": ["$$NOW", {"$add": ["$last_update", 1]}]}
    return [{"$set": {**heads, **targets, "last_update": last_update}}]


def same_heads_filter(entry: IndexEntry) -> dict[str, Any]:
    """What finds an entry only if its heads are those of ``entry``, and there are no others."""
    others: dict[str, None] = dict.fromkeys(STORED_NAMES)
    return head_filter(entry.id, {**others, **entry.heads})


def record_id(kind: str, key: str) -> str:
    """The ``_id`` of a record: its key in the one index that every collection has."""
    return f"{kind}/{key}"


def record_range(kind: str) -> dict[str, Any]:
    """What finds the records of a kind, by way of the same index."""
    return {"_id": {"$gte": f"{kind}/", "$lt": f"{kind}0"}, "kind": kind}  # "0" comes after "/"


def records_starting(prefix: str) -> dict[str, Any]:
    """What finds the records of all kinds that begin so, by way of the same index."""
    return {"_id": {"$gte": prefix}, "kind": {"$regex": f"^{re.escape(prefix)}"}}


def after_filter(after: VersionId | None) -> dict[str, Any]:
    """What finds the documents whose id comes after ``after``."""
    return {"_id": {"$gt": ObjectId(bytes(12)) if after is None else to_object_id(after)}}


def _field(branch: str) -> str:
    return f"versions.{stored_name(branch)}"
