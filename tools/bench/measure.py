"""Measuring a case: its variants in turn, round after round."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from tools.bench.alone import Costs, Sample, alone, beside, sample, sample_alone
from tools.bench.cases import Case, Goal, Outcome

__all__ = ["Result", "measure"]


@dataclass(frozen=True, slots=True)
class Result:
    """What was measured of one variant.

    Attributes:
        times: milliseconds, one of every round.
        ratio: to the reference of its case: the median of the ratios within each round, which a drift of the
            whole machine does not touch. None without a reference.
        goal: what the variant has to reach, if anything.
        outcomes: what became of edits, of every round; empty where none can be lost.
        note: what else is worth saying, of the last round.
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
    outcomes: Sequence[Outcome] = ()
    note: str = ""

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
    def accepted_per_second(self) -> float | None:
        """Edits that authors were told are made, in a second; None where none can be lost."""
        if not self.outcomes:
            return None
        pairs = zip(self.outcomes, self.times, strict=True)
        return statistics.median(outcome.accepted * 1000 / time for outcome, time in pairs)

    @property
    def passed(self) -> bool | None:
        """Whether the goal is reached; None without a goal, or where the reference is missing."""
        goal, costs = self.goal, self.costs
        if goal is None or (goal.at_most is not None and self.ratio is None):
            return None
        pairs = (
            (self.ratio, goal.at_most),
            (self.median, goal.milliseconds),
            (costs.commands, goal.commands),
            (costs.stored, goal.stored),
            (costs.process, goal.process),
        )
        within = all(is_ is None or allowed is None or is_ <= allowed for is_, allowed in pairs)
        lost = any(min(outcome) < outcome.asked for outcome in self.outcomes)
        return within and not (goal.lossless and lost)


def measure(case: Case, rounds: int, say: Callable[[str], None], *, quick: bool = False) -> Iterator[Result]:
    """Do every variant once to warm up, then all of them in turn, ``rounds`` times, and once in a process
    of its own for its costs. To be ``quick``: no warming up, and no process.

    Raises:
        AssertionError: the variants do not do the same.
    """
    operations = [variant.operation for variant in case.variants]
    rounds = min(rounds, case.rounds or rounds)
    take = sample_alone if case.fresh else sample
    if not quick:
        say(f"{case.job}, {case.data}: warming up")
        for operation in operations:
            take(operation)
    samples: list[list[Sample]] = [[] for _ in operations]
    for number in range(1, rounds + 1):
        say(f"{case.job}, {case.data}: round {number} of {rounds}")
        for operation, taken in zip(operations, samples, strict=True):
            taken.append(take(operation))
        done = [taken[-1].done for taken in samples]
        assert not case.same or len(set(done)) == 1, (
            f"{case.job}, {case.data}: the variants do not do the same: {done}"
        )
    say(f"{case.job}, {case.data}: memory and traffic")
    times = [[one.time for one in mine] for mine in samples]
    reference = None if case.reference is None else times[case.variants.index(case.reference)]
    for variant, mine, found in zip(case.variants, times, samples, strict=True):
        yield Result(
            job=case.job,
            data=case.data,
            variant=variant.name,
            place=variant.place,
            times=mine,
            ratio=None if reference is None else _ratio(mine, reference),
            reference=None if case.reference is None else case.reference.name,
            goal=next((goal for wanted, goal in case.goals if wanted == variant), None),
            costs=beside(variant.operation) if quick else alone(variant.operation),
            outcomes=[one.outcome for one in found if one.outcome is not None],
            note=found[-1].note,
        )


def _ratio(mine: Sequence[float], reference: Sequence[float]) -> float:
    return statistics.median(a / b for a, b in zip(mine, reference, strict=True))
