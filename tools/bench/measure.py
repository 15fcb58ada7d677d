"""Measuring a case: its variants in turn, round after round."""

from __future__ import annotations

import gc
import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from time import perf_counter

from tools.bench.alone import Costs, alone
from tools.bench.cases import Case, Goal, Operation

__all__ = ["Result", "measure"]


@dataclass(frozen=True, slots=True)
class Result:
    """What was measured of one variant.

    Attributes:
        times: milliseconds, one of every round.
        ratio: to the reference of its case: the median of the ratios within each round, which a drift of the
            whole machine does not touch. None without a reference.
        goal: what the variant has to reach, if anything.
    """

    job: str
    data: str
    variant: str
    place: str
    times: Sequence[float]
    ratio: float | None
    reference: str | None
    goal: Goal | None
    costs: Costs

    @property
    def median(self) -> float:
        """Milliseconds."""
        return statistics.median(self.times)

    @property
    def spread(self) -> float:
        """How far the middle half of the times lies apart, as a part of the median."""
        if len(self.times) < 2:
            return 0.0
        low, _, high = statistics.quantiles(self.times, n=4, method="inclusive")
        return (high - low) / self.median

    @property
    def passed(self) -> bool | None:
        """Whether the goal is reached; None without a goal, or where the reference is missing."""
        if self.goal is None or self.ratio is None:
            return None
        allowed = self.goal.commands
        return self.ratio <= self.goal.at_most and (
            allowed is None or self.costs.commands is None or self.costs.commands <= allowed
        )


def measure(case: Case, rounds: int, say: Callable[[str], None]) -> Iterator[Result]:
    """Do every variant once to warm up, then all of them in turn, ``rounds`` times.

    Raises:
        AssertionError: the variants do not do the same.
    """
    operations = [variant.operation for variant in case.variants]
    say(f"{case.job}, {case.data}: warming up")
    done = [_sample(operation)[0] for operation in operations]
    assert len(set(done)) == 1, f"{case.job}, {case.data}: the variants do not do the same: {done}"
    times: list[list[float]] = [[] for _ in operations]
    for number in range(1, rounds + 1):
        say(f"{case.job}, {case.data}: round {number} of {rounds}")
        for operation, mine in zip(operations, times, strict=True):
            mine.append(_sample(operation)[1])
    say(f"{case.job}, {case.data}: memory and traffic")
    reference = None if case.reference is None else times[case.variants.index(case.reference)]
    goals = dict(case.goals)
    for variant, mine in zip(case.variants, times, strict=True):
        yield Result(
            job=case.job,
            data=case.data,
            variant=variant.name,
            place=variant.place,
            times=mine,
            ratio=None if reference is None else _ratio(mine, reference),
            reference=None if case.reference is None else case.reference.name,
            goal=goals.get(variant),
            costs=alone(variant.operation),
        )


def _sample(operation: Operation) -> tuple[int, float]:
    with operation.ready() as call:
        gc.collect()  # garbage of what ran before is not this one's to clean up
        start = perf_counter()
        done = call.run()
        return done, (perf_counter() - start) * 1000


def _ratio(mine: Sequence[float], reference: Sequence[float]) -> float:
    return statistics.median(a / b for a, b in zip(mine, reference, strict=True))
