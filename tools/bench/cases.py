"""The nouns: jobs, cases, variants, operations, goals."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from tools.bench.world import World

__all__ = ["Call", "Case", "Goal", "Job", "Operation", "Variant"]


@dataclass(frozen=True, slots=True)
class Call:
    """What is measured.

    Attributes:
        run: the work; returns how much was done, which has to be the same for all variants of a case.
        stored: bytes on the disk afterwards, where that can be told.
    """

    run: Callable[[], int]
    stored: Callable[[], int | None] = lambda: None


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
    """What a variant has to reach: at most so many times the reference's time, and so many commands."""

    at_most: float
    commands: int | None = None

    def __str__(self) -> str:
        ratio = f"≤ {self.at_most:g}×"
        return ratio if self.commands is None else f"{ratio}, {self.commands} commands"


@dataclass(frozen=True, slots=True)
class Case:
    """Variants that do the same.

    Attributes:
        data: what they do it on.
        reference: the variant that ratios refer to, if it can be had.
        goals: by name of a variant.
    """

    job: str
    data: str
    variants: Sequence[Variant]
    reference: Variant | None = None
    goals: Sequence[tuple[Variant, Goal]] = ()


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
