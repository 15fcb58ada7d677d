"""One origin on each kind of database, which tests only read from."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from pymongo import MongoClient
from starlette.requests import Request

from modulestore.model.files import CourseFile
from modulestore.origin import is_signed, origin
from modulestore.origin.urls import asset_path
from tests.origin.client import Reply, fetch
from tests.origin.files import COURSE, fill, later, path_of, stored
from tests.origin.nginx_servers import nginx_program  # noqa: F401
from tests.origin.servers import serving
from tests.servers import MongoDB

__all__ = ["SECRET", "Site"]

SECRET = b"a secret of the tests, 32 bytes."


@dataclass(frozen=True, slots=True)
class Site:
    """An origin and what is in it."""

    port: int
    url: str

    def get(self, path: str, method: str = "GET", **headers: str) -> Reply:
        """The answer to a request; underscores in header names are hyphens."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return fetch(self.port, path, method, named)

    def file(self, name: str) -> CourseFile:
        """A file of the course, as it is stored."""
        return stored(self.url, f"{COURSE}{name}")

    def validators(self, name: str) -> tuple[str, str]:
        """Tag and date that are sent with a file."""
        headers = self.get(path_of(name)).headers
        return headers["etag"], headers["last-modified"]


async def authorise(request: Request, file: CourseFile) -> bool:
    """Learners of this site have a cookie, or a signed URL."""
    signed = is_signed(asset_path(file), request.url.query, secret=SECRET, now=1_000)
    return signed or request.cookies.get("session") == "enrolled"


@pytest.fixture(scope="session", params=["sqlite", "mongodb"])
def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The origin, once on each kind of database."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path_factory.mktemp('origin')}/courses.db"
        yield from _site(url)
        return
    server: MongoDB = request.getfixturevalue("mongodb_server")
    admin: MongoClient[dict[str, Any]] = request.getfixturevalue("mongodb_admin")
    database = f"ms_test_{secrets.token_hex(6)}"
    yield from _site(server.url(database))
    admin.drop_database(database)


def _site(url: str) -> Iterator[Site]:
    fill(url)
    with serving(url, lambda source: origin(source, authorise=authorise, now=later)) as server:
        yield Site(server.port, url)
