"""``import``: a course archive into the store."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Annotated

import typer

from modulestore import ImportReport
from modulestore.cli.output import print_json, progress_bar
from modulestore.cli.settings import Json, as_author, open_store

__all__ = ["import_"]


def import_(
    context: typer.Context,
    path: Annotated[
        Path,
        typer.Argument(
            metavar="PATH", help="A .tar.gz, a folder with course.xml or library.xml, or a bundle."
        ),
    ],
    key: Annotated[
        str | None, typer.Option(help="Import under this key, not the one in the archive.")
    ] = None,
    author: Annotated[
        str, typer.Option(help="Who imports: a user id, or on our own databases any name.")
    ] = "-1",
    strict: Annotated[
        bool, typer.Option("--strict", help="Import nothing if anything has to be worked around.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Write nothing; say what would be.")] = False,
    json: Json = False,
) -> None:
    """Import a course or library archive, or restore a bundle, whole or not at all.

    \b
    modulestore import course.tar.gz --author ana
    modulestore import ms101.bundle
    """
    with open_store(context) as store, progress_bar() as progress:
        report = store.import_course(
            path, key=key, author=as_author(author), strict=strict, dry_run=dry_run, progress=progress
        )
    if json:
        shown = {field.name: getattr(report, field.name) for field in fields(report)}
        print_json(shown)
        return
    _print_report(report, dry_run)


def _print_report(report: ImportReport, dry_run: bool) -> None:
    for problem in report.problems:
        print(f"{problem.place}: {problem.message} ({problem.action})")
    if not report.changed:
        print(f"{report.key} is as the archive has it: nothing to do")
        return
    counts = [
        (report.blocks, "block"),
        (report.detached, "detached block"),
        (report.drafts, "draft"),
        (report.assets, "file"),
        (report.definitions, "new definition"),
        (len(report.problems), "problem"),
    ]
    parts = [f"{count} {noun}{'' if count == 1 else 's'}" for count, noun in counts if count]
    print(f"{'would import' if dry_run else 'imported'} {report.key}: {', '.join(parts)}")
    print(f"version {report.version}" + (f", draft {report.draft_version}" if report.draft_version else ""))
