"""What a cache gives may be anything. Whatever is accepted of it can be used."""

from __future__ import annotations

import copy
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modulestore.model.views import (
    BLOCKS,
    BlockTable,
    Collector,
    ContentGroups,
    CourseView,
    EffectiveField,
    GradableCounts,
    HideFromToc,
    OwnField,
    StaffOnly,
    StartDates,
    Transformers,
    User,
    needed_collectors,
    transform,
)
from modulestore.model.views.columns import ABSENT, column, is_column, value_at
from tests.model.views.made import TODAY, collected, shared

EVERYTHING: Transformers = [StartDates(), StaffOnly(), ContentGroups(), HideFromToc(), GradableCounts()]
COLLECTORS: list[Collector] = [BLOCKS, *needed_collectors(EVERYTHING), EffectiveField("due")]
MADE = shared(
    {
        "chapter/a": {"graded": True, "due": TODAY, "days_early_for_beta": 1.5},
        "sequential/a": {"group_access": {"50": [1], "51": [1, 2]}, "hide_from_toc": True},
        "vertical/own": {"start": TODAY, "visible_to_staff_only": True},
    }
)
NAMES = [one.name for one in COLLECTORS]
GOOD: dict[str, Any] = {one.name: collected(MADE, one, 9) for one in COLLECTORS}
TESTER = User(datetime(2002, 1, 1, tzinfo=UTC), groups={50: 1}, is_beta_tester=True)

leaves = (
    st.none()
    | st.booleans()
    | st.integers(-3, 12)
    | st.sampled_from([2**64, 1.5, float("nan"), "", "vertical", b"\xff", TODAY])
)
junk = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)


@st.composite
def spoilt(draw: st.DrawFn, good: Any) -> Any:
    """The same data with something else in one place, or something less, or twice."""
    box = [copy.deepcopy(good)]
    holder: Any = box
    where: Any = 0
    while isinstance(holder[where], list | dict) and holder[where] and draw(st.integers(0, 4)):
        holder = holder[where]
        where = draw(st.sampled_from(sorted(holder) if isinstance(holder, dict) else range(len(holder))))
    change = draw(st.sampled_from(["replace", "remove", "repeat"]))
    if change == "replace" or holder is box or isinstance(holder, dict):
        holder[where] = draw(junk)
    elif change == "remove":
        del holder[where]
    else:
        holder.insert(where, holder[where])
    return box[0]


def use(data: dict[str, Any]) -> None:
    """All that views do with data."""
    view = CourseView(MADE.key, None, MADE.version, BlockTable(data[BLOCKS.name]), data)
    for user in (TESTER, User(TODAY, is_staff=True)):
        shown = transform(view, EVERYTHING, user)
        for block in view.blocks():
            assert (block.key, block.display_name, block.path, block.children, repr(block)) is not None
            block.get("due")
        assert len(list(shown.blocks())) == len(shown)
        assert [view[block.key] for block in view.blocks()]


def test_what_is_good_is_used() -> None:
    use(GOOD)


@pytest.mark.parametrize("collector", COLLECTORS, ids=NAMES)
@given(data=st.data())
def test_what_is_accepted_can_be_used(collector: Collector, data: st.DataObject) -> None:
    bad: Any = data.draw(st.one_of(spoilt(GOOD[collector.name]), junk))
    spoilt_data = {**GOOD, collector.name: bad}
    if collector.accepts(bad, 9):
        size = len(bad["ids"]) if collector is BLOCKS else 9
        if size == 9:  # otherwise all else would not be accepted
            use(spoilt_data)
    else:
        assert repr(bad) != repr(GOOD[collector.name])


@pytest.mark.parametrize("collector", COLLECTORS[1:], ids=NAMES[1:])
def test_data_of_another_size_are_not_accepted(collector: Collector) -> None:
    assert not collector.accepts(GOOD[collector.name], 8)
    assert not collector.accepts(GOOD[collector.name], 10)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda good: good["children"].__setitem__(0, [9]),
        lambda good: good["children"].__setitem__(0, [-1]),
        lambda good: good["children"].__setitem__(0, [True]),
        lambda good: good["children"].__setitem__(0, None),
        lambda good: good["ids"].__setitem__(0, None),
        lambda good: good["names"].__setitem__(0, b"name"),
        lambda good: good["names"].pop(),
        lambda good: good["types"][1].__setitem__(0, None),
        lambda good: good["types"][0].__setitem__(0, 1),
        lambda good: good.pop("ids"),
        lambda good: good.update(more=[]),
        lambda good: good.update(ids=[], names=[], children=[], types=[[], []]),
    ],
)
def test_blocks_that_cannot_be_are_not_accepted(spoil: Any) -> None:
    data = copy.deepcopy(GOOD[BLOCKS.name])
    assert BLOCKS.accepts(data, 0)
    spoil(data)
    assert not BLOCKS.accepts(data, 0)


def test_a_column_tells_values_apart_that_are_equal() -> None:
    values = [1, True, 1.0, ABSENT, None, [1], [True], {"a": 1}, ABSENT, 1]
    data = column(values)
    assert is_column(data, len(values))
    missing = object()
    found = [value_at(data, at, missing) for at in range(len(values))]
    assert [repr(value) for value in found if value is not missing] == [
        repr(value) for value in values if value is not ABSENT
    ]
    assert [value is missing for value in found] == [value is ABSENT for value in values]
    assert len(data[0]) == 7


def test_a_column_of_a_kind_has_a_value_for_every_block() -> None:
    assert is_column(column([True, False]), 2, bool)
    assert not is_column(column([True, 1]), 2, bool)
    assert not is_column(column([True, ABSENT]), 2, bool)
    assert is_column(column([]), 0, bool)
    assert OwnField("due").accepts(column([ABSENT]), 1)
