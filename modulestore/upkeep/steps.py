"""A migration step as a value: what it is, why, what it wants of the database.

The steps themselves are in ``migrations/``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from modulestore.formats.structures import Schema

__all__ = ["DatabaseIndex", "PendingStep", "Step"]


@dataclass(frozen=True, slots=True)
class DatabaseIndex:
    """An index of a MongoDB collection: fields in order, 1 ascending or -1 descending."""

    collection: str
    name: str
    keys: tuple[tuple[str, int], ...]
    unique: bool = False
    sparse: bool = False


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the stored format.

    Attributes:
        name: short, stable, with its number: ``0001-indexes``.
        what: what it does, in a sentence.
        why: what is better afterwards.
        indexes: the database indexes that must be there.
        schema: the stored format that structures are converted to; None if they are left as they are. Such a
            step is done only when it is asked for by name.
    """

    name: str
    what: str
    why: str
    indexes: Sequence[DatabaseIndex] = ()
    schema: Schema | None = None


@dataclass(frozen=True, slots=True)
class PendingStep:
    """A migration step that has something to do in this database: ``indexes`` are the names of those that it
    would make.
    """

    step: Step
    indexes: tuple[str, ...]
