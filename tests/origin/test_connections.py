"""Connections that are kept, filled, left and forgotten."""

from __future__ import annotations

import logging
import queue
from collections.abc import Iterator

import pytest

from modulestore.origin import origin
from tests.origin.client import Connection, fetch
from tests.origin.conftest import Site
from tests.origin.files import BIG, LOCKED, NOTES, path_of
from tests.origin.servers import running
from tests.origin.sources import LARGE, Imagined, imagined_bytes

MB = 1024 * 1024
PATH = f"/{LARGE}"


class Lines(logging.Handler):
    """Lines of the access log, to be waited for."""

    def __init__(self) -> None:
        super().__init__()
        self._lines: queue.Queue[str] = queue.Queue()

    def emit(self, record: logging.LogRecord) -> None:
        self._lines.put(record.getMessage())

    def next(self, path: str) -> list[str]:
        """The words of the next line about a path; those about others may still come from tests before."""
        while True:
            words = self._lines.get(timeout=30).split(" ")
            if words[1] == path:
                return words


@pytest.fixture
def log() -> Iterator[Lines]:
    """What the access log says from now on."""
    logger = logging.getLogger("modulestore.origin.access")
    lines, level = Lines(), logger.level
    logger.addHandler(lines)
    logger.setLevel(logging.INFO)
    yield lines
    logger.removeHandler(lines)
    logger.setLevel(level)


def test_a_connection_is_kept(site: Site) -> None:
    path = path_of("notes.txt")
    with Connection(site.port) as connection:
        for method, headers, status in (
            ("GET", {}, 200),
            ("HEAD", {}, 200),
            ("GET", {"Range": "bytes=0-1,500-"}, 206),
            ("GET", {"Range": "bytes=5000-"}, 416),
            ("GET", {"If-None-Match": "*"}, 304),
            ("OPTIONS", {}, 204),
            ("POST", {}, 405),
            ("GET", {}, 200),
        ):
            connection.ask(path, method, headers)
            assert connection.reply(method).status == status
        connection.ask(path_of("big.bin"))
        assert connection.reply().body == BIG


def test_requests_in_one_go_are_answered_in_order(site: Site) -> None:
    asked = [
        ("GET", "notes.txt", NOTES),
        ("HEAD", "big.bin", b""),
        ("GET", "big.bin", BIG),
        ("GET", "empty.txt", b""),
    ]
    with Connection(site.port) as connection:
        lines = [f"{method} {path_of(name)} HTTP/1.1\r\nHost: a\r\n\r\n" for method, name, _ in asked * 5]
        connection.send("".join(lines).encode())
        for method, _, body in asked * 5:
            assert connection.reply(method).body == body


def test_a_body_of_a_request_is_ignored(site: Site) -> None:
    with Connection(site.port) as connection:
        for name, body in (("notes.txt", NOTES), ("big.bin", BIG)):
            connection.ask(path_of(name), headers={"Content-Length": "100000"})
            connection.send(bytes(100_000))
            assert connection.reply().body == body


def test_an_old_client_s_connection_ends(site: Site) -> None:
    with Connection(site.port) as connection:
        connection.send(f"GET {path_of('notes.txt')} HTTP/1.0\r\n\r\n".encode())
        assert connection.reply().body == NOTES
        assert connection.ended()


def test_a_client_that_leaves_ends_the_work(log: Lines) -> None:
    source = Imagined(200 * MB)
    with running(origin(source)) as server:
        with Connection(server.port, receive_buffer=16 * 1024) as connection:
            connection.ask(PATH)
            connection.head()
            assert connection.body(100_000) == imagined_bytes(0, 100_000)
        method, _, status, size, *_ = log.next(PATH)
        assert (method, status) == ("GET", "200")
        assert 100_000 <= int(size) < 20 * MB
        assert source.fetched < 20 * MB
        fetched = source.fetched
        assert fetch(server.port, PATH, "HEAD").status == 200
        assert source.fetched == fetched


def test_a_slow_client_holds_nothing_and_nobody_up(log: Lines) -> None:
    source = Imagined(50 * MB)
    with (
        running(origin(source, cache_bytes=0)) as server,
        Connection(server.port, receive_buffer=4096) as slow,
    ):
        slow.ask(PATH)
        slow.head()
        for start in range(0, 5 * MB, 100_000):
            reply = fetch(server.port, PATH, headers={"Range": f"bytes={start}-{start + 9}"})
            assert reply.body == imagined_bytes(start, start + 10)
        # Each of the others has fetched one chunk; the slow one some, until the buffers were full.
        assert source.fetched < 53 * 256 * 1024 + 3 * MB
        source.asked.clear()
        assert slow.body(3 * MB) == imagined_bytes(0, 3 * MB)
        assert source.asked, "it goes on where it was"


def test_what_is_logged(site: Site, log: Lines) -> None:
    path = path_of("notes.txt")
    site.get(f"{path}?token=secret", Range="bytes=0-776")
    while (line := log.next(path))[3] != "777":
        pass
    method, _, status, _, milliseconds, client = line
    assert (method, status, client) == ("GET", "206", "127.0.0.1")
    assert float(milliseconds) > 0
    site.get("/a%0ab%20c%e2%80%a8d", "HEAD")
    assert log.next("/a%0Ab%20c%E2%80%A8d")[2:4] == ["404", "0"]
    # No digest of a locked file, though this is not the right one.
    site.get(f"/assets/courseware/v1/{'0' * 32}/{LOCKED}")
    assert log.next(f"/{LOCKED}")[2] == "403"
