"""Edits that do not merge, over both backends: kept, shown with everything that is needed, and decided."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable

import pytest

from modulestore._async.editing import AsyncEditSession
from modulestore._async.ports import Backend
from modulestore._async.store import AsyncStore
from modulestore.errors import (
    EditConflict,
    HeadMoved,
    InvalidInput,
    NotFound,
)
from modulestore.keys import as_course_key
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


async def against(backend: Backend, theirs: Edits, mine: Edits) -> EditConflict:
    """The conflict of two edits of one version: of Ben, who is faster, and Ana."""
    edit = AsyncStore(backend).edit(KEY, author="ana", message="mine")
    await edit.__aenter__()
    mine(edit)
    await edited(backend, "ben", theirs)
    with pytest.raises(EditConflict) as caught:
        await edit.__aexit__(None, None, None)
    return caught.value


CONFLICTS: dict[str, tuple[Edits, Edits, Callable[[Course], object], object, object]] = {
    "field": (
        lambda edit: edit.update(A1, display_name="T"),
        lambda edit: edit.update(A1, display_name="M"),
        lambda course: course[A1].display_name,
        "T",
        "M",
    ),
    "aside": (
        lambda edit: edit.set_aside(A1, "notes", {"text": "T"}),
        lambda edit: edit.set_aside(A1, "notes", {"text": "M"}),
        lambda course: course[A1].asides[0]["fields"]["text"],
        "T",
        "M",
    ),
    "asset": (
        lambda edit: edit.set_asset("asset", "f.png", {"contenttype": "T"}),
        lambda edit: edit.set_asset("asset", "f.png", {"contenttype": "M"}),
        lambda course: (course.structure.assets or {})["asset"][0]["contenttype"],
        "T",
        "M",
    ),
    "deleted": (
        lambda edit: edit.delete(A),
        lambda edit: edit.update(A1, display_name="M"),
        lambda course: course[A1].display_name if A1 in course else None,
        None,
        "M",
    ),
    "moved": (
        lambda edit: edit.move(A1, B),
        lambda edit: edit.move(A1, C),
        lambda course: [parent.block_key for parent in course[A1].parents],
        [B],
        [C],
    ),
    "cycle": (
        lambda edit: edit.move(A, B),
        lambda edit: edit.move(B, A),
        lambda course: [course[key].parents[0].id for key in (A, B)],
        ["b", "first"],
        ["first", "a"],
    ),
    "order": (
        lambda edit: edit.reorder(("sequential", "first"), [B, A, ("vertical", "x")]),
        lambda edit: edit.reorder(("sequential", "first"), [("vertical", "x"), A, B]),
        lambda course: [child.id for child in course["sequential", "first"].children],
        ["b", "a", "x"],
        ["x", "a", "b"],
    ),
    "added": (
        lambda edit: edit.add("html", A, id="new", display_name="T"),
        lambda edit: edit.add("html", A, id="new", display_name="M"),
        lambda course: course["html", "new"].display_name,
        "T",
        "M",
    ),
}


@BACKENDS
@pytest.mark.parametrize("what", CONFLICTS)
async def test_a_conflict_is_kept_and_says_everything(backend: CountingBackend, what: str) -> None:
    theirs, mine, value, of_theirs, _ = CONFLICTS[what]
    base = await prepared(backend)
    error = await against(backend, theirs, mine)
    kept = error.conflict
    head = await opened(backend)
    assert value(head) == of_theirs, "what was committed first stays"
    assert (kept.author, kept.their_author, kept.message) == ("ana", "ben", "mine")
    assert (kept.base, kept.theirs) == (base.version, head.version)
    assert (await AsyncStore(backend).open(KEY, version=kept.mine)).previous_version == base.version
    assert {item.kind.value for item in kept.items} == {what}
    text = json.loads(json.dumps(kept.as_json()))
    assert (text["id"], text["key"], text["base"], text["on"]) == (
        *(kept.id, str(KEY), str(base.version)),
        kept.on.isoformat(),
    )
    assert all(item["theirs"] != item["mine"] or item["absent"] for item in text["items"])
    assert [item["key"] for item in text["items"]] == [str(KEY.usage(*item.key)) for item in kept.items]
    assert await AsyncStore(backend).conflict(kept.id) == kept
    assert await AsyncStore(backend).conflicts(KEY) == [kept]
    # The author's edit beside what stands against it is merged with it, when that is decided.
    await AsyncStore(backend).resolve(kept.id, choices={item.id: "theirs" for item in kept.items})
    assert value(await opened(backend)) == of_theirs
    assert await AsyncStore(backend).conflicts(KEY) == []


@BACKENDS
@pytest.mark.parametrize("what", CONFLICTS)
async def test_overwriting_wins_in_the_conflict_and_merges_the_rest(
    backend: CountingBackend, what: str
) -> None:
    theirs, mine, value, _, of_mine = CONFLICTS[what]
    await prepared(backend)

    def more_of_theirs(edit: AsyncEditSession) -> None:
        theirs(edit)
        edit.update(("html", "c1"), display_name="also theirs")

    def more_of_mine(edit: AsyncEditSession) -> None:
        mine(edit)
        edit.update(("html", "c1"), data="also mine")

    error = await against(backend, more_of_theirs, more_of_mine)
    commit = await error.overwrite()
    head = await opened(backend)
    assert commit.heads["draft"] == head.version
    assert head.edited_by == "ana"
    assert value(head) == of_mine
    assert head["html", "c1"].display_name == "also theirs"
    assert (await AsyncStore(backend).load_content([head["html", "c1"]])).popitem()[1]["data"] == "also mine"
    assert await AsyncStore(backend).conflicts(KEY) == []


async def prepared(backend: Backend) -> Course:
    """The course with a third unit, so that an order can be changed in two ways."""
    await edited(backend, "maker", lambda edit: edit.add("vertical", ("sequential", "first"), id="x"))
    return await opened(backend)


@BACKENDS
@pytest.mark.parametrize("what", sorted(CONFLICTS.keys() - {"asset"}))
async def test_the_other_author_is_who_did_it_not_who_came_last(backend: CountingBackend, what: str) -> None:
    theirs, mine, *_ = CONFLICTS[what]
    await prepared(backend)
    edit = AsyncStore(backend).edit(KEY, author="ana")
    await edit.__aenter__()
    mine(edit)
    await edited(backend, "ben", theirs)
    await edited(backend, "cem", lambda edit: edit.update(("html", "c1"), display_name="something else"))
    with pytest.raises(EditConflict, match="'ben'") as caught:
        await edit.__aexit__(None, None, None)
    assert caught.value.conflict.their_author == "ben"


@BACKENDS
async def test_every_item_is_chosen_by_itself(backend: CountingBackend) -> None:
    def names(who: str) -> Edits:
        def both(edit: AsyncEditSession) -> None:
            edit.update(A1, display_name=who)
            edit.update(B1, display_name=who)

        return both

    error = await against(backend, names("theirs"), names("mine"))
    first, second = error.conflict.items
    assert (first.key, second.key) == (A1, B1)
    with pytest.raises(EditConflict) as left:
        await error.merge({first.id: "mine"})
    assert [item.id for item in left.value.conflict.items] == [second.id]
    with pytest.raises(InvalidInput):
        await error.merge({first.id: "yours"})
    with pytest.raises(InvalidInput):
        await error.merge({"no such item": "mine"})
    await error.merge({first.id: "mine", second.id: "theirs"})
    head = await opened(backend)
    assert (head[A1].display_name, head[B1].display_name) == ("mine", "theirs")


@BACKENDS
async def test_a_conflict_is_given_up(backend: CountingBackend) -> None:
    theirs, mine, *_ = CONFLICTS["field"]
    error = await against(backend, theirs, mine)
    head = await opened(backend)
    with pytest.raises(InvalidInput):
        await AsyncStore(backend).resolve(error.conflict.id, abort=True, overwrite=True)
    assert await error.abort() is None
    assert (await opened(backend)).version == head.version
    with pytest.raises(NotFound):
        await error.overwrite()


@BACKENDS
async def test_a_conflict_meets_the_head_of_the_moment_when_it_is_decided(backend: CountingBackend) -> None:
    theirs, mine, *_ = CONFLICTS["field"]
    error = await against(backend, theirs, mine)
    (item,) = error.conflict.items
    await edited(backend, "cem", lambda edit: edit.update(B1, display_name="by cem"))
    await edited(backend, "dia", lambda edit: edit.delete(A))
    with pytest.raises(EditConflict) as caught:
        await AsyncStore(backend).resolve(error.conflict.id)
    newer = caught.value.conflict
    assert (newer.id, newer.their_author) == (error.conflict.id, "dia")
    assert {item.kind.value for item in newer.items} == {"deleted"}
    assert await AsyncStore(backend).conflicts(KEY) == [newer], "it takes the place of the old one"
    with pytest.raises(InvalidInput):
        await AsyncStore(backend).resolve(newer.id, choices={item.id: "mine"})
    await AsyncStore(backend).resolve(newer.id, overwrite=True)
    head = await opened(backend)
    assert (head[A1].display_name, head[B1].display_name) == ("M", "by cem")


@BACKENDS
async def test_other_wishes_for_a_conflict(backend: CountingBackend) -> None:
    store = AsyncStore(backend)
    before = len((await everything(backend))["structures"])
    edit = store.edit(KEY, author="ana", on_conflict="abort")
    await edit.__aenter__()
    edit.update(A1, display_name="ana")
    await edited(backend, "ben", lambda edit: edit.update(B1, display_name="ben"))
    with pytest.raises(HeadMoved):
        await edit.__aexit__(None, None, None)
    assert len((await everything(backend))["structures"]) == before + 1
    async with store.edit(KEY, author="ana", on_conflict="overwrite") as edit:
        edit.update(A1, display_name="ana")
        edit.update(A2, weight=1.5)
        await edited(backend, "ben", lambda edit: edit.update(A1, display_name="ben", weight=7))
    head = await opened(backend)
    assert (head[A1].display_name, head[A1].get("weight"), head[A2].get("weight")) == ("ana", 7, 1.5)
    assert await store.conflicts(KEY) == []
