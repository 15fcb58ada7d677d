"""Writing a bundle: section after section into a file that gets its name once it is complete."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Final

from modulestore.formats.bundles.contents import (
    BundleCounts,
    BundledRecord,
    BundleHead,
    Kind,
    encode_counts,
    encode_file,
    encode_head,
    encode_record,
)
from modulestore.formats.bundles.sections import BEGINNING, first_digest, write_section
from modulestore.model.files import CourseFile
from modulestore.storage.new_files import NewFile

__all__ = ["BundleWriter"]

_PIECE: Final = 1 << 20  # bytes from which on a section is full


class BundleWriter:
    """Writes one bundle, which has to be closed.

    What comes in must be in the order of a bundle, and documents in the order of their ids. How much comes in
    at a time makes no difference to what is written.

    Attributes:
        path: where the bundle is until it gets its name.
        counts: what was written so far.
        size: bytes of the file so far.
    """

    def __init__(self, dest: Path, *, force: bool) -> None:
        """Begin a bundle that will be at ``dest``.

        Raises:
            InvalidInput: there is something already and ``force`` is not set, or there can be nothing.
        """
        self._new = NewFile(dest, force=force)
        self.path = self._new.path
        self.counts = BundleCounts()
        self.size = 0
        self._sha256 = hashlib.sha256()
        self._digest = first_digest(BEGINNING)
        self._kind: str = Kind.HEAD
        self._waiting = bytearray()
        self._write(BEGINNING)

    def close(self) -> None:
        """Close the file, and remove it unless it has its name."""
        self._new.close()

    @property
    def digest(self) -> str:
        """SHA-256 of the file so far, hexadecimal."""
        return self._sha256.hexdigest()

    def head(self, head: BundleHead) -> None:
        """What the bundle is of."""
        self._section(Kind.HEAD, encode_head(head))

    def versions(self, documents: list[bytes]) -> None:
        """Structures that can be opened."""
        self._collect(Kind.VERSIONS, documents)
        self.counts = replace(self.counts, versions=self.counts.versions + len(documents))

    def bases(self, documents: list[bytes]) -> None:
        """Structures that those are stored on."""
        self._collect(Kind.BASES, documents)
        self.counts = replace(self.counts, bases=self.counts.bases + len(documents))

    def definitions(self, documents: list[bytes]) -> None:
        """Definitions."""
        self._collect(Kind.DEFINITIONS, documents)
        self.counts = replace(self.counts, definitions=self.counts.definitions + len(documents))

    def file(self, file: CourseFile) -> None:
        """A file, whose bytes come next."""
        self._flush()
        self._section(Kind.FILE, encode_file(file))
        self.counts = replace(self.counts, files=self.counts.files + 1)

    def data(self, piece: bytes) -> None:
        """Bytes of the file, in pieces of any length."""
        self._begin(Kind.DATA)
        self._waiting += piece
        self.counts = replace(self.counts, bytes=self.counts.bytes + len(piece))
        while len(self._waiting) >= _PIECE:
            self._section(Kind.DATA, bytes(self._waiting[:_PIECE]))
            del self._waiting[:_PIECE]

    def records(self, records: list[BundledRecord]) -> None:
        """What is remembered of the course."""
        self._collect(Kind.RECORDS, [encode_record(record) for record in records])
        self.counts = replace(self.counts, records=self.counts.records + len(records))

    def end(self) -> None:
        """Complete the file, and make sure that it is on the disk."""
        self._flush()
        self._section(Kind.LAST, encode_counts(self.counts))
        self._new.end()

    def publish(self) -> None:
        """Give the file its name.

        Raises:
            InvalidInput: there is something of this name by now, and it is not to be overwritten.
        """
        self._new.publish()

    def _collect(self, kind: str, documents: list[bytes]) -> None:
        self._begin(kind)
        for document in documents:
            # A document that is too large for company is alone.
            if self._waiting and len(self._waiting) + len(document) > _PIECE:
                self._flush()
            self._waiting += document

    def _begin(self, kind: str) -> None:
        if kind != self._kind:
            self._flush()
            self._kind = kind

    def _flush(self) -> None:
        if self._waiting:
            self._section(self._kind, bytes(self._waiting))
            self._waiting.clear()

    def _section(self, kind: str, payload: bytes) -> None:
        section, self._digest = write_section(kind, payload, self._digest)
        self._write(section)

    def _write(self, data: bytes) -> None:
        self._new.write(data)
        self._sha256.update(data)
        self.size += len(data)
