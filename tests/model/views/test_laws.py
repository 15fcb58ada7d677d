"""What users see of random courses is what every path from the root, taken by itself, says."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from modulestore.keys import BlockKey
from modulestore.model.course import Course
from modulestore.model.views import (
    BlockFilter,
    ContentGroups,
    CourseView,
    GradableCounts,
    HideFromToc,
    OwnField,
    StaffOnly,
    StartDates,
    Transformer,
    User,
    ViewBlock,
    transform,
)
from tests.model.views import plain
from tests.model.views.made import LONG_AGO, TODAY, seen, view_of
from tests.structures import course

NAMES = ["course/course", *(f"{'problem' if at > 4 else 'vertical'}/b{at}" for at in range(1, 8))]
FILTERS: list[BlockFilter] = [StartDates(), StaffOnly(), ContentGroups()]
EVERYTHING: list[BlockFilter | Transformer] = [*FILTERS, HideFromToc(), GradableCounts()]

dates: st.SearchStrategy[datetime] = st.integers(-2, 2).map(lambda days: TODAY + timedelta(days=days))
accesses = st.dictionaries(st.sampled_from(["1", "2"]), st.lists(st.integers(0, 2), max_size=3), max_size=2)
settings = st.fixed_dictionaries(
    {},
    optional={
        "start": dates,
        "visible_to_staff_only": st.booleans(),
        "group_access": accesses,
        "hide_from_toc": st.booleans(),
        "graded": st.booleans(),
        "days_early_for_beta": st.sampled_from([0, 1, 2.5]),
        "weight": st.sampled_from([0, 1.0, None]),
    },
)
users = st.builds(
    User,
    now=st.integers(-3, 3).map(lambda days: TODAY + timedelta(days=days)),
    is_staff=st.integers(0, 9).map(lambda number: number == 0),
    groups=st.dictionaries(st.integers(1, 2), st.integers(0, 2)),
)


@st.composite
def courses(draw: st.DrawFn, *, damaged: bool = False) -> Course:
    """A course in which blocks have any number of parents; a damaged one goes round in circles as well."""
    children: dict[str, Sequence[str] | None] = {}
    for at, name in enumerate(NAMES):
        others = NAMES if damaged else NAMES[at + 1 :]
        children[name] = draw(st.lists(st.sampled_from(others), unique=True, max_size=4)) if others else None
    chosen: dict[str, Mapping[str, Any]] = {name: draw(settings) for name in NAMES}
    if draw(st.integers(0, 4)):  # mostly one in which there is something to see
        chosen[NAMES[0]] = {"start": LONG_AGO, "graded": True}
    return course(children, settings=chosen)


def keys(view: CourseView) -> set[BlockKey]:
    return {block.block_key for block in view.blocks()}


def annotated(view: CourseView, name: str) -> dict[BlockKey, Any]:
    return {block.block_key: block.annotations[name] for block in view.blocks() if name in block.annotations}


@given(courses(), users)
def test_a_block_is_seen_if_there_is_a_good_path_to_it(made: Course, user: User) -> None:
    good: list[tuple[BlockFilter, Callable[..., bool]]] = [
        (StartDates(), plain.all_started),
        (StaffOnly(), plain.no_staff_block),
        (ContentGroups(), plain.all_groups),
    ]
    for one, of_path in good:
        assert keys(seen(made, [one], user)) == plain.reached(made, partial(of_path, user=user))
    together = plain.reached(made, lambda path: all(of_path(path, user) for _, of_path in good))
    assert keys(seen(made, FILTERS, user)) == together


@given(courses(damaged=True), users)
def test_so_it_is_in_courses_that_go_round_in_circles(made: Course, user: User) -> None:
    expected = plain.reached(
        made, lambda path: plain.no_staff_block(path, user) and plain.all_groups(path, user)
    )
    assert keys(seen(made, [StaffOnly(), ContentGroups()], user)) == expected
    transform(view_of(made, EVERYTHING), EVERYTHING, user)


@given(courses(), users)
def test_dates_are_merged_down_all_paths(made: Course, user: User) -> None:
    (start, _) = StartDates.collectors
    for block in view_of(made, FILTERS).blocks():
        assert block.collected(start) == plain.merged_start(made, made[block.block_key])
    tester = User(user.now, is_beta_tester=True)
    assert keys(seen(made, [StartDates()], tester)) == plain.started_for_testers(made, tester)


@given(courses(), users)
def test_an_outline_leaves_out_what_only_hidden_blocks_lead_to(made: Course, user: User) -> None:
    view = seen(made, [StaffOnly(), HideFromToc()], user)
    shown = plain.reached(made, lambda path: plain.in_toc(path) and plain.no_staff_block(path, user))
    assert annotated(view, "hidden_from_toc").keys() == keys(view) - shown


@given(courses(), users)
def test_counts_are_of_what_is_seen_each_once(made: Course, user: User) -> None:
    view = seen(made, [*FILTERS, GradableCounts()], user)
    visible = keys(view)
    gradable = {
        block.block_key
        for block in made.blocks("problem")
        if block.get("graded") and block.get("weight") != 0
    }
    expected = {key: len(plain.below(made, visible, key) & gradable) for key in visible}
    assert annotated(view, "gradable") == expected


@given(courses(damaged=True), users)
def test_doing_it_again_changes_nothing(made: Course, user: User) -> None:
    once = transform(view_of(made, EVERYTHING), EVERYTHING, user)
    again = transform(once, EVERYTHING, user)
    assert list(again.positions) == list(once.positions)
    assert again.annotations == once.annotations


@given(courses(damaged=True), users, st.permutations(EVERYTHING))
def test_the_order_of_filters_does_not_matter(
    made: Course, user: User, order: list[BlockFilter | Transformer]
) -> None:
    first, second = seen(made, EVERYTHING, user), seen(made, order, user)
    assert list(first.positions) == list(second.positions)
    assert first.annotations == second.annotations
    one_by_one = view_of(made, EVERYTHING)
    for one in order:
        if isinstance(one, BlockFilter):
            one_by_one = transform(one_by_one, [one], user)
    assert list(one_by_one.positions) == list(first.positions)


@given(courses(damaged=True), st.sets(st.sampled_from(NAMES)))
def test_a_filtered_view_is_a_course_without_these_blocks(made: Course, gone: set[str]) -> None:
    def keep(block: ViewBlock) -> bool:
        return f"{block.type}/{block.id}" not in gone

    view = view_of(made).filtered(keep)
    order = list(made.walk(prune=lambda block: f"{block.type}/{block.id}" in gone))
    assert [block.block_key for block in view.blocks()] == [block.block_key for block in order]
    there = set(order)
    for block in order:
        same = view[block.block_key]
        assert [one.block_key for one in same.children] == [
            one.block_key for one in block.children if one in there
        ]
        parents = {one.block_key for one in block.parents if one in there}
        assert {one.block_key for one in same.parents} == parents
        if block.block_key != ("course", "course"):
            assert same.parent is not None
            assert same.parent.block_key == min(parents)


@given(courses(damaged=True))
def test_what_blocks_set_themselves_is_told_apart_from_nothing(made: Course) -> None:
    view = view_of(made)
    field = OwnField("weight")
    data = field.collect(made)
    assert field.accepts(data, len(view))
    missing = object()
    both = CourseView(made.key, None, made.version, view.table, {field.name: data})
    for block in both.blocks():
        own = made[block.block_key].settings.get("weight", missing)
        found = block.collected(field, missing)
        assert (found is missing) == (own is missing)
        assert own is missing or repr(found) == repr(own)
