"""From a URL to a cache: the only place that names one."""

from __future__ import annotations

import math
import re
from typing import NamedTuple
from urllib.parse import parse_qsl

from modulestore.errors import InvalidInput, InvalidURL
from modulestore.storage.caching import Cache
from modulestore.storage.urls import shown_url

__all__ = ["CacheAddress", "open_cache", "parse_cache_url"]

_HINT = "for example memcached://localhost:11211 or memcached://one:11211,two:11211?timeout=0.1"
_URL = re.compile(r"memcached://(?P<servers>[^/?#@]+)/?(?:\?(?P<options>[^#]*))?", re.IGNORECASE)
_SERVER = re.compile(r"(?P<host>[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::(?P<port>[0-9]{1,5}))?")
_PORT = 11211
_TIMEOUT = 0.25
_LONGEST = 60.0


class CacheAddress(NamedTuple):
    """What a URL of a cache says."""

    servers: list[tuple[str, int]]
    timeout: float


def open_cache(url: str, secret: str | bytes | None = None) -> Cache:
    """The cache at a URL. Nothing is connected to before it is used.

    Args:
        secret: with it nobody else can put anything into the cache that is believed.

    Raises:
        InvalidURL: the URL names no cache.
        InvalidInput: the secret is empty.
    """
    address = parse_cache_url(url)
    if secret is not None and not secret:
        raise InvalidInput("the key of the cache is empty", hint="give a random one, or None for no key")
    # Who has no cache does not load what one needs.
    from modulestore.storage.cache_frames import secret_of
    from modulestore.storage.memcached import MemcachedCache

    digest_key = b"" if secret is None else secret_of(secret)
    return MemcachedCache(address.servers, timeout=address.timeout, secret=digest_key)


def parse_cache_url(url: str) -> CacheAddress:
    """The servers and the time-out that ``memcached://host:port,host:port?timeout=0.1`` names.

    Raises:
        InvalidURL: the URL names no cache.
    """
    matched = _URL.fullmatch(url)
    if matched is None:
        raise InvalidURL(f"{shown_url(url)} names no cache", hint=_HINT)
    servers = [_server(text, url) for text in matched["servers"].split(",")]
    options = dict(parse_qsl(matched["options"] or "", keep_blank_values=True))
    timeout = _seconds(options.pop("timeout", str(_TIMEOUT)), url)
    if options:
        raise InvalidURL(f"{shown_url(url)}: a cache has no option {min(options)!r}", hint=_HINT)
    return CacheAddress(servers, timeout)


def _server(text: str, url: str) -> tuple[str, int]:
    matched = _SERVER.fullmatch(text)
    port = int(matched["port"] or _PORT) if matched else 0
    if matched is None or not 0 < port < 65536:
        raise InvalidURL(f"{shown_url(url)}: {text!r} is no server of a cache", hint=_HINT)
    return matched["host"].strip("[]"), port


def _seconds(text: str, url: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 < seconds <= _LONGEST:
        hint = f"seconds, more than 0 and not more than {_LONGEST:g}"
        raise InvalidURL(f"{shown_url(url)}: {text!r} is no time-out", hint=hint)
    return seconds
