"""``stats``: what is in the store, and how it grew."""

from __future__ import annotations

import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from modulestore import ProgressCallback, Statistics, Store
from modulestore.cli.completing import course_keys
from modulestore.cli.output import as_json_value, counted, print_json, progress_bar
from modulestore.cli.settings import Json, open_store
from modulestore.cli.tables import Column, print_table
from modulestore.errors import InvalidInput
from modulestore.upkeep.pruning.plan import PlanSummary
from modulestore.upkeep.pruning.policy import Policy, Retention, parse_duration
from modulestore.upkeep.sizes import shown_bytes as _size
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
        str | None,
        typer.Argument(
            metavar="KEY",
            help="Only what belongs to this course or library.",
            autocompletion=course_keys,
        ),
    ] = None,
    plot: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Draw versions and bytes over time, as .svg or .png."),
    ] = None,
    keep: Annotated[
        int | None, typer.Option(metavar="N", help="Say what pruning would free that keeps so many versions.")
    ] = None,
    within: Annotated[
        str | None, typer.Option(metavar="D", help="… that keeps the heads of this time: 90d.")
    ] = None,
    json: Json = False,
) -> None:
    """Count what is in the store: versions, content, files and their bytes, by kind, by course, by age.

    A version belongs to the courses that have it in their history. What several have is shared, and counted
    once in the total.

    Examples:
        modulestore stats
        modulestore stats course-v1:Example+MS101+2026 --plot ms101.svg
        modulestore stats --keep 10 --within 90d
    """
    asked = keep is not None or within is not None
    policy = Policy(Retention(keep, parse_duration(within) if within else None)) if asked else None
    if plot is not None:
        _check_ending(plot)
        # Only now: it takes long to load, and need not be installed by who does not want it.
        from modulestore.cli.plotting import draw
    with open_store(context, must_exist=True) as store, progress_bar() as progress:
        found = store.statistics(key, progress=progress)
        freed = None if policy is None else _would_free(store, policy, key, progress)
    if plot is not None:
        draw(found.days, plot, key or "all courses")
    if json:
        print_json({**_as_json(found, plot), "would_free": None if freed is None else _freed_json(freed)})
        return
    _print_kinds(found)
    print()
    _print_courses(found)
    print()
    _print_ages(found)
    if freed is not None:
        print(
            f"\npruning would free about {_size(freed.bytes)}: {counted(freed.deleted, 'version')}, "
            f"{counted(freed.definitions, 'definition')}, {counted(freed.files, 'file')}"
        )
    if plot is not None:
        print(f"\n{plot}: versions and bytes over time")


def _would_free(store: Store, policy: Policy, key: str | None, progress: ProgressCallback) -> PlanSummary:
    """What a plan of this policy comes to. Heads in SQL are not looked at: it is never applied."""
    with tempfile.TemporaryDirectory() as folder:
        return store.plan_pruning(
            policy, Path(folder) / "plan", course=key, no_sql_index=True, progress=progress
        )


def _freed_json(freed: PlanSummary) -> dict[str, Any]:
    return {name: getattr(freed, name) for name in ("deleted", "definitions", "files", "bytes")}


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


def _print_kinds(found: Statistics) -> None:
    kinds = [("versions", found.versions)]
    kinds += [(f"  {_FORMS[form]}", amount) for form, amount in found.structures.items()]
    kinds += [("definitions", found.definitions), ("files", found.files), ("records", found.records)]
    rows = [
        (name, f"{amount.count:,}", *map(_size, (amount.bytes, amount.mean, amount.largest)))
        for name, amount in kinds
    ]
    rows.append(("all", "", _size(_bytes(found)), "", ""))
    print_table([Column(least=5), *map(_number, ("count", "bytes", "mean", "largest"))], rows)


def _print_courses(found: Statistics) -> None:
    rows = [
        (
            f"{course.versions.count:,}",
            f"{course.shared.count:,}",
            _size(course.versions.bytes),
            f"{course.files.count:,}",
            _size(course.files.bytes),
            str(course.newest.date()) if course.newest else "",
            course.key + (" (deleted)" if course.deleted else ""),
        )
        for course in found.courses[:_SHOWN]
    ]
    if found.no_course.count:
        amount = found.no_course
        rows.append((f"{amount.count:,}", "", _size(amount.bytes), "", "", "", "in no course's history"))
    numbers = map(_number, ("versions", "shared", "bytes", "files", "bytes", "newest"))
    print_table([*numbers, Column("course", is_key=True)], rows)
    if len(found.courses) > _SHOWN:
        print(f"and {len(found.courses) - _SHOWN:,} more: --json lists all")


def _print_ages(found: Statistics) -> None:
    rows = []
    last = ""
    for limit, versions, size in by_age(found.days, datetime.now(UTC).date()):
        name = f"more than {last} ago" if limit is None else f"less than {_AGES[limit]} ago"
        last = last if limit is None else _AGES[limit]
        if versions:
            rows.append((f"{versions:,}", _size(size), name))
    print_table([_number("versions"), _number("bytes"), Column("made")], rows)


def _number(title: str) -> Column:
    return Column(title, right=True)
