"""The configuration for nginx that the page shows, with a real nginx before the origin."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from starlette.types import ASGIApp

from modulestore.errors import StorageUnavailable
from modulestore.origin import asset_path, origin
from tests.origin.client import fetch
from tests.origin.nginx_servers import nginx
from tests.origin.servers import running
from tests.origin.sources import LARGE, Imagined, imagined_bytes
from tests.origin.test_elsewhere import Objects, authorise

MB = 1024 * 1024
PATH = f"/{LARGE}"

Start = Callable[[ASGIApp], int]


@pytest.fixture
def start(nginx_program: Path, tmp_path: Path) -> Iterator[Start]:
    """Puts the nginx of the page before an application; its port."""
    with ExitStack() as stack:

        def started(application: ASGIApp) -> int:
            behind = stack.enter_context(running(application)).port
            return stack.enter_context(nginx(nginx_program, tmp_path, behind))

        yield started


def test_it_keeps_what_everybody_may_see(start: Start) -> None:
    source = Imagined(5 * MB + 7)
    path = asset_path(source.file, versioned=True)
    port = start(origin(source))
    first, second = (fetch(port, path) for _ in range(2))
    assert (first.headers["x-cache"], second.headers["x-cache"]) == ("MISS", "HIT")
    assert first.body == second.body == imagined_bytes(0, 5 * MB + 7)
    assert source.fetched == 5 * MB + 7
    for name in ("etag", "last-modified", "cache-control", "content-type", "content-disposition"):
        assert first.headers[name] == second.headers[name]
    assert second.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert second.headers["access-control-allow-origin"] == "*"
    assert second.headers["x-content-type-options"] == "nosniff"
    head = fetch(port, path, "HEAD")
    assert (head.status, head.headers["content-length"]) == (200, str(5 * MB + 7))
    same = fetch(port, path, headers={"If-None-Match": first.headers["etag"]})
    assert (same.status, same.body) == (304, b"")


def test_a_part_fetches_what_is_looked_at(start: Start) -> None:
    source = Imagined(100 * MB)
    port = start(origin(source))
    for _ in range(2):
        reply = fetch(port, PATH, headers={"Range": f"bytes={50 * MB + 5}-{50 * MB + 9}"})
        assert (reply.status, reply.body) == (206, imagined_bytes(50 * MB + 5, 50 * MB + 10))
        assert reply.headers["content-range"] == f"bytes {50 * MB + 5}-{50 * MB + 9}/{100 * MB}"
        assert 0 < source.fetched <= MB
    reply = fetch(port, PATH, headers={"Range": "bytes=-9"})
    assert reply.body == imagined_bytes(100 * MB - 9, 100 * MB)
    assert fetch(port, PATH, headers={"Range": f"bytes={100 * MB}-"}).status == 416


@pytest.mark.parametrize("length", [0, 1, MB - 1, MB, MB + 1])
def test_lengths(start: Start, length: int) -> None:
    port = start(origin(Imagined(length)))
    for _ in range(2):
        reply = fetch(port, PATH)
        assert (reply.status, reply.body) == (200, imagined_bytes(0, length))


def test_locked_files_are_not_kept(start: Start) -> None:
    source = Imagined(2 * MB, locked=True)
    path = asset_path(source.file, versioned=True)
    port = start(origin(source, authorise=authorise))
    for _ in range(2):
        assert fetch(port, path).status == 403
        reply = fetch(port, path, headers={"Cookie": "session=1"})
        assert (reply.status, reply.body) == (200, imagined_bytes(0, 2 * MB))
        assert reply.headers["x-cache"] == "MISS"
        assert reply.headers["cache-control"] == "private, no-store"
    assert fetch(port, path).status == 403


def test_another_digest_is_not_kept(start: Start) -> None:
    source = Imagined(2 * MB)
    port = start(origin(source))
    wrong = f"/assets/courseware/v1/{'0' * 32}{PATH}"
    for _ in range(2):
        reply = fetch(port, wrong)
        assert (reply.status, reply.headers["location"]) == (302, asset_path(source.file, versioned=True))
        assert reply.headers["x-cache"] == "MISS"


def test_while_the_origin_fails_it_goes_on(start: Start) -> None:
    source = Imagined(2 * MB)
    port = start(origin(source, max_age=0))
    assert fetch(port, PATH).status == 200

    def away() -> None:
        raise StorageUnavailable("away")

    source.missing = away
    reply = fetch(port, f"/{LARGE}-other")
    assert (reply.status, reply.headers["retry-after"]) == (503, "5")
    source.missing = None
    source.locked = True
    assert fetch(port, PATH).status == 403, "what must be asked for again is asked for again"


def test_a_broken_answer_is_not_kept(start: Start) -> None:
    source = Imagined(MB, fails=(MB // 2, StorageUnavailable("away")))
    port = start(origin(source))
    with pytest.raises(Exception, match="bytes of the body were received"):
        fetch(port, PATH)
    source.fails = None
    reply = fetch(port, PATH)
    assert (reply.status, reply.body, reply.headers["x-cache"]) == (200, imagined_bytes(0, MB), "MISS")


def test_it_sends_objects_itself(start: Start, tmp_path: Path) -> None:
    source = Objects(3 * MB, locked=True)
    port = start(origin(source, authorise=authorise, accel_prefix="/objects"))
    name = f"blobs/{source.file.sha256} é"
    (tmp_path / "objects" / "blobs").mkdir(parents=True)
    (tmp_path / "objects" / name).write_bytes(imagined_bytes(0, 3 * MB))
    cookie = {"Cookie": "session=1"}
    assert fetch(port, PATH).status == 403
    reply = fetch(port, PATH, headers=cookie)
    assert (reply.status, reply.body) == (200, imagined_bytes(0, 3 * MB))
    assert reply.headers["content-type"] == "video/mp4"
    assert reply.headers["cache-control"] == "private, no-store"
    assert "x-accel-redirect" not in reply.headers
    part = fetch(port, PATH, headers=cookie | {"Range": f"bytes={2 * MB}-{2 * MB + 9}"})
    assert (part.status, part.body) == (206, imagined_bytes(2 * MB, 2 * MB + 10))
    assert fetch(port, f"/objects/blobs/{source.file.sha256}%20%C3%A9", headers=cookie).status == 404
    assert not source.asked, "no byte goes through the origin"
