"""What a stored structure refers to, as far as upkeep has to know: without its blocks."""

from __future__ import annotations

from dataclasses import dataclass

from modulestore.keys import VersionId

__all__ = ["References", "StructureLinks"]


@dataclass(frozen=True, slots=True)
class StructureLinks:
    """The other structures that a stored one names outside its blocks.

    Attributes:
        previous: the version before it.
        original: the first version of its history.
        bases: what it cannot be read without, the whole one first; none if it is whole itself.
        schema: the format that it is stored in.
    """

    previous: VersionId | None
    original: VersionId
    bases: tuple[VersionId, ...] = ()
    schema: int = 1


@dataclass(frozen=True, slots=True)
class References:
    """What the blocks in one stored document refer to.

    Of a version that is stored as what changed since others, only what is in its own document: the rest is
    in the documents of what it is built on.

    Attributes:
        definitions: of its blocks.
        pins: versions of libraries that its blocks open: those that library-content blocks stay with, and
            those that copied blocks come from.
    """

    definitions: frozenset[VersionId]
    pins: frozenset[VersionId]
