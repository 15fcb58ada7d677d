"""A locked file: nothing of it is seen by somebody who may not read it."""

from __future__ import annotations

import hashlib
from itertools import product
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from modulestore.origin import asset_path, origin, sign
from tests.origin.client import Reply, fetch
from tests.origin.conftest import SECRET, Site
from tests.origin.files import LOCKED_BYTES, fill, later, path_of
from tests.origin.servers import serving

COOKIE = "session=enrolled"
NAME = "exam.bin"
PATH = path_of(NAME)
DIGESTS = [hashlib.new(kind, LOCKED_BYTES).hexdigest() for kind in ("md5", "sha256")]
MD5 = DIGESTS[0]
RIGHT, WRONG = f"/assets/courseware/v1/{MD5}{PATH}", f"/assets/courseware/v1/{'0' * 32}{PATH}"
SECRETS = [*DIGESTS, *(digest.upper() for digest in DIGESTS), str(len(LOCKED_BYTES))]


def check_silent(reply: Reply) -> None:
    """An answer gives neither bytes nor digest nor length nor date away."""
    text = (reply.head + b"\r\n\r\n" + reply.body).decode("latin-1")
    assert not any(secret in text for secret in SECRETS)
    assert not any(LOCKED_BYTES[at : at + 8] in reply.body for at in range(4096))
    names = {"etag", "last-modified", "location", "content-range", "content-disposition", "accept-ranges"}
    assert not names & set(reply.headers)
    assert "access-control-allow-origin" not in reply.headers


HEADERS = [
    {},
    {"Range": "bytes=0-9"},
    {"Range": "bytes=9999999-"},
    {"Range": "bytes=0-1,5-6", "If-Range": f'"{DIGESTS[1]}"'},
    {"If-None-Match": f'"{DIGESTS[1]}", "md5-{MD5}"'},
    {"If-None-Match": "*"},
    {"If-Match": '"nothing"'},
    {"If-Modified-Since": "Fri, 01 Jan 2100 00:00:00 GMT"},
    {"If-Unmodified-Since": "Sat, 01 Jan 2000 00:00:00 GMT"},
    {"Origin": "https://evil.example", "Access-Control-Request-Method": "GET"},
    {"Cookie": "session=other"},
]


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "POST"])
@pytest.mark.parametrize("headers", HEADERS, ids=lambda headers: ", ".join(headers) or "plain")
def test_who_may_not_read_it_learns_nothing(site: Site, method: str, headers: dict[str, str]) -> None:
    replies = [fetch(site.port, path, method, headers) for path in (PATH, RIGHT, WRONG)]
    for reply in replies:
        check_silent(reply)
        assert reply.status == {"OPTIONS": 204, "POST": 405}.get(method, 403)
    answers = [(reply.status, dict(reply.headers) | {"date": ""}, reply.body) for reply in replies]
    assert answers[0] == answers[1] == answers[2], "right and wrong digests look the same"


header_values = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=40)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    path=st.sampled_from([PATH, RIGHT, WRONG, PATH.replace("@", "%40")]),
    method=st.sampled_from(["GET", "HEAD", "OPTIONS"]),
    names=st.dictionaries(
        st.sampled_from([name for headers in HEADERS for name in headers if name != "Cookie"]),
        header_values | st.sampled_from([value for headers in HEADERS for value in headers.values()]),
    ),
    query=st.sampled_from(["", "?expires=9999999999&signature=00", "?session=enrolled"]),
)
def test_whatever_is_asked(site: Site, path: str, method: str, names: dict[str, str], query: str) -> None:
    check_silent(fetch(site.port, path + query, method, names))


def test_who_may_read_it_has_all_of_it(site: Site) -> None:
    headers = {"Cookie": COOKIE}
    reply = fetch(site.port, RIGHT, headers=headers)
    assert (reply.status, reply.body) == (200, LOCKED_BYTES)
    assert reply.headers["cache-control"] == "private, no-store", "with the digest in its path too"
    assert "access-control-allow-origin" not in reply.headers
    assert reply.headers["cross-origin-resource-policy"] == "same-site"
    assert reply.headers["vary"] == "Cookie, Authorization"
    part = fetch(site.port, PATH, headers=headers | {"Range": "bytes=-9"})
    assert (part.status, part.body) == (206, LOCKED_BYTES[-9:])
    same = fetch(site.port, PATH, headers=headers | {"If-None-Match": reply.headers["etag"]})
    assert (same.status, same.headers["cache-control"]) == (304, "private, no-store")
    moved = fetch(site.port, WRONG, headers=headers)
    assert (moved.status, moved.headers["location"]) == (302, RIGHT)
    assert moved.headers["cache-control"] == "private, no-store"


def test_a_signed_url(site: Site) -> None:
    path = asset_path(site.file(NAME))
    query = sign(path, secret=SECRET, expires=2_000)
    for spelling in (path, RIGHT):
        assert fetch(site.port, f"{spelling}?{query}").body == LOCKED_BYTES
    # To the file of today, with the signature.
    assert fetch(site.port, f"{WRONG}?{query}").headers["location"] == f"{RIGHT}?{query}"
    over = sign(path, secret=SECRET, expires=999)
    other = sign(asset_path(site.file("notes.txt")), secret=SECRET, expires=2_000)
    for wrong, spelling in product((over, other, query[:-1]), (path, RIGHT, WRONG)):
        reply = fetch(site.port, f"{spelling}?{wrong}")
        check_silent(reply)
        assert reply.status == 403


def test_without_an_authoriser_nobody_reads_it(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/courses.db"
    fill(url)
    with serving(url, lambda source: origin(source, now=later)) as server:
        for path in (PATH, RIGHT, WRONG):
            reply = fetch(server.port, path, headers={"Cookie": COOKIE})
            assert reply.status == 403
            check_silent(reply)
