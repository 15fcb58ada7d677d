"""Files as the layout *content* keeps them: one document per name, with what the name stands for, what it has
stood for, and what is about to be put there.

A *version* is what a name stands for at a time: metadata, and the SHA-256 of bytes that are kept elsewhere.
Every change of a document is one update that the server computes, so that of two who change it at once none
undoes what the other did. See docs/spec/files-1.md.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any, Final

from bson import ObjectId
from bson.int64 import Int64

from modulestore.errors import CorruptDocument, DocumentTooLarge, InvalidKey
from modulestore.keys import ContextKey
from modulestore.model.files import METADATA, CourseFile, changed_metadata
from modulestore.storage.content import parse_file_key
from modulestore.storage.documents import encode
from modulestore.storage.mongo.blobs import CHUNK
from modulestore.storage.mongo.updates import Pipeline, field_of_first, without

__all__ = [
    "FILES",
    "IN_TRASH",
    "IS_THERE",
    "all_forgotten",
    "announcement",
    "announces_only",
    "decode_version",
    "ending",
    "forgetting",
    "metadata_changes",
    "new_announcement",
    "restoring",
    "same_version",
    "switching",
    "version_document",
    "withdrawal",
]

FILES: Final = "modulestore.files"
"""The collection."""

MOST_PAST: Final = 1000
"""Versions that a name remembers beside the one that is there; with more, it forgets the oldest."""

MOST_METADATA: Final = 16_000
"""Bytes of one version. So many, so often, are less than a document may have."""

IS_THERE: Final[Mapping[str, Any]] = {"current": {"$ne": None}}
"""What finds names that stand for a file."""

IN_TRASH: Final[Mapping[str, Any]] = {"current": None, "history": {"$ne": []}}
"""What finds names that have stood for a file, and do not now."""

_HAS_CURRENT: Final[Mapping[str, Any]] = {"$eq": [{"$type": "$current"}, "object"]}
# Pruning asks by this which bytes are needed: it is computed anew by every update that may change it.
_BLOBS: Final[Mapping[str, Any]] = {
    "$set": {
        "blobs": {
            "$setUnion": [
                "$history.sha256",
                "$pending.version.sha256",
                {"$cond": [_HAS_CURRENT, ["$current.sha256"], []]},
            ]
        }
    }
}
_ENDED: Final[Mapping[str, Any]] = {
    "$slice": [
        {
            "$concatArrays": [
                "$history",
                {"$cond": [_HAS_CURRENT, [{"$mergeObjects": ["$current", {"ended_on": "$$NOW"}]}], []]},
            ]
        },
        -MOST_PAST,
    ]
}


def version_document(file: CourseFile, put: ObjectId) -> dict[str, Any]:
    """What is stored of a file whose digests are known; ``put`` says who put it there.

    Raises:
        DocumentTooLarge: its names are too long.
    """
    document = {"put": put, **_of_file(file)}
    size = len(encode(document, str(file.key)))
    if size > MOST_METADATA:
        message = f"the names of the file are too long: {size:,} bytes, and it may have {MOST_METADATA:,}"
        raise DocumentTooLarge(message, size=size, limit=MOST_METADATA, place=str(file.key))
    return document


def decode_version(name: str, version: Mapping[str, Any], course: ContextKey | None) -> CourseFile:
    """The file that a version of a name is, in ``course``, if that is known.

    Raises:
        CorruptDocument: it lacks what every version has, or has something else there.
    """
    try:
        md5, sha256 = version["md5"], version["sha256"]
        if len(sha256) != 32 or not isinstance(version["uploaded_on"], datetime):
            raise TypeError("a digest or a time is none")
        return CourseFile(
            key=parse_file_key(name, course),
            length=int(version["length"]),
            display_name=version["display_name"],
            content_type=version["content_type"],
            locked=bool(version["locked"]),
            import_path=version["import_path"],
            md5=None if md5 is None else md5.hex(),
            sha256=sha256.hex(),
            thumbnail=version["thumbnail"],
            uploaded_on=version["uploaded_on"],
            piece=CHUNK,
        )
    except (InvalidKey, KeyError, TypeError, ValueError, AttributeError) as error:
        raise CorruptDocument(f"unreadable file document: {error!r}", place=f"file {name}") from error


def announcement(course: str, version: Mapping[str, Any]) -> Pipeline:
    """What says of a name, made if it is not there, that this version is about to be put there.

    From then on its bytes are not pruned. It is no file yet. Doing it again changes nothing.
    """
    own = {"version": {"$literal": version}, "on": "$$NOW"}
    others = without({"$ifNull": ["$pending", []]}, {"$eq": ["$$this.version.put", version["put"]]})
    return [
        {
            "$set": {
                "course": {"$literal": course},
                "current": {"$ifNull": ["$current", None]},
                "history": {"$ifNull": ["$history", []]},
                "pending": {"$concatArrays": [others, [own]]},
            }
        },
        _BLOBS,
    ]


def new_announcement(course: str, version: Mapping[str, Any], time: datetime) -> dict[str, Any]:
    """What `announcement` makes of a name that is not there, but for its ``_id``."""
    return {
        "course": course,
        "current": None,
        "history": [],
        "pending": [{"version": version, "on": time}],
        "blobs": [version["sha256"]],
    }


def switching(put: ObjectId, keep: Collection[str] = ()) -> Pipeline:
    """What lets a name stand for what was announced, with what ``keep`` names of the metadata as it is until
    then; only for names that have this announcement.
    """
    is_own = {"$eq": ["$$this.version.put", put]}
    own = field_of_first("$pending", is_own, "version")
    if keep:
        kept = {"$cond": [_HAS_CURRENT, {name: f"$current.{name}" for name in keep}, {}]}
        own = {"$mergeObjects": [own, kept]}
    return [{"$set": {"history": _ENDED, "current": own, "pending": without("$pending", is_own)}}, _BLOBS]


def withdrawal(put: ObjectId) -> Pipeline:
    """What takes an announcement back."""
    return [{"$set": {"pending": without("$pending", {"$eq": ["$$this.version.put", put]})}}, _BLOBS]


def announces_only(put: ObjectId) -> dict[str, Any]:
    """What finds names that have nothing but this announcement."""
    return {"current": None, "history": [], "pending": {"$size": 1}, "pending.version.put": put}


def ending() -> Pipeline:
    """What lets a name stand for nothing any more. What it stood for becomes its history."""
    return [{"$set": {"history": _ENDED, "current": None}}]


def same_version(file: CourseFile) -> dict[str, Any]:
    """What finds a name that stands for exactly this file, or has stood for it."""
    version = _of_file(file)
    current = {f"current.{field}": value for field, value in version.items()}
    return {"$or": [{"history": {"$elemMatch": version}}, current]}


def restoring(version: Mapping[str, Any]) -> Pipeline:
    """What lets a name stand for this version, which it remembers."""
    return [{"$set": {"history": _ENDED, "current": {"$literal": version}}}, _BLOBS]


def metadata_changes(was: CourseFile, file: CourseFile) -> dict[str, Any]:
    """The fields of a name's document in which the metadata of two files differ, as the second has them.

    Raises:
        DocumentTooLarge: the second's names are too long.
    """
    version_document(file, ObjectId())
    return {f"current.{name}": value for name, value in changed_metadata(was, file).items()}


def forgetting(puts: Collection[ObjectId], before: datetime) -> Pipeline:
    """What removes versions that ended before a time, and announcements made before it."""
    ended = {"$and": [{"$in": ["$$this.put", list(puts)]}, {"$lt": ["$$this.ended_on", before]}]}
    given_up = {"$and": [{"$in": ["$$this.version.put", list(puts)]}, {"$lt": ["$$this.on", before]}]}
    return [
        {"$set": {"history": without("$history", ended), "pending": without("$pending", given_up)}},
        _BLOBS,
    ]


def all_forgotten(puts: Collection[ObjectId], before: datetime) -> dict[str, Any]:
    """What finds names that `forgetting` would leave nothing of."""
    others = {"$nin": list(puts)}
    later = {"$gte": before}
    return {
        "current": None,
        "history": {"$not": {"$elemMatch": {"$or": [{"put": others}, {"ended_on": later}]}}},
        "pending": {"$not": {"$elemMatch": {"$or": [{"version.put": others}, {"on": later}]}}},
    }


def _of_file(file: CourseFile) -> dict[str, Any]:
    return {
        "sha256": bytes.fromhex(file.sha256 or ""),
        "md5": None if file.md5 is None else bytes.fromhex(file.md5),
        "length": Int64(file.length),
        **{field: getattr(file, field) for field in METADATA},
        "uploaded_on": file.uploaded_on,
    }
