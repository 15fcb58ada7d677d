"""How versions follow each other, in one table of all of them, and what must be true of that."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator
from typing import Final

from modulestore.keys import VersionId
from modulestore.model.stored import StructureLinks
from modulestore.upkeep.checking.problems import Kind, Problem, Severity

__all__ = ["Histories", "history_problems"]

_NONE: Final = bytes(12)


class Histories:
    """Versions with what comes before them: about 200 bytes each."""

    def __init__(self) -> None:
        self._rows: dict[VersionId, int] = {}
        self._previous = bytearray()
        self._original = bytearray()
        self._bases: dict[int, tuple[VersionId, ...]] = {}

    def add(self, version: VersionId, links: StructureLinks | None) -> None:
        """Have a version; without links if its document does not say them."""
        if version in self._rows:
            return
        row = self._rows[version] = len(self._rows)
        self._previous += _NONE if links is None or links.previous is None else links.previous
        self._original += _NONE if links is None else links.original
        if links is not None and links.bases:
            self._bases[row] = links.bases

    def __contains__(self, version: object) -> bool:
        return version in self._rows

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[VersionId]:
        return iter(self._rows)

    def previous(self, version: VersionId) -> VersionId | None:
        """The version before one; None if there is none, or it does not say."""
        return self._get(self._previous, version)

    def original(self, version: VersionId) -> VersionId | None:
        """The first version of the history of one; None if it does not say."""
        return self._get(self._original, version)

    def bases(self, version: VersionId) -> tuple[VersionId, ...]:
        """The versions that one is stored on."""
        row = self._rows.get(version)
        return () if row is None else self._bases.get(row, ())

    def behind(self, versions: Iterable[VersionId]) -> Iterator[VersionId]:
        """These versions and those before them, each once, as far as they are here."""
        seen: set[VersionId] = set()
        for version in versions:
            at: VersionId | None = version
            while at is not None and at in self._rows and at not in seen:
                seen.add(at)
                yield at
                at = self.previous(at)

    def needed_by(self, roots: Iterable[VersionId]) -> set[VersionId]:
        """What these versions lead to: those before them, the first ones, and what they are stored on."""
        needed: set[VersionId] = set()
        waiting = [version for version in roots if version in self._rows]
        while waiting:
            version = waiting.pop()
            if version in needed:
                continue
            needed.add(version)
            links = (self.previous(version), self.original(version), *self.bases(version))
            waiting += [one for one in links if one is not None and one in self._rows and one not in needed]
        return needed

    def newest(self, originals: Collection[VersionId], without: Collection[VersionId]) -> list[VersionId]:
        """The versions of these histories, but for some, newest first, as far as ids tell."""
        found = (one for one in self._rows if one not in without and self.original(one) in originals)
        return sorted(found, reverse=True)

    def outside(self) -> set[VersionId]:
        """What versions here lead to and is not here itself."""
        found: set[VersionId] = set()
        for version in self._rows:
            links = (self.previous(version), self.original(version), *self.bases(version))
            found.update(one for one in links if one is not None and one not in self._rows)
        return found

    def loops(self) -> list[VersionId]:
        """One version of every loop: the least."""
        state = array("i", bytes(4 * len(self._rows)))
        found: list[VersionId] = []
        for walk, version in enumerate(self._rows, 1):
            at: VersionId | None = version
            while at is not None and at in self._rows and not state[self._rows[at]]:
                state[self._rows[at]] = walk
                at = self.previous(at)
            if at is not None and at in self._rows and state[self._rows[at]] == walk:
                found.append(min(self._around(at)))
        return found

    def _around(self, start: VersionId) -> Iterator[VersionId]:
        yield start
        at = self.previous(start)
        while at is not None and at != start:
            yield at
            at = self.previous(at)

    def _get(self, column: bytearray, version: VersionId) -> VersionId | None:
        row = self._rows.get(version)
        if row is None:
            return None
        value = bytes(column[12 * row : 12 * row + 12])
        return None if value == _NONE else VersionId(value)


def history_problems(
    histories: Histories, missing: Collection[VersionId], place: Callable[[VersionId], str]
) -> Iterator[Problem]:
    """What is wrong with how versions follow each other.

    Args:
        missing: which of the versions outside are certainly not in the database.
        place: names a version.
    """
    without_first: Counter[VersionId] = Counter()
    for version in histories:
        previous, original = histories.previous(version), histories.original(version)
        if original is not None and original in missing:
            without_first[original] += 1
        if previous is not None and previous in missing:
            message = f"the version before it, {previous}, is not there: its history was pruned"
            yield Problem(Severity.NOTE, place(version), message, None, Kind.PREVIOUS_MISSING)
        before = None if previous is None else histories.original(previous)
        if before is not None and original is not None and before != original:
            message = f"the version before it, {previous}, is of another history, that of {before}"
            yield Problem(Severity.WARNING, place(version), message, None, Kind.OTHER_HISTORY)
        if lost := [str(base) for base in histories.bases(version) if base in missing]:
            message = f"it is stored on {', '.join(lost)}, not there: bring back a backup of the database"
            yield Problem(Severity.ERROR, place(version), message, None, Kind.VERSION_UNREADABLE)
    for original, count in without_first.items():
        message = f"it is the first version of {count:,} others, and is not there: it was pruned"
        yield Problem(Severity.NOTE, place(original), message, None, Kind.ORIGINAL_MISSING)
    for version in histories.loops():
        message = "it comes before itself: histories of this course end here; nothing else is lost"
        yield Problem(Severity.WARNING, place(version), message, None, Kind.HISTORY_LOOP)
