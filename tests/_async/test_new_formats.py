"""In which format a new, empty database is written."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from modulestore._async.connect import connect_async
from modulestore._async.converting import CONVERSION
from modulestore._async.ports import Backend
from modulestore._async.preparing import FORMAT
from modulestore._async.store import AsyncStore
from modulestore.errors import InvalidURL
from modulestore.testing._async.courses import SMALL_COURSE, make_small_course
from modulestore.upkeep.conversion import Conversion
from tests._async.histories import schemas
from tests._async.stores import fresh_backend

pytestmark = pytest.mark.anyio

FORMAT_2 = pytest.mark.parametrize("kind", ["sqlite", "mongodb"])


@pytest.fixture
async def backend(kind: str, request: pytest.FixtureRequest) -> AsyncIterator[Backend]:
    async with fresh_backend(kind, request) as backend:
        yield backend


@FORMAT_2
async def test_an_empty_database_gets_the_format(backend: Backend) -> None:
    store = AsyncStore(backend)
    assert await store.possible_conversions() == []
    assert await store.convert(1, dry_run=True) == Conversion(1)
    for name in (FORMAT, CONVERSION):
        assert await backend.records.get(*name) is None
    assert await store.convert(1) == Conversion(1)
    await make_small_course(store)
    assert await schemas(backend) == {1}
    assert [step.name for step in await store.possible_conversions()] == ["0002-format-2"]
    await store.convert(2)
    assert [step.name for step in await store.possible_conversions()] == ["0003-format-1"]
    assert await store.pending_upgrade() == []
    assert await store.upgrade() == []
    assert await schemas(backend) == {2}


@FORMAT_2
@pytest.mark.parametrize(("option", "schema"), [("?format=1", 1), ("?format=2", 2), ("", 2)])
async def test_the_format_of_a_new_database_in_its_url(
    kind: str, option: str, schema: int, request: pytest.FixtureRequest
) -> None:
    url = (
        f"sqlite:///{request.getfixturevalue('tmp_path')}/new.db"
        if kind == "sqlite"
        else request.getfixturevalue("mongodb_url")
    )
    with_option = f"{url}&{option[1:]}" if "?" in url and option else f"{url}{option}"
    async with await connect_async(with_option) as store:
        await make_small_course(store)
        assert await schemas(store._backend) == {schema}
    async with await connect_async(url) as store:
        await make_small_course(store, f"{SMALL_COURSE}-2")
        assert await schemas(store._backend) == {schema}, "only a new, empty one"


@pytest.mark.parametrize(
    "url",
    [
        "sqlite:///x.db?format=3",
        "sqlite:///x.db?format=",
        "sqlite:///x.db?format=1&mode=ro",
        "sqlite:///x.db?mode=ro",
        "sqlite:///x.db?writes=yes",
        "mongodb://localhost/db?format=two",
    ],
)
async def test_urls_with_other_options(url: str) -> None:
    with pytest.raises(InvalidURL):
        await connect_async(url)
