"""``stats``: what is in the store, and how it grew."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from modulestore import Statistics
from modulestore.cli.output import as_json_value, print_json, progress_bar
from modulestore.cli.settings import Json, open_store
from modulestore.errors import InvalidInput
from modulestore.upkeep.statistics import Amount, Form, by_age

__all__ = ["stats"]

_SHOWN: Final = 20  # courses
_ENDINGS: Final = (".png", ".svg")
_FORMS: Final = {
    Form.PLATFORM: "whole, format 1",
    Form.BASE: "whole, format 2",
    Form.DELTA: "what changed, format 2",
}
_AGES: Final = {1: "a day", 7: "a week", 30: "a month", 90: "three months", 365: "a year"}


def stats(
    context: typer.Context,
    key: Annotated[
        str | None, typer.Argument(metavar="[KEY]", help="Only what belongs to this course or library.")
    ] = None,
    plot: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Draw versions and bytes over time, as .svg or .png."),
    ] = None,
    json: Json = False,
) -> None:
    """Count what is in the store: versions, content, files and their bytes, by kind, by course, by age.

    A version belongs to the courses that have it in their history. What several have is shared, and counted
    once in the total.

    \b
    modulestore stats
    modulestore stats course-v1:Example+MS101+2026 --plot ms101.svg
    """
    if plot is not None:
        _check_ending(plot)
        # Only now: it takes long to load, and need not be installed by who does not want it.
        from modulestore.cli.plotting import draw
    with open_store(context, must_exist=True) as store, progress_bar() as progress:
        found = store.statistics(key, progress=progress)
    if plot is not None:
        draw(found.days, plot, key or "all courses")
    if json:
        print_json(_as_json(found, plot))
        return
    print(*_lines(found), sep="\n")
    if plot is not None:
        print(f"\n{plot}: versions and bytes over time")


def _check_ending(plot: Path) -> None:
    if plot.suffix.lower() not in _ENDINGS:
        raise InvalidInput("is no name of a picture", place=str(plot), hint="give a name in .svg or .png")


def _as_json(found: Statistics, plot: Path | None) -> dict[str, Any]:
    kinds: dict[str, Amount] = {
        "versions": found.versions,
        **{form.value: amount for form, amount in found.structures.items()},
        "definitions": found.definitions,
        "files": found.files,
        "records": found.records,
    }
    return {
        "entries": found.entries,
        "bytes": _bytes(found),
        "kinds": {name: _amount(amount) for name, amount in kinds.items()},
        "courses": [
            {
                "key": course.key,
                "deleted": course.deleted,
                "versions": course.versions.count,
                "bytes": course.versions.bytes,
                "shared_versions": course.shared.count,
                "shared_bytes": course.shared.bytes,
                "files": course.files.count,
                "file_bytes": course.files.bytes,
                "oldest": course.oldest,
                "newest": course.newest,
            }
            for course in found.courses
        ],
        "no_course": {"versions": found.no_course.count, "bytes": found.no_course.bytes},
        "days": [{"day": str(one.day), "versions": one.versions, "bytes": one.bytes} for one in found.days],
        "plot": as_json_value(plot),
    }


def _amount(amount: Amount) -> dict[str, Any]:
    return {
        "count": amount.count,
        "bytes": amount.bytes,
        "mean": amount.mean,
        "largest": amount.largest,
        "largest_id": amount.largest_id,
    }


def _bytes(found: Statistics) -> int:
    kinds = (found.versions, found.definitions, found.files, found.records)
    return sum(amount.bytes for amount in kinds)


def _lines(found: Statistics) -> list[str]:
    kinds = [("versions", found.versions)]
    kinds += [(f"  {_FORMS[form]}", amount) for form, amount in found.structures.items()]
    kinds += [("definitions", found.definitions), ("files", found.files), ("records", found.records)]
    rows = [["", "count", "bytes", "mean", "largest"]]
    rows += [
        [name, f"{amount.count:,}", _size(amount.bytes), _size(amount.mean), _size(amount.largest)]
        for name, amount in kinds
    ]
    rows.append(["all", "", _size(_bytes(found)), "", ""])
    lines = _aligned(rows, left={0})
    rows = [["versions", "shared", "bytes", "files", "bytes", "newest", "course"]]
    rows += [
        [
            f"{course.versions.count:,}",
            f"{course.shared.count:,}",
            _size(course.versions.bytes),
            f"{course.files.count:,}",
            _size(course.files.bytes),
            str(course.newest.date()) if course.newest else "",
            course.key + (" (deleted)" if course.deleted else ""),
        ]
        for course in found.courses[:_SHOWN]
    ]
    if found.no_course.count:
        amount = found.no_course
        rows.append([f"{amount.count:,}", "", _size(amount.bytes), "", "", "", "in no course's history"])
    lines += ["", *_aligned(rows, left={6})]
    if len(found.courses) > _SHOWN:
        lines.append(f"and {len(found.courses) - _SHOWN:,} more: --json lists all")
    rows = [["versions", "bytes", "made"]]
    last = ""
    for limit, versions, size in by_age(found.days, datetime.now(UTC).date()):
        name = f"more than {last} ago" if limit is None else f"less than {_AGES[limit]} ago"
        last = last if limit is None else _AGES[limit]
        if versions:
            rows.append([f"{versions:,}", _size(size), name])
    return [*lines, "", *_aligned(rows, left={2})]


def _aligned(rows: Sequence[Sequence[str]], left: set[int]) -> list[str]:
    """Lines in which columns stand below each other: numbers at their ends, those in ``left`` at their
    beginnings.
    """
    widths = [max(len(row[at]) for row in rows) for at in range(len(rows[0]))]
    return [
        "  ".join(
            cell.ljust(width) if at in left else cell.rjust(width)
            for at, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def _size(count: int) -> str:
    """``1.2 MB``; a thousand bytes are a kB."""
    if count < 1000:
        return f"{count} B"
    for unit, scale in (("kB", 1e3), ("MB", 1e6), ("GB", 1e9)):
        if count < 999.95 * scale:
            return f"{count / scale:.1f} {unit}"
    return f"{count / 1e12:,.1f} TB"
