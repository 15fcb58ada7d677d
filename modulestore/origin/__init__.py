"""Serving the files of courses over HTTP, as the origin of a CDN or behind a web server.

An *origin* is an ASGI application that answers requests for files; a *source* is where it gets them; an
*authoriser* says who may read the locked ones. A *versioned* path has the digest of the bytes in it, so what
is behind it never changes. Needs ``pip install 'modulestore[origin]'``.

    from modulestore import connect_async
    from modulestore.origin import origin

    store = await connect_async("sqlite:///courses.db")
    application = origin(store.assets)

What is decided about a request is in modules of plain functions: `urls`, `conditions`, `ranges`, `headers`,
`content_types`, `answers`.
"""

from modulestore.errors import ExtraMissing

try:
    from modulestore.origin.application import HEALTH_PATH, Authorise, origin
except ImportError as error:
    raise ExtraMissing(f"there is no origin: {error}", hint="pip install 'modulestore[origin]'") from error
from modulestore.origin.signed import is_signed, sign
from modulestore.origin.sources import ObjectSource, Source
from modulestore.origin.urls import AssetPath, asset_path, parse_asset_path

__all__ = [
    "HEALTH_PATH",
    "AssetPath",
    "Authorise",
    "ObjectSource",
    "Source",
    "asset_path",
    "is_signed",
    "origin",
    "parse_asset_path",
    "sign",
]
