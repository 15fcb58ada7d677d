"""An empty database on the server in use."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import pytest
from pymongo import MongoClient
from pymongo.database import Database


@pytest.fixture
def db(mongodb_url: str, mongodb_admin: MongoClient[dict[str, Any]]) -> Database[dict[str, Any]]:
    """A database of this test's own, over a client that all tests share."""
    return mongodb_admin[urlsplit(mongodb_url).path.strip("/")]
