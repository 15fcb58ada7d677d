"""The paths of a file, as they are asked for from the place where the origin is mounted.

The forms are those of `modulestore.keys.asset_urls`, which also says what a path asks for.
"""

from __future__ import annotations

from modulestore.keys.asset_urls import AssetPath, parse_asset_path
from modulestore.keys.asset_urls import asset_path as _path
from modulestore.model.files import CourseFile

__all__ = ["AssetPath", "asset_path", "parse_asset_path"]


def asset_path(file: CourseFile, *, versioned: bool = False) -> str:
    """The path of a file, escaped.

    Args:
        versioned: with the digest of its bytes, so that caches may keep what they get for ever. A file whose
            digest is not known has no such path: its only one is given.
    """
    return _path(file.key, file.md5 if versioned else None)
