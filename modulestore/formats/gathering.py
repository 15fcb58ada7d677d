"""Stored structures that are put together from several documents: which ones, and in which order.

A delta names what it was built on when it was written. Any of these may be stored otherwise by now: whole, as
a delta on other versions, in another format. It is still the same version, so a delta is put upon the last of
them that is not stored as what changed since the ones before it. See docs/spec/format-2.md.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Protocol

from modulestore.errors import CorruptDocument
from modulestore.formats.structures import builds_on, built_on, decode_structure
from modulestore.keys import VersionId
from modulestore.model.structure import Structure

__all__ = ["AtHand", "BaseMissing", "Gathering"]


class BaseMissing(CorruptDocument):
    """A version is built on what is not there: the database is damaged, or pruned at this moment."""


class AtHand(Protocol):
    """Structures that are decoded already."""

    def peek(self, version: VersionId, /) -> Structure | None:
        """One of them, if it is there."""
        ...


class Gathering:
    """Decodes structures whose documents were fetched, once what they are built on was fetched too.

    Attributes:
        wanted: ids of the documents that are to be fetched next. Those lead to no more, unless what a
            structure is built on was stored otherwise since.
        decoded: the structures that were decoded, those that others are built on among them.
    """

    def __init__(self, documents: Mapping[VersionId, bytes], at_hand: AtHand | None = None) -> None:
        self._documents = dict(documents)
        self._at_hand = at_hand
        self._roots = tuple(documents)
        self._absent: set[VersionId] = set()
        self._bases: dict[VersionId, tuple[VersionId, ...]] = {}
        self._below: dict[VersionId, Structure] = {}
        self._under_way: list[VersionId] = []
        self.decoded: list[Structure] = []
        self.wanted = self._all_missing()

    def add(self, documents: Mapping[VersionId, bytes]) -> None:
        """What was wanted, as far as it was found."""
        self._absent |= self.wanted - documents.keys()
        self._documents.update(documents)
        self.wanted = self._all_missing()

    def structure(self, version: VersionId) -> Structure:
        """The structure of a document.

        Raises:
            CorruptDocument: it cannot be read.
            BaseMissing: it is built on what is not there.
        """
        known = self._below.get(version)
        if known is not None:
            return known
        if version in self._under_way:
            raise CorruptDocument("it is built on itself", place=f"structure {version}")
        self._under_way.append(version)
        try:
            made = self._decoded(version)
        finally:
            self._under_way.pop()
        self._below[version] = made
        self.decoded.append(made)
        return made

    def _decoded(self, version: VersionId) -> Structure:
        document, bases = self._documents[version], self._built_on(version)
        if not bases:
            return decode_structure(document)
        at = self._start(bases)
        below = self._fitting(bases[: at + 1])
        base = None
        if below is None:
            below = self._lower(version, bases[at])
            if builds_on(below) != bases[: at + 1]:
                base = self._lower(version, bases[0])
        deltas = [self._document(version, one) for one in bases[at + 1 :]]
        return decode_structure(document, below, deltas, base)

    def _start(self, bases: tuple[VersionId, ...]) -> int:
        """Which of what something is built on to begin with: the last that is at hand, or that is not stored
        as what changed since those before it.
        """
        for at in range(len(bases) - 1, 0, -1):
            base = bases[at]
            if self._fitting(bases[: at + 1]) is not None:
                return at
            if base in self._documents and self._built_on(base) != bases[:at]:
                return at
        return 0

    def _fitting(self, bases: tuple[VersionId, ...]) -> Structure | None:
        """The last of these, if it is at hand as a structure that is stored on the others."""
        version = bases[-1]
        known = self._below.get(version)
        if known is None and self._at_hand is not None:
            known = self._at_hand.peek(version)
        if known is None or builds_on(known) != bases:
            return None
        self._below[version] = known
        return known

    def _all_missing(self) -> set[VersionId]:
        return {one for version in self._roots for one in self._missing(version, ())} - self._absent

    def _missing(self, version: VersionId, above: Collection[VersionId]) -> Iterator[VersionId]:
        """Documents that are still needed to decode a version; ``above`` are those that need this one."""
        if version not in self._documents:
            yield version
            return
        bases = self._built_on(version)
        if not bases or version in above:
            return
        at = self._start(bases)
        yield from (base for base in bases[at + 1 :] if base not in self._documents)
        if self._fitting(bases[: at + 1]) is None:
            yield from self._missing(bases[at], (*above, version))
            if at:
                yield from self._missing(bases[0], (*above, version))

    def _built_on(self, version: VersionId) -> tuple[VersionId, ...]:
        known = self._bases.get(version)
        if known is None:
            known = self._bases[version] = built_on(self._documents[version])
        return known

    def _lower(self, version: VersionId, wanted: VersionId) -> Structure:
        """Something that a version is built on."""
        self._document(version, wanted)
        return self.structure(wanted)

    def _document(self, version: VersionId, wanted: VersionId) -> bytes:
        if wanted not in self._documents:
            raise BaseMissing(
                f"structure {version} is built on {wanted}, which is not there",
                place=str(version),
                hint="the database is damaged: run `check`",
            )
        return self._documents[wanted]
