"""Rows in columns: what gives way, how letters are measured, and what is never cut."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from modulestore.cli.tables import Column, laid_out
from modulestore.cli.terminal import cut, one_line, print_lines, wrapped

KEY = "course-v1:Example+MS101+2026"
COLUMNS = (
    Column("KEY", is_key=True),
    Column("N", right=True),
    Column("WHO", least=4),
    Column("TITLE", least=6),
)

TITLES = [
    "Tides",
    "潮汐とは何か、そしてなぜ",
    "cafe\u0301 au lait pour tous",
    "👩‍👩‍👧‍👦 families ❤️ and 🌊 waves",
    "Приливы",
]


def lines(
    rows: Sequence[tuple[str, ...]], room: int | None, columns: Sequence[Column] = COLUMNS
) -> list[str]:
    return ["".join(cell for cell, _ in line) for line in laid_out(columns, rows, room)]


def test_what_fits_is_as_it_is() -> None:
    rows = [(KEY, "3", "ana", "Tides"), (KEY + "b", "12", "bo", "A course")]
    for room in (None, 60, 50):
        assert lines(rows, room) == [
            f"{KEY}    3  ana  Tides   ",
            f"{KEY}b  12  bo   A course",
        ]
    assert lines([(KEY, "1", "潮汐", "Tides"), (KEY, "1", "ana", "Tides")], None) == [
        f"{KEY}  1  潮汐  Tides",
        f"{KEY}  1  ana   Tides",
    ]


def test_the_last_that_may_gives_way_first() -> None:
    rows = [(KEY, "3", "somebody", "A long title of a course")]
    whole = f"{KEY}  3  somebody  A long title of a course"
    assert lines(rows, len(whole)) == [whole]
    assert lines(rows, len(whole) - 1) == [f"{KEY}  3  somebody  A long title of a cour…"]
    assert lines(rows, len(whole) - 18) == [f"{KEY}  3  somebody  A lon…"]
    assert lines(rows, len(whole) - 20) == [f"{KEY}  3  someb…  A lon…"]
    assert lines(rows, len(whole) - 22) == [f"{KEY}  3  som…  A lon…"]


def test_where_not_even_that_is_enough_the_key_has_its_own_line() -> None:
    rows = [(KEY, "3", "somebody", "A long title"), (f"{KEY}b", "", "", "")]
    key, other = f"{KEY} ", f"{KEY}b"
    assert lines(rows, 30) == [key, "  3  somebody  A long title", other]
    assert lines(rows, 25) == [key, "  3  somebody  A long ti…", other]
    assert lines(rows, 20) == [key, "  3  somebo…  A lon…", other]
    assert lines(rows, 12) == [key, "  3  som…  …", other]
    assert lines(rows, 8) == [key, "  3  …  …", other]


def test_without_a_key_rows_stay_rows() -> None:
    assert lines([("long enough", "too")], 5, (Column(), Column())) == ["long enough  too"]


@pytest.mark.parametrize("room", [None, 80, 60, 50, 44])
def test_columns_stand_below_each_other_in_every_script(room: int | None) -> None:
    rows = [(KEY, str(number), "ana", title) for number, title in enumerate(TITLES)]
    shown = lines(rows, room)
    assert len(shown) == len(rows)
    starts = {cell_len(line[: line.index("ana")]) for line in shown}
    assert len(starts) == 1
    assert all(cell_len(line) <= (room or 1000) for line in shown)
    assert all(line.startswith(KEY) for line in shown)
    if room is None:
        assert all(line.rstrip().endswith(title) for line, title in zip(shown, TITLES, strict=True))


def test_nothing_is_cut_through() -> None:
    """Neither a wide letter nor a letter and its accent, nor what is one sign for people."""
    assert cut("潮汐潮汐", 4) == "潮…"
    assert cut("cafe\u0301 au lait", 5) == "cafe\u0301…"
    assert cut("👩‍👩‍👧‍👦 family", 3) == "👩‍👩‍👧‍👦…"
    assert cut("Tides", 5) == "Tides"
    assert cut("Tides", None) == "Tides"


@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cn", "Co", "Cf"])), st.integers(1, 30))
def test_a_cut_text_has_room(text: str, room: int) -> None:
    assert cell_len(cut(text, room)) <= room
    assert cut(text, room) == text or cut(text, room).endswith("…")


@given(
    st.lists(st.sampled_from(["a", "word", KEY, "潮汐", "📚"]), max_size=12).map(" ".join), st.integers(1, 60)
)
def test_lines_break_between_words(text: str, room: int) -> None:
    broken = wrapped(text, room, 2)
    assert " ".join(line.strip() for line in broken).split() == text.split()
    assert all(cell_len(line) <= room or len(line.split()) == 1 for line in broken)
    assert all(line.startswith("  ") for line in broken[1:])


def test_lines_keep_what_stands_before_them() -> None:
    text = "changed    block-v1:A+B+C+type@html+block@x display_name"
    assert wrapped(text, 50, 11) == ["changed    block-v1:A+B+C+type@html+block@x", " " * 11 + "display_name"]
    assert wrapped("    value", 100, 6) == ["    value"]


def test_a_command_in_a_text_stays_whole() -> None:
    command = "`modulestore --store sqlite:///other.db import PATH`,"
    assert wrapped(f"the first write makes one: {command} for one", 40, 2) == [
        "the first write makes one:",
        f"  {command}",
        "  for one",
    ]


def test_commands_are_not_broken(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("modulestore.cli.terminal.room_on", lambda stream: 20)
    print_lines(["    modulestore --store sqlite:///x.db conflicts", "    what is too long for it"])
    assert capsys.readouterr().out.splitlines() == [
        "    modulestore --store sqlite:///x.db conflicts",
        "    what is too long",
        "      for it",
    ]


@given(st.text())
def test_titles_cannot_break_a_line_or_tell_the_terminal_what_to_do(text: str) -> None:
    shown = one_line(text)
    assert len(shown) == len(text)
    assert len(shown.splitlines()) <= 1
    assert not any(unicodedata.category(letter) in ("Cc", "Cs") for letter in shown)


def test_what_is_shown_of_a_hostile_title() -> None:
    assert one_line("a\tb\nc") == "a b c"
    assert one_line("\x1b[2Jgone\x07") == "\ufffd[2Jgone\ufffd"
    assert one_line("Приливы 潮汐 👩‍👩‍👧") == "Приливы 潮汐 👩‍👩‍👧"
