"""Results as a table for people, and as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from itertools import groupby
from typing import Any

from tools.bench.measure import Result

__all__ = ["as_json", "as_table", "head"]

_HEADS = (
    "variant",
    "place",
    "median ms",
    "min",
    "spread",
    "ratio",
    "goal",
    "",
    "commands",
    "sent",
    "received",
    "stored",
    "memory",
    "process",
    "accepted/s",
    "survive",
    "note",
)
_LEFT = ("variant", "place", "goal", "", "note")
_VERDICT = {True: "pass", False: "NOT PASSED", None: ""}


def head(machine: dict[str, str | int], rounds: int) -> str:
    """What the results were measured on."""
    software = ", ".join(f"{name} {machine[name]}" for name in ("python", "sqlite", "pymongo", "lxml"))
    return (
        f"{machine['cores']} cores, {machine['system']}; {software}\n"
        f"server: {machine['server']}\n"
        f"rounds: {rounds}, after one to warm up; ratio: to the variant with 1.00× in the same block"
    )


def as_table(results: Sequence[Result]) -> str:
    """One block for every case, with the columns that it has something in."""
    cases = groupby(results, key=lambda result: (result.job, result.data, result.reference))
    return "\n\n".join(f"{job}: {data}\n{_block(list(found))}" for (job, data, _), found in cases)


def _block(results: Sequence[Result]) -> str:
    columns = [column for column in zip(_HEADS, *map(_cells, results), strict=True) if any(column[1:])]
    aligned = [
        [cell.ljust(width) if column[0] in _LEFT else cell.rjust(width) for cell in column]
        for column in columns
        for width in (max(map(len, column)),)
    ]
    return "\n".join("  ".join(line).rstrip() for line in zip(*aligned, strict=True))


def as_json(
    results: Sequence[Result], machine: dict[str, str | int], rounds: int, *, quick: bool
) -> dict[str, Any]:
    """The same as one value."""
    return {
        "machine": machine,
        "rounds": rounds,
        "quick": quick,
        "rows": [_row(result) for result in results],
    }


def _row(result: Result) -> dict[str, Any]:
    goal = result.goal
    return {
        "job": result.job,
        "data": result.data,
        "variant": result.variant,
        "place": result.place,
        "median_ms": result.median,
        "min_ms": min(result.times),
        "times_ms": list(result.times),
        "spread": result.spread,
        "ratio": result.ratio,
        "reference": result.reference,
        "goal": None if goal is None else asdict(goal),
        "passed": result.passed,
        **result.costs._asdict(),
        "accepted_per_second": result.accepted_per_second,
        "outcomes": [outcome._asdict() for outcome in result.outcomes],
        "note": result.note,
    }


def _cells(result: Result) -> tuple[str, ...]:
    costs = result.costs
    return (
        result.variant,
        result.place,
        _milliseconds(result.median),
        _milliseconds(min(result.times)),
        f"{result.spread:.0%}",
        "" if result.ratio is None else f"{result.ratio:.2f}×",
        "" if result.goal is None else str(result.goal),
        _VERDICT[result.passed],
        "" if costs.commands is None else str(costs.commands),
        *map(_bytes, (costs.sent, costs.received, costs.stored, costs.peak, costs.process)),
        "" if result.accepted_per_second is None else f"{result.accepted_per_second:.1f}",
        _survivors(result),
        result.note,
    )


def _survivors(result: Result) -> str:
    if not result.outcomes:
        return ""
    survived = [outcome.survived for outcome in result.outcomes]
    low, high = min(survived), max(survived)
    return (
        f"{low} of {result.outcomes[0].asked}"
        if low == high
        else f"{low}–{high} of {result.outcomes[0].asked}"
    )


def _milliseconds(value: float) -> str:
    return f"{value:.2f}" if value < 10 else f"{value:.1f}" if value < 100 else f"{value:.0f}"


def _bytes(value: int | None) -> str:
    if value is None:
        return ""
    return f"{value / 1000:.1f} KB" if value < 1_000_000 else f"{value / 1_000_000:.1f} MB"
