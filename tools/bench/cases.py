"""The nouns: jobs, cases, variants, operations, goals."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from tools.bench.world import World

__all__ = ["Call", "Case", "Goal", "Job", "Operation", "Outcome", "Variant"]


class Outcome(NamedTuple):
    """What became of edits: how many authors were told that theirs is made, and how many are there."""

    asked: int
    accepted: int
    survived: int


@dataclass(frozen=True, slots=True)
class Call:
    """What is measured.

    Attributes:
        run: the work; returns how much was done, which has to be the same for all variants of a case.
        stored: bytes that are stored by it, where that can be told.
        outcome: what became of its edits, where some may be lost; looked up afterwards.
        note: what else is worth saying of it, in a few words; looked up afterwards.
    """

    run: Callable[[], int]
    stored: Callable[[], int | None] = lambda: None
    outcome: Callable[[], Outcome | None] = lambda: None
    note: Callable[[], str] = lambda: ""


class Operation(Protocol):
    """Work that can be done again and again, described by values that can be pickled."""

    def ready(self) -> AbstractContextManager[Call]:
        """Prepare doing it once, and clean up afterwards: neither is measured."""


@dataclass(frozen=True, slots=True)
class Variant:
    """One way to do it; ``place`` is where the data are: ``sqlite``, ``server`` or ``memory``."""

    name: str
    place: str
    operation: Operation


@dataclass(frozen=True, slots=True)
class Goal:
    """What a variant has to reach, all of it; None for what is not asked.

    Attributes:
        at_most: so many times the reference's time.
        commands: so many, at most.
        milliseconds: in the median, at most.
        stored: bytes, at most.
        process: bytes of memory of the whole process, at most.
        lossless: every edit is accepted and there, in every round.
    """

    at_most: float | None = None
    commands: int | None = None
    milliseconds: float | None = None
    stored: int | None = None
    process: int | None = None
    lossless: bool = False

    def __str__(self) -> str:
        parts = (
            None if self.at_most is None else f"≤ {self.at_most:g}×",
            None if self.milliseconds is None else f"≤ {self.milliseconds:g} ms",
            None if self.commands is None else f"{self.commands} commands",
            None if self.stored is None else f"≤ {self.stored / 1000:.1f} KB",
            None if self.process is None else f"process ≤ {self.process / 1e6:g} MB",
            "none lost" if self.lossless else None,
        )
        return ", ".join(part for part in parts if part)


@dataclass(frozen=True, slots=True)
class Case:
    """Variants that do the same.

    Attributes:
        data: what they do it on.
        reference: the variant that ratios refer to, if it can be had.
        goals: of variants.
        rounds: so many at most, for what takes long.
        same: whether all variants do the same amount of work, which is checked.
        fresh: whether each time is taken in a process of its own.
    """

    job: str
    data: str
    variants: Sequence[Variant]
    reference: Variant | None = None
    goals: Sequence[tuple[Variant, Goal]] = ()
    rounds: int | None = None
    same: bool = True
    fresh: bool = False


@dataclass(frozen=True, slots=True)
class Job:
    """Something that users wait for.

    Attributes:
        about: one line for ``--list``.
        cases: gives its cases one by one, each to be measured before the next is asked for.
    """

    name: str
    about: str
    cases: Callable[[World], Iterator[Case]]
