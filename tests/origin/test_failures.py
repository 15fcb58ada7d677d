"""Files that go, change or break while they are asked for, and databases that do not answer."""

from __future__ import annotations

from pathlib import Path

import pytest
from starlette.requests import Request

import modulestore
from modulestore.errors import AssetNotFound, Conflict, CorruptDocument, StorageUnavailable
from modulestore.model.files import CourseFile
from modulestore.origin import origin
from tests.origin.client import Connection, Incomplete, fetch
from tests.origin.servers import running, serving
from tests.origin.sources import LARGE, Imagined, imagined_bytes

MB = 1024 * 1024
PATH = f"/{LARGE}"
ERRORS = [
    (AssetNotFound("gone"), 404),
    (Conflict("replaced"), 503),
    (StorageUnavailable("away"), 503),
    (CorruptDocument("bytes are missing"), 500),
]


@pytest.mark.parametrize(("error", "status"), ERRORS, ids=lambda value: type(value).__name__)
def test_before_anything_was_said(error: Exception, status: int) -> None:
    source = Imagined(MB, fails=(0, error))
    with running(origin(source)) as server, Connection(server.port) as connection:
        for headers in ({}, {"Range": "bytes=600000-"}, {"Range": "bytes=0-1,600000-"}):
            connection.ask(PATH, headers=headers)
            reply = connection.reply()
            assert reply.status == status
            assert reply.headers["cache-control"] == "no-store"
            assert ("retry-after" in reply.headers) == (status == 503)
            assert "etag" not in reply.headers
        source.fails = None
        connection.ask(PATH)
        assert connection.reply().body == imagined_bytes(0, MB), "nothing of it was kept"


@pytest.mark.parametrize("error", [error for error, _ in ERRORS], ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("headers", [{}, {"Range": "bytes=5-"}, {"Range": "bytes=0-9,300000-"}], ids=str)
def test_in_the_middle(error: Exception, headers: dict[str, str]) -> None:
    source = Imagined(3 * MB, fails=(MB, error))
    with running(origin(source)) as server:
        with Connection(server.port) as connection:
            connection.ask(PATH, headers=headers)
            with pytest.raises(Incomplete) as raised:
                connection.reply()
            assert raised.value.received < 2 * MB
        assert fetch(server.port, PATH, headers={"Range": "bytes=0-9"}).status == 206


def test_a_database_that_does_not_answer() -> None:
    def away() -> CourseFile | None:
        raise StorageUnavailable("away")

    with running(origin(Imagined(MB, missing=away))) as server:
        for path in (PATH, "/healthz"):
            reply = fetch(server.port, path)
            assert (reply.status, reply.headers["retry-after"]) == (503, "5")
            assert b"away" not in reply.body, "what is wrong inside is nobody's business"
        assert fetch(server.port, "/nothing").status == 404


def test_an_authoriser_that_fails_lets_nobody_in() -> None:
    async def broken(request: Request, file: CourseFile) -> bool:
        raise RuntimeError("the session database is away")

    source = Imagined(MB, locked=True)
    with running(origin(source, authorise=broken)) as server, Connection(server.port) as connection:
        connection.ask(PATH)
        assert b" 500 " in connection.head()
        assert not source.asked


@pytest.fixture(params=["sqlite", "mongodb"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A store of its own."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/courses.db"
    found: str = request.getfixturevalue("mongodb_url")
    return found


@pytest.mark.parametrize("what", ["deleted", "replaced", "replaced by the same"])
def test_while_it_is_read(url: str, what: str) -> None:
    """On SQLite readers get the bytes that they began with; in GridFS they are gone, and readers are told."""
    file = Imagined(8 * MB).file
    data, other = imagined_bytes(0, 8 * MB), imagined_bytes(1, 8 * MB + 1)
    with (
        modulestore.connect(url) as store,
        serving(url, lambda source: origin(source, cache_bytes=0)) as server,
    ):
        store._backend.files.put_many([(file, data)])
        with Connection(server.port, receive_buffer=4096) as connection:
            connection.ask(PATH)
            connection.head()
            begun = connection.body(10_000)
            if what == "deleted":
                store._backend.files.delete(file.key)
            else:
                new = data if what == "replaced by the same" else other
                store._backend.files.put_many([(file, new)])
            if url.startswith("sqlite:"):
                assert begun + connection.body(8 * MB - 10_000) == data
            else:
                with pytest.raises(Incomplete):
                    connection.body(8 * MB - 10_000)
        reply = fetch(server.port, PATH)
        assert reply.status == (404 if what == "deleted" else 200)
        if what != "deleted":
            assert reply.body == new
