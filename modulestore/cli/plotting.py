"""The picture of ``stats``: versions and bytes over time. The only module that draws."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import date, timedelta
from itertools import accumulate
from pathlib import Path
from typing import Any, Final, Literal

from modulestore.errors import ExtraMissing, InvalidInput
from modulestore.upkeep.statistics import Day

# What it has to say of its caches of fonts is of no use to who asked for a picture.
logging.getLogger("matplotlib").setLevel(logging.ERROR)
try:
    import matplotlib
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
    from matplotlib.figure import Figure
    from matplotlib.ticker import FuncFormatter, MaxNLocator
except ImportError as error:
    raise ExtraMissing(
        f"a picture cannot be drawn: {error}", hint="pip install 'modulestore[plot]'"
    ) from error

__all__ = ["draw"]

_MOST_DAYS: Final = 60  # days that are drawn day by day
_MOST_WEEKS: Final = 2 * 366  # and week by week
_Period = Literal["day", "week", "month"]
_LINE, _FILL, _BARS = "#1f5f8b", "#bcd6e8", "#c0692b"
_SAME_BYTES: Final = {"svg.hashsalt": "modulestore", "svg.fonttype": "path", "font.size": 10}
_METADATA: Final[dict[str, dict[str, Any]]] = {
    "svg": {"Date": None, "Creator": "modulestore"},
    "png": {"Software": "modulestore"},
}


def draw(days: Sequence[Day], dest: Path, title: str) -> None:
    """Draw the days to a file, as its name says: ``.svg`` or ``.png``. The same days give the same bytes.

    Raises:
        InvalidInput: it cannot be written.
    """
    kind = dest.suffix.lower().removeprefix(".")
    with matplotlib.rc_context(_SAME_BYTES):  # type: ignore[arg-type]
        figure = _figure(days, title)
        try:
            figure.savefig(dest, format=kind, dpi=120, metadata=_METADATA[kind])
        except OSError as error:
            message = f"cannot be written: {error.strerror or error}"
            raise InvalidInput(
                message, place=str(dest), hint="give a file in a folder that exists"
            ) from error


def _figure(days: Sequence[Day], title: str) -> Figure:
    figure = Figure(figsize=(9, 6), layout="constrained")
    figure.suptitle(f"Stored versions of {title}", fontsize=13)
    if not days:
        figure.text(0.5, 0.5, "there are no versions", ha="center")
        return figure
    span = (days[-1].day - days[0].day).days
    period: _Period = "day" if span <= _MOST_DAYS else "week" if span <= _MOST_WEEKS else "month"
    periods = _periods(days, period)
    starts = [start for start, _, _ in periods]
    ends = [*starts[1:], _after(starts[-1], period)]
    unit, scale = _unit(sum(one.bytes for one in days))
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 2))

    # From nothing at the beginning of the first period to all at the end of the last.
    times = [starts[0], *ends]
    totals = [0.0, *(size / scale for size in accumulate(size for _, _, size in periods))]
    above.fill_between(times, totals, color=_FILL, linewidth=0)
    above.plot(times, totals, color=_LINE, linewidth=1.8)
    above.set_ylabel(f"bytes, all so far ({unit})")
    widths = [(end - start).days * 0.9 for start, end in zip(starts, ends, strict=True)]
    below.bar(starts, [count for _, count, _ in periods], width=widths, align="edge", color=_BARS)
    below.set_ylabel(f"versions per {period}")
    below.set_xlabel("when they were made (UTC)")
    for axes in (above, below):
        axes.set_ylim(bottom=0)
        axes.yaxis.set_major_locator(MaxNLocator(integer=axes is below, nbins=6, steps=[1, 2, 5, 10]))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.10g}"))
        axes.grid(axis="y", color="#dddddd", linewidth=0.8)
        axes.set_axisbelow(True)
        axes.spines[["top", "right"]].set_visible(False)
    locator = AutoDateLocator(minticks=3, maxticks=9)  # type: ignore[no-untyped-call]
    below.xaxis.set_major_locator(locator)
    below.xaxis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]
    return figure


def _periods(days: Sequence[Day], period: _Period) -> list[tuple[date, int, int]]:
    """First day, versions and bytes of each period, those without versions too."""
    sums: dict[date, tuple[int, int]] = {}
    for one in days:
        start = _start(one.day, period)
        count, size = sums.get(start, (0, 0))
        sums[start] = (count + one.versions, size + one.bytes)
    periods = []
    start, last = min(sums), max(sums)
    while start <= last:
        periods.append((start, *sums.get(start, (0, 0))))
        start = _after(start, period)
    return periods


def _start(day: date, period: _Period) -> date:
    if period == "month":
        return day.replace(day=1)
    return day - timedelta(day.weekday()) if period == "week" else day


def _after(start: date, period: _Period) -> date:
    """When the next period begins."""
    if period == "month":
        return (start + timedelta(31)).replace(day=1)
    return start + timedelta(7 if period == "week" else 1)


def _unit(size: int) -> tuple[str, int]:
    for unit, scale in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if size >= scale:
            return unit, scale
    return "bytes", 1
