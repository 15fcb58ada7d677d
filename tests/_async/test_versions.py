"""Draft and published, and history, over both backends."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from modulestore._async.ports import Backend
from modulestore._async.store import AsyncStore
from modulestore.errors import (
    BlockNotFound,
    Conflict,
    EditConflict,
    HeadMoved,
    InvalidInput,
    NotPublished,
    VersionNotFound,
)
from modulestore.keys import CourseKey, VersionId, as_course_key
from modulestore.model.course import Course
from modulestore.model.publishing import Change, has_changes
from modulestore.testing._async.checking import check_store
from modulestore.testing._async.courses import SMALL_COURSE, make_small_course
from modulestore.testing._async.faults import CountingBackend
from modulestore.testing._async.overtaking import OvertakenBackend
from tests._async.stores import BACKENDS, fresh_backend

pytestmark = pytest.mark.anyio

KEY = as_course_key(SMALL_COURSE)
OTHER = CourseKey("Example", "Small", "2027")
A, B, C = ("vertical", "a"), ("vertical", "b"), ("vertical", "c")
A1, A2, B1 = ("html", "a1"), ("problem", "a2"), ("html", "b1")
UNIT = KEY.usage(*A)


@pytest.fixture
async def backend(kind: str, request: pytest.FixtureRequest) -> AsyncIterator[CountingBackend]:
    """A database with the small course in it."""
    async with fresh_backend(kind, request) as inner:
        counting = CountingBackend(inner)
        await make_small_course(AsyncStore(counting))
        yield counting
        assert await check_store(inner) == []


async def heads(backend: Backend) -> tuple[Course, Course]:
    store = AsyncStore(backend)
    return await store.open(KEY, branch="draft"), await store.open(KEY, branch="published")


async def rename(backend: Backend, name: str, block: tuple[str, str] = A1) -> VersionId:
    async with AsyncStore(backend).edit(KEY, author="ana", message=f"to {name}") as edit:
        edit.update(block, display_name=name)
    assert edit.version is not None
    return edit.version


# --- draft and published


@BACKENDS
async def test_learners_see_what_is_published(backend: CountingBackend) -> None:
    store = AsyncStore(backend)
    await rename(backend, "better")
    async with store.edit(KEY, author="ana") as edit:
        edit.add("html", A, id="a3")
        edit.delete(A2)
        edit.update(B1, display_name="of another unit")
    assert await store.changes(KEY) == {
        A1: Change.CHANGED,
        B1: Change.CHANGED,
        ("html", "a3"): Change.ADDED,
        A2: Change.REMOVED,
    }
    preview = await store.publish_preview(KEY, UNIT)
    assert (preview.added, preview.removed) == ((("html", "a3"),), (A2,))
    assert A1 in preview.changed
    draft, published = await heads(backend)
    assert published[A1].display_name == "A one"
    commit = await store.publish(KEY, UNIT, author="ben")
    assert set(commit.moves) == {"published"}
    after, published = await heads(backend)
    assert after.version == draft.version
    assert [child.id for child in published[A].children] == ["a1", "a3"]
    assert published[A1].display_name == "better"
    assert await store.changes(KEY) == {B1: Change.CHANGED}
    assert (await store.publish(KEY, UNIT)).moves == {}
    await store.publish(KEY)
    assert await store.changes(KEY) == {}
    assert (await store.publish(KEY)).moves == {}


@BACKENDS
async def test_the_outline_is_published_as_it_is_edited(backend: CountingBackend) -> None:
    async with AsyncStore(backend).edit(KEY, author="ana") as edit:
        edit.update(("chapter", "one"), display_name="Renamed")
        new = edit.add("vertical", ("sequential", "first"), id="new")
    assert edit.commit is not None
    assert set(edit.commit.moves) == {"draft", "published"}
    _, published = await heads(backend)
    assert published["chapter", "one"].display_name == "Renamed"
    assert new.block_key not in published
    with pytest.raises(BlockNotFound):
        await AsyncStore(backend).publish(KEY, KEY.usage("vertical", "nowhere"))


@BACKENDS
async def test_a_unit_is_taken_back_from_learners_and_from_the_draft(backend: CountingBackend) -> None:
    store = AsyncStore(backend)
    commit = await store.unpublish(UNIT, author="ana")
    assert set(commit.moves) == {"published"}
    draft, published = await heads(backend)
    assert (A in draft, A1 in draft, A in published, A1 in published) == (True, True, False, False)
    assert set(await store.changes(KEY)) >= {A, A1, A2}
    with pytest.raises(NotPublished):
        await store.unpublish(UNIT)
    with pytest.raises(NotPublished):
        await store.discard(UNIT)
    with pytest.raises(InvalidInput):
        await store.unpublish(KEY.usage("chapter", "one"))
    await rename(backend, "never mind", B1)
    await store.discard(KEY.usage(*B), author="ana")
    draft, _ = await heads(backend)
    assert draft[B1].display_name == "B one"
    assert (await store.discard(KEY.usage(*B))).moves == {}


@BACKENDS
async def test_a_publish_that_is_overtaken_publishes_what_its_author_saw(backend: CountingBackend) -> None:
    overtaken = OvertakenBackend(backend)
    await rename(backend, "seen")

    async def others() -> None:
        await rename(backend, "not seen")
        await rename(backend, "by ben", B1)
        await AsyncStore(backend).publish(KEY, KEY.usage(*B), author="ben")

    overtaken.then(others)
    commit = await AsyncStore(overtaken).publish(KEY, UNIT, author="ana")
    _, published = await heads(backend)
    assert published.version == commit.heads["published"]
    assert (published[A1].display_name, published[B1].display_name) == ("seen", "by ben")
    assert set(await AsyncStore(backend).changes(KEY)) == {A1}, "what came since is still to be published"


@BACKENDS
async def test_publishing_what_the_author_has_looked_at(backend: CountingBackend) -> None:
    store = AsyncStore(backend)
    seen = await rename(backend, "seen")
    await rename(backend, "of another unit", B1)
    await store.publish(KEY, UNIT, author="ana", base=str(seen))
    _, published = await heads(backend)
    assert published[A1].display_name == "seen"

    seen = await rename(backend, "seen, too")
    await rename(backend, "not seen")
    for block in (UNIT, None):
        with pytest.raises(HeadMoved, match="html/a1: 1 of the blocks") as raised:
            await store.publish(KEY, block, author="ana", base=seen)
        assert raised.value.hint == "nothing was published: look at them again"
    assert (await heads(backend))[1].version == published.version
    with pytest.raises(VersionNotFound):
        await store.publish(KEY, UNIT, base="0" * 24)
    await store.publish(KEY, UNIT, author="ana")


@BACKENDS
async def test_discarding_what_the_draft_has_deleted(backend: CountingBackend) -> None:
    store = AsyncStore(backend)
    async with store.edit(KEY, author="ana") as edit:
        edit.delete(A1)
    try:
        await store.discard(KEY.usage(*A1))
    except InvalidInput:
        return  # as good: discard the unit that it was in
    draft, _ = await heads(backend)
    assert [parent.block_key for parent in draft[A1].parents] == [A]


@BACKENDS
async def test_a_block_that_moved_is_in_one_place_when_its_new_unit_is_published(
    backend: CountingBackend,
) -> None:
    store = AsyncStore(backend)
    async with store.edit(KEY, author="ana") as edit:
        edit.move(A1, B)
    assert (await store.publish_preview(KEY, KEY.usage(*B))).changed == (A1,)
    await store.publish(KEY, KEY.usage(*B))
    draft, published = await heads(backend)
    assert [parent.block_key for parent in published[A1].parents] == [B]
    assert await store.changes(KEY) == {}
    assert has_changes(draft.structure, published.structure, UNIT.block_key), "it is not published itself"
    await store.discard(UNIT)
    draft, published = await heads(backend)
    assert len(draft[A1].parents) == 1


# --- history


@BACKENDS
async def test_history_with_messages_and_tags(backend: CountingBackend) -> None:
    store = AsyncStore(backend)
    first = await rename(backend, "one")
    second = await rename(backend, "two")
    assert await store.tag(KEY, first, "2026-spring") == first
    assert await store.tag(KEY, first, "2026-spring") == first, "again is no error"
    assert await store.tag(KEY, "draft", "newest") == second
    with pytest.raises(Conflict):
        await store.tag(KEY, second, "2026-spring")
    for name in ("", "draft", "published-branch", "x" * 24):
        with pytest.raises(InvalidInput):
            await store.tag(KEY, second, name)
    with pytest.raises(VersionNotFound):
        await store.tag(KEY, "nowhere", "tag")
    versions = await store.history(KEY, branch="draft")
    assert [(one.version, one.message, one.tags, one.author) for one in versions[:2]] == [
        (second, "to two", ("newest",), "ana"),
        (first, "to one", ("2026-spring",), "ana"),
    ]
    assert versions[0].previous == first
    assert versions[-1].previous is None
    assert len(await store.history(KEY, branch="draft", limit=1)) == 1
    assert await store.untag(KEY, "newest")
    assert not await store.untag(KEY, "newest")


@BACKENDS
async def test_who_did_what_to_a_block(backend: CountingBackend) -> None:
    store = AsyncStore(backend)
    added = (await store.history(KEY, branch="draft"))[0].version
    first = await rename(backend, "one")
    await rename(backend, "elsewhere", B1)
    async with store.edit(KEY, author="ben") as edit:
        edit.delete(A)
    found = await store.block_history(KEY.usage(*A1), branch="draft")
    assert [(one.header.id, one.header.edited_by) for one in found] == [
        (edit.version, "ben"),
        (first, "ana"),
        (added, "maker"),
    ]
    assert [one.block and one.block.settings["display_name"] for one in found] == [None, "one", "A one"]


@BACKENDS
async def test_what_is_different(backend: CountingBackend) -> None:
    store = AsyncStore(backend)
    before = (await store.open(KEY, branch="draft")).version
    async with store.edit(KEY, author="ana") as edit:
        edit.add("html", A, id="new")
        edit.delete(A2)
        edit.move(B1, C)
        edit.reorder(("sequential", "first"), [B, A])
        edit.update(A1, data="<p>other</p>", display_name="Other")
    await store.tag(KEY, before, "start")
    found = await store.diff(KEY, "start", "draft")
    assert [block.key for block in found.added] == [("html", "new")]
    assert [block.key for block in found.removed] == [A2]
    assert [move.key for move in found.moved] == [B1]
    assert {(one.key, one.field) for one in found.changed} == {(A1, "display_name"), (A1, "content.data")}
    assert ("sequential", "first") in [one.key for one in found.children]
    assert not await store.diff(KEY, edit.version or "", "draft")


@BACKENDS
async def test_going_back_to_a_version(backend: CountingBackend) -> None:
    store = AsyncStore(backend)
    start = (await store.open(KEY, branch="draft")).version
    await store.tag(KEY, start, "start")
    async with store.edit(KEY, author="ana") as edit:
        edit.update(A1, data="<p>other</p>")
        edit.delete(B)
        edit.move(A2, C)
        edit.add("html", A, id="new")
    part = await store.restore(KEY, "start", block=UNIT, author="ben")
    assert set(part.moves) == {"draft"}
    draft, _ = await heads(backend)
    assert [child.block_key for child in draft[A].children] == [A1, A2]
    assert B not in draft
    assert draft.previous_version == edit.version
    await store.publish(KEY, author="ben")
    whole = await store.restore(KEY, start, to="both", author="ben", message="back")
    assert set(whole.moves) == {"draft", "published"}
    draft, published = await heads(backend)
    for course in (draft, published):
        assert not await store.diff(KEY, "start", course.version)
        assert course.version != start, "a new version, with all history behind it"
    assert (await store.history(KEY, branch="draft"))[0].message == "back"
    assert (await store.restore(KEY, start)).moves == {}
    assert await store.changes(KEY) == {}
    with pytest.raises(BlockNotFound):
        await store.restore(KEY, start, block=KEY.usage("html", "new"))


@BACKENDS
async def test_one_version_is_undone(backend: CountingBackend) -> None:
    store = AsyncStore(backend)
    first = await rename(backend, "undone")
    await rename(backend, "stays", B1)
    commit = await store.undo(KEY, first, author="ben")
    assert commit.moves["draft"].blocks == {A1}
    draft, _ = await heads(backend)
    assert (draft[A1].display_name, draft[B1].display_name) == ("A one", "stays")
    newest = await rename(backend, "newest")
    await rename(backend, "newer than newest")
    with pytest.raises(EditConflict):
        await store.undo(KEY, newest, author="ben")
    (kept,) = await store.conflicts(KEY)
    await store.resolve(kept.id, overwrite=True)
    draft, _ = await heads(backend)
    assert draft[A1].display_name == "A one"
    root = (await store.history(KEY, branch="draft"))[-1].version
    with pytest.raises(InvalidInput):
        await store.undo(KEY, root)
    redone = await store.undo(KEY, "draft", author="ben")
    assert redone.moves
