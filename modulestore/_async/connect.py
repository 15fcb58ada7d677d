"""From a URL to a store: the only place, beside the backends themselves, that names one of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit, urlunsplit

from modulestore._async.cached import CachedBackend
from modulestore._async.mongo import DriverDatabase, open_database, open_mongo
from modulestore._async.observing import ObservedBackend
from modulestore._async.ports import Backend
from modulestore._async.sqlite import open_sqlite
from modulestore._async.store import AsyncStore
from modulestore.errors import InvalidURL
from modulestore.formats.structures import Schema
from modulestore.observing.hook import Observer, fan_out
from modulestore.storage.caches import open_cache
from modulestore.storage.memory import MEMORY_BYTES
from modulestore.storage.object_names import checked_place
from modulestore.storage.observed_cache import ObservedCache
from modulestore.storage.urls import shown_url

__all__ = ["connect_async"]

_HINT = "for example sqlite:///courses.db or mongodb://localhost:27017/edxapp"
_FORMATS: Final[Mapping[str, Schema]] = {"1": 1, "2": 2}


class _Opened(NamedTuple):
    """A backend, and what its URL says beside where it is.

    ``writes_allowed`` to a platform's database; ``schema`` is the format of a new, empty one.
    """

    backend: Backend
    writes_allowed: bool = False
    schema: Schema = 2


async def connect_async(
    url: str | DriverDatabase,
    *,
    must_exist: bool = False,
    memory: int = MEMORY_BYTES,
    cache: str | None = None,
    cache_key: str | bytes | None = None,
    objects: str | None = None,
    observe: Observer | None = None,
) -> AsyncStore:
    """A store on the database of a URL. Never writes: a database is made at the first write.

    Args:
        url: ``sqlite:///relative/path.db``, ``sqlite:////absolute/path.db``, ``sqlite:///:memory:``, or a
            ``mongodb://`` (``mongodb+srv://``) URL whose path is the database (default ``edxapp``), where
            ``?writes=yes`` allows writing to a database that was written by an Open edX platform. With
            ``?format=1`` a new, empty database of either kind gets the platform's documents, for platforms
            that are to read it. Or a database of the caller's own pymongo client, which the store leaves open
            (Motor's: `modulestore.motor`).
        must_exist: refuse a SQLite file that is not there, instead of taking it for an empty store.
        memory: bytes of decoded structures and definitions that stay in the process, about (128 MB).
        cache: ``memcached://host:port``, or several servers with commas between them: structures and
            definitions are looked for there first. ``?timeout=0.1`` sets the seconds (0.25) that one call of
            the cache may take. A cache that is down, slow or corrupt costs time, never an error.
        cache_key: a secret of all who share the cache; without it, who can write to the servers can put
            forged content before readers.
        objects: where the bytes of new files go instead of into a MongoDB database whose files are stored
            once: ``s3://bucket/folder``, ``file:///srv/objects``, or whatever fsspec has a file system for.
            Files that are there are read without it; deleting what nobody needs takes it.
        observe: called with an event for every call of the database and the cache, every commit, and every
            read of versions (`modulestore.observing`).

    Raises:
        InvalidURL: a URL names no store, no cache, or no place for objects; or a SQLite file is to have one.
        StoreNotFound: with ``must_exist``.
    """
    values = None if cache is None else open_cache(cache, cache_key)
    place = None if objects is None else checked_place(objects)
    backend, writes_allowed, schema = await _opened(url, must_exist, place)
    if observe is not None:
        observe = fan_out(observe)
        # Before the cache: what the cache answers is no call of the database.
        backend = ObservedBackend(backend, observe)
        values = None if values is None else ObservedCache(values, observe)
    if values is not None:
        backend = CachedBackend(backend, values)
    return AsyncStore(
        backend, memory=memory, writes_allowed=writes_allowed, schema=schema, cache=values, observe=observe
    )


async def _opened(url: str | DriverDatabase, must_exist: bool, objects: str | None) -> _Opened:
    if not isinstance(url, str):
        return _Opened(await open_database(url, objects))
    scheme = url.partition(":")[0].lower()
    if scheme == "sqlite":
        if objects is not None:
            raise InvalidURL("a SQLite store has its files in itself", hint="leave out the place for objects")
        return await _sqlite(url, must_exist)
    if scheme in ("mongodb", "mongodb+srv"):
        return await _mongo(url, objects)
    if ":" not in url:
        raise InvalidURL(
            f"{shown_url(url)} names no store: it is no URL", hint=f"a SQLite file is sqlite:///{url}"
        )
    raise InvalidURL(f"{shown_url(url)} names no store: there is no kind {scheme!r}", hint=_HINT)


async def _sqlite(url: str, must_exist: bool) -> _Opened:
    parts = urlsplit(url)
    path = unquote(parts.path)
    if parts.netloc or not path.startswith("/") or path == "/":
        raise InvalidURL(
            f"{shown_url(url)} names no file",
            hint="three slashes for a relative path, four for an absolute one",
        )
    options = parse_qsl(parts.query, keep_blank_values=True)
    if parts.fragment or any(name != "format" for name, _ in options):
        raise InvalidURL(f"{shown_url(url)}: a SQLite store takes no options but format", hint=_HINT)
    schema = _new_schema(url, options)
    return _Opened(await open_sqlite(path[1:], must_exist=must_exist), schema=schema)


async def _mongo(url: str, objects: str | None) -> _Opened:
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise InvalidURL(f"{shown_url(url)}: {error}", hint=_HINT) from error
    options = parse_qsl(parts.query, keep_blank_values=True)
    writes = [value.lower() for name, value in options if name == "writes"]
    if any(value not in ("yes", "no") for value in writes):
        raise InvalidURL(f"{shown_url(url)}: writes is yes or no")
    schema = _new_schema(url, options)
    drivers = [(name, value) for name, value in options if name not in ("writes", "format")]
    plain = urlunsplit(parts._replace(query=urlencode(drivers, safe=":/,")))
    return _Opened(await open_mongo(plain, objects), "yes" in writes, schema)


def _new_schema(url: str, options: Sequence[tuple[str, str]]) -> Schema:
    """The format that a new, empty database gets."""
    asked = [value for name, value in options if name == "format"]
    if any(value not in _FORMATS for value in asked):
        raise InvalidURL(f"{shown_url(url)}: format is 1 or 2")
    return _FORMATS[asked[-1]] if asked else 2
