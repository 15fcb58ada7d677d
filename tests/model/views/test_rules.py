"""The ready-made transformers, one rule at a time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from modulestore.errors import InvalidInput
from modulestore.model.views import (
    ContentGroups,
    GradableCounts,
    HideFromToc,
    StaffOnly,
    StartDates,
    User,
    ViewBlock,
    transform,
)
from tests.model.views.made import (
    ALL,
    LEARNER,
    LONG_AGO,
    NEXT_YEAR,
    SHARED,
    STAFF,
    TODAY,
    Settings,
    names,
    seen,
    shared,
    view_of,
)
from tests.structures import course

THROUGH_B = ["course/course", "chapter/b", "sequential/b", "vertical/shared", "problem/p"]


def without(*gone: str) -> list[str]:
    return [name for name in ALL if name not in gone]


# --- users


def test_a_user_looks_at_a_moment_with_a_time_zone() -> None:
    with pytest.raises(InvalidInput, match="time zone"):
        User(datetime(2026, 1, 1))  # noqa: DTZ001


# --- start dates


def started(settings: Settings, user: User = LEARNER) -> list[str]:
    return names(seen(shared(settings), [StartDates()], user))


def test_a_course_without_a_date_has_not_started() -> None:
    assert names(seen(course(SHARED), [StartDates()])) == []
    assert names(seen(course(SHARED), [StartDates()], User(datetime(2030, 1, 1, tzinfo=UTC)))) == ALL
    nothing = course(SHARED, settings={"chapter/a": {"start": LONG_AGO}})
    assert names(seen(nothing, [StartDates()])) == []


def test_a_block_starts_at_its_own_date_to_the_moment() -> None:
    settings = {"vertical/own": {"start": NEXT_YEAR}}
    assert started(settings) == without("vertical/own", "problem/q")
    assert started(settings, User(NEXT_YEAR)) == ALL
    assert started(settings, User(NEXT_YEAR - timedelta(microseconds=1))) == without(
        "vertical/own", "problem/q"
    )


def test_a_block_starts_not_before_what_is_above_it() -> None:
    assert started({"chapter/b": {"start": NEXT_YEAR}, "sequential/b": {"start": LONG_AGO}}) == without(
        "chapter/b", "sequential/b"
    )


def test_of_several_ways_the_earliest_counts() -> None:
    late, later = {"start": NEXT_YEAR}, {"start": NEXT_YEAR + timedelta(days=1)}
    settings = {"sequential/a": later, "sequential/b": late}
    assert started(settings) == ["course/course", "chapter/a", "chapter/b"]
    assert started(settings, User(NEXT_YEAR)) == ["course/course", "chapter/a", *THROUGH_B[1:]]
    made = view_of(shared(settings), [StartDates()])
    assert made["problem", "p"].collected(StartDates.collectors[0]) == NEXT_YEAR


def test_staff_see_what_has_not_started() -> None:
    assert names(seen(course(SHARED), [StartDates()], STAFF)) == ALL


def test_beta_testers_see_blocks_days_early() -> None:
    settings: Settings = {"course/course": {"days_early_for_beta": 2.5}, "vertical/own": {"start": NEXT_YEAR}}
    early = NEXT_YEAR - timedelta(days=2, hours=12)
    assert started(settings, User(early, is_beta_tester=True)) == ALL
    assert started(settings, User(early)) == without("vertical/own", "problem/q")
    assert "vertical/own" not in started(settings, User(early - timedelta(seconds=1), is_beta_tester=True))


@pytest.mark.parametrize("days", ["soon", None, [1], {}, float("nan")])
def test_days_early_that_are_no_number_do_not_count(days: Any) -> None:
    settings: Settings = {"vertical/own": {"start": NEXT_YEAR, "days_early_for_beta": days}}
    assert started(settings, User(TODAY, is_beta_tester=True)) == without("vertical/own", "problem/q")


def test_days_early_may_reach_before_all_calendars() -> None:
    made = shared(
        {
            "course/course": {"days_early_for_beta": 1e300},
            "vertical/own": {"start": datetime.max.replace(tzinfo=UTC)},
        }
    )
    assert names(seen(made, [StartDates()], User(TODAY, is_beta_tester=True))) == ALL


@pytest.mark.parametrize(("start", "hidden"), [("someday soon", True), (7, True), ("", True), (None, False)])
def test_a_start_that_is_no_date_is_not_at_once(start: Any, hidden: bool) -> None:
    assert ("vertical/own" not in started({"vertical/own": {"start": start}})) is hidden


# --- staff only


def test_what_is_for_staff_only_goes_with_all_below_it() -> None:
    settings: Settings = {"sequential/a": {"visible_to_staff_only": True}}
    made = shared(settings)
    assert names(seen(made, [StaffOnly()])) == ["course/course", "chapter/a", *THROUGH_B[1:]]
    assert names(seen(made, [StaffOnly()], STAFF)) == ALL


def test_below_what_is_for_staff_only_nothing_comes_back() -> None:
    settings = {
        "sequential/a": {"visible_to_staff_only": True},
        "vertical/own": {"visible_to_staff_only": False},
    }
    assert "vertical/own" not in names(seen(shared(settings), [StaffOnly()]))


def test_a_block_of_two_parents_goes_when_both_do() -> None:
    hidden = {"visible_to_staff_only": True}
    assert names(seen(shared({"sequential/a": hidden, "sequential/b": hidden}), [StaffOnly()])) == [
        "course/course",
        "chapter/a",
        "chapter/b",
    ]


# --- content groups


def grouped(settings: Settings, **groups: int) -> list[str]:
    user = User(TODAY, groups={int(name[1:]): group for name, group in groups.items()})
    return names(seen(shared(settings), [ContentGroups()], user))


def test_a_restricted_block_is_for_the_groups_that_it_names() -> None:
    settings: Settings = {"vertical/own": {"group_access": {"50": [1, 2]}}}
    rest = without("vertical/own", "problem/q")
    assert grouped(settings, p50=1) == grouped(settings, p50=2) == ALL
    assert grouped(settings, p50=3) == grouped(settings, p51=1) == grouped(settings) == rest
    assert names(seen(shared(settings), [ContentGroups()], STAFF)) == ALL


def test_every_partition_has_to_let_the_user_in() -> None:
    settings: Settings = {"vertical/own": {"group_access": {"50": [1], "51": [7]}}}
    assert "vertical/own" in grouped(settings, p50=1, p51=7)
    for groups in ({"p50": 1}, {"p51": 7}, {"p50": 1, "p51": 8}, {"p50": 2, "p51": 7}):
        assert "vertical/own" not in grouped(settings, **groups)


def test_below_a_restriction_groups_can_only_become_fewer() -> None:
    settings: Settings = {
        "sequential/a": {"group_access": {"50": [1, 2]}},
        "vertical/own": {"group_access": {"50": [2, 3]}},
        "problem/q": {"group_access": {"50": [3]}},
    }
    assert "vertical/own" not in grouped(settings, p50=1)
    assert "vertical/own" in grouped(settings, p50=2)
    assert "vertical/own" not in grouped(settings, p50=3)
    for group in (1, 2, 3):  # what the two above have in common is not group 3
        assert "problem/q" not in grouped(settings, p50=group)


def test_a_block_of_two_parents_is_for_the_groups_of_either() -> None:
    settings: Settings = {
        "sequential/a": {"group_access": {"50": [1]}},
        "sequential/b": {"group_access": {"50": [2]}},
    }
    assert "problem/p" in grouped(settings, p50=1)
    assert "problem/p" in grouped(settings, p50=2)
    assert "problem/p" not in grouped(settings, p50=3)


@pytest.mark.parametrize("access", [{"50": []}, {"50": None}, {}, None])
def test_no_groups_are_all_groups(access: Any) -> None:
    assert grouped({"vertical/own": {"group_access": access}}) == ALL


def test_a_partition_that_is_not_active_does_not_count() -> None:
    partition: dict[str, Any] = {"id": 50, "name": "Cohorts", "groups": [{"id": 1, "name": "One"}]}
    restricted: Settings = {"vertical/own": {"group_access": {"50": [1]}}}
    for active, shown in ((False, True), (True, False)):
        settings: Settings = {
            **restricted,
            "course/course": {"user_partitions": [{**partition, "active": active}]},
        }
        assert ("vertical/own" in grouped(settings)) is shown
    assert "vertical/own" not in grouped({**restricted, "course/course": {"user_partitions": [partition]}})


@pytest.mark.parametrize(
    "partitions", ["secret:stuff", [7], [{"id": "x", "active": False}], [{"id": [], "active": False}], {}]
)
def test_partitions_that_cannot_be_read_are_none(partitions: Any) -> None:
    settings: Settings = {
        "course/course": {"user_partitions": partitions},
        "vertical/own": {"group_access": {"50": [1]}},
    }
    assert "vertical/own" in grouped(settings, p50=1)
    assert "vertical/own" not in grouped(settings)


@pytest.mark.parametrize(
    "access", ["all", [50], {"cohort": [1]}, {"50": "one"}, {"50": [None]}, {"50": 1}, 7]
)
def test_a_restriction_that_cannot_be_read_lets_nobody_in(access: Any) -> None:
    settings: Settings = {"vertical/own": {"group_access": access}}
    assert grouped(settings, p50=1, p0=0) == without("vertical/own", "problem/q")
    assert names(seen(shared(settings), [ContentGroups()], STAFF)) == ALL


# --- table of contents


def left_out(settings: Settings, user: User = LEARNER) -> list[str]:
    view = seen(shared(settings), [HideFromToc()], user)
    assert names(view) == ALL  # everything can still be visited
    return [f"{block.type}/{block.id}" for block in view.blocks() if block.annotations.get("hidden_from_toc")]


def test_what_is_hidden_is_left_out_with_all_that_only_it_leads_to() -> None:
    settings: Settings = {"sequential/a": {"hide_from_toc": True}}
    assert left_out(settings) == left_out(settings, STAFF) == ["sequential/a", "vertical/own", "problem/q"]
    assert left_out({}) == []
    assert left_out({"course/course": {"hide_from_toc": True}}) == ALL


def test_below_what_is_hidden_nothing_comes_back() -> None:
    settings = {"sequential/a": {"hide_from_toc": True}, "vertical/own": {"hide_from_toc": False}}
    assert "vertical/own" in left_out(settings)


def test_an_outline_is_drawn_without_what_is_hidden() -> None:
    def hidden(block: ViewBlock) -> bool:
        return bool(block.annotations.get("hidden_from_toc", False))

    view = seen(shared({"sequential/a": {"hide_from_toc": True}}), [HideFromToc()])
    assert [f"{block.type}/{block.id}" for block in view.walk(prune=hidden)] == [
        "course/course",
        "chapter/a",
        *THROUGH_B[1:],
    ]


def test_hidden_is_what_is_hidden_of_what_the_user_sees() -> None:
    settings = {"sequential/b": {"visible_to_staff_only": True}, "sequential/a": {"hide_from_toc": True}}
    view = seen(shared(settings), [HideFromToc(), StaffOnly()])
    assert view["problem", "p"].annotations == {"hidden_from_toc": True}


# --- counts


def counts(settings: Settings, *others: StaffOnly) -> dict[str, int]:
    view = seen(shared(settings), [GradableCounts(), *others])
    return {f"{block.type}/{block.id}": block.annotations["gradable"] for block in view.blocks()}


def test_each_graded_exercise_counts_once_wherever_it_is() -> None:
    assert counts({"course/course": {"graded": True}}) == {
        "course/course": 2,
        "chapter/a": 2,
        "sequential/a": 2,
        "vertical/shared": 1,
        "problem/p": 1,
        "vertical/own": 1,
        "problem/q": 1,
        "chapter/b": 1,
        "sequential/b": 1,
    }


def test_only_what_the_user_sees_counts() -> None:
    settings: Settings = {"course/course": {"graded": True}, "vertical/own": {"visible_to_staff_only": True}}
    after = counts(settings, StaffOnly())
    assert (after["course/course"], after["chapter/a"], after["chapter/b"]) == (1, 1, 1)


def test_what_is_reached_in_another_way_does_not_count_where_the_way_is_closed() -> None:
    settings: Settings = {"course/course": {"graded": True}, "sequential/b": {"visible_to_staff_only": True}}
    after = counts(settings, StaffOnly())
    assert (after["course/course"], after["chapter/a"], after["chapter/b"]) == (2, 2, 0)


@pytest.mark.parametrize(
    ("settings", "gradable"),
    [
        ({}, True),
        ({"graded": False}, False),
        ({"weight": 0}, False),
        ({"weight": 0.0}, False),
        ({"weight": 2.5}, True),
        ({"weight": None}, True),
    ],
)
def test_which_exercises_give_grades(settings: dict[str, Any], gradable: bool) -> None:
    made = counts({"sequential/a": {"graded": True}, "problem/q": settings})
    assert made["problem/q"] == gradable


def test_an_exercise_that_is_not_graded_does_not_count() -> None:
    assert counts({})["course/course"] == 0


@pytest.mark.parametrize(
    ("block", "settings", "gradable"),
    [
        ("video", {}, 0),
        ("openassessment", {}, 1),
        ("drag-and-drop-v2", {}, 1),
        ("lti_consumer", {}, 0),
        ("lti_consumer", {"has_score": True}, 1),
        ("lti", {"has_score": False}, 0),
        ("unheard_of", {}, 0),
        ("unheard_of", {"has_score": True}, 1),
        ("vertical", {}, 0),
    ],
)
def test_which_types_give_a_score(block: str, settings: dict[str, Any], gradable: int) -> None:
    made = course(
        {"course/course": [f"{block}/x"], f"{block}/x": None},
        settings={"course/course": {"graded": True}, f"{block}/x": settings},
    )
    assert seen(made, [GradableCounts()]).root.annotations == {"gradable": gradable}


# --- together


def test_nothing_is_left_for_whom_the_course_has_not_started() -> None:
    view = seen(course(SHARED), [GradableCounts(), HideFromToc(), ContentGroups(), StartDates()])
    assert len(view) == 0


def test_filters_come_before_all_else_wherever_they_are_given() -> None:
    settings: Settings = {"course/course": {"graded": True}, "vertical/own": {"visible_to_staff_only": True}}
    first = seen(shared(settings), [StaffOnly(), GradableCounts()])
    last = seen(shared(settings), [GradableCounts(), StaffOnly()])
    assert first.annotations == last.annotations
    assert first.root.annotations == {"gradable": 1}


def test_without_transformers_nothing_is_made() -> None:
    view = view_of(shared({}))
    assert transform(view, [], LEARNER) is view
