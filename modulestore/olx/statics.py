"""Static files, and what ``policies/assets.json`` says of them.

Source: course archive format, static files and assets.
"""

from __future__ import annotations

import mimetypes
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from modulestore.keys import asset_name
from modulestore.model.plain import PlainFile
from modulestore.olx.policy import read_json
from modulestore.olx.problems import Problems, clipped
from modulestore.olx.tree import FileTree

__all__ = ["STATIC_FOLDERS", "read_files"]

STATIC_FOLDERS = ("static/", "static_import/")

_METADATA = "policies/assets.json"
_MORE_TYPES = {
    ".docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    ".md": "text/markdown",
    ".ogg": "audio/ogg",
    ".ogv": "video/ogg",
    ".pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    ".vtt": "text/vtt",
    ".webp": "image/webp",
    ".woff": "font/woff",
    ".woff2": "font/woff2",
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
_TYPES = mimetypes.MimeTypes(filenames=())  # the table of the language, not the machine's
for _ending, _type in _MORE_TYPES.items():
    _TYPES.add_type(_type, _ending)
_KNOWN = frozenset(_TYPES.types_map[True].values()) | frozenset(_TYPES.types_map[False].values())
_SUBTITLES = (".srt", ".sjson")
_BYTES = "application/octet-stream"
_THUMBNAIL_NAME = 4


def read_files(tree: FileTree, prefix: str, problems: Problems) -> Sequence[PlainFile]:
    """The static files, sorted by name. Of two whose paths give one name the first by path is taken."""
    entries = read_json(tree, _METADATA, problems, "read as empty")
    if entries is not None and not isinstance(entries, dict):
        problems.add(_METADATA, "is not a JSON object", "read as empty")
    metadata: Mapping[str, Any] = entries if isinstance(entries, dict) else {}
    files: dict[str, PlainFile] = {}
    for path in tree.names():
        folder = next((folder for folder in STATIC_FOLDERS if path.startswith(folder)), None)
        if folder is None:
            continue
        import_path = path.removeprefix(folder)
        name = asset_name(import_path)
        if name in files:
            problems.add(path, f"gets the name {clipped(name)} like {files[name].path}", "left out")
            continue
        entry = metadata.get(name)
        files[name] = _file(
            name, import_path, tree.size(path), path, entry if isinstance(entry, dict) else {}
        )
    for name in metadata:
        if name not in files:
            problems.add(_METADATA, f"there is no file for {clipped(name)}", "left out")
    return [replace(files[name], path=prefix + files[name].path) for name in sorted(files)]


def content_type(name: str) -> str | None:
    """The MIME type of a file by its name; None if the name does not tell."""
    guessed, encoding = _TYPES.guess_type(name.rpartition("/")[2].replace(":", "_"))  # it is no URL
    if name.lower().endswith(_SUBTITLES) or encoding is not None:
        return _BYTES
    return guessed


def _file(name: str, import_path: str, size: int, path: str, entry: Mapping[str, Any]) -> PlainFile:
    shown, said = entry.get("displayname"), entry.get("contentType")
    return PlainFile(
        name=name,
        path=path,
        size=size,
        display_name=shown if isinstance(shown, str) and shown else import_path.rpartition("/")[2],
        content_type=said if isinstance(said, str) and said in _KNOWN else content_type(import_path),
        locked=entry.get("locked") is True,
        import_path=import_path,
        thumbnail=_thumbnail(entry.get("thumbnail_location")),
    )


def _thumbnail(location: object) -> str | None:
    """The name of a thumbnail: the fifth part of an old-style location."""
    if isinstance(location, list) and len(location) > _THUMBNAIL_NAME:
        name = location[_THUMBNAIL_NAME]
        return name if isinstance(name, str) else None
    return None
