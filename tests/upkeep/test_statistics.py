"""Figures of versions: whose they are, how they are stored, when they were made."""

from __future__ import annotations

import tracemalloc
from collections.abc import Mapping
from datetime import UTC, date, datetime

from hypothesis import given
from hypothesis import strategies as st

from modulestore.keys import VersionId
from modulestore.model.stored import StructureLinks
from modulestore.upkeep.statistics import (
    Amount,
    CourseStatistics,
    Day,
    Form,
    VersionTable,
    by_age,
    largest_first,
    moment_of,
)

DAY = 24 * 60 * 60


def version(number: int, day: int = 0) -> VersionId:
    return VersionId((day * DAY).to_bytes(4, "big") + number.to_bytes(8, "big"))


def table(previous: Mapping[VersionId, VersionId | None], sizes: Mapping[VersionId, int]) -> VersionTable:
    made = VersionTable()
    links = {one: StructureLinks(before, one) for one, before in previous.items()}
    for one in sorted(previous):
        made.add([one], links, sizes)
    return made


def test_amounts() -> None:
    amount = Amount().plus("a", 3).plus("b", 10).plus("c", 2)
    assert amount == Amount(3, 15, 10, "b")
    assert (amount.mean, Amount().mean) == (5, 0)
    assert amount + Amount() == Amount() + amount == amount
    assert amount + Amount(1, 20, 20, "z") == Amount(4, 35, 20, "z")
    assert Amount().plus("empty", 0) == Amount(1, 0, 0, "empty")


def test_whose_versions_are() -> None:
    """Two courses with one past, and one version that is nobody's."""
    one, two, three, other, lost = (version(number, day=number) for number in range(1, 6))
    made = table(
        {one: None, two: one, three: two, other: two, lost: one},
        dict(zip((one, two, three, other, lost), (1, 10, 100, 1000, 10_000), strict=True)),
    )
    made.claim(three, "a")
    made.claim(other, "b")
    made.claim(two, "b")
    made.claim(version(99), "b")
    found = made.statistics([CourseStatistics("a"), CourseStatistics("b"), CourseStatistics("c")])
    assert found.versions == Amount(5, 11_111, 10_000, str(lost))
    assert found.no_course == Amount(1, 10_000, 10_000, str(lost))
    b, a, c = found.courses
    assert (a.key, a.versions.count, a.versions.bytes) == ("a", 3, 111)
    assert (b.key, b.versions.count, b.versions.bytes) == ("b", 3, 1011)
    assert a.shared == b.shared == Amount(2, 11, 10, str(two))
    assert (c.versions, c.oldest, c.newest) == (Amount(), None, None)
    assert (a.oldest, a.newest) == (datetime(1970, 1, 2, tzinfo=UTC), datetime(1970, 1, 4, tzinfo=UTC))
    assert [(day.day.day, day.versions, day.bytes) for day in found.days] == [
        (2, 1, 1),
        (3, 1, 10),
        (4, 1, 100),
        (5, 1, 1000),
        (6, 1, 10_000),
    ]
    assert list(made.of("a")) == [one, two, three]
    only = made.statistics([CourseStatistics("a")], only="a")
    assert (only.versions.bytes, only.no_course) == (111, Amount())
    assert [day.bytes for day in only.days] == [1, 10, 100]


def test_how_versions_are_stored() -> None:
    made = VersionTable()
    one, two, three, gone = (version(number) for number in range(1, 5))
    links = {
        one: StructureLinks(None, one),
        two: StructureLinks(one, one, (), 2),
        three: StructureLinks(two, one, (two,), 2),
        gone: StructureLinks(two, one),
    }
    made.add([one, two, three, gone], links, {one: 5, two: 6, three: 7})
    assert len(made) == 3
    assert made.statistics([]).structures == {
        Form.PLATFORM: Amount(1, 5, 5, str(one)),
        Form.BASE: Amount(1, 6, 6, str(two)),
        Form.DELTA: Amount(1, 7, 7, str(three)),
    }


def test_a_history_in_a_circle_ends() -> None:
    one, two = version(1), version(2)
    made = table({one: two, two: one}, {one: 1, two: 1})
    made.claim(one, "a")
    assert list(made.of("a")) == [one, two]


@given(
    st.lists(st.integers(0, 30), max_size=30),
    st.lists(st.tuples(st.integers(0, 35), st.sampled_from("abc")), max_size=8),
)
def test_claims_are_as_walks(parents: list[int], claims: list[tuple[int, str]]) -> None:
    """Against the plain way: a set of versions for each course."""
    previous = {
        version(number + 1): version(parent) if 0 < parent <= number else None
        for number, parent in enumerate(parents)
    }
    made = table(previous, dict.fromkeys(previous, 1))
    walked: dict[str, set[VersionId]] = {course: set() for course in "abc"}
    for number, course in claims:
        made.claim(version(number), course)
        at: VersionId | None = version(number)
        while at in previous:
            assert at is not None
            walked[course].add(at)
            at = previous[at]
    found = {one.key: one for one in made.statistics([CourseStatistics(name) for name in "abc"]).courses}
    for course, versions in walked.items():
        others = set().union(*(walked[other] for other in walked if other != course))
        assert set(made.of(course)) == versions
        assert (found[course].versions.count, found[course].shared.count) == (
            len(versions),
            len(versions & others),
        )


def test_memory_is_bounded() -> None:
    """A hundred thousand versions, in thirty-odd bytes each."""
    count = 100_000
    made = VersionTable()
    tracemalloc.start()
    try:
        for start in range(1, count, 1000):
            ids = [version(number) for number in range(start, start + 1000)]
            links = {one: StructureLinks(version(at - 1), one) for at, one in enumerate(ids, start)}
            made.add(ids, links, dict.fromkeys(ids, 7))
        made.claim(version(count), "a")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(made) == count
    assert peak < 60 * count
    assert made.statistics([CourseStatistics("a")]).courses[0].versions.count == count


def test_ages() -> None:
    today = date(2026, 5, 31)
    days = [
        Day(date(2020, 1, 1), 1, 10),
        Day(date(2026, 5, 24), 2, 20),
        Day(date(2026, 5, 25), 4, 40),
        Day(today, 8, 80),
        Day(date(2026, 6, 1), 16, 160),  # by another clock
    ]
    assert by_age(days, today) == [
        (1, 24, 240),
        (7, 4, 40),
        (30, 2, 20),
        (90, 0, 0),
        (365, 0, 0),
        (None, 1, 10),
    ]


def test_order_and_time() -> None:
    small, large = CourseStatistics("a", versions=Amount(1, 5)), CourseStatistics("b", files=Amount(1, 9))
    assert largest_first([small, large, CourseStatistics("0")]) == (large, small, CourseStatistics("0"))
    assert moment_of(version(1, day=365)) == datetime(1971, 1, 1, tzinfo=UTC)
