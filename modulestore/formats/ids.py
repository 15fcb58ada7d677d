"""Ids of versions as documents have them, and back."""

from __future__ import annotations

from bson import ObjectId

from modulestore.keys import VersionId

__all__ = ["new_version_id", "optional_id", "optional_oid", "to_object_id", "to_version_id"]


def to_object_id(version: VersionId) -> ObjectId:
    """The id as documents have it."""
    return ObjectId(bytes(version))


def to_version_id(oid: ObjectId) -> VersionId:
    """The id as all above the documents has it."""
    return VersionId(oid.binary)


def optional_id(oid: ObjectId | None) -> VersionId | None:
    """The same of an id that may be missing."""
    return None if oid is None else VersionId(oid.binary)


def optional_oid(version: VersionId | None) -> ObjectId | None:
    """The same of an id that may be missing."""
    return None if version is None else ObjectId(bytes(version))


def new_version_id() -> VersionId:
    """An id that nobody else makes: the time in seconds, five random bytes of this process, a counter."""
    return VersionId(ObjectId().binary)
