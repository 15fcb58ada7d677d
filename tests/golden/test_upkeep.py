"""Databases written by the platform's own code: what is counted in them, and taken out of them whole."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import bson
import pytest
from pymongo import MongoClient

import modulestore
from modulestore.formats.encoding import OPTIONS
from modulestore.upkeep.statistics import Form
from tests.golden.test_platform_databases import NAMES, dumped

KNOWN = {"05-publish-unit": (33, 19), "17-course-1000-blocks": (41, 1052)}
"""Structures and definitions of two of the databases, counted without this library."""


@pytest.mark.parametrize("name", NAMES)
def test_a_platforms_database(
    name: str, mongodb_url: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    collections = dumped(name)
    with MongoClient[dict[str, Any]](mongodb_url, tz_aware=True) as client:
        database = client.get_default_database()
        for collection, documents in collections.items():
            database[f"modulestore.{collection}"].insert_many(documents)
    with modulestore.connect(mongodb_url) as store:
        found = store.statistics()
        sizes = [len(bson.encode(one, codec_options=OPTIONS)) for one in collections["structures"]]
        assert list(found.structures) == [Form.PLATFORM]
        assert (found.versions.count, found.versions.bytes) == (len(sizes), sum(sizes))
        assert found.definitions.count == len(collections["definitions"])
        assert found.entries == len(collections["active_versions"])
        if name in KNOWN:
            assert (found.versions.count, found.definitions.count) == KNOWN[name]
        for entry in store._backend.index.list():
            assert_restorable(store, str(entry.key), tmp_path)


def assert_restorable(store: modulestore.Store, key: str, tmp_path: Path) -> None:
    """Its documents come into an embedded database as they are, whatever the format of that."""
    file = tmp_path / "bundle"
    written = store.bundle(key, file, history=True, force=True)
    for schema in (1, 2):
        with modulestore.connect(f"sqlite:///{tmp_path}/{key}-{schema}.db?format={schema}") as other:
            assert other.import_course(file).changed
            assert other.statistics().versions.count == written.structures
            for batch in other._backend.structures.ids():
                here, there = (one._backend.structures.get_many(batch) for one in (store, other))
                assert here == there
            for batch in other._backend.definitions.ids():
                here, there = (one._backend.definitions.get_many(batch) for one in (store, other))
                assert here == there
            assert other.bundle(key, file, history=True, force=True) == written
