"""Merging: what authors choose, edit info, and the check of what comes of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from modulestore.errors import InvalidCourse, InvalidInput
from modulestore.keys import BlockKey
from modulestore.model.changes import compare
from modulestore.model.merging import (
    ConflictItem,
    MergeOutcome,
    apply_merge,
    merge,
)
from modulestore.model.merging.outcome import MergedBlock, require_well_formed
from modulestore.model.merging.placing import Placing
from modulestore.model.merging.versions import Versions
from modulestore.model.structure import BlockRecord, EditInfo, Structure
from tests.model.forks import (
    BOX,
    NEW,
    OTHER,
    adding,
    all_of,
    conflict,
    deleting,
    forked,
    made,
    merged,
    moving,
    nothing,
    outline,
    setting,
    unlinking,
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
    Fork,
    MutableCourse,
    carried_out,
    meaning,
    revision_of,
)
from tests.structures import NOW, version

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
