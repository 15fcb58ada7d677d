"""The rules of merging, as an author would expect them: fields, places and orders."""

from __future__ import annotations

from typing import Any

import pytest

from modulestore.errors import DefinitionNotFound
from modulestore.keys import BlockKey
from modulestore.model.merging import (
    MergeOutcome,
    merge,
    needed_definitions,
)
from modulestore.model.merging.sequences import merged_sequence
from tests.model.forks import (
    NEW,
    Work,
    adding,
    all_of,
    aside,
    asset,
    conflict,
    deleting,
    forked,
    made,
    merged,
    moving,
    ordering,
    outline,
    setting,
    shown,
    unlinking,
    unsetting,
    writing,
)
from tests.model.generated import (
    H0,
    H1,
    H2,
    ROOT,
    U0,
    U1,
    U2,
    U3,
    MutableCourse,
    carried_out,
    meaning,
)
from tests.structures import NOW

# --- fields


def test_two_fields_of_one_block_merge() -> None:
    fork = forked(setting(H0, "weight", 2), all_of(setting(H0, "due", "soon"), unsetting(H0, "s0")))
    assert made(fork)["html/h0"]["settings"] == repr([("due", "soon"), ("weight", 2)])


def test_the_same_value_from_both_is_no_conflict() -> None:
    fork = forked(setting(H0, "weight", 2), setting(H0, "weight", 2))
    assert made(fork)["html/h0"]["settings"] == repr([("s0", 0), ("weight", 2)])


@pytest.mark.parametrize(
    ("theirs", "mine", "expected"),
    [
        (setting(H0, "s0", 1), setting(H0, "s0", 2), ("field", H0, "s0", 0, 1, 2, ())),
        (setting(H0, "s0", 1), setting(H0, "s0", True), ("field", H0, "s0", 0, 1, True, ())),
        (setting(H0, "s0", 1), unsetting(H0, "s0"), ("field", H0, "s0", 0, 1, None, ("mine",))),
        (setting(H0, "s0", 1), setting(H0, "s0", None), ("field", H0, "s0", 0, 1, None, ())),
        (setting(H0, "x", NOW), setting(H0, "x", 1), ("field", H0, "x", None, NOW.isoformat(), 1, ("base",))),
        (
            writing(H0, "data", "a"),
            writing(H0, "data", "b"),
            ("field", H0, "content.data", "h0", "a", "b", ()),
        ),
        (
            lambda course: course.blocks[H0].defaults.update(x=1),
            lambda course: course.blocks[H0].defaults.update(x=2),
            ("field", H0, "defaults.x", None, 1, 2, ("base",)),
        ),
        (
            aside(H0, "tags", 1),
            aside(H0, "tags", 2),
            (
                "aside",
                H0,
                "asides.tags",
                None,
                {"aside_type": "tags", "fields": {"on": 1}},
                {"aside_type": "tags", "fields": {"on": 2}},
                ("base",),
            ),
        ),
        (
            asset("a", locked=True),
            asset("a", locked=False),
            (
                "asset",
                ROOT,
                "assets.asset/a",
                None,
                {"filename": "a", "locked": True},
                {"filename": "a", "locked": False},
                ("base",),
            ),
        ),
    ],
)
def test_one_thing_set_differently(theirs: Work, mine: Work, expected: tuple[Any, ...]) -> None:
    fork = forked(theirs, mine)
    assert shown(conflict(fork)) == expected
    assert made(fork, "theirs") == meaning(fork.theirs, fork.contents)
    assert made(fork, "mine") == meaning(fork.mine, fork.contents)


def test_content_merges_field_by_field_into_a_new_definition_after_theirs() -> None:
    fork = forked(writing(H0, "data", "their text"), writing(H0, "markdown", "my text"))
    assert made(fork)["html/h0"]["content"] == repr([("data", "their text"), ("markdown", "my text")])
    result = merged(fork)
    assert result.outcome is not None
    (block,) = result.outcome.blocks
    assert block.content is not None
    at = fork.theirs.position(H0)
    assert at is not None
    assert block.content.follows.id == fork.theirs.definitions[at]
    assert needed_definitions(fork.base, fork.theirs, fork.mine) == {
        side.definitions[side.position(H0) or 0] for side in (fork.base, fork.theirs, fork.mine)
    }
    with pytest.raises(DefinitionNotFound, match="html/h0"):
        merge(fork.base, fork.theirs, fork.mine, {})


def test_content_that_one_side_wrote_keeps_its_definition() -> None:
    fork = forked(setting(H0, "weight", 2), writing(H0, "data", "my text"))
    assert needed_definitions(fork.base, fork.theirs, fork.mine) == set()
    result = merge(fork.base, fork.theirs, fork.mine, {})
    assert result.outcome is not None
    (block,) = result.outcome.blocks
    assert block.content is None
    assert block.record.definition == fork.mine.definitions[fork.mine.position(H0) or 0]


def test_the_same_content_saved_twice_is_theirs() -> None:
    def mine(course: MutableCourse) -> None:
        course.blocks[H0].content["data"] = "both"
        course.blocks[H0].saved = 1

    result = merged(forked(writing(H0, "data", "both"), mine))
    assert result.outcome == MergeOutcome((), (), None)


def test_different_asides_and_assets_merge() -> None:
    both = forked(
        all_of(aside(H0, "a", 1), asset("x", locked=True)),
        all_of(aside(H0, "b", 2), asset("w", locked=False)),
    )
    said = made(both)
    assert said["html/h0"]["asides"] == repr([("a", {"on": 1}), ("b", {"on": 2})])
    structure, _ = carried_out(merged(both), both.theirs, both.contents)
    assert structure.assets is not None
    assert [entry["filename"] for entry in structure.assets["asset"]] == ["w", "x"]


# --- places


def test_a_move_merges_with_an_edit_inside_and_with_an_edit_of_the_moved() -> None:
    fork = forked(moving(U3, U1), all_of(setting(H2, "weight", 2), setting(U3, "x", 1), adding(NEW, U3)))
    said = made(fork)
    assert outline(fork) == {
        "course": ["u0", "u1", "u2"],
        "u0": ["h0"],
        "u1": ["h1", "u3"],
        "u3": ["h2", "new"],
    }
    assert said["html/h2"]["settings"] == repr([("s0", 0), ("weight", 2)])
    assert said["unit/u3"]["settings"] == repr([("x", 1)])


def test_a_move_merges_with_changes_of_both_lists() -> None:
    fork = forked(moving(H0, U1, 0), all_of(adding(NEW, U1), deleting(U3)))
    assert outline(fork) == {"course": ["u0", "u1", "u2"], "u1": ["h0", "h1", "new"]}


def test_the_same_move_by_both() -> None:
    assert outline(forked(moving(H0, U1), moving(H0, U1)))["u1"] == ["h1", "h0"]
    # To different places of one list: the first counts.
    assert outline(forked(moving(H0, U1), moving(H0, U1, 0)))["u1"] == ["h0", "h1"]


def test_what_is_left_without_children_keeps_an_empty_list() -> None:
    fork = forked(setting(U1, "x", 1), moving(H1, U2))
    structure, _ = carried_out(merged(fork), fork.theirs, fork.contents)
    assert structure.child_keys(structure.position(U1) or 0) == ()


def test_moves_to_different_parents() -> None:
    fork = forked(moving(H0, U1), moving(H0, U2))
    assert shown(conflict(fork)) == ("moved", H0, "parents", ["unit/u0"], ["unit/u1"], ["unit/u2"], ())
    assert made(fork, "theirs") == meaning(fork.theirs, fork.contents)
    assert made(fork, "mine") == meaning(fork.mine, fork.contents)


def test_a_second_place_merges_with_a_move() -> None:
    fork = forked(lambda course: course.put(H0, U2, -1), moving(H0, U1))
    assert outline(fork)["u1"] == ["h1", "h0"]
    assert outline(fork)["u2"] == ["u3", "h0"]
    assert outline(fork)["u0"] == ["u3"]


def test_one_side_gives_a_further_place_to_what_both_moved_alike() -> None:
    fork = forked(moving(H0, U1), all_of(moving(H0, U1), lambda course: course.put(H0, U2, -1)))
    assert made(fork) == meaning(fork.mine, fork.contents)


def test_moves_of_two_blocks_into_each_other() -> None:
    fork = forked(moving(U1, U2), moving(U2, U1))
    item = conflict(fork)
    assert shown(item) == (
        "cycle",
        U1,
        "parents",
        {"unit/u1": ["course/course"], "unit/u2": ["course/course"]},
        {"unit/u1": ["unit/u2"], "unit/u2": ["course/course"]},
        {"unit/u1": ["course/course"], "unit/u2": ["unit/u1"]},
        (),
    )
    assert made(fork, "theirs") == meaning(fork.theirs, fork.contents)
    assert made(fork, "mine") == meaning(fork.mine, fork.contents)


def test_two_places_of_a_block_each_taken_by_one_side() -> None:
    fork = forked(unlinking(U3, U0), unlinking(U3, U2))
    assert shown(conflict(fork)) == (
        "moved",
        U3,
        "parents",
        ["unit/u0", "unit/u2"],
        ["unit/u2"],
        ["unit/u0"],
        (),
    )
    assert made(fork, "mine") == meaning(fork.mine, fork.contents)


def test_the_last_places_of_a_shared_block_deleted_by_one_side_each() -> None:
    """Neither author deleted it: it comes back with what it was in."""
    fork = forked(deleting(U0), deleting(U2))
    assert conflict(fork).key == U3
    assert outline(fork, "theirs") == {"course": ["u1", "u2"], "u1": ["h1"], "u2": ["u3"], "u3": ["h2"]}
    assert outline(fork, "mine") == {"course": ["u0", "u1"], "u0": ["u3"], "u1": ["h1"], "u3": ["h2"]}


# --- orders


def a_list(*names: str) -> list[BlockKey]:
    return [BlockKey(*name.split("/")) if "/" in name else BlockKey("html", name) for name in names]


@pytest.mark.parametrize(
    ("base", "theirs", "mine", "expected"),
    [
        ("ab", "axb", "aby", "axby"),
        ("ab", "axb", "ayb", "axyb"),
        ("ab", "ayb", "axb", "axyb"),
        ("ab", "abzx", "aby", "abyzx"),  # each side's own order stays
        ("ab", "axyb", "axyb", "axyb"),
        ("ab", "ayxb", "ayxb", "ayxb"),
        ("ab", "axyb", "ayxb", "axyb"),  # both put the same, each in its order: by (type, id)
        ("ab", "axyzb", "aywb", "axywzb"),
        ("abc", "cab", "abc", "cab"),
        ("abc", "cab", "abxc", "cabx"),
        ("abc", "cab", "cab", "cab"),
        ("abc", "bc", "acxb", "cxb"),
        ("", "x", "a", "ax"),
        ("abc", "", "abc", ""),
        ("ab", "xab", "aby", "xaby"),
    ],
)
def test_lists_merge_as_sequences(base: str, theirs: str, mine: str, expected: str) -> None:
    kept = (set(theirs) & set(mine)) | (set(theirs) - set(base)) | (set(mine) - set(base))
    before, one, other, members = (a_list(*text) for text in (base, theirs, mine, sorted(kept)))
    result = merged_sequence(before, one, other, members, prefer_mine=None)
    assert "".join(key.id for key in result) == expected
    assert merged_sequence(before, other, one, members, prefer_mine=None) == result


def test_a_choice_of_order_holds_for_what_is_left_of_a_list() -> None:
    base, theirs, mine = a_list(*"abc"), a_list(*"cab"), a_list(*"bac")
    for prefer_mine, expected in ((False, "ab"), (True, "ba")):
        result = merged_sequence(base, theirs, mine, a_list("a", "b"), prefer_mine=prefer_mine)
        assert result == a_list(*expected)


def test_insertions_into_one_gap_are_ordered_by_type_first() -> None:
    result = merged_sequence(
        [], a_list("html/z"), a_list("video/a"), a_list("html/z", "video/a"), prefer_mine=None
    )
    assert result == a_list("html/z", "video/a")


def test_eight_authors_add_a_block_each_in_any_order() -> None:
    base = a_list("a", "b")
    for authors in ("hgfedcxy", "xyhcgdfe", "cdefghxy"):
        head = base
        for name in authors:
            members = {*head, *a_list(name)}
            head = merged_sequence(base, head, [*base, *a_list(name)], members, prefer_mine=None)
        assert "".join(key.id for key in head) == "abcdefghxy"


def test_a_reordering_merges_with_an_insertion() -> None:
    fork = forked(ordering(ROOT, U2, U0, U1), adding(NEW, ROOT, 1))
    assert outline(fork)["course"] == ["u2", "u0", "new", "u1"]


def test_two_reorderings_of_one_list() -> None:
    fork = forked(ordering(ROOT, U2, U0, U1), ordering(ROOT, U1, U0, U2))
    assert shown(conflict(fork)) == (
        "order",
        ROOT,
        "children",
        ["unit/u0", "unit/u1", "unit/u2"],
        ["unit/u2", "unit/u0", "unit/u1"],
        ["unit/u1", "unit/u0", "unit/u2"],
        (),
    )
    assert outline(fork, "theirs")["course"] == ["u2", "u0", "u1"]
    assert outline(fork, "mine")["course"] == ["u1", "u0", "u2"]
