"""Which value a field has, and where it comes from: the platform's order of precedence, one test per step."""

from __future__ import annotations

from datetime import UTC, datetime

from modulestore.keys import BlockKey
from modulestore.model.inheritance import Origin, Resolved, resolve
from tests.structures import TREE, course, structure


def test_own_value_goes_first_even_if_it_is_the_default_or_null() -> None:
    snapshot = course(
        TREE,
        settings={
            "course/course": {"graded": True, "due": "x"},
            "vertical/u": {"graded": False, "due": None},
        },
    )
    assert snapshot["video", "v1"].resolve("graded") == Resolved(
        False, Origin.ANCESTOR, BlockKey("vertical", "u")
    )
    assert snapshot["vertical", "u"].resolve("due") == Resolved(None, Origin.BLOCK, BlockKey("vertical", "u"))


def test_content_goes_before_ancestors() -> None:
    tree = structure(TREE, settings={"course/course": {"max_attempts": 3}})
    at = tree.position(("video", "v1"))
    assert at is not None
    found = resolve(tree, at, "max_attempts", {"max_attempts": 5})
    assert found == Resolved(5, Origin.CONTENT, BlockKey("video", "v1"))


def test_the_nearest_ancestor_that_sets_it() -> None:
    snapshot = course(TREE, settings={"course/course": {"due": 1}, "sequential/s": {"due": 2}})
    assert snapshot["html", "h"].resolve("due") == Resolved(2, Origin.ANCESTOR, BlockKey("sequential", "s"))
    assert snapshot["chapter", "a"].get("due") == 1


def test_only_inheritable_fields_are_inherited() -> None:
    snapshot = course(TREE, settings={"course/course": {"display_name": "A course", "weight": 2.0}})
    assert snapshot["video", "v1"].get("weight") is None
    assert snapshot["video", "v1"].get("weight", "mine") == "mine"
    assert snapshot["video", "v1"].display_name == "v1"


def test_of_several_parents_the_last_in_stored_order_counts() -> None:
    snapshot = course(TREE, settings={"chapter/b": {"due": "b"}, "sequential/s": {"due": "s"}})
    assert snapshot["vertical", "shared"].get("due") == "s"


def test_a_template_value_yields_to_an_ancestor() -> None:
    snapshot = course(
        TREE,
        settings={"course/course": {"max_attempts": 1}},
        defaults={"video/v1": {"max_attempts": 9, "weight": 4.0}},
    )
    assert snapshot["video", "v1"].resolve("max_attempts") == Resolved(
        1, Origin.ANCESTOR, BlockKey("course", "course")
    )
    assert snapshot["video", "v1"].resolve("weight") == Resolved(4.0, Origin.TEMPLATE)


def test_but_not_right_under_a_library_content_block() -> None:
    snapshot = course(
        {
            "course/course": ["library_content/l"],
            "library_content/l": ["problem/p"],
            "problem/p": ["problem/deep"],
            "problem/deep": None,
        },
        settings={"course/course": {"max_attempts": 1}},
        defaults={"problem/p": {"max_attempts": 9}, "problem/deep": {"max_attempts": 8}},
    )
    assert snapshot["problem", "p"].resolve("max_attempts") == Resolved(9, Origin.TEMPLATE)
    assert snapshot["problem", "deep"].get("max_attempts") == 1


def test_defaults_of_the_field() -> None:
    snapshot = course(TREE)
    assert snapshot["video", "v1"].resolve("start") == Resolved(
        datetime(2030, 1, 1, tzinfo=UTC), Origin.DEFAULT
    )
    assert snapshot.root.get("showanswer") == "finished"
    assert snapshot["video", "v1"].resolve("no such field") is None


def test_all_that_apply() -> None:
    snapshot = course(TREE, settings={"course/course": {"due": 1}, "video/v1": {"odd one": 2}})
    applying = snapshot["video", "v1"].effective()
    assert list(applying) == sorted(applying)
    assert applying["odd one"].origin is Origin.BLOCK
    assert applying["due"].origin is Origin.ANCESTOR
    assert applying["graded"] == Resolved(False, Origin.DEFAULT)
    assert "download_video" in applying
