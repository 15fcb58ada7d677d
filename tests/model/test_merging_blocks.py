"""The rules of merging, as an author would expect them: deleted and new blocks."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from tests.model.forks import (
    BOX,
    NEW,
    OTHER,
    Work,
    adding,
    all_of,
    aside,
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
    meaning,
)

# --- deletions


def test_a_deletion_merges_with_everything_elsewhere() -> None:
    fork = forked(deleting(U1), all_of(setting(H0, "x", 1), adding(NEW, U0), ordering(ROOT, U2, U1, U0)))
    assert outline(fork)["course"] == ["u2", "u0"]
    assert "unit/u1" not in made(fork)
    assert "html/h1" not in made(fork)


def test_both_delete_the_same_and_more() -> None:
    said = made(forked(deleting(U1), all_of(deleting(H1), deleting(U2))))
    assert not {"unit/u1", "html/h1", "unit/u2"} & said.keys()


@pytest.mark.parametrize(
    ("work", "done", "comes_back"),
    [
        (setting(U0, "x", 1), {"edited": ["unit/u0"]}, ["h0"]),
        (setting(H0, "x", 1), {"edited": ["html/h0"]}, ["h0"]),
        (writing(H0, "data", "mine"), {"edited": ["html/h0"]}, ["h0"]),
        (aside(H0, "tags", 1), {"edited": ["html/h0"]}, ["h0"]),
        (adding(NEW, U0), {"added": ["html/new"]}, ["h0", "new"]),
        (moving(H1, U0), {"moved": ["html/h1"]}, ["h0", "h1"]),
        (
            all_of(setting(U0, "x", 1), adding(NEW, U0)),
            {"added": ["html/new"], "edited": ["unit/u0"]},
            ["h0", "new"],
        ),
    ],
)
def test_work_in_what_the_other_deleted(
    work: Work, done: Mapping[str, list[str]], comes_back: list[str]
) -> None:
    fork = forked(deleting(U0), work)
    assert shown(conflict(fork)) == ("deleted", U0, None, {}, None, done, ("theirs",))
    assert made(fork, "theirs") == meaning(fork.theirs, fork.contents)
    assert outline(fork, "mine")["u0"] == ["u3", *comes_back], "a shared block has its second place again"
    assert made(fork, "mine") == meaning(fork.mine, fork.contents)
    other = fork.swapped
    assert shown(conflict(other)) == ("deleted", U0, None, {}, done, None, ("mine",))
    assert made(other, "mine") == meaning(other.mine, other.contents)
    assert made(other, "theirs") == meaning(other.theirs, other.contents)


def test_work_in_two_blocks_below_a_deleted_one_is_one_conflict() -> None:
    fork = forked(
        all_of(deleting(U2), deleting(U0)), all_of(setting(H0, "x", 1), setting(H2, "x", 1), adding(NEW, U0))
    )
    keys = [item.key for item in merged(fork).conflicts]
    assert keys == [U0, U2], "h2 is below both"
    fork = forked(deleting(U0), all_of(setting(H0, "x", 1), adding(NEW, U0)))
    assert conflict(fork).mine == {"added": ["html/new"], "edited": ["html/h0"]}


def test_content_saved_again_without_change_does_not_hold_up_a_deletion() -> None:
    def save(course: MutableCourse) -> None:
        course.blocks[H0].saved = 1

    assert "html/h0" not in made(forked(deleting(H0), save))
    assert "html/h0" not in made(forked(save, deleting(H0)))


def test_another_order_in_what_the_other_deleted() -> None:
    fork = forked(deleting(U0), ordering(U0, H0, U3))
    assert shown(conflict(fork)) == ("deleted", U0, None, {}, None, {"edited": ["unit/u0"]}, ("theirs",))
    assert made(fork, "mine") == meaning(fork.mine, fork.contents)


def test_what_was_moved_into_a_new_block_below_a_deleted_one_is_of_that_conflict() -> None:
    fork = forked(deleting(U0), all_of(adding(BOX, U0), moving(H0, BOX)))
    item = conflict(fork)
    assert (item.key, item.mine) == (U0, {"added": ["unit/box"], "moved": ["html/h0"]})
    assert made(fork, "theirs") == meaning(fork.theirs, fork.contents)
    assert made(fork, "mine") == meaning(fork.mine, fork.contents)


def test_what_stands_below_a_new_block_below_a_deleted_one_comes_back_with_it() -> None:
    fork = forked(deleting(U0), all_of(adding(BOX, U0), moving(U3, BOX)), all_of(unlinking(U3, U2)))
    assert conflict(fork).key == U0
    assert outline(fork, "mine")["box"] == ["u3"]
    assert outline(fork, "mine")["u3"] == ["h2"]


def test_what_theirs_moved_out_is_not_back_where_it_was_when_that_comes_back() -> None:
    fork = forked(all_of(moving(H0, U1), deleting(U0)), setting(U0, "x", 1))
    assert conflict(fork).key == U0
    assert outline(fork, "mine")["u0"] == ["u3"]
    assert outline(fork, "mine")["u1"] == ["h1", "h0"]


def test_what_was_moved_out_of_a_deleted_block_stays() -> None:
    fork = forked(all_of(moving(H0, U1), deleting(U0)), setting(H0, "x", 1))
    assert outline(fork) == {"course": ["u1", "u2"], "u1": ["h1", "h0"], "u2": ["u3"], "u3": ["h2"]}
    assert made(fork)["html/h0"]["settings"] == repr([("s0", 0), ("x", 1)])


def test_what_the_other_moved_out_of_a_deleted_block_is_a_conflict_of_itself() -> None:
    fork = forked(deleting(U0), moving(H0, U1))
    assert shown(conflict(fork)) == ("deleted", H0, None, {}, None, {"moved": ["html/h0"]}, ("theirs",))
    assert outline(fork, "mine")["u1"] == ["h1", "h0"]
    assert "u0" not in outline(fork, "mine"), "nobody wants it back"
    assert made(fork, "theirs") == meaning(fork.theirs, fork.contents)


def test_a_deletion_that_wins_leaves_what_was_moved_in_where_theirs_has_it() -> None:
    fork = forked(deleting(U0), moving(H1, U0))
    assert outline(fork, "theirs")["u1"] == ["h1"]


def test_a_place_that_is_needed_again_comes_back() -> None:
    """Mine moved a block and deleted where it was; theirs deleted where it went, and has the say."""
    fork = forked(deleting(U0), all_of(moving(H1, U0), deleting(U1)))
    assert outline(fork, "theirs")["course"] == ["u1", "u2"]
    assert outline(fork, "theirs")["u1"] == ["h1"]


# --- new blocks


def test_new_blocks_of_both() -> None:
    fork = forked(adding(NEW, U1), adding(OTHER, U1))
    assert outline(fork)["u1"] == ["h1", "new", "other"]


def test_one_new_block_added_alike() -> None:
    fork = forked(adding(NEW, U1), adding(NEW, U1))
    assert made(fork) == meaning(fork.mine, fork.contents)


def test_one_id_for_two_new_blocks() -> None:
    fork = forked(
        all_of(adding(NEW, U1, data="theirs"), setting(NEW, "x", 1), setting(NEW, "y", 1)),
        all_of(adding(NEW, U2, data="mine"), setting(NEW, "x", 2), setting(NEW, "z", 1)),
    )
    assert [shown(item) for item in merged(fork).conflicts] == [
        ("added", NEW, "content.data", None, "theirs", "mine", ("base",)),
        ("added", NEW, "parents", None, ["unit/u1"], ["unit/u2"], ("base",)),
        ("added", NEW, "x", None, 1, 2, ("base",)),
    ]
    said = made(fork, "mine")
    assert said["html/new"]["content"] == repr([("data", "mine")])
    assert said["html/new"]["settings"] == repr([("x", 2), ("y", 1), ("z", 1)])
    assert outline(fork, "mine")["u2"] == ["u3", "new"]
    assert outline(fork, "mine")["u1"] == ["h1"]


def test_one_new_parent_with_children_of_both() -> None:
    fork = forked(all_of(adding(BOX, ROOT), adding(NEW, BOX)), all_of(adding(BOX, ROOT), adding(OTHER, BOX)))
    assert outline(fork)["box"] == ["new", "other"]
    boxes = [all_of(adding(BOX, ROOT), moving(H0, BOX), moving(H1, BOX, at)) for at in (0, 1)]
    assert shown(conflict(forked(*boxes)))[:3] == ("added", BOX, "children")
    assert outline(forked(*boxes), "mine")["box"] == ["h0", "h1"]
