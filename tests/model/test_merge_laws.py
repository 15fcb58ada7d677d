"""What holds for every comparison and every merge, tried on random courses and edits."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modulestore.errors import InvalidInput
from modulestore.keys import BlockKey
from modulestore.model.changes import ABSENT, asides_by_type, assets_by_name, compare, same_asset
from modulestore.model.comparing import same_value
from modulestore.model.diff import apply, diff
from modulestore.model.diff import needed_definitions as needed_by_diff
from modulestore.model.merging import ConflictItem, ConflictKind, MergeResult, Side, merge, needed_definitions
from modulestore.model.structure import Structure
from tests.model.generated import (
    Contents,
    Fork,
    carried_out,
    edits,
    faults,
    fork,
    forks,
    meaning,
    revision_of,
)

often = settings(max_examples=200, deadline=None)


def merged(fork: Fork, **choices: Any) -> MergeResult:
    """The merge, with the definitions that it says it needs and no others."""
    needed = needed_definitions(fork.base, fork.theirs, fork.mine)
    contents = {key: fork.contents[key] for key in needed}
    return merge(fork.base, fork.theirs, fork.mine, contents, **choices)


def outcome_of(fork: Fork, result: MergeResult) -> tuple[Structure, Contents]:
    return carried_out(result, fork.theirs, fork.contents)


def meaning_of(fork: Fork, result: MergeResult) -> dict[str, Any]:
    return meaning(*outcome_of(fork, result))


@often
@given(forks)
def test_what_one_side_did_alone_is_what_comes_of_it(fork: Fork) -> None:
    for side in (fork.theirs, fork.mine):
        said = meaning(side, fork.contents)
        ahead = Fork(fork.base, side, fork.base, fork.contents)
        assert meaning_of(ahead, merged(ahead)) == said
        behind = Fork(fork.base, fork.base, side, fork.contents)
        assert meaning_of(behind, merged(behind)) == said


@often
@given(forks)
def test_what_both_did_alike_changes_nothing(fork: Fork) -> None:
    alike = Fork(fork.base, fork.mine, fork.mine, fork.contents)
    result = merged(alike)
    assert meaning_of(alike, result) == meaning(fork.mine, fork.contents)
    assert result.outcome is not None
    assert (result.outcome.blocks, result.outcome.removed) == ((), ())
    assert result.outcome.assets is alike.theirs.assets, "no version for nothing"


@often
@given(forks)
def test_nobody_is_favoured(fork: Fork) -> None:
    one, other = merged(fork), merged(fork.swapped)
    assert {item.id: item for item in one.conflicts} == {item.id: swapped(item) for item in other.conflicts}
    if not one.conflicts:
        assert meaning_of(fork, one) == meaning_of(fork.swapped, other)


def swapped(item: ConflictItem) -> ConflictItem:
    names = {"base": "base", "theirs": "mine", "mine": "theirs"}
    absent = {names[name] for name in item.absent}
    return replace(
        item, theirs=item.mine, mine=item.theirs, absent=tuple(name for name in names if name in absent)
    )


@often
@given(forks)
def test_without_conflict_every_change_is_there(fork: Fork) -> None:
    result = merged(fork)
    if result.conflicts:
        return
    structure, contents = outcome_of(fork, result)
    assert faults(structure, fork.theirs, fork.mine) == []
    for side in (fork.theirs, fork.mine):
        change = diff(fork.base, side, fork.contents)
        for block in change.added:
            assert structure.position(block.key) is not None
        for block in change.removed:
            assert structure.position(block.key) is None
        for item in change.changed:
            if side.position(item.key) is not None and structure.position(item.key) is not None:
                assert same_value(value_of(structure, contents, item.key, item.field), item.after)
        for move in change.moved:
            at = structure.position(move.key)
            if at is not None:
                parents = {structure.key(up) for up in structure.outline.parents[at]}
                there = {key for key in move.after if structure.position(key) is not None}
                assert there - set(move.before) <= parents
                assert not (set(move.before) - set(move.after)) & parents
        for asset in change.assets:
            entry = assets_by_name(structure).get((asset.asset_type, asset.filename), ABSENT)
            assert same_asset(entry, asset.after)


def value_of(structure: Structure, contents: Contents, key: BlockKey, name: str) -> Any:
    at = structure.position(key)
    assert at is not None
    record = structure.record(at)
    scope, _, inner = name.partition(".")
    if not inner:
        return record.settings.get(name, ABSENT)
    scopes: dict[str, Any] = {
        "content": contents[record.definition].fields,
        "defaults": record.defaults,
        "asides": asides_by_type(record.asides),
    }
    return scopes[scope].get(inner, ABSENT)


@often
@given(forks, st.randoms(use_true_random=False))
def test_any_choices_make_a_sound_course(fork: Fork, random: Any) -> None:
    conflicts = merged(fork).conflicts
    choices = {item.id: random.choice([*Side]) for item in conflicts}
    result = merged(fork, choices=choices)
    assert result.conflicts == ()
    assert {item.id for item in result.decided} == choices.keys()
    structure, contents = outcome_of(fork, result)
    assert faults(structure, fork.theirs, fork.mine) == []
    for item in conflicts:
        if item.kind in (ConflictKind.FIELD, ConflictKind.ASIDE) and structure.position(item.key) is not None:
            assert item.field is not None
            side = fork.theirs if choices[item.id] is Side.THEIRS else fork.mine
            expected = value_of(side, fork.contents, item.key, item.field)
            assert same_value(value_of(structure, contents, item.key, item.field), expected)


@often
@given(forks)
def test_a_side_can_have_all_conflicts(fork: Fork) -> None:
    conflicts = merged(fork).conflicts
    for side, structure in ((Side.THEIRS, fork.theirs), (Side.MINE, fork.mine)):
        result = merged(fork, choices={item.id: side for item in conflicts})
        made, _ = outcome_of(fork, result)
        assert faults(made, fork.theirs, fork.mine) == []
        for item in conflicts:
            at, wanted = made.position(item.key), structure.position(item.key)
            if item.kind is ConflictKind.DELETED:
                assert (at is None) == (wanted is None)
            if item.kind is ConflictKind.MOVED and at is not None and wanted is not None:
                parents = {made.key(up) for up in made.outline.parents[at]}
                there = {structure.key(up) for up in structure.outline.parents[wanted]}
                assert parents <= there


@often
@given(forks)
def test_some_choices_leave_the_other_conflicts(fork: Fork) -> None:
    conflicts = merged(fork).conflicts
    if not conflicts:
        return
    result = merged(fork, choices={conflicts[0].id: "mine"})
    assert result.conflicts == conflicts[1:]
    assert (result.outcome is None) == bool(conflicts[1:])
    with pytest.raises(InvalidInput):
        merged(fork, choices={"0123456789ab": "mine"})


@often
@given(forks)
def test_conflicts_go_through_json(fork: Fork) -> None:
    conflicts = merged(fork).conflicts
    assert len({item.id for item in conflicts}) == len(conflicts)
    for item in conflicts:
        assert ConflictItem.from_json(json.loads(json.dumps(item.as_json()))) == item


@often
@given(forks)
def test_a_difference_applied_makes_the_other(fork: Fork) -> None:
    for a, b in ((fork.base, fork.mine), (fork.mine, fork.base), (fork.theirs, fork.mine)):
        contents = {key: fork.contents[key] for key in needed_by_diff(a, b)}
        change = diff(a, b, contents)
        json.dumps(change.as_json())
        revision = revision_of(a)
        apply(change, revision, contents)
        made = revision.structure()
        assert meaning(made, {**fork.contents, **revision.definitions}) == meaning(b, fork.contents)
        assert bool(change) == (meaning(a, fork.contents) != meaning(b, fork.contents))


@often
@given(edits(8), edits(8))
def test_what_is_compared_fast_is_compared_rightly(first: Any, second: Any) -> None:
    """A version derived from another shares most of it in memory; decoded separately it shares nothing."""
    apart = fork(first, second, [])
    revision = revision_of(apart.base)
    apply(diff(apart.base, apart.theirs, apart.contents), revision, apart.contents)
    derived = revision.structure()
    contents = {**apart.contents, **revision.definitions}
    slow = Structure.of(
        derived.header, [derived.record(at) for at in range(len(derived))], assets=derived.assets
    )
    assert compare(apart.base, derived) == compare(apart.base, slow)
    assert not compare(derived, slow)
    assert not diff(derived, apart.theirs, contents)
