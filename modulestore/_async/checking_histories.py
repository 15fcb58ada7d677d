"""Reading how versions follow each other, past documents that cannot be read."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Final

from modulestore._async.ports import Backend
from modulestore._async.waiting import Stream, closing
from modulestore.errors import CorruptDocument, InvalidKey
from modulestore.formats.headers import decode_header
from modulestore.keys import VersionId
from modulestore.model.stored import StructureLinks
from modulestore.upkeep.checking.histories import Histories

__all__ = ["HistoryReader", "there"]

_BATCH: Final = 5000


class HistoryReader:
    """Fills a table of versions, from all structures of a database or from some histories.

    Attributes:
        histories: the table.
        differing: versions whose header is kept beside the document too, and says something else there.
        unreadable: versions whose document does not say what it is, and why not.
        is_whole: whether the table has all structures of the database.
    """

    def __init__(self, database: Backend) -> None:
        self._structures = database.structures
        self.histories = Histories()
        self.differing: dict[VersionId, str] = {}
        self.unreadable: dict[VersionId, str] = {}
        self.is_whole = False

    async def read_all(self) -> Stream[int]:
        """Read all; how many versions so far, again and again. Two round trips for 5,000 of them."""
        async with closing(self._structures.ids(batch=_BATCH)) as found:
            async for ids in found:
                await self._add(list(ids))
                yield len(self.histories)
        self.is_whole = True

    async def read_some(self, versions: Collection[VersionId]) -> bool:
        """Read the histories that these versions are in; False if that cannot be done, since a header that
        is in the way cannot be read, or a version is not there: then `read_all`.
        """
        links = await self._links(versions)
        if len(links) < len(set(versions)) or None in links.values():
            return False
        try:
            for original in {one.original for one in links.values() if one is not None}:
                async with closing(self._structures.headers(original=original)) as found:
                    async for headers in found:
                        await self._add([header.id for header in headers])
        except (CorruptDocument, InvalidKey):
            return False
        # Of a history whose headers are wrong beside the documents, some may not have been found.
        return not self.differing and all(version in self.histories for version in versions)

    async def _add(self, ids: Collection[VersionId]) -> None:
        for version, message in (await self._structures.faulty_headers(ids)).items():
            documents = await self._structures.get_many([version])
            try:
                readable = all(decode_header(one).id == version for one in documents.values())
            except CorruptDocument:
                readable = False
            (self.differing if readable else self.unreadable)[version] = message
        links = await self._links(ids)
        for version in ids:
            found = links.get(version)
            self.histories.add(version, found)
            if found is None and version in links and version not in self.differing:
                self.unreadable.setdefault(version, "its document is damaged")

    async def _links(self, ids: Iterable[VersionId]) -> dict[VersionId, StructureLinks | None]:
        """Links of those that are there; None of those that do not say them."""
        wanted = list(ids)
        try:
            return dict(await self._structures.links(wanted))
        except CorruptDocument:
            if len(wanted) == 1:
                return {wanted[0]: None}
        half = len(wanted) // 2
        return await self._links(wanted[:half]) | await self._links(wanted[half:])


async def there(database: Backend, versions: Collection[VersionId]) -> set[VersionId]:
    """Which of these structures are there. One round trip for 5,000 of them."""
    found: set[VersionId] = set()
    wanted = list(versions)
    for at in range(0, len(wanted), _BATCH):
        found.update(await database.structures.sizes(wanted[at : at + _BATCH]))
    return found
