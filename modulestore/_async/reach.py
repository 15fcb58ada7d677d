"""What versions lead to: those behind them, what they are stored on, what their blocks refer to."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field

from modulestore._async.bundle_proving import BATCH
from modulestore._async.ports import Backend
from modulestore._async.waiting import closing
from modulestore.errors import VersionNotFound
from modulestore.keys import VersionId
from modulestore.model.values import Progress

__all__ = ["Needed", "Reach", "expect_all", "in_order"]


@dataclass(slots=True)
class Needed:
    """What some versions need, they themselves included.

    Attributes:
        versions: structures that can be opened.
        bases: others that they are stored on.
    """

    versions: set[VersionId] = field(default_factory=set)
    bases: set[VersionId] = field(default_factory=set)
    definitions: set[VersionId] = field(default_factory=set)


class Reach:
    """Follows references in one database."""

    def __init__(self, database: Backend, progress: Progress) -> None:
        self._database = database
        self._progress = progress

    async def behind(self, versions: Collection[VersionId], original: VersionId) -> set[VersionId]:
        """Versions of one origin that are behind some of them, as far as they are there."""
        previous: dict[VersionId, VersionId | None] = {}
        async with closing(self._database.structures.headers(original=original)) as batches:
            async for batch in batches:
                previous.update((header.id, header.previous_version) for header in batch)
                self._progress("reading the history", len(previous), len(previous))
        behind: set[VersionId] = set()
        for version in versions:
            at: VersionId | None = version
            while at is not None and at in previous and at not in behind:
                behind.add(at)
                at = previous[at]
        return behind

    async def needed(self, versions: set[VersionId]) -> Needed:
        """These versions, and all that they need: what they are stored on, what their blocks refer to, and
        the same of the versions of libraries that these open.
        """
        needed = Needed()
        new = versions
        while new:
            needed.versions |= new
            pins: set[VersionId] = set()
            looked_at = new
            while looked_at:
                bases, more = await self._look(looked_at, needed.definitions)
                pins |= more
                looked_at = bases - needed.bases - needed.versions
                needed.bases |= looked_at
            # What is pinned in another database than this, or was pruned, cannot be opened here either.
            new = set(await self._database.structures.links(pins - needed.versions))
        needed.bases -= needed.versions
        return needed

    async def _look(
        self, versions: Collection[VersionId], definitions: set[VersionId]
    ) -> tuple[set[VersionId], set[VersionId]]:
        """What structures are stored on, and the versions that they open."""
        structures = self._database.structures
        bases: set[VersionId] = set()
        pins: set[VersionId] = set()
        for batch in in_order(versions, BATCH):
            self._progress("finding what it needs", len(definitions), len(definitions))
            links, references = await structures.links(batch), await structures.references(batch)
            expect_all("structure", batch, links.keys() & references.keys())
            for version in batch:
                bases.update(links[version].bases)
                definitions.update(references[version].definitions)
                pins.update(references[version].pins)
        return bases, pins


def expect_all(noun: str, wanted: Collection[VersionId], found: Collection[VersionId]) -> None:
    """Make sure that documents were found.

    Raises:
        VersionNotFound: one of them was not.
    """
    if gone := set(wanted).difference(found):
        raise VersionNotFound(
            f"{noun} {min(gone)} is not there",
            hint="the database is damaged, or is being pruned: run `check`",
        )


def in_order(versions: Collection[VersionId], size: int) -> Iterator[list[VersionId]]:
    """Ids in order, so many at a time."""
    ordered = sorted(versions)
    return (ordered[at : at + size] for at in range(0, len(ordered), size))
