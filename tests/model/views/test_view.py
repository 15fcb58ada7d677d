"""A view walks like the course that it was made from, and shares what it does not change."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

import pytest

from modulestore.errors import BlockNotFound, InvalidInput, InvalidKey
from modulestore.keys import BlockKey, CourseKey
from modulestore.model.course import Block, Course
from modulestore.model.views import (
    ContentGroups,
    CourseView,
    GradableCounts,
    HideFromToc,
    StaffOnly,
    StartDates,
    ViewBlock,
)
from tests.model.views.made import ALL, LONG_AGO, TODAY, names, seen, shared, view_of
from tests.structures import KEY, TREE, course


def keys(blocks: Iterable[Block | ViewBlock]) -> list[BlockKey]:
    return [block.block_key for block in blocks]


def test_a_view_of_everything_is_the_tree_of_the_course() -> None:
    made = course(TREE)
    view = view_of(made)
    assert keys(view.blocks()) == keys(made.blocks())
    assert keys(view.blocks("video")) == keys(made.blocks("video"))
    assert len(view) == 9  # neither detached blocks nor orphans
    assert (view.key, view.branch, view.version) == (KEY, "published", made.version)
    for block in made.blocks():
        same = view[block.block_key]
        assert same.key == block.key
        assert same.display_name == block.display_name
        assert keys(same.children) == keys(block.children)
        assert set(keys(same.parents)) == set(keys(block.parents))
        assert keys(same.path) == keys(block.path)
        assert keys([same.parent] if same.parent else []) == keys([block.parent] if block.parent else [])


@pytest.mark.parametrize("start", [None, ("chapter", "a"), ("sequential", "s")])
@pytest.mark.parametrize("order", ["pre", "post", "topological"])
def test_walks_are_those_of_the_course(order: str, start: tuple[str, str] | None) -> None:
    def walk(made: Course | CourseView, without: str) -> list[BlockKey]:
        return keys(made.walk(start, order=order, prune=lambda block: block.id == without))  # type: ignore[arg-type]

    made = course(TREE)
    for without in ("nothing", "u", "shared"):
        assert walk(view_of(made), without) == walk(made, without)


def test_a_block_is_found_by_every_kind_of_key() -> None:
    view = view_of(course(TREE))
    block = view["block-v1:Org+Course+Run+type@video+block@v1"]
    assert block == view[block.key] == view[BlockKey("video", "v1")] == view["video", "v1"] == view[block]
    assert hash(block) == hash(view["video", "v1"])
    assert block != view["video", "v2"]
    assert ("video", "v1") in view
    assert block in view
    for absent in (("video", "v9"), ("static_tab", "t1"), ("html", "lost"), "no key", 7):
        assert absent not in view
    with pytest.raises(BlockNotFound, match="v9"):
        view["video", "v9"]
    with pytest.raises(BlockNotFound, match="another course"):
        view[CourseKey("Org", "Course", "Other").usage("video", "v1")]
    with pytest.raises(InvalidKey):
        view["video/v1"]
    assert "video/v1" in repr(block)
    assert "9 blocks" in repr(view)


def test_what_is_only_reached_through_a_block_goes_with_it() -> None:
    view = view_of(shared({}))
    without = view.filtered(lambda block: block.id != "a")
    assert names(without) == ["course/course", "chapter/b", "sequential/b", "vertical/shared", "problem/p"]
    unit = without["vertical", "shared"]
    assert keys(unit.parents) == [("sequential", "b")]
    assert unit.parent == without["sequential", "b"]
    assert keys(unit.path) == [("course", "course"), ("chapter", "b"), ("sequential", "b")]
    assert keys(without.root.children) == [("chapter", "b")]
    assert keys(without.walk(order="post"))[0] == ("problem", "p")
    with pytest.raises(BlockNotFound):
        without["vertical", "own"]
    with pytest.raises(BlockNotFound):
        list(without.walk(("chapter", "a")))
    assert names(view) == ALL  # the view that it was made from is as it was
    assert without.table is view.table
    assert without.data is view.data


def test_each_block_is_asked_for_once_and_not_below_one_that_goes() -> None:
    asked: list[str] = []

    def keep(block: ViewBlock) -> bool:
        asked.append(f"{block.type}/{block.id}")
        return block.id != "a"

    view_of(shared({})).filtered(keep)
    assert asked == [
        "course/course",
        "chapter/a",
        "chapter/b",
        "sequential/b",
        "vertical/shared",
        "problem/p",
    ]


def test_a_view_without_its_root_is_empty() -> None:
    empty = view_of(course(TREE)).filtered(lambda block: False)
    assert len(empty) == 0
    assert list(empty.blocks()) == []
    assert ("course", "course") not in empty
    with pytest.raises(BlockNotFound, match="nothing"):
        empty.root  # noqa: B018
    assert list(empty.walk()) == []
    assert len(empty.filtered(lambda block: True)) == 0


def test_annotations_are_the_views_own() -> None:
    view = view_of(shared({}))
    at = view["problem", "p"].position
    first = view.annotated("seen", {at: 1})
    second = first.annotated("seen", {at: 2}).annotated("done", {0: True})
    assert view["problem", "p"].annotations == {}
    assert first["problem", "p"].annotations == {"seen": 1}
    assert second["problem", "p"].annotations == {"seen": 2}
    assert second.root.annotations == {"done": True}
    assert second.filtered(lambda block: block.type != "problem").root.annotations == {"done": True}


def test_fields_are_as_the_course_has_them() -> None:
    names = ["due", "graded", "group_access", "max_attempts", "format", "never_heard_of", "weight", "data"]
    made = shared(
        {
            "sequential/a": {"due": TODAY, "graded": True, "format": "Quiz"},
            "vertical/own": {"graded": False, "group_access": {"1": [2]}, "never_heard_of": [1]},
            "problem/q": {"max_attempts": None, "weight": 1.0},
        }
    )
    view = view_of(made, fields=names)
    for block in made.blocks():
        for name in names:
            assert repr(view[block.block_key].get(name, "?")) == repr(block.get(name, "?")), (block, name)
    with pytest.raises(InvalidInput, match="'start' was not collected"):
        view.root.get("start")


def test_what_get_returns_is_the_callers() -> None:
    view = view_of(shared({"chapter/a": {"group_access": {"1": [2]}}}), fields=["group_access"])
    view["chapter", "a"].get("group_access")["1"].append(3)
    assert view["problem", "q"].get("group_access") == {"1": [2]}
    view.root.get("group_access")["9"] = [9]
    assert view["chapter", "b"].get("group_access") == {}


def test_a_damaged_course_has_a_view() -> None:
    made = course(
        {
            "course/course": ["chapter/a", "chapter/gone", "chapter/a"],
            "chapter/a": ["sequential/s"],
            "sequential/s": ["chapter/a", "course/course", "html/h"],
            "html/h": None,
            "vertical/lost": ["html/h"],
        }
    )
    view = view_of(made)
    assert names(view) == ["course/course", "chapter/a", "sequential/s", "html/h"]
    assert keys(view["html", "h"].parents) == [("sequential", "s")]  # not the one that nothing leads to
    assert keys(view["html", "h"].path) == [("course", "course"), ("chapter", "a"), ("sequential", "s")]
    assert view.root.path == []
    assert view.root.parent is None


def test_a_course_may_be_very_deep() -> None:
    names = ["course/course", *(f"vertical/{number}" for number in range(1500)), "problem/p"]
    made = course(
        {name: [below] for name, below in pairwise(names)} | {"problem/p": None},
        settings={"course/course": {"start": LONG_AGO, "graded": True}},
    )
    view = seen(made, [StartDates(), StaffOnly(), ContentGroups(), HideFromToc(), GradableCounts()])
    assert view.root.annotations == {"gradable": 1}
    assert len(view["problem", "p"].path) == 1501


def test_a_version_without_a_root_has_no_view() -> None:
    with pytest.raises(BlockNotFound, match="no root"):
        view_of(course({"chapter/a": None}))
