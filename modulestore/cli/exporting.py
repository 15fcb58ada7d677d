"""``export``: a course as an archive."""

from __future__ import annotations

import sys
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated

import typer

from modulestore.cli.output import counted, print_json, progress_bar
from modulestore.cli.settings import Json, Key, open_store
from modulestore.cli.terminal import print_lines, room_on
from modulestore.errors import InvalidInput

__all__ = ["export"]


def export(
    context: typer.Context,
    key: Key,
    dest: Annotated[
        str,
        typer.Argument(metavar="DEST", help="A .tar.gz, .tgz or .tar, a folder, or - for standard output."),
    ],
    version: Annotated[
        str | None,
        typer.Option(
            help="An id, a tag or a branch, as if it were published; else what is published, and drafts."
        ),
    ] = None,
    since: Annotated[
        str | None,
        typer.Option(
            metavar="VERSION", help="Bring a folder up to date that has the export of this version."
        ),
    ] = None,
    no_files: Annotated[bool, typer.Option("--no-files", help="Leave the static files out.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Overwrite the archive if it is there.")] = False,
    json: Json = False,
) -> None:
    """Write a course or library as an archive that `modulestore import` and Open edX Studio read. The same
    version gives the same bytes.

    Examples:
        modulestore export course-v1:Example+MS101+2026 ms101.tar.gz
        modulestore export course-v1:Example+MS101+2026 - --version draft > draft.tar.gz
        modulestore export course-v1:Example+MS101+2026 my-git-folder
        modulestore export course-v1:Example+MS101+2026 my-git-folder --since 2026-spring
    """
    to_stream = dest == "-"
    if to_stream and json:
        raise InvalidInput("standard output cannot have both the archive and JSON", hint="give a file")
    if to_stream and room_on(sys.stdout) is not None:
        raise InvalidInput("an archive is nothing for a terminal", hint="give a file, or `- > FILE`")
    with (
        open_store(context, must_exist=True) as store,
        nullcontext() if to_stream else progress_bar() as progress,
    ):
        report = store.export_course(
            key,
            sys.stdout.buffer if to_stream else Path(dest),
            version=version,
            since=since,
            files=not no_files,
            force=force,
            progress=progress,
        )
    if json:
        print_json(report)
        return
    out = sys.stderr if to_stream else sys.stdout
    problems = (f"{problem.place}: {problem.message} ({problem.action})" for problem in report.problems)
    print_lines(problems, stream=out)
    counts = [(report.blocks, "block"), (report.drafts, "draft"), (report.files, "file")]
    parts = ", ".join(counted(count, noun) for count, noun in counts if count)
    print(f"exported {report.key}: {parts}", file=out)
    if report.written is not None and since is not None:
        print(f"{len(report.written)} written, {len(report.removed)} removed", file=out)
