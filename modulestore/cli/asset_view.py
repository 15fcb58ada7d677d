"""What commands print of files."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from modulestore import CourseFile, FileVersion
from modulestore.cli.output import counted, print_json, since
from modulestore.cli.tables import Column, print_table
from modulestore.upkeep.sizes import shown_bytes

__all__ = ["digests_of", "print_files", "print_versions", "report_files", "shown_file"]


def shown_file(file: CourseFile) -> dict[str, Any]:
    """A file as JSON has it."""
    return {
        "name": file.key.name,
        "size": file.length,
        "content_type": file.content_type,
        "sha256": file.sha256,
        "md5": file.md5,
        "locked": file.locked,
        "display_name": file.display_name,
        "import_path": file.import_path,
        "thumbnail": file.thumbnail,
        "uploaded_on": file.uploaded_on,
    }


def print_files(files: Iterable[CourseFile], json: bool) -> None:
    """A list of files."""
    found = list(files)
    if json:
        print_json([shown_file(file) for file in found])
        return
    if not found:
        print("no files")
        return
    rows = [
        (
            file.key.name,
            shown_bytes(file.length),
            file.content_type or "",
            "locked" if file.locked else "",
            _moment(file.uploaded_on),
            file.display_name,
        )
        for file in found
    ]
    columns = (
        Column("NAME", is_key=True),
        Column("SIZE"),
        Column("TYPE", least=8),
        Column(),
        Column("UPLOADED"),
        Column("SHOWN AS", least=8),
    )
    print_table(columns, rows)
    print(f"{counted(len(found), 'file')}, {shown_bytes(sum(file.length for file in found))}")


def print_versions(versions: Sequence[FileVersion], end: str, json: bool) -> None:
    """A list of what names stood for.

    Args:
        end: what JSON calls the time at which that was over.
    """
    if json:
        print_json([{**shown_file(version.file), end: version.ended_on} for version in versions])
        return
    rows = [
        (
            version.file.key.name,
            shown_bytes(version.file.length),
            "".join(digests_of(version.file)[:1])[:12],
            _moment(version.file.uploaded_on),
            _moment(version.ended_on),
        )
        for version in versions
    ]
    if not rows:
        print("no files")
        return
    titles = ("SIZE", "DIGEST", "UPLOADED", "UNTIL")
    print_table([Column("NAME", is_key=True), *map(Column, titles)], rows)


def report_files(what: str, files: Sequence[CourseFile], json: bool) -> None:
    """What was done to files."""
    if json:
        print_json([shown_file(file) for file in files])
        return
    for file in files:
        print(f"{what} {file.key.name}")
    if not files:
        print("nothing to do")


def digests_of(file: CourseFile) -> list[str]:
    """The digests of a file that are known, the one that is shown first."""
    return [digest for digest in (file.sha256, file.md5) if digest]


def _moment(moment: datetime | None) -> str:
    return "" if moment is None else since(moment)
