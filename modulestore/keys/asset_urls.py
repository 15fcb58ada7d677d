"""Where files are on the web: the paths of their URLs.

A file has a *canonical* path, which is its key, and *versioned* ones, which say the digest of its bytes too:
what such a path leads to never changes, so caches may keep it.

=========================================================  ===================================================
``/asset-v1:Org+Course+Run+type@asset+block@name``         canonical; ``block/`` is read for ``block@``
``/c4x/Org/Course/asset/name``                             the same in an old-style course
``/assets/courseware/v1/<32 hex>/asset-v1:…``              versioned, by MD5; without ``v1/`` too, and with
                                                           ``c4x/…`` in old-style courses
=========================================================  ===================================================

Source: Open edX split modulestore, URL forms of assets.
"""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import quote

from modulestore.keys.parse import parse_asset_key
from modulestore.keys.values import AssetKey

__all__ = ["AssetPath", "asset_path", "parse_asset_path"]

_SAFE = "/:+@~"  # signs of keys that may stand in a path as they are; all else, % too, is escaped
_path = re.compile(
    r"/(?:assets/courseware/(?:v1/)?(?P<digest>[0-9a-fA-F]{32})/)?(?P<key>(?:asset-v1:|c4x/).*)", re.DOTALL
).fullmatch


class AssetPath(NamedTuple):
    """What a path says.

    Attributes:
        key: of the file, without branch and version: files have none.
        digest: MD5 of the bytes that are meant, in lower-case hexadecimal; None for those of today.
    """

    key: AssetKey
    digest: str | None = None


def asset_path(key: AssetKey, digest: str | None = None) -> str:
    """The path of a file's URL, escaped: versioned with a digest, canonical without.

    Of a key with an empty name it is what the canonical paths of all files of the course begin with.
    """
    text = str(key)
    path = quote(text if text.startswith("/") else f"/{text}", safe=_SAFE)
    return path if digest is None else f"/assets/courseware/v1/{digest}{path}"


def parse_asset_path(path: str) -> AssetPath | None:
    """What a path says, without escapes; None if it has none of the forms above.

    Raises:
        InvalidKey: it has one of the forms, but the key in it is none, or names no course.
    """
    match = _path(path)
    if match is None:
        return None
    text, digest = match["key"], match["digest"]
    key = parse_asset_key(f"/{text}" if text.startswith("c4x/") else text)
    return AssetPath(key.map_into(key.course.bare), digest and digest.lower())
