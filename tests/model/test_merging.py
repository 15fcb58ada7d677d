"""The rules of merging, one by one, as an author would expect them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest

from modulestore.errors import DefinitionNotFound, InvalidCourse, InvalidInput
from modulestore.keys import BlockKey
from modulestore.model.changes import compare
from modulestore.model.merging import (
    ConflictItem,
    MergeOutcome,
    MergeResult,
    apply_merge,
    merge,
    needed_definitions,
)
from modulestore.model.merging.outcome import MergedBlock, require_well_formed
from modulestore.model.merging.placing import Placing
from modulestore.model.merging.sequences import merged_sequence
from modulestore.model.merging.versions import Versions
from modulestore.model.structure import BlockRecord, EditInfo, Structure
from tests.model.generated import (
    H0,
    H1,
    H2,
    ROOT,
    U0,
    U1,
    U2,
    U3,
    Contents,
    Fork,
    MutableBlock,
    MutableCourse,
    carried_out,
    meaning,
    revision_of,
    start,
)
from tests.structures import NOW, version

# course: u0 (u3 (h2), h0), u1 (h1), u2 (u3 again); and a detached block

NEW = BlockKey("html", "new")
OTHER = BlockKey("html", "other")
BOX = BlockKey("unit", "box")

Work = Callable[[MutableCourse], object]


def forked(theirs: Work, mine: Work, base: Work = lambda course: None) -> Fork:
    """What two authors made of the course."""
    contents: Contents = {}
    before = start()
    base(before)
    courses = [before.edited([]) for _ in range(2)]
    theirs(courses[0])
    mine(courses[1])
    versions = [course.structure(at, contents) for at, course in enumerate((before, *courses), 1)]
    return Fork(versions[0], versions[1], versions[2], contents)


def merged(fork: Fork, **choices: str) -> MergeResult:
    return merge(fork.base, fork.theirs, fork.mine, fork.contents, choices=choices)


def made(fork: Fork, choice: str | None = None) -> dict[str, Any]:
    """What comes of it, with one side having all conflicts if that is said."""
    choices = {item.id: choice for item in merged(fork).conflicts} if choice else {}
    result = merge(fork.base, fork.theirs, fork.mine, fork.contents, choices=choices)
    assert result.conflicts == ()
    return meaning(*carried_out(result, fork.theirs, fork.contents))


def outline(fork: Fork, choice: str | None = None) -> dict[str, list[str]]:
    """Who has which children, of blocks that have some; a detached block by itself."""
    said = made(fork, choice)
    return {name.split("/")[1]: block["children"] for name, block in said.items() if block["children"]}


def conflict(fork: Fork) -> ConflictItem:
    (item,) = merged(fork).conflicts
    return item


def shown(item: ConflictItem) -> tuple[Any, ...]:
    return item.kind.value, item.key, item.field, item.base, item.theirs, item.mine, item.absent


# --- what an author does


def setting(key: BlockKey, name: str, value: Any) -> Work:
    return lambda course: course.blocks[key].settings.update({name: value})


def unsetting(key: BlockKey, name: str) -> Work:
    return lambda course: course.blocks[key].settings.pop(name)


def writing(key: BlockKey, name: str, value: Any) -> Work:
    return lambda course: course.blocks[key].content.update({name: value})


def adding(key: BlockKey, parent: BlockKey, index: int = -1, data: str = "new") -> Work:
    def work(course: MutableCourse) -> None:
        course.blocks[key] = MutableBlock(content={"data": data})
        course.put(key, parent, index)

    return work


def moving(key: BlockKey, parent: BlockKey, index: int = -1) -> Work:
    def work(course: MutableCourse) -> None:
        for old in course.parents(key):
            course.blocks[old].children.remove(key)
        course.put(key, parent, index)

    return work


def unlinking(key: BlockKey, parent: BlockKey) -> Work:
    return lambda course: course.blocks[parent].children.remove(key)


def ordering(key: BlockKey, *children: BlockKey) -> Work:
    def work(course: MutableCourse) -> None:
        course.blocks[key].children[:] = children

    return work


def deleting(key: BlockKey) -> Work:
    def work(course: MutableCourse) -> None:
        for parent in course.parents(key):
            course.blocks[parent].children.remove(key)
        gone = [key]
        while gone:
            gone += [child for child in course.blocks.pop(gone.pop()).children if not course.parents(child)]

    return work


def aside(key: BlockKey, kind: str, value: Any) -> Work:
    return lambda course: course.blocks[key].asides.update({kind: value})


def asset(name: str, **attributes: Any) -> Work:
    return lambda course: course.assets.update({("asset", name): attributes})


def nothing(course: MutableCourse) -> None:
    """Leave it as it is."""


def all_of(*works: Work) -> Work:
    def work(course: MutableCourse) -> None:
        for one in works:
            one(course)

    return work


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


# --- choices


def test_each_conflict_has_its_own_choice() -> None:
    fork = forked(
        all_of(setting(H0, "s0", 1), setting(H1, "s0", 1)), all_of(setting(H0, "s0", 2), setting(H1, "s0", 2))
    )
    first, second = merged(fork).conflicts
    assert merged(fork, **{first.id: "mine"}).conflicts == (second,)
    result = merged(fork, **{first.id: "mine", second.id: "theirs"})
    said = meaning(*carried_out(result, fork.theirs, fork.contents))
    assert said["html/h0"]["settings"] == repr([("s0", 2)])
    assert said["html/h1"]["settings"] == repr([("s0", 1)])
    assert result.decided == (first, second)


def chosen(fork: Fork, choices: Mapping[BlockKey, str]) -> dict[str, list[str]]:
    """The outline that comes of choices by block."""
    ids = {item.id: choices[item.key] for item in merged(fork).conflicts}
    said = meaning(*carried_out(merged(fork, **ids), fork.theirs, fork.contents))
    return {name.split("/")[1]: block["children"] for name, block in said.items() if block["children"]}


@pytest.mark.parametrize("elsewhere", ["theirs", "mine"])
def test_what_is_chosen_for_moves_into_each_other_does_not_hang_on_other_choices(elsewhere: str) -> None:
    fork = forked(all_of(moving(U1, U2), setting(H0, "s0", 1)), all_of(moving(U2, U1), setting(H0, "s0", 2)))
    assert chosen(fork, {U1: "mine", H0: elsewhere})["u1"] == ["h1", "u2"]
    assert chosen(fork, {U1: "theirs", H0: elsewhere})["u2"] == ["u3", "u1"]


@pytest.mark.parametrize("elsewhere", ["theirs", "mine"])
def test_what_theirs_moved_into_a_deleted_block_goes_back_if_mine_has_the_say(elsewhere: str) -> None:
    fork = forked(all_of(moving(H1, U0), setting(H2, "s0", 1)), all_of(deleting(U0), setting(H2, "s0", 2)))
    assert chosen(fork, {U0: "mine", H2: elsewhere}) == {
        "course": ["u1", "u2"],
        "u1": ["h1"],
        "u2": ["u3"],
        "u3": ["h2"],
    }


def test_choices_that_do_not_go_together_lose_nothing_that_is_wanted() -> None:
    """H0 goes to where mine has it, in a new block in U1; U1 is deleted: it comes back, without the rest."""
    fork = forked(
        all_of(moving(H0, U2), deleting(U1)),
        all_of(adding(BOX, U1), moving(H0, BOX)),
    )
    assert chosen(fork, {H0: "mine", U1: "theirs"}) == {
        "course": ["u0", "u1", "u2"],
        "u0": ["u3"],
        "u1": ["box"],
        "u2": ["u3"],
        "u3": ["h2"],
        "box": ["h0"],
    }


def test_a_cycle_that_only_a_choice_makes_is_undone() -> None:
    """U3 goes to where theirs has it, in U0; but mine moved U0 into U3."""
    fork = forked(
        all_of(unlinking(U3, U2), lambda course: course.put(U3, U1, -1)),
        all_of(adding(BOX, ROOT), moving(U3, BOX), moving(U0, U3)),
    )
    expected = {"course": ["u0", "u1", "u2", "box"], "u0": ["u3", "h0"], "u1": ["h1", "u3"], "u3": ["h2"]}
    assert conflict(fork).kind == "moved"
    assert outline(fork, "theirs") == expected
    assert outline(fork.swapped, "mine") == expected, "who has everything else has this too"


def test_mine_wins_in_conflicts_only() -> None:
    fork = forked(all_of(setting(H0, "s0", 1), setting(H1, "x", 1)), setting(H0, "s0", 2))
    said = made(fork, "mine")
    assert said["html/h0"]["settings"] == repr([("s0", 2)])
    assert said["html/h1"]["settings"] == repr([("s0", 0), ("x", 1)])


def test_bad_choices() -> None:
    fork = forked(setting(H0, "s0", 1), setting(H0, "s0", 2))
    with pytest.raises(InvalidInput, match="no conflict item 123"):
        merged(fork, **{"123": "mine"})
    with pytest.raises(InvalidInput, match="theirs or mine"):
        merged(fork, **{conflict(fork).id: "both"})
    with pytest.raises(InvalidInput, match="conflicts"):
        apply_merge(merged(fork), revision_of(fork.theirs))
    with pytest.raises(InvalidInput, match="not a conflict item"):
        ConflictItem.from_json({"kind": "field"})


def test_the_id_of_an_item_says_where_it_is_and_nothing_else() -> None:
    one = conflict(forked(setting(H0, "s0", 1), setting(H0, "s0", 2)))
    later = conflict(forked(setting(H0, "s0", 3), setting(H0, "s0", 2)))
    elsewhere = conflict(forked(setting(H1, "s0", 1), setting(H1, "s0", 2)))
    assert one.id == later.id == "d09137e92162", "stored conflicts are resolved by it in other processes"
    assert one.id != elsewhere.id


# --- edit info


def test_edit_info_is_of_the_new_version() -> None:
    fork = forked(setting(H0, "x", 1), all_of(setting(H0, "y", 1), adding(NEW, U1)))
    structure, _ = carried_out(merged(fork), fork.theirs, fork.contents)
    infos = {key: structure.data.edit_info(structure.position(key) or 0) for key in (H0, H1, NEW)}
    assert infos[H0] == EditInfo(fork.theirs.id, structure.id, None, NOW, 8)
    assert infos[NEW] == EditInfo(None, structure.id, None, NOW, 8)
    assert (
        infos[H1].update_version == fork.theirs.data.edit_info(fork.theirs.position(H1) or 0).update_version
    )


def test_a_block_that_comes_back_follows_what_the_branch_had() -> None:
    fork = forked(deleting(U1), setting(H1, "x", 1))
    result = merged(fork, **{conflict(fork).id: "mine"})
    structure, _ = carried_out(result, fork.theirs, fork.contents)
    info = structure.data.edit_info(structure.position(H1) or 0)
    assert info == EditInfo(fork.base.id, structure.id, None, NOW, 8)


def test_which_library_block_it_copies_comes_along_with_the_values() -> None:
    fork = forked(setting(H0, "x", 1), all_of(setting(H0, "y", 1), adding(NEW, U1)))
    records = [fork.mine.record(at) for at in range(len(fork.mine))]
    info = EditInfo(
        version(3), version(3), None, NOW, 3, "lib-block-v1:Org+Lib+type@html+block@h", version(77)
    )
    copies = [replace(record, edit_info=info) if record.key in (H0, NEW) else record for record in records]
    mine = Structure.of(fork.mine.header, copies)
    result = merge(fork.base, fork.theirs, mine, fork.contents)
    structure, _ = carried_out(result, fork.theirs, fork.contents)
    for key in (H0, NEW):
        made = structure.data.edit_info(structure.position(key) or 0)
        assert (made.original_usage, made.original_usage_version) == (info.original_usage, version(77))
        assert made.update_version == structure.id


# --- damaged courses and the check at the end


def test_damage_that_was_there_stays_as_it_is() -> None:
    def damage(course: MutableCourse) -> None:
        course.blocks[U1].children.append(BlockKey("html", "gone"))
        course.blocks[U2].children.append(U2)

    fork = forked(adding(NEW, U1, 0), all_of(adding(OTHER, U1), moving(H0, U2)), damage)
    assert outline(fork)["u1"] == ["new", "h1", "gone", "other"]
    assert outline(fork)["u2"] == ["u3", "u2", "h0"]


def test_what_a_merge_makes_is_checked_before_it_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    fork = forked(deleting(U0), moving(H1, U0))
    choices = {conflict(fork).id: "theirs"}
    monkeypatch.setattr(Placing, "settle", lambda self, fallback: None)
    with pytest.raises(InvalidCourse, match="html/h1 has no parent"):
        merged(fork, **choices)


def test_versions_of_two_courses_do_not_merge() -> None:
    fork = forked(nothing, nothing)
    header = fork.mine.header._replace(root=U0)
    other = Structure.of(header, [fork.mine.record(at) for at in range(len(fork.mine))])
    with pytest.raises(InvalidInput, match="different roots"):
        merge(fork.base, fork.theirs, other, {})


@pytest.mark.parametrize(
    ("blocks", "removed", "message"),
    [
        ({}, [ROOT], "the root is missing"),
        ({}, [H0], "html/h0 is missing below unit/u0"),
        ({U1: [H1, NEW]}, [], "html/new is missing below unit/u1"),
        ({U1: []}, [], "html/h1 has no parent"),
        ({NEW: []}, [], "html/new has no parent"),
        ({ROOT: [U0, U2], U1: [H1, U2], U2: [U1, U3]}, [], "unit/u1, unit/u2 are in each other"),
    ],
)
def test_a_damaged_outcome_is_not_let_through(
    blocks: Mapping[BlockKey, list[BlockKey]], removed: list[BlockKey], message: str
) -> None:
    fork = forked(nothing, adding(NEW, U0))
    changes = (compare(fork.base, fork.theirs), compare(fork.base, fork.mine))
    versions = Versions(fork.base, fork.theirs, fork.mine, changes)
    put = tuple(MergedBlock(BlockRecord(key, version(1), children)) for key, children in blocks.items())
    with pytest.raises(InvalidCourse, match=message):
        require_well_formed(versions, MergeOutcome(put, tuple(removed), None))
