"""URLs of caches."""

from __future__ import annotations

import subprocess
import sys

import pytest

from modulestore import connect
from modulestore.errors import InvalidInput, InvalidURL
from modulestore.storage.caches import open_cache, parse_cache_url


@pytest.mark.parametrize(
    ("url", "servers", "timeout"),
    [
        ("memcached://localhost:11211", [("localhost", 11211)], 0.25),
        ("memcached://localhost", [("localhost", 11211)], 0.25),
        ("MEMCACHED://10.0.0.7:1/", [("10.0.0.7", 1)], 0.25),
        ("memcached://a-b.c_d:1,b:2?timeout=0.1", [("a-b.c_d", 1), ("b", 2)], 0.1),
        ("memcached://[::1]:11212,[fe80::2]?timeout=3", [("::1", 11212), ("fe80::2", 11211)], 3.0),
    ],
)
def test_what_a_url_says(url: str, servers: list[tuple[str, int]], timeout: float) -> None:
    assert parse_cache_url(url) == (servers, timeout)


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("", "names no cache"),
        ("redis://localhost:6379", "names no cache"),
        ("memcached:localhost", "names no cache"),
        ("memcached://", "names no cache"),
        ("memcached:///x", "names no cache"),
        ("memcached://a:1/0", "names no cache"),
        ("memcached://a:1#x", "names no cache"),
        ("memcached://a:1,", "'' is no server"),
        ("memcached://a:0", "'a:0' is no server"),
        ("memcached://a:65536", "'a:65536' is no server"),
        ("memcached://a:x", "'a:x' is no server"),
        ("memcached://a b:1", "'a b:1' is no server"),
        ("memcached://::1:1", "'::1:1' is no server"),
        ("memcached://a?time=1", "no option 'time'"),
        ("memcached://a?timeout=", "'' is no time-out"),
        ("memcached://a?timeout=0", "'0' is no time-out"),
        ("memcached://a?timeout=-1", "'-1' is no time-out"),
        ("memcached://a?timeout=nan", "'nan' is no time-out"),
        ("memcached://a?timeout=inf", "'inf' is no time-out"),
        ("memcached://a?timeout=soon", "'soon' is no time-out"),
    ],
)
def test_what_is_no_url_of_a_cache(url: str, message: str) -> None:
    with pytest.raises(InvalidURL, match=message) as caught:
        connect("sqlite:///:memory:", cache=url)
    assert caught.value.hint


def test_a_server_more_takes_its_share_and_all_else_stays() -> None:
    names = [f"structure/{number:024x}" for number in range(3000)]

    def places(servers: str) -> dict[str, str]:
        cache = open_cache(f"memcached://{servers}")
        return {name: str(cache._server(name)) for name in names}  # type: ignore[attr-defined]

    before, after = places("one,two:11212"), places("two:11212,three,one:11211")
    moved = {name for name in names if before[name] != after[name]}
    assert {after[name] for name in moved} == {"three:11211"}
    assert 800 < len(moved) < 1200, "about a third"
    assert set(before.values()) == {"one:11211", "two:11212"}


def test_a_password_is_not_shown() -> None:
    with pytest.raises(InvalidURL) as caught:
        open_cache("memcached://user:secret@host:1")
    assert "secret" not in str(caught.value)


def test_an_empty_key_is_refused() -> None:
    with pytest.raises(InvalidInput, match="empty"):
        open_cache("memcached://localhost", "")


def test_who_has_no_cache_does_not_load_one() -> None:
    program = """
import sys, modulestore
modulestore.connect("sqlite:///:memory:").close()
print(sorted({"pymemcache", "modulestore.storage.memcached"} & sys.modules.keys()))
modulestore.connect("sqlite:///:memory:", cache="memcached://localhost").close()
print("pymemcache" in sys.modules)
"""
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert run.stdout.split() == ["[]", "True"]
