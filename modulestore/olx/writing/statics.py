"""Static files: where they go, and what ``policies/assets.json`` says of them.

Source: course archive format, static files and assets.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Final

from modulestore.keys import ContextKey, asset_name
from modulestore.model.plain import PlainFile
from modulestore.olx.problems import Problems
from modulestore.olx.writing.blocks import is_safe
from modulestore.olx.writing.texts import json_text

__all__ = ["ASSETS_JSON", "files_json", "listed_files", "placed_files"]

ASSETS_JSON: Final = "policies/assets.json"
"""Where an archive says what its static files are."""

_FOLDER = "static/"


def placed_files(files: Sequence[PlainFile], problems: Problems) -> Mapping[str, PlainFile]:
    """The files by their path in the archive: that which they were imported from, or else their name."""
    placed: dict[str, PlainFile] = {}
    folders: set[str] = set()
    for file in sorted(files, key=lambda file: file.name):
        path = next(
            (path for path in (file.import_path, file.name) if path and _may_be(path, file, placed, folders)),
            None,
        )
        if path is None:
            problems.add(f"{_FOLDER}{file.name}", "no file can have its name", "left out")
            continue
        placed[path] = replace(file, path=_FOLDER + path)
        parts = path.split("/")
        folders.update("/".join(parts[:depth]) for depth in range(1, len(parts)))
    return {_FOLDER + path: file for path, file in placed.items()}


def files_json(files: Iterable[PlainFile], course: ContextKey) -> bytes:
    """What an archive says of its static files."""
    entries = {
        file.name: {
            "contentType": file.content_type,
            "displayname": file.display_name,
            "filename": str(course.asset(file.name)),
            "import_path": file.path.removeprefix(_FOLDER),
            "locked": file.locked,
            "thumbnail_location": None
            if file.thumbnail is None
            else ["c4x", course.org, course.course, "thumbnail", file.thumbnail, None],
        }
        for file in files
    }
    return json_text(entries, indent=4).encode()


def _may_be(path: str, file: PlainFile, placed: Mapping[str, PlainFile], folders: Iterable[str]) -> bool:
    """Whether a file can be at a path, and is read under its name from there."""
    parts = path.split("/")
    above = ("/".join(parts[:depth]) for depth in range(1, len(parts)))
    return (
        is_safe(path)
        and asset_name(path) == file.name
        and path not in folders
        and not any(folder in placed for folder in above)
    )


def listed_files(data: bytes) -> list[str]:
    """Paths of the static files that an earlier export says that it has; none if this is no such file."""
    try:
        entries = json.loads(data)
    except ValueError:
        return []
    paths = (
        [entry.get("import_path") for entry in entries.values() if isinstance(entry, dict)]
        if isinstance(entries, dict)
        else []
    )
    return [_FOLDER + path for path in paths if isinstance(path, str) and is_safe(path)]
