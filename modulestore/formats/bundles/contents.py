"""What is in the sections of a bundle: documents, one or one after the other, as BSON; and bytes of files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import bson
from bson.errors import BSONError

from modulestore.errors import InvalidArchive, ModuleStoreError
from modulestore.formats.encoding import OPTIONS
from modulestore.formats.entries import decode_entry, encode_entry
from modulestore.formats.headers import document_id
from modulestore.keys import ContextKey, VersionId, parse_course_key
from modulestore.model.conflict import KeptConflict
from modulestore.model.files import CourseFile
from modulestore.model.index import IndexEntry

__all__ = [
    "BundleCounts",
    "BundleHead",
    "BundledFile",
    "BundledRecord",
    "Kind",
    "RecordKind",
    "decode_counts",
    "decode_file",
    "decode_head",
    "decode_record",
    "encode_counts",
    "encode_file",
    "encode_head",
    "encode_record",
    "opened_by",
    "split_by_id",
    "split_documents",
]


class Kind:
    """What is in a section."""

    HEAD: Final = "head"
    VERSIONS: Final = "vers"
    BASES: Final = "base"
    DEFINITIONS: Final = "defs"
    FILE: Final = "file"
    DATA: Final = "data"
    RECORDS: Final = "recs"
    LAST: Final = "last"


class RecordKind:
    """What a record is of, whatever a database calls it."""

    TAG: Final = "tag"
    MESSAGE: Final = "message"
    CONFLICT: Final = "conflict"
    PROVENANCE: Final = "provenance"

    ALL: Final = frozenset({TAG, MESSAGE, CONFLICT, PROVENANCE})


@dataclass(frozen=True, slots=True)
class BundleHead:
    """What a bundle begins with.

    Attributes:
        key: of the course, in the style of its files' keys, which an index entry does not say.
        entry: the course's index entry.
        history: whether the versions behind its heads are in it.
    """

    key: ContextKey
    entry: IndexEntry
    history: bool


@dataclass(frozen=True, slots=True)
class BundledRecord:
    """Something that is remembered of a course.

    Attributes:
        kind: one of `RecordKind`.
        name: the tag, the version that a message is of, or the id of the conflict.
    """

    kind: str
    name: str
    value: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class BundledFile:
    """A file of the course, as it is described before its bytes."""

    type: str
    name: str
    length: int
    metadata: Mapping[str, Any] = field(hash=False)

    def in_course(self, course: ContextKey) -> CourseFile:
        """The file, in a course."""
        key = course.asset(self.name)
        return CourseFile(key=key._replace(type=self.type), length=self.length, **self.metadata)


@dataclass(frozen=True, slots=True)
class BundleCounts:
    """What a bundle ends with: how much was written.

    Attributes:
        versions: structures that can be opened.
        bases: others that these are stored on.
        bytes: of files, unpacked.
    """

    versions: int = 0
    bases: int = 0
    definitions: int = 0
    files: int = 0
    bytes: int = 0
    records: int = 0


_METADATA: Final = ("display_name", "content_type", "locked", "import_path", "thumbnail")


def encode_head(head: BundleHead) -> bytes:
    """The payload of the first section."""
    scope = "history" if head.history else "heads"
    return _encode({"key": str(head.key), "scope": scope, "entry": encode_entry(head.entry)})


def decode_head(payload: bytes, place: str) -> BundleHead:
    """What `encode_head` made.

    Raises:
        InvalidArchive: it is none, or of no course.
    """
    decoded = _decode(payload, place)
    try:
        key = parse_course_key(str(decoded["key"]))
        entry = decode_entry(decoded["entry"])
        history = {"history": True, "heads": False}[decoded["scope"]]
        if key != key.bare or key.identity != entry.key.identity or not entry.heads:
            raise ValueError("key and heads do not go together")
        return BundleHead(key, entry, history)
    except (ModuleStoreError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise InvalidArchive(f"does not say which course it is of: {error}", place=place) from error


def encode_file(file: CourseFile) -> bytes:
    """The payload of the section before a file's bytes. When it was uploaded is not in it: a database says
    when it got the bytes.
    """
    metadata = {name: getattr(file, name) for name in _METADATA}
    return _encode({"type": file.key.type, "name": file.key.name, "length": file.length, **metadata})


def decode_file(payload: bytes, place: str) -> BundledFile:
    """What `encode_file` made.

    Raises:
        InvalidArchive: it is none.
    """
    decoded = _decode(payload, place)
    texts = ("display_name", "type", "name")
    optional = ("content_type", "import_path", "thumbnail")
    try:
        right = (
            all(isinstance(decoded[name], str) and decoded[name] for name in texts)
            and all(isinstance(decoded[name], str | None) for name in optional)
            and isinstance(decoded["locked"], bool)
            and type(decoded["length"]) in (int, bson.Int64)
            and decoded["length"] >= 0
        )
    except KeyError as error:
        raise InvalidArchive(f"a file without {error}", place=place) from error
    if not right:
        raise InvalidArchive("this describes no file", place=place)
    metadata = {name: decoded[name] for name in _METADATA}
    return BundledFile(decoded["type"], decoded["name"], int(decoded["length"]), metadata)


def encode_record(record: BundledRecord) -> bytes:
    """A record as a document."""
    return _encode({"kind": record.kind, "name": record.name, "value": dict(record.value)})


def decode_record(document: bytes, place: str) -> BundledRecord:
    """What `encode_record` made.

    Raises:
        InvalidArchive: it is none.
    """
    decoded = _decode(document, place)
    kind, name, value = (decoded.get(field) for field in ("kind", "name", "value"))
    if kind not in RecordKind.ALL or not isinstance(name, str) or not isinstance(value, dict):
        raise InvalidArchive("this is no record", place=place)
    return BundledRecord(str(kind), name, value)


def opened_by(record: BundledRecord) -> set[VersionId]:
    """The versions that a record leads to.

    Raises:
        InvalidKey, KeyError, TypeError, ValueError, AttributeError: it is not what it should be.
    """
    if record.kind == RecordKind.TAG:
        return {VersionId.parse(record.value["version"])}
    if record.kind == RecordKind.MESSAGE:
        if not isinstance(record.value["message"], str):
            raise ValueError("no text")
        return {VersionId.parse(record.name)}
    if record.kind == RecordKind.CONFLICT:
        conflict = KeptConflict.from_record(record.name, record.value)
        return {conflict.base, conflict.mine}
    return set()


def encode_counts(counts: BundleCounts) -> bytes:
    """The payload of the last section."""
    return _encode({name: getattr(counts, name) for name in BundleCounts.__slots__})


def decode_counts(payload: bytes, place: str) -> BundleCounts:
    """What `encode_counts` made.

    Raises:
        InvalidArchive: it is none.
    """
    try:
        return BundleCounts(**{name: int(value) for name, value in _decode(payload, place).items()})
    except (TypeError, ValueError) as error:
        raise InvalidArchive("does not say what is in the bundle", place=place) from error


def split_documents(payload: bytes, place: str) -> Iterator[bytes]:
    """The documents that stand one after the other.

    Raises:
        InvalidArchive: there is something that is none.
    """
    at = 0
    while at < len(payload):
        end = at + int.from_bytes(payload[at : at + 4], "little")
        if not at + 5 <= end <= len(payload) or payload[end - 1] != 0:
            raise InvalidArchive(f"there is no document at byte {at}", place=place)
        yield payload[at:end]
        at = end


def split_by_id(payload: bytes, after: bytes, place: str) -> dict[VersionId, bytes]:
    """The documents that stand one after the other, by their ids, which grow and come after ``after``.

    Raises:
        InvalidArchive: something is no document, or there twice, or not in its place.
    """
    found: dict[VersionId, bytes] = {}
    for document in split_documents(payload, place):
        try:
            version = document_id(document)
        except ModuleStoreError as error:
            raise InvalidArchive(f"a document without an id: {error.message}", place=place) from error
        if version <= after:
            raise InvalidArchive(f"document {version} is there twice, or not in its place", place=place)
        found[version] = document
        after = version
    return found


def _encode(document: Mapping[str, Any]) -> bytes:
    return bson.encode(document, codec_options=OPTIONS)


def _decode(document: bytes, place: str) -> dict[str, Any]:
    try:
        return bson.decode(document, OPTIONS)
    except BSONError as error:
        raise InvalidArchive(f"this is no document: {error}", place=place) from error
