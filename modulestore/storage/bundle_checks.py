"""Whether what a bundle has can be used: every version can be read, and everything that it needs is there."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Set
from datetime import datetime
from typing import Final, TypeVar

from modulestore.errors import CorruptDocument, InvalidArchive, InvalidKey, ModuleStoreError
from modulestore.formats import v2
from modulestore.formats.bundles.contents import BundledRecord, Kind, opened_by
from modulestore.formats.definitions import decode_definition
from modulestore.formats.gathering import Gathering
from modulestore.formats.headers import decode_header
from modulestore.formats.structures import schema_of
from modulestore.keys import ContextKey, LibraryKey, VersionId
from modulestore.model.branches import DRAFT, LIBRARY, PUBLISHED
from modulestore.model.structure import Structure, StructureHeader
from modulestore.model.values import Author
from modulestore.storage.bundle_reading import BundleFile
from modulestore.storage.content import parse_file_key
from modulestore.storage.memory import Memory

__all__ = [
    "BundleVersions",
    "check_documents",
    "check_files",
    "check_heads",
    "check_records",
    "check_versions",
]

T = TypeVar("T")

_MOST_UNPACKED: Final = 256 << 20  # bytes of one version: far more than a document of format 1 can hold
_BRANCHES: Final = {False: {DRAFT, PUBLISHED}, True: {LIBRARY}}


class BundleVersions:
    """The structures in a bundle, decoded when they are asked for; those used last are still at hand."""

    def __init__(self, bundle: BundleFile) -> None:
        self._bundle = bundle
        self._memory = Memory()

    def structures(self, ids: Collection[VersionId]) -> dict[VersionId, Structure]:
        """Structures by id.

        Raises:
            InvalidArchive: one of them is not in the bundle, or cannot be read.
        """
        found = self._memory.structures(ids)
        missing = [version for version in ids if version not in found]
        documents = self._bundle.structures(missing)
        for version in missing:
            if version not in documents:
                raise InvalidArchive("is not in the bundle", place=self._bundle.place(f"structure {version}"))
        what = f"structure {missing[0]}" if missing else ""
        found.update(self._read(what, lambda: self._decoded(documents)))
        return found

    def _decoded(self, documents: Mapping[VersionId, bytes]) -> dict[VersionId, Structure]:
        for document in documents.values():
            _check_unpacked(document)
        gathering = Gathering(documents, self._memory)
        while gathering.wanted:
            more = self._bundle.structures(gathering.wanted)
            for document in more.values():
                _check_unpacked(document)
            gathering.add(more)
        found = {version: gathering.structure(version) for version in documents}
        self._memory.keep_structures(gathering.decoded)
        return found

    def _read(self, what: str, read: Callable[[], T]) -> T:
        try:
            return read()
        except CorruptDocument as error:
            place = self._bundle.place(error.place or what)
            raise InvalidArchive(error.message, place=place) from error
        except RecursionError as error:
            raise InvalidArchive("is built on too many others", place=self._bundle.place(what)) from error


def check_heads(bundle: BundleFile) -> None:
    """Make sure that the heads are those of a course or library, and are there.

    Raises:
        InvalidArchive: they are not.
    """
    entry = bundle.head.entry
    place = bundle.place("head")
    if not entry.heads.keys() <= _BRANCHES[isinstance(entry.key, LibraryKey)]:
        raise InvalidArchive(f"{bundle.head.key} cannot have these branches", place=place)
    if gone := set(entry.heads.values()) - bundle.versions(set(entry.heads.values())):
        raise InvalidArchive(f"the head {min(gone)} is not in the bundle", place=place)


def check_documents(bundle: BundleFile, kind: str, documents: Mapping[VersionId, bytes]) -> set[Author]:
    """Make sure that documents of the bundle are of the ids that they are found by; who made them.

    Raises:
        InvalidArchive: one of them is not, cannot be read, or is there twice.
    """
    noun = "definition" if kind == Kind.DEFINITIONS else "structure"
    authors: set[Author] = set()
    for version, document in documents.items():
        place = bundle.place(f"{noun} {version}")
        try:
            made = decode_definition(document) if kind == Kind.DEFINITIONS else decode_header(document)
        except ModuleStoreError as error:
            raise InvalidArchive(error.message, place=place) from error
        if not isinstance(made.edited_by, Author | float) or not isinstance(made.edited_on, datetime):
            raise InvalidArchive("does not say by whom and when it was made", place=place)
        if isinstance(made, StructureHeader) and not all(isinstance(name, str) for name in made.root):
            raise InvalidArchive("does not say which block is its root", place=place)
        if made.id != version:  # it has two fields of this name
            raise InvalidArchive(f"the document is of {made.id}", place=place)
        authors.add(made.edited_by)
    if kind == Kind.BASES and (twice := bundle.versions(documents)):
        raise InvalidArchive("is there twice", place=bundle.place(f"structure {min(twice)}"))
    return authors


def check_versions(
    bundle: BundleFile, versions: BundleVersions, ids: Collection[VersionId], definitions: Set[VersionId]
) -> None:
    """Make sure that versions can be read, and that ``definitions`` has all that their blocks have.

    Raises:
        InvalidArchive: one of them cannot, or it has not.
    """
    for version, structure in versions.structures(ids).items():
        if gone := set(structure.definitions) - definitions:
            place = bundle.place(f"structure {version}")
            raise InvalidArchive(f"its definition {min(gone)} is not in the bundle", place=place)


def check_files(bundle: BundleFile, course: ContextKey) -> None:
    """Make sure that the names of the files can be kept, as those of a course.

    Raises:
        InvalidArchive: a key that is made of one of them is another key when it is read.
    """
    for stored in bundle.files:
        key = stored.file.in_course(course).key
        try:
            same = parse_file_key(str(key), course) == key
        except InvalidKey:
            same = False
        if not same or "\0" in key.name:
            raise InvalidArchive("cannot be the name of a file", place=bundle.place(f"file {key.name!r}"))


def check_records(bundle: BundleFile) -> list[BundledRecord]:
    """The records of a bundle, once they have been found to be what they are said to be.

    Raises:
        InvalidArchive: one of them is there twice, is not what it should be, or is of a version that is not.
    """
    records = list(bundle.records())
    before: tuple[str, str] | None = None
    for record in records:
        place = bundle.place(f"{record.kind} {record.name!r}")
        name = (record.kind, record.name)
        if before is not None and name <= before:
            raise InvalidArchive("is there twice, or not in its place", place=place)
        before = name
        try:
            wanted = opened_by(record)
        except (ModuleStoreError, KeyError, TypeError, ValueError, AttributeError) as error:
            raise InvalidArchive(f"is not what it should be: {error}", place=place) from error
        if gone := wanted - bundle.versions(wanted):
            raise InvalidArchive(f"its version {min(gone)} is not in the bundle", place=place)
    return records


def _check_unpacked(document: bytes) -> None:
    if schema_of(document) == v2.SCHEMA_VERSION and v2.frame_of(document).unpacked > _MOST_UNPACKED:
        raise CorruptDocument("it would take too much room unpacked")
