"""From a URL to a store: the only place, beside the backends themselves, that names one of them."""

from __future__ import annotations

from urllib.parse import parse_qsl, unquote, urlencode, urlsplit, urlunsplit

from modulestore._async.cached import CachedBackend
from modulestore._async.mongo import DriverDatabase, open_database, open_mongo
from modulestore._async.ports import Backend
from modulestore._async.sqlite import open_sqlite
from modulestore._async.store import AsyncStore
from modulestore.errors import InvalidURL
from modulestore.storage.caches import open_cache
from modulestore.storage.urls import shown_url

__all__ = ["connect_async"]

_HINT = "for example sqlite:///courses.db or mongodb://localhost:27017/edxapp"


async def connect_async(
    url: str | DriverDatabase,
    *,
    must_exist: bool = False,
    cache: str | None = None,
    cache_key: str | bytes | None = None,
) -> AsyncStore:
    """A store on the database of a URL. Never writes: a database is made at the first write.

    Args:
        url: ``sqlite:///relative/path.db``, ``sqlite:////absolute/path.db``, ``sqlite:///:memory:``, or a
            ``mongodb://`` (``mongodb+srv://``) URL whose path is the database (default ``edxapp``), where
            ``?writes=yes`` allows writing to a database that was written by an Open edX platform. Or a
            database of the caller's own pymongo client, which the store leaves open (Motor's:
            `modulestore.motor`).
        must_exist: refuse a SQLite file that is not there, instead of taking it for an empty store.
        cache: ``memcached://host:port``, or several servers with commas between them: structures and
            definitions are looked for there first. ``?timeout=0.1`` sets the seconds (0.25) that one call of
            the cache may take. A cache that is down, slow or corrupt costs time, never an error.
        cache_key: a secret of all who share the cache; without it, who can write to the servers can put
            forged content before readers.

    Raises:
        InvalidURL: a URL names no store, or no cache.
        StoreNotFound: with ``must_exist``.
    """
    values = None if cache is None else open_cache(cache, cache_key)
    backend, writes_allowed = await _opened(url, must_exist)
    if values is not None:
        backend = CachedBackend(backend, values)
    return AsyncStore(backend, writes_allowed=writes_allowed, cache=values)


async def _opened(url: str | DriverDatabase, must_exist: bool) -> tuple[Backend, bool]:
    """The backend of a URL, and whether writing to a platform's database is allowed."""
    if not isinstance(url, str):
        return await open_database(url), False
    scheme = url.partition(":")[0].lower()
    if scheme == "sqlite":
        return await _sqlite(url, must_exist), False
    if scheme in ("mongodb", "mongodb+srv"):
        plain, writes_allowed = _own_options(url)
        return await open_mongo(plain), writes_allowed
    raise InvalidURL(f"{shown_url(url)} names no store: there is no kind {scheme!r}", hint=_HINT)


async def _sqlite(url: str, must_exist: bool) -> Backend:
    parts = urlsplit(url)
    path = unquote(parts.path)
    if parts.netloc or not path.startswith("/") or path == "/":
        raise InvalidURL(
            f"{shown_url(url)} names no file",
            hint="three slashes for a relative path, four for an absolute one",
        )
    if parts.query or parts.fragment:
        raise InvalidURL(f"{shown_url(url)}: a SQLite store takes no options", hint=_HINT)
    return await open_sqlite(path[1:], must_exist=must_exist)


def _own_options(url: str) -> tuple[str, bool]:
    """The URL as the driver takes it, and whether writing to a platform's database is allowed."""
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise InvalidURL(f"{shown_url(url)}: {error}", hint=_HINT) from error
    options = parse_qsl(parts.query, keep_blank_values=True)
    writes = [value.lower() for name, value in options if name == "writes"]
    if any(value not in ("yes", "no") for value in writes):
        raise InvalidURL(f"{shown_url(url)}: writes is yes or no")
    kept = urlencode([(name, value) for name, value in options if name != "writes"], safe=":/,")
    return urlunsplit(parts._replace(query=kept)), "yes" in writes
