"""Comparing two versions: what counts as a difference, and that it is cheap."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import bson
import pytest

from modulestore.formats.v1 import decode_structure, encode_structure
from modulestore.model.changes import ABSENT, Aspect, Changes, compare, json_value
from modulestore.model.comparing import same_value
from modulestore.model.structure import BlockRecord, EditInfo, Structure
from tests.model.generated import revision_of
from tests.structures import NOW, TREE, block_key, structure, version

V1 = block_key("video/v1")


def changed(before: Structure, name: str, **values: Any) -> Structure:
    """The version with other values of one block, made from it."""
    revision = revision_of(before)
    record = revision.get(block_key(name))
    assert record is not None
    revision.put(replace(record, **values))
    return revision.structure()


def apart(version: Structure) -> Structure:
    """The same version, sharing nothing with this one in memory."""
    return decode_structure(encode_structure(version))


@pytest.mark.parametrize(
    ("values", "aspect"),
    [
        ({"settings": {"weight": 2}}, Aspect.SETTINGS),
        ({"settings": {"display_name": None}}, Aspect.SETTINGS),
        ({"defaults": {"weight": 2}}, Aspect.DEFAULTS),
        ({"asides": [{"aside_type": "tags", "fields": {}}]}, Aspect.ASIDES),
        ({"definition": version(7)}, Aspect.DEFINITION),
        ({"children": [block_key("html/h")]}, Aspect.CHILDREN),
        ({"children": [block_key("html/gone")]}, Aspect.CHILDREN),
        ({"settings": {"weight": 2}, "definition": version(7)}, Aspect.SETTINGS | Aspect.DEFINITION),
    ],
)
def test_one_block_that_differs(values: Mapping[str, Any], aspect: Aspect) -> None:
    before = structure(TREE)
    after = changed(before, "video/v1", **values)
    expected = Changes(changed={V1: aspect})
    assert compare(before, after) == compare(apart(before), apart(after)) == expected
    assert compare(after, before) == compare(apart(after), apart(before)) == expected


@pytest.mark.parametrize(
    "values",
    [
        {"edit_info": EditInfo(version(9), version(8), version(7), NOW, 6, "lib", version(5))},
        {"children": []},
        {"settings": {}, "defaults": {}, "asides": []},
    ],
)
def test_what_is_no_difference(values: Mapping[str, Any]) -> None:
    before = structure(TREE)
    after = changed(before, "video/v1", **values)
    assert not compare(before, after)
    assert not compare(apart(before), apart(after))


def test_the_order_of_asides_and_of_stored_blocks_is_no_difference() -> None:
    asides = [{"aside_type": "a", "fields": {"x": 1}}, {"aside_type": "b", "fields": {}}]
    before = changed(structure(TREE), "html/h", asides=asides)
    records = [before.record(at) for at in range(len(before))]
    backwards = Structure.of(
        before.header,
        [replace(record, asides=list(record.asides)[::-1]) for record in reversed(records)],
    )
    assert not compare(before, backwards)
    assert not compare(backwards, apart(before))


def test_blocks_that_only_one_has() -> None:
    before = structure(TREE)
    revision = revision_of(before)
    revision.remove(V1)
    unit = revision.get(block_key("vertical/u"))
    assert unit is not None
    revision.put(replace(unit, children=[block_key("html/h"), block_key("html/new")]))
    revision.put(BlockRecord(block_key("html/new"), version(5)))
    after = revision.structure()
    there = Changes((block_key("html/new"),), (V1,), {block_key("vertical/u"): Aspect.CHILDREN})
    back = Changes((V1,), (block_key("html/new"),), {block_key("vertical/u"): Aspect.CHILDREN})
    assert compare(before, after) == compare(apart(before), apart(after)) == there
    assert compare(after, before) == compare(apart(after), apart(before)) == back


def test_a_child_that_comes_to_be_there_changes_no_list() -> None:
    missing = structure({"course/course": ["html/a", "html/b"], "html/b": None})
    there = structure({"course/course": ["html/a", "html/b"], "html/a": None, "html/b": None})
    assert compare(missing, there).added == (block_key("html/a"),)
    assert block_key("course/course") not in compare(missing, there).changed
    assert compare(there, missing).removed == (block_key("html/a"),)


def test_children_that_are_missing_from_both() -> None:
    one, other = (structure({"course/course": [f"html/{name}"]}) for name in ("a", "b"))
    assert compare(one, other).changed == {block_key("course/course"): Aspect.CHILDREN}


def test_two_versions_that_changed_one_block_of_the_same() -> None:
    base = structure(TREE)
    one, other = (changed(base, "video/v1", settings={"weight": weight}) for weight in (1, 2))
    assert compare(one, other).changed == {V1: Aspect.SETTINGS}


def test_asset_metadata() -> None:
    def with_assets(assets: Any) -> Structure:
        plain = structure({"course/course": []})
        return Structure.of(plain.header, [plain.record(0)], assets=assets)

    one = with_assets({"asset": [{"filename": "a", "locked": True, "edit_info": {"edited_by": 1}}]})
    same = with_assets({"asset": [{"filename": "a", "locked": True, "edit_info": {"edited_by": 2}}]})
    other = with_assets({"asset": [{"filename": "a", "locked": 1}], "image": [{"filename": "b"}]})
    assert not compare(one, same)
    assert not compare(with_assets(None), with_assets({"asset": []}))
    assert compare(one, other).assets == (("asset", "a"), ("image", "b"))
    assert compare(one, with_assets(None)).assets == (("asset", "a"),)


def test_values_are_the_same_when_they_are_stored_the_same() -> None:
    nan = float("nan")
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    same = [
        ([1, "a"], (1, "a")),
        ({"a": [1]}, {"a": (1,)}),
        (nan, float("nan")),
        (moment, moment.replace()),
        (bson.Int64(3), 3),
    ]
    different = [
        (1, True),
        (1, 1.0),
        (0, False),
        (None, ABSENT),
        ([1], [True]),
        ("1", 1),
        ({}, []),
        ({"a": 1}, {"b": 1}),
    ]
    assert all(same_value(a, b) and same_value(b, a) for a, b in same)
    assert not any(same_value(a, b) or same_value(b, a) for a, b in different)


def test_values_for_people() -> None:
    value = {
        "due": datetime(2026, 1, 1, tzinfo=UTC),
        "ref": V1,
        "id": version(1),
        "x": float("inf"),
        "n": None,
    }
    assert json_value(value) == {
        "due": "2026-01-01T00:00:00+00:00",
        "ref": ["video", "v1"],
        "id": "000000000000000000000001",
        "x": "inf",
        "n": None,
    }
    assert json_value(ABSENT) is None


def large(blocks: int) -> Structure:
    units = [f"vertical/{at}" for at in range(blocks // 10)]
    tree = {"course/course": units}
    for at, unit in enumerate(units):
        tree[unit] = [f"html/{at}-{child}" for child in range(9)]
        tree.update({child: [] for child in tree[unit]})
    settings = {name: {"display_name": name, "weight": 1.0, "due": NOW, "tags": ["a"]} for name in tree}
    return structure(tree, settings=settings)


def test_comparing_courses_that_share_nothing() -> None:
    before = large(4000)
    one, other = apart(before), apart(changed(before, "html/7-7", settings={"weight": 2.0}))
    assert list(compare(one, other).changed) == [block_key("html/7-7")]


def test_shared_blocks_are_not_looked_into() -> None:
    class Unreadable:
        def settings(self, position: int, /) -> Mapping[str, Any]:
            raise AssertionError("looked into a shared block")

        defaults = asides = edit_info = settings

    base = structure(TREE)
    base.data = Unreadable()  # type: ignore[assignment]
    record = structure(TREE).record(6)
    revision, other = revision_of(base), revision_of(base)
    for version_ in (revision, other):
        version_.put(replace(record, settings={"weight": 1}))
        version_.put(replace(record, key=block_key("video/new")))
    assert compare(revision.structure(), revision.structure()) == Changes()
    assert not compare(revision.structure(), other.structure())
