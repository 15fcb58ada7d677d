"""The snapshot: index, orders, parents, paths."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modulestore.errors import BlockNotFound, InvalidKey
from modulestore.keys import BlockKey, CourseKey
from modulestore.model.course import Block, Course
from tests.structures import KEY, TREE, block_key, course, structure


def names(blocks: object) -> list[str]:
    return [f"{block.type}/{block.id}" for block in blocks]  # type: ignore[attr-defined]


def test_blocks_come_in_document_order_each_once() -> None:
    assert names(course(TREE).blocks()) == [
        "course/course",
        "chapter/a",
        "sequential/s",
        "vertical/u",
        "video/v1",
        "html/h",
        "vertical/shared",
        "video/v2",
        "chapter/b",
    ]


def test_blocks_of_a_type() -> None:
    assert names(course(TREE).blocks("video")) == ["video/v1", "video/v2"]
    assert names(course(TREE).blocks("static_tab")) == ["static_tab/t1", "static_tab/t2"]
    assert names(course(TREE).blocks("nothing")) == []


def test_detached_and_orphans() -> None:
    assert names(course(TREE).detached) == ["static_tab/t1", "static_tab/t2"]
    assert names(course(TREE).orphans) == ["html/lost", "vertical/lost"]


def test_a_block_is_found_by_every_kind_of_key() -> None:
    snapshot = course(TREE)
    block = snapshot["block-v1:Org+Course+Run+type@video+block@v1"]
    assert block.key == KEY.usage("video", "v1")
    assert (
        snapshot[block.key] == snapshot["video", "v1"] == snapshot[BlockKey("video", "v1")] == snapshot[block]
    )
    assert snapshot["i4x://Org/Course/video/v1"] == block
    assert ("video", "v1") in snapshot
    assert ("video", "v9") not in snapshot
    assert "no key" not in snapshot
    assert 7 not in snapshot


def test_a_block_that_is_not_there() -> None:
    snapshot = course(TREE)
    with pytest.raises(BlockNotFound, match="video/v9"):
        snapshot["video", "v9"]
    with pytest.raises(BlockNotFound, match="another course"):
        snapshot[CourseKey("Org", "Course", "Other").usage("video", "v1")]
    with pytest.raises(InvalidKey):
        snapshot["video/v1"]


def test_parents_children_and_paths_in_a_graph() -> None:
    snapshot = course(TREE)
    shared = snapshot["vertical", "shared"]
    assert names(shared.parents) == ["chapter/b", "sequential/s"]
    # Of several parents the least by (type, id) stands for all.
    assert shared.parent == snapshot["chapter", "b"]
    assert names(snapshot["video", "v2"].path) == ["course/course", "chapter/b", "vertical/shared"]
    assert names(snapshot["vertical", "u"].children) == ["video/v1", "html/h"]
    assert snapshot.root.path == []
    assert snapshot.root.parent is None
    assert snapshot["html", "lost"].path == []
    assert snapshot["html", "lost"].parent is None
    assert names(snapshot["html", "lost"].parents) == ["vertical/lost"]


def test_walks() -> None:
    snapshot = course(TREE)
    assert names(snapshot.walk(("chapter", "b"), order="post")) == [
        "video/v2",
        "vertical/shared",
        "chapter/b",
    ]
    order = names(snapshot.walk(order="topological"))
    for parent, children in TREE.items():
        for child in children or ():
            if parent in order:
                assert order.index(parent) < order.index(child)
    pruned = names(snapshot.walk(prune=lambda block: block.id == "s"))
    assert pruned == ["course/course", "chapter/a", "chapter/b", "vertical/shared", "video/v2"]
    assert list(snapshot.walk(prune=lambda block: True)) == []
    with pytest.raises(BlockNotFound):
        snapshot.walk(("video", "v9"))


def test_a_walk_survives_cycles_and_children_that_are_not_there() -> None:
    snapshot = course(
        {
            "course/course": ["chapter/a", "chapter/gone"],
            "chapter/a": ["chapter/b"],
            "chapter/b": ["chapter/a"],
        }
    )
    assert names(snapshot.blocks()) == ["course/course", "chapter/a", "chapter/b"]
    assert names(snapshot.walk(order="post")) == ["chapter/b", "chapter/a", "course/course"]
    assert names(snapshot.root.children) == ["chapter/a"]
    assert snapshot.structure.child_keys(0) == (block_key("chapter/a"), block_key("chapter/gone"))
    assert names(snapshot["chapter", "b"].path) == ["chapter/a"], "a path ends where it would go round"
    assert snapshot["chapter", "b"].get("due") is None


def test_a_root_that_is_not_there() -> None:
    snapshot = Course(KEY, structure({"chapter/a": None}))
    assert list(snapshot.blocks()) == []
    with pytest.raises(BlockNotFound, match="no root"):
        _ = snapshot.root


def test_what_is_read_cannot_change_the_version() -> None:
    snapshot = course({"course/course": []}, settings={"course/course": {"tabs": [{"type": "wiki"}]}})
    snapshot.root.settings["tabs"][0]["type"] = "changed"
    snapshot.root.get("tabs").append(1)
    snapshot.root.effective()["tabs"].value.clear()
    assert snapshot.root.settings == {"tabs": [{"type": "wiki"}]}
    snapshot.root.get("user_partitions").append("into the default of all courses")
    assert snapshot.root.get("user_partitions") == []


def test_names_shown() -> None:
    snapshot = course(
        {"course/course": [], "html/a_b": None, "html/c": None},
        settings={"html/c": {"display_name": None}},
        defaults={"html/c": {"display_name": "from the library"}},
    )
    assert snapshot["html", "a_b"].display_name == "a b"
    assert snapshot["html", "c"].display_name == "from the library"


def test_equality_is_of_block_and_version() -> None:
    one, other = course(TREE), course(TREE)
    assert one.root == other.root
    assert len({one.root, other.root, one["video", "v1"]}) == 2
    assert one.root != Block(Course(CourseKey("Org", "Course", "Rerun"), one.structure), 0)
    assert one.root != "course"


graphs = st.integers(1, 12).flatmap(
    lambda size: st.lists(st.lists(st.integers(0, size + 1), max_size=4), min_size=size, max_size=size)
)


@given(graphs)
def test_orders_of_any_graph(graph: list[list[int]]) -> None:
    """Cycles, several parents, absent children: every order has the same blocks once, and keeps its law."""
    snapshot = course(
        {
            f"{'course' if at == 0 else 'vertical'}/{'course' if at == 0 else at}": [
                _name(child) for child in below
            ]
            for at, below in enumerate(graph)
        }
    )
    pre = list(snapshot.walk(order="pre"))
    post = list(snapshot.walk(order="post"))
    topological = list(snapshot.walk(order="topological"))
    assert set(pre) == set(post) == set(topological)
    assert len(pre) == len(set(pre)) == len(post) == len(topological)
    assert pre[0] == topological[0] == post[-1] == snapshot.root
    reached = {0}
    while grown := {child for at in reached for child in graph[at] if child < len(graph)} - reached:
        reached |= grown
    assert {block.id for block in pre} == {_name(at).split("/")[1] for at in reached}
    if not _has_cycle(graph):
        for block in topological:
            assert all(topological.index(child) > topological.index(block) for child in block.children)
            assert all(post.index(child) < post.index(block) for child in block.children)
    for block in pre:
        by_itself = snapshot[block]
        assert (by_itself.children, by_itself.parents) == (block.children, block.parents)
        path = [*block.path, block]
        assert all(low in high.children for high, low in pairwise(path))
        assert path[0] == snapshot.root or _has_cycle(graph)


def _name(at: int) -> str:
    return "course/course" if at == 0 else f"vertical/{at}"


def _has_cycle(graph: list[list[int]]) -> bool:
    def descend(at: int, above: frozenset[int]) -> bool:
        return at in above or any(descend(child, above | {at}) for child in graph[at] if child < len(graph))

    return any(descend(at, frozenset()) for at in range(len(graph)))
