"""Bytes as the layout *content* keeps them: a document per SHA-256, and chunks or an object.

Chunks belong to an *upload*, never to a digest: bytes that are deleted and written again at the same moment
have other chunks. An upload is registered in the document of its digest before its first chunk is sent. So
chunks of an upload that no document names are nobody's, and never will be. Nor are objects. See
docs/spec/files-1.md.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Any, Final, TypeAlias

from bson import ObjectId
from bson.int64 import Int64

from modulestore.storage.mongo.updates import Pipeline, field_of_first, without
from modulestore.storage.object_names import parse_object_url

__all__ = [
    "BLOBS",
    "CHUNK",
    "CHUNKS",
    "IS_WHOLE",
    "NOTHING",
    "UploadId",
    "begun_on",
    "chunk_id",
    "completion",
    "condemnation",
    "giving_up",
    "naming",
    "new_registration",
    "number_of",
    "of_upload",
    "pardon",
    "registration",
    "revival",
    "unregistration",
    "upload_of",
]

BLOBS: Final = "modulestore.blobs"
CHUNKS: Final = "modulestore.blob_chunks"

UploadId: TypeAlias = ObjectId | str
"""An upload: of chunks, or the URL of an object (`modulestore.storage.object_names`)."""

CHUNK: Final = 256 * 1024
"""Bytes of a chunk."""

IS_WHOLE: Final[Mapping[str, Any]] = {"upload": {"$ne": None}}
"""What finds digests whose bytes are all there."""

NOTHING: Final[Mapping[str, Any]] = {"upload": None, "uploading": []}
"""What finds digests without bytes, which nobody is sending either."""

_LAST = 0xFFFFFFFF


def chunk_id(upload: ObjectId, number: int) -> bytes:
    """The ``_id`` of a chunk: in order by upload, then number."""
    return upload.binary + number.to_bytes(4)


def upload_of(chunk: bytes) -> ObjectId:
    """The upload that a chunk belongs to."""
    return ObjectId(chunk[:12])


def number_of(chunk: bytes) -> int:
    """Which of the chunks of its upload it is."""
    return int.from_bytes(chunk[12:])


def of_upload(upload: ObjectId) -> dict[str, Any]:
    """What finds the chunks of an upload."""
    return {"_id": {"$gte": chunk_id(upload, 0), "$lte": chunk_id(upload, _LAST)}}


def begun_on(upload: UploadId) -> datetime:
    """When the id of an upload was made."""
    return (parse_object_url(upload).id if isinstance(upload, str) else upload).generation_time


def registration(put: ObjectId, upload: UploadId, length: int) -> Pipeline:
    """What is done to bytes that are needed: they are saved from pruning, or an upload is registered.

    Doing it again changes nothing; another upload of the same ``put`` takes the place of the first.
    """
    others = without({"$ifNull": ["$uploading", []]}, {"$eq": ["$$this.put", put]})
    own = [{"put": put, "upload": upload, "on": "$$NOW"}]
    is_missing = {"$eq": [{"$ifNull": ["$upload", None]}, None]}
    return [
        {
            "$set": {
                "length": Int64(length),
                "upload": {"$ifNull": ["$upload", None]},
                "uploading": {"$concatArrays": [others, {"$cond": [is_missing, own, []]}]},
                "touched": "$$NOW",
                "condemned": None,
            }
        }
    ]


def new_registration(put: ObjectId, upload: UploadId, length: int, time: datetime) -> dict[str, Any]:
    """What `registration` makes of bytes that are not there, but for its ``_id``."""
    return {
        "length": Int64(length),
        "upload": None,
        "uploading": [{"put": put, "upload": upload, "on": time}],
        "touched": time,
        "condemned": None,
    }


def completion(put: ObjectId) -> Pipeline:
    """What makes a registered upload the one that is read, if nobody else was first."""
    is_own = {"$eq": ["$$this.put", put]}
    upload = field_of_first("$uploading", is_own, "upload")
    return [
        {
            "$set": {
                "upload": {"$ifNull": ["$upload", upload]},
                "uploading": without("$uploading", is_own),
                "touched": "$$NOW",
                "condemned": None,
            }
        }
    ]


def revival() -> Pipeline:
    """What saves bytes that are there from pruning."""
    return [{"$set": {"touched": "$$NOW", "condemned": None}}]


def unregistration(put: ObjectId) -> Pipeline:
    """What gives up an upload that was not completed."""
    return [{"$set": {"uploading": without("$uploading", {"$eq": ["$$this.put", put]})}}]


def giving_up(uploads: Collection[UploadId], before: datetime) -> Pipeline:
    """What gives up uploads that were registered before a time: they cannot be completed any more."""
    given_up = {"$and": [{"$in": ["$$this.upload", list(uploads)]}, {"$lt": ["$$this.on", before]}]}
    return [{"$set": {"uploading": without("$uploading", given_up)}}]


def condemnation(mark: ObjectId) -> dict[str, Any]:
    """What says that whoever made this mark will delete the bytes, unless somebody needs them."""
    return {"$set": {"condemned": mark}}


def pardon() -> dict[str, Any]:
    """What takes a mark away."""
    return {"$set": {"condemned": None}}


def naming(uploads: Iterable[UploadId]) -> dict[str, Any]:
    """What finds digests that one of these uploads belongs to."""
    wanted = {"$in": list(uploads)}
    return {"$or": [{"upload": wanted}, {"uploading.upload": wanted}]}
