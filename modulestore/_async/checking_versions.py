"""Looking at versions whole: their blocks, and the definitions that these have."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from modulestore._async.ports import Backend
from modulestore._async.reading import Reader
from modulestore.errors import CorruptDocument
from modulestore.formats.definitions import decode_definition, decode_definitions
from modulestore.formats.structures import repeated_blocks
from modulestore.keys import BlockKey, VersionId
from modulestore.model.structure import Structure
from modulestore.storage.memory import Memory
from modulestore.upkeep.checking.blocks import (
    Insides,
    block_problems,
    definition_problems,
    duplicate_keys,
    insides_of,
)
from modulestore.upkeep.checking.problems import Problem, Spot

__all__ = ["LoadedVersion", "VersionChecker"]

_MEMORY: Final = 64 * 1024 * 1024
_MOST_TYPES: Final = 200_000  # definitions that are remembered to be sound
_DEFINITIONS: Final = 500  # fetched together


@dataclass(frozen=True, slots=True)
class LoadedVersion:
    """A version as the database has it.

    Attributes:
        duplicates: blocks that it has more than once.
        types: the types of its definitions, of those that can be read.
        unreadable: why others cannot be.
    """

    structure: Structure
    duplicates: Collection[BlockKey]
    types: dict[VersionId, str]
    unreadable: dict[VersionId, str]

    @property
    def lost(self) -> set[VersionId]:
        """Definitions that are not there, or cannot be read."""
        return {version for version in self.structure.definitions if version not in self.types}


class VersionChecker:
    """Reads versions from a database, past caches, and says what is wrong with them."""

    def __init__(self, database: Backend) -> None:
        self._database = database
        self._reader = Reader(database, Memory(_MEMORY))
        self._types: dict[VersionId, str] = {}

    async def structure(self, version: VersionId) -> Structure:
        """A version.

        Raises:
            VersionNotFound: it is not there.
            CorruptDocument: it cannot be read.
        """
        return await self._reader.structure(version)

    async def load(self, version: VersionId) -> LoadedVersion:
        """A version with all that its blocks need. One round trip more for the document itself, and one for
        every 500 definitions that were not seen lately.

        Raises:
            VersionNotFound: it is not there.
            CorruptDocument: it cannot be read.
        """
        structure = await self.structure(version)
        duplicates = duplicate_keys(structure)
        documents = await self._database.structures.get_many([version])
        for document in documents.values():
            duplicates += repeated_blocks(document)
        types, unreadable = await self._definitions(set(structure.definitions))
        return LoadedVersion(structure, duplicates, types, unreadable)

    def problems(
        self, loaded: LoadedVersion, spot: Spot, shown_elsewhere: Collection[BlockKey] = frozenset()
    ) -> tuple[list[Problem], Insides]:
        """What is wrong with a version, and what its blocks refer to."""
        structure, insides = loaded.structure, insides_of(loaded.structure, spot)
        return [
            *block_problems(structure, spot, duplicates=loaded.duplicates, shown_elsewhere=shown_elsewhere),
            *insides.problems,
            *definition_problems(structure, spot, loaded.types, loaded.unreadable),
        ], insides

    async def _definitions(
        self, wanted: Collection[VersionId]
    ) -> tuple[dict[VersionId, str], dict[VersionId, str]]:
        types = {version: self._types[version] for version in wanted if version in self._types}
        unreadable: dict[VersionId, str] = {}
        missing = sorted(version for version in wanted if version not in types)
        for at in range(0, len(missing), _DEFINITIONS):
            documents = await self._database.definitions.get_many(missing[at : at + _DEFINITIONS])
            found, broken = _read(documents)
            types |= found
            unreadable |= broken
        if len(self._types) > _MOST_TYPES:
            self._types.clear()
        self._types |= types
        return types, unreadable


def _read(documents: dict[VersionId, bytes]) -> tuple[dict[VersionId, str], dict[VersionId, str]]:
    """The types of definitions, and what is wrong with those that cannot be read."""
    try:
        definitions = decode_definitions(list(documents.values()))
        return {one.id: one.block_type for one in definitions}, {}
    except CorruptDocument:
        pass  # which of them it is, comes out below
    types: dict[VersionId, str] = {}
    unreadable: dict[VersionId, str] = {}
    for version, document in documents.items():
        try:
            types[version] = decode_definition(document).block_type
        except CorruptDocument as error:
            unreadable[version] = error.message
    return types, unreadable
