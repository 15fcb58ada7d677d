"""A migration step as a value: what it is, why, what it wants of the database.

The steps themselves are in ``migrations/``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from modulestore.formats.structures import Schema

__all__ = ["DatabaseIndex", "PendingStep", "Step", "StepKind", "StepState", "StepStatus"]

StepKind = Literal["indexes", "format", "draft courses"]
"""What kind of work a step is: making indexes, storing structures in another format, bringing courses of the
older store into this one. The first is done without being asked for, the others are not.
"""

StepState = Literal["to do", "done", "nothing to do", "not asked for", "does not apply"]


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
        kind: what kind of work it is.
        indexes: of a step that makes indexes, those that must be there.
        schema: of a step that converts structures, the stored format that they are converted to.
    """

    name: str
    what: str
    why: str
    kind: StepKind
    indexes: Sequence[DatabaseIndex] = ()
    schema: Schema | None = None


@dataclass(frozen=True, slots=True)
class PendingStep:
    """A migration step that has something to do in this database: ``indexes`` are the names of those that it
    would make.
    """

    step: Step
    indexes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class StepStatus:
    """Whether a migration step applies to a database now.

    Attributes:
        state: ``to do``, ``nothing to do`` any more or as yet, ``not asked for``, ``does not apply`` to a
            database like this one ever; ``done`` is for who has just done it.
        reason: why so.
        request: of a step that is not asked for, the option of ``modulestore upgrade`` that asks for it.
        indexes: names of the indexes that it would make.
    """

    step: Step
    state: StepState
    reason: str
    request: str | None = None
    indexes: tuple[str, ...] = ()
