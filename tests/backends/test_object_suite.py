"""MongoDB with the bytes of files in an object storage, against what the conformance suite says of files."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import pytest

from modulestore._sync.mongo import open_mongo
from modulestore._sync.ports import Backend
from modulestore._sync.preparing import WriteRules, prepare_write
from modulestore.testing._sync.conformance.file_history import FileHistoryTests
from modulestore.testing._sync.conformance.files import FileTests
from modulestore.testing._sync.conformance.upkeep import UpkeepTests
from tests.object_servers import ObjectServer


class OnMongo(FileTests):
    """MongoDB, with its objects in a place."""

    keeps_what_is_read: ClassVar[bool] = True
    keeps_history: ClassVar[bool] = True

    @pytest.fixture
    def place(self, mongodb_url: str, objects: str) -> tuple[str, str]:
        return mongodb_url, objects

    def open(self, place: tuple[str, str]) -> Backend:
        backend = open_mongo(*place)
        prepare_write(backend, -1, WriteRules())
        return backend


class TestFolder(OnMongo, FileHistoryTests, UpkeepTests):
    """Objects in a folder."""

    @pytest.fixture
    def objects(self, tmp_path: Path) -> str:
        return f"file://{tmp_path}/objects"


class TestS3(OnMongo):
    """Objects in a server of object storage."""

    @pytest.fixture
    def objects(self, object_server: ObjectServer) -> str:
        return object_server.new_place()
