"""Databases written by the platform's own code open on the server, and we read what the platform reads.

The dumps are not part of the project (``../shared/golden``); ``test_own_database`` checks the form of
documents without them.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import bson
import pytest
from bson import json_util
from bson.codec_options import DatetimeConversion
from pymongo import MongoClient

import modulestore
from modulestore import Block, Store
from modulestore.cli.output import as_json_value
from modulestore.errors import CourseNotFound, ReadOnlyStore
from modulestore.formats import v1
from modulestore.formats.definitions import decode_definition, encode_definition
from modulestore.formats.entries import decode_entry, encode_entry
from tests.conftest import SHARED

GOLDEN = SHARED / "golden"
SCENARIOS: dict[str, Any] = (
    {
        scenario["name"]: scenario
        for scenario in json.loads((GOLDEN / "scenario.json").read_text())["scenarios"]
    }
    if GOLDEN.is_dir()
    else {}
)
NAMES: list[Any] = sorted(SCENARIOS) or [
    pytest.param(
        "none",
        marks=pytest.mark.skip(
            reason="../shared/golden is absent: databases written by the platform were not compared"
        ),
    )
]
OPTIONS = json_util.JSONOptions(
    tz_aware=True, datetime_representation=json_util.DatetimeRepresentation.ISO8601
)


def dumped(name: str) -> dict[str, list[dict[str, Any]]]:
    """Documents of a scenario by collection."""
    collections: dict[str, list[dict[str, Any]]] = {}
    with gzip.open(GOLDEN / SCENARIOS[name]["file"], "rt") as lines:
        for line in lines:
            row = json_util.loads(line, json_options=OPTIONS)
            collections.setdefault(row["collection"], []).append(row["document"])
    return collections


@pytest.fixture
def client(mongodb_url: str) -> Iterator[MongoClient[dict[str, Any]]]:
    with MongoClient[dict[str, Any]](mongodb_url, tz_aware=True) as client:
        yield client


@pytest.fixture(params=NAMES)
def scenario(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def store(mongodb_url: str, client: MongoClient[dict[str, Any]], scenario: str) -> Iterator[Store]:
    database = client.get_default_database()
    for collection, documents in dumped(scenario).items():
        database[f"modulestore.{collection}"].insert_many(documents)
    with modulestore.connect(mongodb_url) as store:
        yield store


def plain(value: Any) -> Any:
    """A value of the view as our JSON has it: dates, ids and durations of extended JSON as text."""
    if isinstance(value, list):
        return [plain(item) for item in value]
    if not isinstance(value, dict):
        return value
    match value:
        case {"$date": str(moment)}:
            return moment.replace("+00:00", "Z")
        case {"$oid": oid}:
            return oid
        case {"$seconds": seconds}:
            return timedelta(seconds=seconds)
    return {name: plain(item) for name, item in value.items()}


def seen(block: Block, content: dict[str, Any], names: list[str]) -> dict[str, Any]:
    """What we read of a block, in the form of the view."""
    info = block.edit_info
    effective = {name: as_json_value(block.get(name)) for name in names}
    if isinstance(effective["graceperiod"], str):
        # The platform's view shows this one as its Python value; stored it is the text.
        effective["graceperiod"] = timedelta(seconds=float(effective["graceperiod"].split()[0]))
    return {
        "block": list(block.block_key),
        "parent": list(block.parent.block_key) if block.parent else None,
        "settings_json": as_json_value(block.settings),
        "content_json": as_json_value(content),
        "effective": effective,
        "edited_by": info.edited_by,
        "edited_on": as_json_value(info.edited_on),
        "update_version": as_json_value(info.update_version),
        "previous_version": as_json_value(info.previous_version),
        "source_version": as_json_value(info.source_version),
        "original_usage": [info.original_usage, as_json_value(info.original_usage_version)],
    }


def test_the_final_view(store: Store, scenario: str) -> None:
    compared = 0
    for view, expected in SCENARIOS[scenario]["final_view"].items():
        key, _, branch = view.partition(" ")
        if "error" in expected:
            with pytest.raises(CourseNotFound):
                store.open(key, branch=branch)
            continue
        course = store.open(key, branch=branch)
        blocks = [course[tuple(block["block"])] for block in expected["blocks"]]
        assert len(course) == len(blocks)
        contents = store.load_content(blocks)
        for block, wanted in zip(blocks, expected["blocks"], strict=True):
            ours = seen(block, contents[block], list(wanted["effective"]))
            assert ours == {name: plain(wanted[name]) for name in ours}
            if "children" in wanted:
                assert [list(child.block_key) for child in block.children] == wanted["children"]
            compared += 1
    assert compared or scenario == "17-course-1000-blocks", (
        "the view of that one is left out of the scenario file"
    )


def test_every_document_is_read_and_written_back_byte_for_byte(scenario: str) -> None:
    utc: Any = bson.CodecOptions(tz_aware=True, datetime_conversion=DatetimeConversion.DATETIME)
    collections = dumped(scenario)
    for document in collections["structures"]:
        stored = bson.encode(document, codec_options=utc)
        assert v1.encode_structure(v1.decode_structure(stored)) == stored
    for document in collections["definitions"]:
        stored = bson.encode(document, codec_options=utc)
        assert encode_definition(decode_definition(stored)) == stored
    for document in collections["active_versions"]:
        again = encode_entry(decode_entry(document))
        assert json_util.dumps(again) == json_util.dumps(document)


def test_a_platform_database_is_not_written_to_unless_asked(
    store: Store, client: MongoClient[dict[str, Any]], sample_course: str
) -> None:
    with pytest.raises(ReadOnlyStore, match="open for reading"):
        store.import_course(sample_course)
    database = client.get_default_database()
    assert sorted(database.list_collection_names()) == [
        "modulestore.active_versions",
        "modulestore.definitions",
        "modulestore.structures",
    ]
