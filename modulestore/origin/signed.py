"""URLs that are good for a while: a path, a time and a proof that somebody with the secret wrote both.

For authorisers that let in whoever has such a URL::

    url = f"{host}{asset_path(file)}?{sign(asset_path(file), secret=secret, expires=expires)}"

    async def authorise(request: Request, file: CourseFile) -> bool:
        return is_signed(asset_path(file), request.url.query, secret=secret, now=time.time())
"""

from __future__ import annotations

import hmac
from urllib.parse import parse_qsl, urlencode

__all__ = ["is_signed", "sign"]


def sign(path: str, *, secret: bytes, expires: int) -> str:
    """The query that makes a URL of a path good until a time.

    Args:
        path: what is signed; for files `asset_path` without a version, so that it stays good for the name.
        secret: known to who signs and who checks, 32 bytes or more.
        expires: seconds since 1970.
    """
    return urlencode({"expires": expires, "signature": _signature(path, str(expires), secret)})


def is_signed(path: str, query: str, *, secret: bytes, now: float) -> bool:
    """Whether a query was made by `sign` for this path, and its time is not over.

    Other names in it are ignored. Takes as long for a signature that is nearly right as for one that is not.
    """
    values = dict(parse_qsl(query))
    expires, signature = values.get("expires", ""), values.get("signature", "")
    right = _signature(path, expires, secret).encode()
    return hmac.compare_digest(right, signature.encode(errors="replace")) and now < int(expires)


def _signature(path: str, expires: str, secret: bytes) -> str:
    # What `sign` writes before the line's end are digits, so nothing else has the same text.
    return hmac.digest(secret, f"{expires}\n{path}".encode(errors="replace"), "sha256").hex()
