"""``import``: a course archive into the store."""

from __future__ import annotations

import sys
from dataclasses import fields
from enum import Enum
from pathlib import Path
from typing import Annotated, Any

import typer

from modulestore import ImportReport, LocalRules
from modulestore.cli.completing import block_keys, course_keys
from modulestore.cli.diff_view import diff_json, diff_lines
from modulestore.cli.output import print_json, progress_bar
from modulestore.cli.settings import Json, as_author, open_store
from modulestore.cli.terminal import print_lines, room_on
from modulestore.keys import BlockKey, as_usage_key
from modulestore.model.local_work import Rule

__all__ = ["import_"]


class Drafts(Enum):
    """What becomes of drafts."""

    OVERWRITE = "overwrite"
    KEEP = "keep"


class Missing(Enum):
    """What becomes of blocks that the archive lacks."""

    REMOVE = "remove"
    KEEP = "keep"


def import_(
    context: typer.Context,
    path: Annotated[
        Path,
        typer.Argument(
            metavar="PATH", help="A .tar.gz, a folder with course.xml or library.xml, or a bundle."
        ),
    ],
    key: Annotated[
        str | None,
        typer.Option(help="Import under this key, not the one in the archive.", autocompletion=course_keys),
    ] = None,
    author: Annotated[
        str, typer.Option(help="Who imports: a user id, or on our own databases any name.")
    ] = "-1",
    strict: Annotated[
        bool, typer.Option("--strict", help="Import nothing if anything has to be worked around.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Write nothing; show what would change.")
    ] = False,
    drafts: Annotated[
        Drafts, typer.Option(help="What becomes of drafts that are not published.")
    ] = Drafts.OVERWRITE,
    missing: Annotated[
        Missing, typer.Option(help="What becomes of blocks that the archive lacks.")
    ] = Missing.REMOVE,
    keep: Annotated[
        list[str] | None,
        typer.Option(
            metavar="USAGE_KEY", help="Keep this block and what is below it.", autocompletion=block_keys
        ),
    ] = None,
    replace: Annotated[
        list[str] | None,
        typer.Option(
            metavar="USAGE_KEY",
            help="Overwrite or remove this one, whatever is kept otherwise.",
            autocompletion=block_keys,
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Import a course or library archive, or restore a bundle, whole or not at all.

    Into a course that is there, the archive replaces what is published and all drafts, unless told otherwise.
    What goes stays in history.

    Examples:
        modulestore import course.tar.gz --author ana
        modulestore import course.tar.gz --dry-run --drafts keep --missing keep
        modulestore import ms101.bundle
    """
    exceptions: dict[BlockKey, Rule] = dict.fromkeys(map(_block_key, replace or ()), "overwrite")
    exceptions |= dict.fromkeys(map(_block_key, keep or ()), "keep")
    local = LocalRules(drafts=drafts.value, missing=missing.value, blocks=exceptions)
    with open_store(context) as store, progress_bar() as progress:
        report = store.import_course(
            path,
            key=key,
            author=as_author(author),
            strict=strict,
            dry_run=dry_run,
            local=local,
            progress=progress,
        )
    if json:
        print_json(_report_json(report))
        return
    _print_report(report, dry_run)


def _block_key(text: str) -> BlockKey:
    usage = as_usage_key(text)
    return BlockKey(usage.type, usage.id)


def _report_json(report: ImportReport) -> dict[str, Any]:
    shown = {field.name: getattr(report, field.name) for field in fields(report)}
    shown["kept"] = [str(report.key.usage(*key)) for key in report.kept]
    if report.diffs is not None:
        shown["diffs"] = {branch: diff_json(report.key, found) for branch, found in report.diffs.items()}
    return shown


def _print_report(report: ImportReport, dry_run: bool) -> None:
    print_lines(f"{problem.place}: {problem.message} ({problem.action})" for problem in report.problems)
    if not report.changed:
        print(f"{report.key} is as the archive has it: nothing to do")
        return
    room = room_on(sys.stdout)
    for branch, found in (report.diffs or {}).items():
        print(f"{branch}:")
        lines = diff_lines(report.key, found, room and room - 2) if found else ["no difference"]
        print_lines((f"  {line}" for line in lines), hang=11)
    counts = [
        (report.blocks, "block"),
        (report.detached, "detached block"),
        (report.drafts, "draft"),
        (len(report.kept), "kept block"),
        (report.assets, "file"),
        (report.definitions, "new definition"),
        (len(report.problems), "problem"),
    ]
    parts = [f"{count} {noun}{'' if count == 1 else 's'}" for count, noun in counts if count]
    print_lines([f"{'would import' if dry_run else 'imported'} {report.key}: {', '.join(parts)}"])
    print(f"version {report.version}" + (f", draft {report.draft_version}" if report.draft_version else ""))
