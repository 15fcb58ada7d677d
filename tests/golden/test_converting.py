"""Databases written by the platform's own code, to format 2 and back: the same, document for document."""

from __future__ import annotations

import gzip
import io
from collections.abc import Iterable, Iterator
from typing import Any

import bson
import pytest
from bson.codec_options import CodecOptions, DatetimeConversion

from modulestore import Store
from modulestore._sync.mongo import open_mongo
from modulestore._sync.ports import Backend
from modulestore._sync.sqlite import open_sqlite
from modulestore.formats.entries import decode_entry
from modulestore.formats.headers import document_id
from tests._sync.histories import contents, schemas
from tests._sync.stores import everything
from tests.golden.test_platform_databases import GOLDEN, NAMES, dumped
from tests.profiles import IS_STRESS

LONGEST = "17-course-1000-blocks"

LARGE: list[Any] = sorted(file.name for file in (GOLDEN / "perf").glob("course-[14]000.bson.gz")) or [
    pytest.param(
        "none", marks=pytest.mark.skip(reason="../shared/golden/perf is absent: large courses not converted")
    )
]
UTC: CodecOptions[dict[str, Any]] = CodecOptions(
    tz_aware=True, datetime_conversion=DatetimeConversion.DATETIME
)


@pytest.fixture
def backend(request: pytest.FixtureRequest) -> Iterator[Backend]:
    """A database with nothing in it."""
    backend: Backend
    if request.param == "sqlite":
        backend = open_sqlite(":memory:")
    else:
        backend = open_mongo(request.getfixturevalue("mongodb_url"))
    yield backend
    backend.close()


def put(backend: Backend, documents: Iterable[tuple[str, dict[str, Any]]]) -> None:
    """Put what a platform has written; there is no record that says whose it is."""
    for collection, document in documents:
        encoded = bson.encode(document, codec_options=UTC)
        if collection == "structures":
            backend.structures.put_many({document_id(encoded): encoded})
        elif collection == "definitions":
            backend.definitions.put_many({document_id(encoded): encoded})
        else:
            backend.index.insert(decode_entry(document))


def check(backend: Backend) -> None:
    before, said = everything(backend), contents(backend)
    assert said == before["structures"]
    up = Store(backend, writes_allowed=True).convert(2)
    assert (up.converted, up.left) == (len(said), ())
    assert schemas(backend) == {2}
    assert contents(backend) == said
    assert up.bytes_after < up.bytes_before
    down = Store(backend).convert(1)
    assert (down.converted, down.left) == (len(said), ())
    assert everything(backend) == before


@pytest.mark.parametrize("backend", ["sqlite", "mongodb"], indirect=True)
@pytest.mark.parametrize("scenario", NAMES)
def test_there_and_back(backend: Backend, scenario: str, request: pytest.FixtureRequest) -> None:
    if scenario == LONGEST and request.node.callspec.params["backend"] == "mongodb" and not IS_STRESS:
        pytest.skip(
            "not tested: 41 versions of 1,000 blocks on a server; they are with the profile for stress"
        )
    put(backend, ((name, one) for name, documents in dumped(scenario).items() for one in documents))
    check(backend)


@pytest.mark.parametrize("backend", ["sqlite", "mongodb"], indirect=True)
@pytest.mark.parametrize("file", LARGE)
def test_there_and_back_with_a_large_course(backend: Backend, file: str) -> None:
    packed = gzip.decompress((GOLDEN / "perf" / file).read_bytes())
    rows = bson.decode_file_iter(io.BytesIO(packed), UTC)
    put(
        backend,
        ((row["collection"], row["document"]) for row in rows if row["collection"] != "definitions"),
    )
    check(backend)
