"""Differences as people and programs read them."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from modulestore.errors import BlockNotFound, DefinitionNotFound
from modulestore.keys import BlockKey
from modulestore.model.changes import ABSENT, compare
from modulestore.model.diff import ChildrenChange, Diff, FieldChange, Move, apply, diff, needed_definitions
from modulestore.model.structure import EditInfo, Structure
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
    MutableBlock,
    meaning,
    revision_of,
    start,
)
from tests.structures import structure, version

NEW = BlockKey("html", "new")


def versions() -> tuple[Structure, Structure, Contents]:
    """A course before and after a day's work."""
    contents: Contents = {}
    before = start()
    before.blocks[H0].settings = {"display_name": "Old", "weight": None}
    before.assets["asset", "a.png"] = {"locked": False}
    after = before.edited([])
    after.blocks[H0].settings = {"display_name": "New", "due": "soon"}
    after.blocks[H1].content["data"] = "new text"
    after.blocks[H1].asides["tags"] = 1
    after.blocks[H2].saved = 1
    after.blocks[U1].defaults["weight"] = 2
    after.blocks[ROOT].children = [U2, U0]
    after.blocks[U0].children = [H0, U1, NEW]
    after.blocks[U2].children = []
    after.blocks[NEW] = MutableBlock(settings={"display_name": "Brand new"}, content={"data": "x"})
    after.blocks.pop(BlockKey("html", "detached"))
    after.blocks[ROOT].children.append(U3)
    after.assets["asset", "a.png"] = {"locked": True}
    return before.structure(1, contents), after.structure(2, contents), contents


def test_what_a_days_work_comes_to() -> None:
    before, after, contents = versions()
    change = diff(before, after, contents)
    assert [block.key for block in change.added] == [NEW]
    assert change.added[0].parents == (U0,)
    assert [block.key for block in change.removed] == [BlockKey("html", "detached")]
    assert set(change.moved) == {Move(U1, (ROOT,), (U0,)), Move(U3, (U0, U2), (ROOT,))}
    assert change.reordered == (ChildrenChange(ROOT, (U0, U2), (U2, U0)),)
    assert set(map(str, change.changed)) == set(
        map(
            str,
            [
                FieldChange(H0, "display_name", "Old", "New"),
                FieldChange(H0, "due", ABSENT, "soon"),
                FieldChange(H0, "weight", None, ABSENT),
                FieldChange(H1, "content.data", "h1", "new text"),
                FieldChange(H1, "asides.tags", ABSENT, {"aside_type": "tags", "fields": {"on": 1}}),
                FieldChange(U1, "defaults.weight", ABSENT, 2),
            ],
        )
    ), "the same content saved again is no change"


def test_as_json() -> None:
    before, after, contents = versions()
    shown = json.loads(json.dumps(diff(before, after, contents).as_json()))
    assert list(shown) == ["added", "removed", "moved", "reordered", "changed", "assets"]
    assert shown["added"][0]["key"] == "html/new"
    assert shown["added"][0]["title"] == "Brand new"
    assert {"key": "unit/u1", "from": ["course/course"], "to": ["unit/u0"]} in shown["moved"]
    assert {"key": "html/h0", "field": "weight", "from": None, "to": None, "unset": ["to"]} in shown[
        "changed"
    ]
    assert shown["assets"][0]["name"] == "a.png"
    assert shown["assets"][0]["to"]["locked"] is True


def test_applied_it_makes_the_second_version() -> None:
    before, after, contents = versions()
    revision = revision_of(before)
    apply(diff(before, after, contents), revision, contents)
    assert meaning(revision.structure(), {**contents, **revision.definitions}) == meaning(after, contents)
    (definition,) = revision.definitions.values()
    assert definition.fields == {"data": "new text"}
    assert definition.previous_version == before.definitions[before.position(H1) or 0]


def test_applied_to_another_version_it_changes_what_it_says() -> None:
    before, after, contents = versions()
    elsewhere = start()
    elsewhere.blocks[H1].content = {"data": "other", "markdown": "kept"}
    elsewhere.blocks[H0].settings = {"kept": 1}
    revision = revision_of(elsewhere.structure(5, contents))
    change = diff(before, after, contents)
    apply(Diff(changed=change.changed), revision, contents)
    made = meaning(revision.structure(), {**contents, **revision.definitions})
    assert made["html/h1"]["content"] == repr([("data", "new text"), ("markdown", "kept")])
    assert made["html/h0"]["settings"] == repr([("display_name", "New"), ("due", "soon"), ("kept", 1)])


def test_what_a_removed_block_held_elsewhere_too_is_moved() -> None:
    contents: Contents = {}
    after = start()
    after.blocks[ROOT].children.remove(U0)
    for key in (U0, H0):
        after.blocks.pop(key)
    change = diff(start().structure(1, contents), after.structure(2, contents), contents)
    assert change.moved == (Move(U3, (U0, U2), (U2,)),)


def test_two_differences_one_after_the_other() -> None:
    contents: Contents = {}
    middle, last = start(), start()
    middle.blocks[H0].content = {"data": "middle"}
    last.blocks[H0].content = {"data": "last", "markdown": "new"}
    one, two, three = (course.structure(at, contents) for at, course in enumerate((start(), middle, last), 1))
    revision = revision_of(one)
    apply(diff(one, two, contents), revision, contents)
    apply(diff(two, three, contents), revision, {})
    assert meaning(revision.structure(), {**contents, **revision.definitions}) == meaning(three, contents)


def test_blocks_that_are_put_say_when_they_changed() -> None:
    before, after, contents = versions()
    at = after.position(NEW)
    assert at is not None
    info = EditInfo(
        version(5), version(6), version(7), original_usage="lib", original_usage_version=version(8)
    )
    records = [after.record(position) for position in range(len(after))]
    records[at] = replace(records[at], edit_info=info)
    after = Structure.of(after.header, records, assets=after.assets)
    revision = revision_of(before)
    apply(diff(before, after, contents), revision, contents)
    new, old = revision.get(NEW), revision.get(H0)
    assert new is not None
    assert old is not None
    assert new.edit_info == EditInfo(
        None, revision.version, None, revision.now, revision.author, "lib", version(8)
    )
    assert old.edit_info.previous_version == before.id


def test_only_definitions_that_differ_are_needed() -> None:
    before, after, _ = versions()
    needed = needed_definitions(before, after)
    pairs = [
        structure.definitions[structure.position(key) or 0]
        for structure in (before, after)
        for key in (H1, H2)
    ]
    assert needed == set(pairs)
    assert needed_definitions(before, after, changes=compare(before, after)) == needed
    with pytest.raises(DefinitionNotFound, match="html/h"):
        diff(before, after, {})


def test_a_change_of_a_block_that_is_not_there() -> None:
    before, after, contents = versions()
    change = diff(before, after, contents)
    revision = revision_of(structure({"course/course": []}))
    with pytest.raises(BlockNotFound, match="html/h0"):
        apply(Diff(changed=change.changed), revision, contents)


def test_no_difference() -> None:
    before, _, contents = versions()
    assert not diff(before, before, {})
    assert not Diff()
    again = start()
    again.blocks[H2].saved = 2
    assert not diff(start().structure(1, contents), again.structure(2, contents), contents)
