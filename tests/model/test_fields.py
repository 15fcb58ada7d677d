"""Values as JSON has them, on their way to a block."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from modulestore.errors import InvalidInput
from modulestore.keys import CourseKey
from modulestore.model.fields import stored_value

CHAPTER = CourseKey("Example", "MS101", "2026").usage("chapter", "one")


@pytest.mark.parametrize(
    ("name", "value", "stored"),
    [
        ("start", "2026-09-01T10:00:00+02:00", datetime(2026, 9, 1, 8, tzinfo=UTC)),
        ("start", "2026-09-01", datetime(2026, 9, 1, tzinfo=UTC)),
        ("start", None, None),
        ("display_name", "2026-09-01", "2026-09-01"),
        ("weight", 2.0, 2.0),
        ("unheard_of", {"a": ["2026-09-01"]}, {"a": ["2026-09-01"]}),
    ],
)
def test_dates_are_made_of_their_text(name: str, value: object, stored: object) -> None:
    assert stored_value(CHAPTER, name, value) == stored


@pytest.mark.parametrize("value", ["soon", "", 1756713600, ["2026-09-01"], True])
def test_what_is_no_date(value: object) -> None:
    with pytest.raises(InvalidInput, match="start is a date") as raised:
        stored_value(CHAPTER, "start", value)
    assert raised.value.place == str(CHAPTER)
