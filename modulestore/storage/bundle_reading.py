"""Reading a bundle: once from beginning to end to prove it, then whatever is asked for, by its place.

What lies in a bundle is hostile input. Nothing is made of a section before its digest was checked, then and
whenever it is read again; and no more is in memory than a few sections, which are bounded.
"""

from __future__ import annotations

import hashlib
import io
from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Final, cast

from modulestore.errors import InvalidArchive
from modulestore.formats.bundles.contents import (
    BundleCounts,
    BundledFile,
    BundledRecord,
    BundleHead,
    Kind,
    decode_counts,
    decode_file,
    decode_head,
    decode_record,
    split_by_id,
    split_documents,
)
from modulestore.formats.bundles.order import check_order
from modulestore.formats.bundles.sections import (
    BEGINNING,
    HEAD,
    begins_a_bundle,
    first_digest,
    open_section,
    parse_head,
)
from modulestore.keys import VersionId

__all__ = ["BundleFile", "StoredFile", "is_bundle"]

_AT_HAND: Final = 48 << 20  # bytes of documents that stay in memory
_DOCUMENTS: Final = (Kind.VERSIONS, Kind.BASES, Kind.DEFINITIONS)


def is_bundle(path: Path) -> bool:
    """Whether this is a file that begins as bundles do; whatever else it is, is for others to say."""
    try:
        if not path.is_file():
            return False
        with path.open("rb") as file:
            return begins_a_bundle(file.read(len(BEGINNING)))
    except (OSError, ValueError):
        return False


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a section is, and what it must be sealed with."""

    kind: str
    at: int
    length: int
    before: bytes
    after: bytes  # the id after which those of its documents come
    number: int


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file in a bundle, and where its bytes are."""

    file: BundledFile
    pieces: list[_Place] = field(default_factory=list, repr=False, compare=False)


class BundleFile:
    """A bundle that was read from beginning to end, and found to be whole.

    Attributes:
        head: what it is of.
        counts: what is in it.
        files: those of the course, by name.
        size, digest: bytes of it, and their SHA-256, hexadecimal.
    """

    head: BundleHead
    counts: BundleCounts

    def __init__(self, path: Path, name: str | None = None) -> None:
        """Open and prove a bundle. Reads all of it.

        Args:
            name: how it is called in messages; None for its path.

        Raises:
            InvalidArchive: it is none, is damaged, or not all of it is there.
        """
        self._name = name or str(path)
        self.files: list[StoredFile] = []
        self.size = 0
        self._sha256 = hashlib.sha256()
        self._places: dict[str, list[_Place]] = {kind: [] for kind in (*_DOCUMENTS, Kind.RECORDS)}
        self._at_hand: OrderedDict[int, dict[VersionId, bytes]] = OrderedDict()
        self._bytes_at_hand = 0
        try:
            self._file: BinaryIO = path.open("rb")
        except OSError as error:
            message = f"cannot be opened: {error.strerror or error}"
            raise InvalidArchive(message, place=self._name) from error
        try:
            self._scan()
        except BaseException:
            self._file.close()
            raise

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    @property
    def digest(self) -> str:
        """SHA-256 of the file, hexadecimal."""
        return self._sha256.hexdigest()

    def place(self, what: object) -> str:
        """How something in this bundle is called in a message."""
        return f"{self._name}, {what}"

    def batches(self, kind: str) -> Iterator[dict[VersionId, bytes]]:
        """Documents of a kind by id, in order, a section at a time."""
        return (self._documents(place) for place in self._places[kind])

    def sections(self, kind: str) -> int:
        """How many batches there are."""
        return len(self._places[kind])

    def structures(self, ids: Collection[VersionId]) -> dict[VersionId, bytes]:
        """Those of these structures that are in it."""
        return self._find(Kind.VERSIONS, ids) | self._find(Kind.BASES, ids)

    def versions(self, ids: Collection[VersionId]) -> set[VersionId]:
        """Those of these structures that are in it to be opened."""
        return set(self._find(Kind.VERSIONS, ids))

    def records(self) -> Iterator[BundledRecord]:
        """What is remembered of the course."""
        for place in self._places[Kind.RECORDS]:
            where = self.place(f"section {place.number}")
            for document in split_documents(self._payload(place), where):
                yield decode_record(document, where)

    def open(self, stored: StoredFile) -> BinaryIO:
        """The bytes of a file, to be read once."""
        return cast(BinaryIO, io.BufferedReader(_Pieces(self, stored.pieces), 1 << 16))

    def _find(self, kind: str, ids: Collection[VersionId]) -> dict[VersionId, bytes]:
        """In the order of ids, so that a section is unpacked once, whatever is asked for."""
        places = self._places[kind]
        found: dict[VersionId, bytes] = {}
        for version in sorted(ids):
            # A section has the ids after its own `after`, up to and with that of the next.
            at = bisect_left(places, bytes(version), key=lambda place: place.after) - 1
            if at >= 0 and version in (documents := self._documents(places[at])):
                found[version] = documents[version]
        return found

    def _documents(self, place: _Place) -> dict[VersionId, bytes]:
        known = self._at_hand.get(place.number)
        if known is not None:
            self._at_hand.move_to_end(place.number)
            return known
        documents = split_by_id(self._payload(place), place.after, self.place(f"section {place.number}"))
        self._at_hand[place.number] = documents
        self._bytes_at_hand += _weight(documents)
        while self._bytes_at_hand > _AT_HAND and len(self._at_hand) > 1:
            _, dropped = self._at_hand.popitem(last=False)
            self._bytes_at_hand -= _weight(dropped)
        return documents

    def _payload(self, place: _Place) -> bytes:
        """What a section holds, proven again: the file may have been changed."""
        where = self.place(f"section {place.number}")
        try:
            self._file.seek(place.at)
            head, stored = self._file.read(HEAD), self._file.read(place.length)
        except OSError as error:
            raise InvalidArchive(f"cannot be read: {error.strerror or error}", place=where) from error
        return open_section(head, stored, place.before, where)

    def _scan(self) -> None:
        digest = first_digest(self._read(len(BEGINNING)))
        before: str | None = None
        after = b""
        records = number = 0
        left = 0  # bytes of the file that are still to come
        found = dict.fromkeys(_DOCUMENTS, 0)
        self.counts = BundleCounts()
        while before != Kind.LAST:
            number += 1
            where = self.place(f"section {number}")
            at = self.size
            raw = self._read(HEAD)
            head = parse_head(raw, where)
            payload = open_section(raw, self._read(head.stored), digest, where)
            check_order(before, head.kind, where)
            if left and head.kind != Kind.DATA:
                raise InvalidArchive("bytes of the file before are missing", place=where)
            after = after if before == head.kind else b""
            place = _Place(head.kind, at, head.stored, digest, after, number)
            if head.kind == Kind.HEAD:
                self.head = decode_head(payload, where)
            elif head.kind in _DOCUMENTS:
                documents = split_by_id(payload, after, where)
                if not documents:
                    raise InvalidArchive("an empty section", place=where)
                self._places[head.kind].append(place)
                found[head.kind] += len(documents)
                after = max(documents)
            elif head.kind == Kind.FILE:
                self._add_file(decode_file(payload, where), where)
                left = self.files[-1].file.length
            elif head.kind == Kind.DATA:
                self.files[-1].pieces.append(place)
                left -= len(payload)
                if left < 0 or not payload:
                    raise InvalidArchive("more bytes than the file has", place=where)
            elif head.kind == Kind.RECORDS:
                self._places[head.kind].append(place)
                records += sum(1 for _ in split_documents(payload, where))
            else:
                self.counts = decode_counts(payload, where)
            before, digest = head.kind, head.digest
        if self._file.read(1):
            raise InvalidArchive("something comes after the end of the bundle", place=self._name)
        there = BundleCounts(
            found[Kind.VERSIONS],
            found[Kind.BASES],
            found[Kind.DEFINITIONS],
            len(self.files),
            sum(stored.file.length for stored in self.files),
            records,
        )
        if there != self.counts:
            raise InvalidArchive("it does not have what it says it has", place=self._name)

    def _add_file(self, file: BundledFile, where: str) -> None:
        if self.files and (file.name, file.type) <= (self.files[-1].file.name, self.files[-1].file.type):
            raise InvalidArchive(f"file {file.name!r} is there twice, or not in its place", place=where)
        self.files.append(StoredFile(file))

    def _read(self, length: int) -> bytes:
        try:
            data = self._file.read(length)
        except OSError as error:
            message = f"cannot be read: {error.strerror or error}"
            raise InvalidArchive(message, place=self._name) from error
        self._sha256.update(data)
        self.size += len(data)
        return data

    def piece(self, place: _Place) -> bytes:
        """Bytes of a file, proven again."""
        return self._payload(place)


class _Pieces(io.RawIOBase):
    """The bytes of a file, section after section."""

    def __init__(self, bundle: BundleFile, pieces: list[_Place]) -> None:
        self._bundle = bundle
        self._pieces = iter(pieces)
        self._left = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        if not self._left:
            place = next(self._pieces, None)
            self._left = b"" if place is None else self._bundle.piece(place)
        count = min(len(buffer), len(self._left))
        buffer[:count] = self._left[:count]
        self._left = self._left[count:]
        return count


def _weight(documents: dict[VersionId, bytes]) -> int:
    return sum(map(len, documents.values()))
