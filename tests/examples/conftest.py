"""A store of each kind for services to work on."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from typing import Any

import pytest
from pymongo import MongoClient

import modulestore
from tests.servers import MongoDB


@pytest.fixture(scope="module", params=["sqlite", "mongodb"])
def store_url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a store that is there, as services want it. Tests have courses of their own in it."""
    if request.param == "sqlite":
        yield _made(f"sqlite:///{tmp_path_factory.mktemp('service')}/courses.db")
        return
    server: MongoDB = request.getfixturevalue("mongodb_server")
    admin: MongoClient[dict[str, Any]] = request.getfixturevalue("mongodb_admin")
    database = f"ms_test_{secrets.token_hex(6)}"
    yield _made(server.url(database))
    admin.drop_database(database)


def _made(url: str) -> str:
    with modulestore.connect(url) as store:
        store.create_course("course-v1:Example+Empty+2026")
    return url
