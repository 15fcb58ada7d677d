"""Stored structures that are put together from several documents: which ones, and in which order."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from modulestore.errors import CorruptDocument
from modulestore.formats.structures import builds_on, built_on, decode_structure
from modulestore.keys import VersionId
from modulestore.model.structure import Structure

__all__ = ["AtHand", "Gathering"]


class AtHand(Protocol):
    """Structures that are decoded already."""

    def peek(self, version: VersionId, /) -> Structure | None:
        """One of them, if it is there."""
        ...


class Gathering:
    """Decodes structures whose documents were fetched, once what they are built on was fetched too.

    Attributes:
        wanted: ids of the documents that are still to be fetched; these lead to no more.
        decoded: the structures that were decoded, those that others are built on among them.
    """

    def __init__(self, documents: Mapping[VersionId, bytes], at_hand: AtHand | None = None) -> None:
        self._documents = dict(documents)
        self._at_hand = at_hand
        self._below: dict[VersionId, Structure] = {}
        self.decoded: list[Structure] = []
        self.wanted: set[VersionId] = set()
        for document in documents.values():
            bases = built_on(document)
            _, known = self._nearest(bases)
            self.wanted.update(base for base in bases[known:] if base not in documents)

    def add(self, documents: Mapping[VersionId, bytes]) -> None:
        """What was wanted, as far as it was found."""
        self._documents.update(documents)

    def structure(self, version: VersionId) -> Structure:
        """The structure of a document.

        Raises:
            CorruptDocument: it cannot be read, or is built on what is not there.
        """
        known = self._below.get(version)
        if known is not None:
            return known
        document = self._documents[version]
        bases = built_on(document)
        below, known_bases = self._nearest(bases)
        if bases and below is None:
            below, known_bases = self._decoded(bases[0], self._document(version, bases[0])), 1
        deltas = [self._document(version, base) for base in bases[known_bases:]]
        return self._decoded(version, document, below, deltas)

    def _nearest(self, bases: tuple[VersionId, ...]) -> tuple[Structure | None, int]:
        """Of what something is built on, the last version that is at hand as a structure, and how many of
        them that makes.
        """
        for count in range(len(bases), 0, -1):
            version = bases[count - 1]
            known = self._below.get(version)
            if known is None and self._at_hand is not None:
                known = self._at_hand.peek(version)
            if known is not None and builds_on(known) == bases[:count]:
                self._below[version] = known
                return known, count
        return None, 0

    def _decoded(
        self,
        version: VersionId,
        document: bytes,
        below: Structure | None = None,
        deltas: list[bytes] | None = None,
    ) -> Structure:
        made = decode_structure(document, below, deltas or ())
        self._below[version] = made
        self.decoded.append(made)
        return made

    def _document(self, version: VersionId, wanted: VersionId) -> bytes:
        if wanted not in self._documents:
            raise CorruptDocument(
                f"structure {version} is built on {wanted}, which is not there",
                place=str(version),
                hint="the database is damaged: run `check`",
            )
        return self._documents[wanted]
