"""``bundle``: the backup of one course."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from modulestore.cli.output import counted, print_json, progress_bar
from modulestore.cli.settings import Json, Key, open_store

__all__ = ["bundle"]


def bundle(
    context: typer.Context,
    key: Key,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The file to write.")],
    history: Annotated[
        bool, typer.Option("--history", help="Every version behind the heads too, as far as it is there.")
    ] = False,
    deleted: Annotated[
        bool, typer.Option("--deleted", help="The course of this key that was deleted last.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Overwrite the file if it is there.")] = False,
    json: Json = False,
) -> None:
    """Write everything that a course consists of to one file: its versions, content and files, tags, messages
    and kept conflicts. `modulestore import FILE` puts it back, into any store, with all ids.

    Examples:
        modulestore bundle course-v1:Example+MS101+2026 ms101.bundle --history
    """
    with open_store(context, must_exist=True) as store, progress_bar() as progress:
        report = store.bundle(key, file, history=history, deleted=deleted, force=force, progress=progress)
    if json:
        print_json(report)
        return
    for what in report.left_out:
        print(f"left out: {what}: its version is not in the store")
    parts = [
        counted(report.structures, "version"),
        counted(report.definitions, "definition"),
        counted(report.files, "file"),
        counted(report.records, "record"),
    ]
    print(f"bundled {report.key}: {', '.join(parts)}")
    print(f"{file}: {report.bytes:,} bytes, sha256 {report.digest}")
