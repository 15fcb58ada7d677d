"""``check``: what is wrong with a database, and mending what can be mended."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import groupby
from pathlib import Path
from typing import Annotated, Any

import typer

from modulestore.cli.completing import course_keys
from modulestore.cli.heads import read_heads
from modulestore.cli.output import counted, print_json, progress_bar
from modulestore.cli.settings import Author, Json, as_author, open_store
from modulestore.cli.terminal import print_lines
from modulestore.errors import InvalidInput
from modulestore.upkeep.checking import Made, Problem

__all__ = ["check"]

_PROBLEMS = 6


def check(
    context: typer.Context,
    key: Annotated[
        str | None,
        typer.Argument(metavar="KEY", help="Only this course or library.", autocompletion=course_keys),
    ] = None,
    deep: Annotated[
        bool,
        typer.Option("--deep", help="Look at every version whole, and at all bytes of files: takes long."),
    ] = False,
    heads: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="The platform's SQL index, exported: CSV or JSON of course_id, draft_version,"
            " published_version, library_version.",
        ),
    ] = None,
    repair: Annotated[
        bool, typer.Option("--repair", help="Mend what can be mended safely, as new versions.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="With --repair: change nothing; say what would be mended.")
    ] = False,
    author: Author = "-1",
    json: Json = False,
) -> int:
    """Look whether everything in the database that is needed is there, and is sound.

    Exit code 6 if there are errors or warnings, with --repair if some are left; 0 if there are notes at most.

    Examples:
        modulestore check
        modulestore check course-v1:Example+MS101+2026 --deep
        modulestore check --repair --dry-run
    """
    if repair:
        if deep or heads is not None:
            raise InvalidInput(
                "--repair goes with neither --deep nor --heads", hint="check first, then repair"
            )
        return _repair(context, key, dry_run, author, json)
    if dry_run:
        raise InvalidInput("--dry-run goes with --repair", hint="a check changes nothing anyway")
    with open_store(context, must_exist=True) as store, progress_bar() as progress:
        report = store.check(key, deep=deep, heads=read_heads(heads), progress=progress)
    command = context.obj.command
    if json:
        print_json({"problems": _shown(report.problems, command), "checked": report.checked})
    else:
        _print_problems(report.problems, command)
        _print_counts(report.checked)
    return 0 if report.is_sound else _PROBLEMS


def _repair(context: typer.Context, key: str | None, dry_run: bool, author: str, json: bool) -> int:
    with open_store(context, must_exist=True) as store, progress_bar() as progress:
        done = store.repair(key, author=as_author(author), dry_run=dry_run, progress=progress)
    command = context.obj.command
    if json:
        print_json(
            {
                "mended": _shown(done.mended, command),
                "problems": _shown(done.left, command),
                "versions": done.made,
                "checked": done.checked,
            }
        )
    else:
        _print_mended(done.mended, done.made, dry_run)
        _print_problems(done.left, command)
        _print_counts(done.checked)
    return 0 if done.is_sound else _PROBLEMS


def _shown(problems: Iterable[Problem], command: str) -> list[dict[str, Any]]:
    return [
        {
            "severity": problem.severity,
            "place": problem.place,
            "message": problem.message,
            "mend": _mend(problem, command),
        }
        for problem in problems
    ]


def _mend(problem: Problem, command: str) -> str | None:
    """The command that mends it, on this store."""
    return None if problem.mend is None else problem.mend.replace("modulestore", command, 1)


def _print_mended(mended: Iterable[Problem], made: Iterable[Made], dry_run: bool) -> None:
    done = "would mend" if dry_run else "mended"
    print_lines(f"{done}: {problem.place}: {problem.message}" for problem in mended)
    for new in made:
        print(f"{new.course} {new.branch} is now at {new.version}")


def _print_problems(problems: Iterable[Problem], command: str) -> None:
    """By severity, and where several are mended by one command, by that."""
    for severity, group in groupby(problems, key=lambda problem: problem.severity):
        found = list(group)
        print(f"{counted(len(found), severity)}:")
        mends: dict[str | None, list[Problem]] = {}
        for problem in found:
            mends.setdefault(_mend(problem, command), []).append(problem)
        for mend, alike in mends.items():
            print_lines(f"  {problem.place}: {problem.message}" for problem in alike)
            if mend is not None:
                print(f"    → {mend}")


def _print_counts(checked: Mapping[str, int]) -> None:
    counts = (counted(count, what.replace("_", " ").removesuffix("s")) for what, count in checked.items())
    print_lines(["looked at " + ", ".join(counts)])
