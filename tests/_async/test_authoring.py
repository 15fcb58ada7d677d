"""Authors at work, over both backends: an edit is whole or not at all, and edits merge."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from functools import partial

import pytest

from modulestore._async.editing import AsyncEditSession
from modulestore._async.ports import Backend
from modulestore._async.store import AsyncStore
from modulestore._async.waiting import race
from modulestore.errors import (
    BlockExists,
    BlockNotFound,
    InvalidInput,
)
from modulestore.keys import as_course_key
from modulestore.model.commit import Commit
from modulestore.model.course import Course
from modulestore.testing._async.checking import check_store
from modulestore.testing._async.courses import SMALL_COURSE, make_small_course
from modulestore.testing._async.faults import CountingBackend
from tests._async.stores import BACKENDS, everything, fresh_backend

pytestmark = pytest.mark.anyio

KEY = as_course_key(SMALL_COURSE)
A, B, C = ("vertical", "a"), ("vertical", "b"), ("vertical", "c")
A1, A2, B1 = ("html", "a1"), ("problem", "a2"), ("html", "b1")

Edits = Callable[[AsyncEditSession], object]


@pytest.fixture
async def backend(kind: str, request: pytest.FixtureRequest) -> AsyncIterator[CountingBackend]:
    """A database with the small course in it."""
    async with fresh_backend(kind, request) as inner:
        counting = CountingBackend(inner)
        await make_small_course(AsyncStore(counting))
        yield counting
        assert await check_store(inner) == []


async def opened(backend: Backend, branch: str = "draft") -> Course:
    return await AsyncStore(backend).open(KEY, branch=branch)


async def edited(backend: Backend, author: str, *edits: Edits) -> None:
    async with AsyncStore(backend).edit(KEY, author=author) as edit:
        for each in edits:
            each(edit)


# --- one session


@BACKENDS
async def test_a_session_is_one_version_with_all_kinds_of_edits(backend: CountingBackend) -> None:
    store = AsyncStore(backend)
    before = await opened(backend)
    async with store.edit(KEY, author="ana", message="week one") as edit:
        new = edit.add("html", A, index=1, display_name="New", data="<p>new</p>")
        edit.update(new, data="<p>newer</p>")
        edit.update(A2, weight=2.0, data="<problem>2</problem>")
        edit.unset(before[B1], "display_name")
        edit.move(B1, A, 0)
        edit.reorder(("sequential", "first"), [B, A])
        edit.delete(C)
        edit.set_aside(A1, "notes", {"text": "look here"})
        edit.set_asset("asset", "map.png", {"contenttype": "image/png"})
    after = await opened(backend)
    assert (edit.version, edit.merged) == (after.version, False)
    assert (after.previous_version, after.edited_by) == (before.version, "ana")
    assert [child.block_key for child in after[A].children] == [B1, A1, (new.type, new.id), A2]
    assert [child.block_key for child in after["sequential", "first"].children] == [B, A]
    assert C not in after
    assert ("html", "c1") not in after
    assert after[B1].settings == {}
    assert after[A1].asides == [{"aside_type": "notes", "fields": {"text": "look here"}}]
    assert after[A2].get("weight") == 2.0
    contents = await store.load_content([after[new.block_key], after[A2]])
    assert [content["data"] for content in contents.values()] == ["<p>newer</p>", "<problem>2</problem>"]
    assert after.structure.assets is not None
    assert [entry["filename"] for entry in after.structure.assets["asset"]] == ["map.png"]
    # Whatever was not edited is the very same: not written again.
    assert after["html", "a1"].definition == before["html", "a1"].definition


@BACKENDS
async def test_nothing_is_written_without_a_change_or_after_an_error(backend: CountingBackend) -> None:
    store = AsyncStore(backend)
    before = await everything(backend)
    backend.calls.clear()
    async with store.edit(KEY, author="ana") as edit:
        pass
    assert edit.version == edit.course.version
    assert backend.calls == {"index.get": 1, "structures.get_many": 1}
    async with store.edit(KEY, author="ana") as edit:
        edit.update(A1, display_name="A one")
        edit.move(A1, A, 0)
        edit.reorder(A, [A1, A2])
        edit.set_aside(A1, "notes", None)
    assert (edit.version, edit.commit) == (edit.course.version, None)
    for failing, error in FAILING:
        with pytest.raises(error):
            await edited(backend, "ana", lambda edit: edit.update(A1, display_name="never"), failing)
    assert await everything(backend) == before


FAILING: list[tuple[Edits, type[Exception]]] = [
    (lambda edit: edit.update(("html", "nowhere"), data=""), BlockNotFound),
    (lambda edit: edit.add("html", ("vertical", "nowhere")), BlockNotFound),
    (lambda edit: edit.add("html", A, id="a1"), BlockExists),
    (lambda edit: edit.add("html", A1), InvalidInput),
    (lambda edit: edit.delete(edit.course.root), InvalidInput),
    (lambda edit: edit.move(("chapter", "one"), A), InvalidInput),
    (lambda edit: edit.reorder(A, [A1]), InvalidInput),
    (lambda edit: edit.update(A, children=[]), InvalidInput),
    (lambda edit: edit.add("html", A, id="it is no id/"), InvalidInput),
    (lambda edit: 1 / 0, ZeroDivisionError),
]


@BACKENDS
async def test_what_is_edited_must_be_a_draft(backend: CountingBackend) -> None:
    store = AsyncStore(backend)
    with pytest.raises(InvalidInput, match="published branch is not edited"):
        async with store.edit(f"{KEY}+branch@published-branch", author="ana"):
            pass
    with pytest.raises(InvalidInput, match="on_conflict"):
        store.edit(KEY, on_conflict="maybe")  # type: ignore[arg-type]


@BACKENDS
async def test_a_version_without_a_branch_is_edited_beside_history(backend: CountingBackend) -> None:
    store = AsyncStore(backend)
    before = await opened(backend)
    async with store.edit(f"{KEY}+version@{before.version}", author="ana") as edit:
        edit.update(A1, data="<p>elsewhere</p>")
    assert edit.version not in {None, before.version}
    assert edit.commit is None
    assert (await opened(backend)).version == before.version
    detached = await store.open(KEY, version=edit.version)
    assert detached.previous_version == before.version
    assert (await store.load_content([detached[A1]]))[detached[A1]]["data"] == "<p>elsewhere</p>"


@BACKENDS
async def test_a_library_is_edited_on_its_only_branch(backend: CountingBackend) -> None:
    store = AsyncStore(backend)
    key = "library-v1:Example+Lib"
    await store.create_library(key, title="Lib", author="ana")
    async with store.edit(key, author="ana") as edit:
        edit.add("problem", edit.course.root, id="p", data="<problem/>")
    assert edit.commit is not None
    assert set(edit.commit.moves) == {"library"}
    assert ("problem", "p") in await store.open(key)


# --- two at once


@BACKENDS
async def test_edits_that_do_not_touch_merge(backend: CountingBackend) -> None:
    base = await opened(backend)
    async with AsyncStore(backend).edit(KEY, author="ana") as ana:
        ana.update(A1, display_name="by ana")
        ana.add("html", A, id="from-ana")
        ana.move(B, ("sequential", "second"))
        async with AsyncStore(backend).edit(KEY, author="ben") as ben:
            ben.update(A1, data="<p>by ben</p>")
            ben.add("html", A, id="from-ben")
            ben.update(B1, display_name="B by ben")
            ben.delete(A2)
    assert (ben.merged, ana.merged) == (False, True)
    head = await opened(backend)
    assert head.version == ana.version
    assert head.previous_version == ben.version
    assert (await AsyncStore(backend).open(KEY, version=ben.version)).previous_version == base.version
    assert head[A1].display_name == "by ana"
    assert (await AsyncStore(backend).load_content([head[A1]]))[head[A1]]["data"] == "<p>by ben</p>"
    assert [child.id for child in head[A].children] == ["a1", "from-ana", "from-ben"]
    assert [child.id for child in head["sequential", "second"].children] == ["c", "b"]
    assert head[B1].display_name == "B by ben"


@BACKENDS
async def test_an_edit_of_an_older_version_merges_with_what_came_since(backend: CountingBackend) -> None:
    base = await opened(backend)
    for number in range(3):
        async with AsyncStore(backend).edit(KEY, author="ben") as edit:
            edit.update(B1, weight=number)
    async with AsyncStore(backend).edit(KEY, author="ana", base=str(base.version)) as edit:
        assert edit.course.version == base.version
        edit.update(A1, display_name="of the old one")
    head = await opened(backend)
    assert (head[A1].display_name, head[B1].get("weight")) == ("of the old one", 2)
    assert edit.merged


@BACKENDS
async def test_the_same_edit_by_two_is_one(backend: CountingBackend) -> None:
    async with AsyncStore(backend).edit(KEY, author="ana") as ana:
        ana.update(A1, display_name="same")
        async with AsyncStore(backend).edit(KEY, author="ben") as ben:
            ben.update(A1, display_name="same")
    assert ana.version == ben.version


@BACKENDS
async def test_two_at_once_are_two_authors(backend: CountingBackend) -> None:
    store = AsyncStore(backend)

    async def author(name: str) -> Commit | None:
        async with store.edit(KEY, author=name) as edit:
            edit.add("html", A, id=name, display_name=name)
        return edit.commit

    names = [f"author-{number}" for number in range(8)]
    commits = await race(*[partial(author, name) for name in names])
    assert [commit.author for commit in commits if commit] == names
    head = await opened(backend)
    assert {child.id for child in head[A].children} == {"a1", "a2", *names}
    by = {info.author for info in await store.history(KEY, branch="draft")}
    assert by >= set(names)
    assert {head["html", name].edit_info.edited_by for name in names} == set(names)
