"""The documents of a bundle on their way into a database: those that are not there are stored, the others
have to say the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final, Literal

from modulestore._async.bundle_proving import BATCH, in_batches
from modulestore._async.ports import Backend, Definitions, Structures
from modulestore._async.reading import Reader
from modulestore._async.waiting import Call, run_blocking
from modulestore.errors import CorruptDocument, InvalidArchive
from modulestore.formats import v1
from modulestore.formats.bundles.contents import Kind
from modulestore.formats.converting import check_format_1, to_format_1
from modulestore.formats.headers import relinked
from modulestore.formats.structures import PLATFORM_SCHEMA, Schema, schema_of
from modulestore.keys import VersionId
from modulestore.model.columns import VersionColumn
from modulestore.model.structure import Structure
from modulestore.model.values import Progress
from modulestore.storage.bundle_checks import BundleVersions
from modulestore.storage.bundle_reading import BundleFile

__all__ = ["BundledDocuments", "Noun"]

Noun = Literal["structure", "definition"]
"""What a document is."""

_NOUNS: Final[tuple[Noun, ...]] = ("structure", "definition")  # referrers before what they refer to

_IDS: Final = 5000
_TOGETHER: Final = 8 << 20  # bytes that are sent at once


class BundledDocuments:
    """The structures and definitions of one bundle, in one database.

    Args:
        versions: the structures of the bundle, decoded.
        schema: the format of the database. In format 1 every version is stored in format 1, whole.
        limit: bytes that a document may have.
    """

    def __init__(
        self, bundle: BundleFile, versions: BundleVersions, schema: Schema, limit: int, progress: Progress
    ) -> None:
        self._bundle = bundle
        self._versions = versions
        self._schema = schema
        self._limit = limit
        self._progress = progress
        self._needed: dict[Noun, bytearray] = {noun: bytearray() for noun in _NOUNS}  # ids, packed
        self._new: dict[Noun, list[VersionId]] = {noun: [] for noun in _NOUNS}

    async def put(self, group: Backend) -> None:
        """Store all that are not there.

        Raises:
            InvalidArchive: the database has other documents of the same ids.
            DocumentTooLarge: one of them is too large in format 1.
        """
        # In format 1 a version is whole: what others are only stored on is not needed there.
        bases = () if self._schema == PLATFORM_SCHEMA else (Kind.BASES,)
        kinds = (Kind.DEFINITIONS, *bases, Kind.VERSIONS)
        done, sections = 0, sum(map(self._bundle.sections, kinds))
        for kind in kinds:
            batches = self._bundle.batches(kind)
            while (documents := await run_blocking(next, batches, None)) is not None:
                self._progress("writing documents", done, sections)
                if kind == Kind.DEFINITIONS:
                    await self._put(group, "definition", documents)
                else:
                    for batch in in_batches(documents, BATCH):
                        made = await run_blocking(self._in_schema, batch)
                        await self._put(group, "structure", made)
                done += 1
        self._progress("writing documents", sections, sections)

    def _in_schema(self, documents: Mapping[VersionId, bytes]) -> dict[VersionId, bytes]:
        """Structures as a database of this format may have them: what is to be read by a platform must be in
        its format.
        """
        made = dict(documents)
        if self._schema == PLATFORM_SCHEMA:
            for version, document in documents.items():
                if schema_of(document) != PLATFORM_SCHEMA:
                    structure = self._versions.structures([version])[version]
                    made[version] = to_format_1(structure, self._limit)
                    check_format_1(structure, made[version])
        return made

    async def _put(self, group: Backend, noun: Noun, documents: Mapping[VersionId, bytes]) -> None:
        """Store those of the documents that are not there; the others must say the same."""
        port = _port(group, noun)
        self._needed[noun] += b"".join(documents)
        there = await port.sizes(documents)
        new = {version: document for version, document in documents.items() if version not in there}
        compared = {version: document for version, document in documents.items() if version in there}
        # If a reply is lost they may have been stored: they are taken back in any case.
        self._new[noun].extend(new)
        for batch in _by_size(new):
            if not await port.put_many(batch):
                compared.update(batch)  # somebody else stored one of them just now
        if compared:
            await self._compare(group.past_cache(), noun, compared)

    async def _compare(self, database: Backend, noun: Noun, documents: Mapping[VersionId, bytes]) -> None:
        """Make sure that what the database has under these ids is the same.

        Raises:
            InvalidArchive: it is something else.
        """
        for batch in in_batches(documents, BATCH if noun == "structure" else len(documents)):
            stored = await _port(database, noun).get_many(batch)
            for version in [one for one, document in batch.items() if stored.get(one) != document]:
                # A structure may be stored in another form, or linked to another since something was pruned.
                if noun == "definition" or not await self._is_same(database, version):
                    raise InvalidArchive(
                        "the database has another document of this id",
                        place=self._bundle.place(f"{noun} {version}"),
                        hint="nothing was restored; restore it into a new database, and compare the two",
                    )

    async def _is_same(self, database: Backend, version: VersionId) -> bool:
        try:
            here = await Reader(database).structure(version)
        except CorruptDocument as error:
            place = self._bundle.place(f"structure {version}")
            message = f"the database has it too, and it cannot be read there: {error.message}"
            raise InvalidArchive(message, place=place, hint="nothing was restored: run `check`") from error
        there = (await run_blocking(self._versions.structures, [version]))[version]
        return await run_blocking(_say_the_same, here, there)

    def ids(self, noun: Noun) -> VersionColumn:
        """Those that the course needs and that were put, new or not."""
        return VersionColumn(bytes(self._needed[noun]))

    async def missing(self, database: Backend) -> str | None:
        """What of all this is not in a database, if anything is not."""
        for noun in _NOUNS:
            ids = self.ids(noun)
            for at in range(0, len(ids), _IDS):
                self._progress("looking whether all is there", at, len(ids))
                batch = ids[at : at + _IDS]
                if gone := set(batch).difference(await _port(database, noun).sizes(batch)):
                    return f"{noun} {min(gone)}"
        return None

    async def take_back(self, backend: Backend, expect_alone: Call[None]) -> None:
        """Remove what was not there before; ``expect_alone`` raises if somebody else may count on it."""
        for noun, ids in self._new.items():
            for at in range(0, len(ids), _IDS):
                await expect_alone()
                await _port(backend, noun).delete_many(ids[at : at + _IDS])


def _port(backend: Backend, noun: Noun) -> Structures | Definitions:
    return backend.structures if noun == "structure" else backend.definitions


def _say_the_same(one: Structure, other: Structure) -> bool:
    return relinked(v1.encode_structure(one), None) == relinked(v1.encode_structure(other), None)


def _by_size(documents: Mapping[VersionId, bytes]) -> Iterator[dict[VersionId, bytes]]:
    """Documents that are sent at once. A large one is alone."""
    batch: dict[VersionId, bytes] = {}
    size = 0
    for version, document in documents.items():
        if batch and size + len(document) > _TOGETHER:
            yield batch
            batch, size = {}, 0
        batch[version] = document
        size += len(document)
    if batch:
        yield batch
