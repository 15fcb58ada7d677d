"""Leftovers of the layout *content*, and what they are called.

``file <put> <name>``: a version of a name that ended, or was announced and never came. ``blob <SHA-256>``:
bytes that no name refers to. ``upload <id>``: what was sent and cannot be read, by its id, or the
URL of an object.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from bson import ObjectId

from modulestore.model.files import Leftover
from modulestore.storage.mongo.blobs import UploadId
from modulestore.storage.object_names import is_object_url

__all__ = [
    "Named",
    "Reference",
    "blob_leftover",
    "file_leftover",
    "last_references",
    "left_references",
    "parse_names",
    "upload_leftover",
]

_FILE, _BLOB, _UPLOAD = "file", "blob", "upload"


class Reference(NamedTuple):
    """A version that refers to bytes."""

    name: str
    put: ObjectId
    digest: bytes


def left_references(document: Mapping[str, Any], before: datetime) -> list[Reference]:
    """Versions of a name that ended, or were announced, before a time."""
    return [reference for reference, since in _references(document) if since is not None and since < before]


def last_references(documents: Iterable[Mapping[str, Any]], before: datetime) -> dict[bytes, Reference]:
    """By digest, the last one of all that refer to these bytes, if each of them is left over."""
    last: dict[bytes, Reference] = {}
    needed: set[bytes] = set()
    for document in sorted(documents, key=lambda document: str(document["_id"])):
        for reference, since in _references(document):
            if since is not None and since < before:
                last[reference.digest] = reference
            else:
                needed.add(reference.digest)
    return {digest: reference for digest, reference in last.items() if digest not in needed}


def _references(document: Mapping[str, Any]) -> Iterator[tuple[Reference, datetime | None]]:
    """What a name refers to, in order, and since when it need not."""
    name = document["_id"]
    for version in document["history"]:
        yield Reference(name, version["put"], version["sha256"]), version["ended_on"]
    for announced in document["pending"]:
        version = announced["version"]
        yield Reference(name, version["put"], version["sha256"]), announced["on"]
    if (current := document.get("current")) is not None:
        yield Reference(name, current["put"], current["sha256"]), None


def file_leftover(reference: Reference, size: int) -> Leftover:
    """A version, with the bytes that are free when it is gone."""
    return Leftover(f"{_FILE} {reference.put} {reference.name}", size)


def blob_leftover(digest: bytes, size: int) -> Leftover:
    """Bytes that no name refers to."""
    return Leftover(f"{_BLOB} {digest.hex()}", size)


def upload_leftover(upload: UploadId, size: int) -> Leftover:
    """What was sent and cannot be read."""
    return Leftover(f"{_UPLOAD} {upload}", size)


@dataclass(frozen=True, slots=True)
class Named:
    """What names of leftovers stand for: versions by file and ``put``, digests, uploads."""

    files: Mapping[str, Collection[ObjectId]]
    blobs: Collection[bytes]
    uploads: Collection[UploadId]


def parse_names(names: Iterable[str]) -> Named:
    """What is named; other names are passed over."""
    files: dict[str, set[ObjectId]] = {}
    blobs: set[bytes] = set()
    uploads: set[UploadId] = set()
    for name in names:
        kind, _, rest = name.partition(" ")
        put, _, file = rest.partition(" ")
        if kind == _FILE and ObjectId.is_valid(put):
            files.setdefault(file, set()).add(ObjectId(put))
        elif kind == _UPLOAD and ObjectId.is_valid(rest):
            uploads.add(ObjectId(rest))
        elif kind == _UPLOAD and is_object_url(rest):
            uploads.add(rest)
        elif kind == _BLOB and len(rest) == 64 and set(rest) <= set("0123456789abcdef"):
            blobs.add(bytes.fromhex(rest))
    return Named(files, blobs, uploads)
