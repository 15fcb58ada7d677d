"""Lists of files, page by page."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modulestore.errors import InvalidInput
from modulestore.keys import AssetKey, CourseKey
from modulestore.model.file_listing import FileFilter, FileSort, page_of
from modulestore.model.files import CourseFile

COURSE = CourseKey("Example", "Files", "2026")
START = datetime(2026, 1, 1, tzinfo=UTC)
SORTS: tuple[FileSort, ...] = get_args(FileSort)


def made(number: int, seed: int = 0) -> CourseFile:
    """A file of this number; many have the same values to be sorted by."""
    some = random.Random(number * 1000 + seed)
    return CourseFile(
        key=AssetKey(COURSE, f"{some.choice('aZé')}{number}", some.choice(["asset", "asset", "thumbnail"])),
        length=some.randrange(3),
        display_name=some.choice(["A", "a", "B", "ß", "𐐀"]),
        content_type=some.choice([None, "image/png", "text/css"]),
        locked=some.random() < 0.5,
        uploaded_on=some.choice([None, START, START + timedelta(milliseconds=some.randrange(3))]),
    )


def pages(files: Any, limit: int, change: Any = lambda files: files, **how: Any) -> list[CourseFile]:
    """All pages one after the other; between them the files change."""
    found: list[CourseFile] = []
    after = None
    while True:
        page = page_of(files, FileFilter(type=None), limit=limit, after=after, **how)
        found += page
        if page.after is None:
            return found
        assert len(page) == limit
        after = page.after
        files = change(files)


@given(
    numbers=st.sets(st.integers(0, 99), max_size=30),
    limit=st.integers(1, 7),
    sort=st.sampled_from(SORTS),
    descending=st.booleans(),
)
def test_pages_are_the_list(numbers: set[int], limit: int, sort: FileSort, descending: bool) -> None:
    files = [made(number) for number in numbers]
    whole = page_of(files, FileFilter(type=None), sort=sort, descending=descending)
    assert whole.after is None
    assert set(whole) == set(files)
    assert pages(files, limit, sort=sort, descending=descending) == list(whole)
    assert (
        list(page_of(files, FileFilter(type=None), sort=sort, descending=not descending)) == list(whole)[::-1]
    )


@given(
    numbers=st.sets(st.integers(0, 99), min_size=1, max_size=30),
    limit=st.integers(1, 5),
    sort=st.sampled_from(SORTS),
    descending=st.booleans(),
    seed=st.integers(0, 1000),
)
def test_files_that_stay_come_once(
    numbers: set[int], limit: int, sort: FileSort, descending: bool, seed: int
) -> None:
    """Whatever else is added, deleted or changed between two pages."""
    some = random.Random(seed)
    staying = {made(number) for number in numbers if number % 2}
    files = {made(number) for number in numbers}

    def change(files: set[CourseFile]) -> set[CourseFile]:
        others = {made(number, some.randrange(9)) for number in range(100, 150) if some.random() < 0.2}
        return staying | others | {file for file in files if some.random() < 0.5}

    found = pages(files, limit, change, sort=sort, descending=descending)
    assert len([file for file in found if file in staying]) == len(staying)
    assert staying <= set(found)


def test_filters() -> None:
    files = [
        replace(
            made(1), key=COURSE.asset("Tides.png"), display_name="x", content_type="image/png", locked=True
        ),
        replace(made(2), key=COURSE.asset("b.css"), display_name="Of TIDES", content_type=None, locked=False),
        replace(
            made(3), key=AssetKey(COURSE, "t.jpg", "thumbnail"), display_name="t", content_type="image/jpeg"
        ),
    ]

    def numbers(**which: Any) -> list[int]:
        found = page_of(files, FileFilter(**which))
        return sorted(files.index(file) for file in found)

    assert numbers() == [0, 1]
    assert numbers(type=None) == [0, 1, 2]
    assert numbers(type="thumbnail") == [2]
    assert numbers(content_type="image/") == [0]
    assert numbers(locked=True) == [0]
    assert numbers(locked=False) == [1]
    assert numbers(name_contains="tides") == [0, 1]
    assert numbers(name_contains="TIDES", locked=False) == [1]
    assert numbers(name_contains="nothing") == []


def test_what_is_no_page() -> None:
    files = [made(number) for number in range(20)]
    after = page_of(files, FileFilter(), limit=3).after
    assert after is not None
    bad: list[dict[str, Any]] = [
        {"after": after, "sort": "length"},
        {"after": after, "descending": True},
        {"after": "nonsense"},
        {"after": "é"},
        {"after": after[:-3]},
        {"after": "W10"},  # []
        {"after": "bnVsbA"},  # null
        {"limit": 0},
        {"limit": -1},
        {"sort": "colour"},
    ]
    for how in bad:
        with pytest.raises(InvalidInput):
            page_of(files, FileFilter(), **how)


@given(st.text(max_size=60))
def test_any_text_for_a_position(text: str) -> None:
    with pytest.raises(InvalidInput):
        page_of([made(1)], FileFilter(), after=text)
