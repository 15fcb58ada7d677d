"""What a restoration would do is what it does."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Literal

import pytest

from modulestore._async.ports import Backend
from modulestore._async.store import AsyncStore
from tests._async.stores import BACKENDS, COURSE, COURSE_KEY, everything, fresh_backend

pytestmark = pytest.mark.anyio


@pytest.fixture
async def backend(kind: str, request: pytest.FixtureRequest) -> AsyncIterator[Backend]:
    async with fresh_backend(kind, request) as backend:
        yield backend


@BACKENDS
@pytest.mark.parametrize("to", ["draft", "both"])
async def test_a_preview_is_what_is_done(backend: Backend, to: Literal["draft", "both"]) -> None:
    store = AsyncStore(backend)
    first = await store.import_course(COURSE)
    async with store.edit(COURSE_KEY) as edit:
        edit.update(("html", "hello"), data="changed")
        new = edit.add("html", ("vertical", "welcome"), data="new")
        edit.delete(("html", "columns"))
    await store.publish(COURSE_KEY)
    assert first.draft_version is not None
    before = await everything(backend)
    preview = await store.restore_preview(COURSE_KEY, first.draft_version, to=to)
    assert await everything(backend) == before
    assert preview["draft"].removed == (new.block_key,)
    assert preview["draft"].added == (("html", "columns"),)
    assert ("html", "hello") in preview["draft"].changed
    old = {branch: await store.open(COURSE_KEY, branch=branch) for branch in preview}
    await store.restore(COURSE_KEY, first.draft_version, to=to)
    for branch, told in preview.items():
        course = await store.open(COURSE_KEY, branch=branch)
        assert {key for key in told.added if key in course} == set(told.added)
        assert not [key for key in told.removed if key in course]
        assert len(course) == len(old[branch]) + len(told.added) - len(told.removed)
    assert (("published" in preview) and bool(preview["published"].added)) == (to == "both")
