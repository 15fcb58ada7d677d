"""The command on a terminal, and piped: colours, widths, progress."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from rich.cells import cell_len

from modulestore import connect
from tests.cli.terminals import in_a_pipe, in_a_terminal, process_in_a_terminal

KEY = "course-v1:Example+MS101+2026"
COLOURS = re.compile(r"\x1b\[[0-9;]*m")
ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
LONG = "海の潮汐 — a title that is much longer than any terminal is wide, 🌊 with waves"
VALUE = "x" * 5000


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, sample_course: str) -> Path:
    """A folder with a store, in which nothing is written."""
    folder = tmp_path_factory.mktemp("terminal")
    with connect(f"sqlite:///{folder}/modulestore.db") as store:
        store.import_course(sample_course, author="ana")
        with store.edit(KEY) as edit:
            edit.update(("html", "columns"), data=VALUE)
        store.create_course("course-v1:Example+Wide+2027", title=LONG)
        store.create_course("course-v1:Example+Evil+2027", title="\x1b[31mred\x1b[2J\nand on")
    return folder


@pytest.mark.parametrize("words", [("tree", KEY, "--depth", "1"), ("tree", "nonsense"), ("courses",)])
def test_colours_are_for_terminals(folder: Path, words: tuple[str, ...]) -> None:
    shown = in_a_terminal(*words, folder=folder, columns=200)
    assert COLOURS.search(shown)
    said = in_a_pipe(*words, folder=folder)
    assert "\x1b" not in said
    assert COLOURS.sub("", shown) == said, "nothing else is different where there is room"
    forced = in_a_pipe(*words, folder=folder, FORCE_COLOR="1")
    assert COLOURS.search(forced)
    assert COLOURS.sub("", forced) == said


@pytest.mark.parametrize("words", [("tree", KEY, "--depth", "1"), ("tree", "nonsense"), ("courses",)])
@pytest.mark.parametrize("environment", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_who_wants_no_colours_has_none(
    folder: Path, words: tuple[str, ...], environment: dict[str, str]
) -> None:
    assert "\x1b" not in in_a_terminal(*words, folder=folder, columns=80, **environment)
    assert "\x1b" not in in_a_pipe(*words, folder=folder, FORCE_COLOR="1", **environment)


def test_a_process_in_a_terminal(folder: Path) -> None:
    """That says itself how wide it is."""
    shown = process_in_a_terminal("courses", folder=folder, columns=75)
    assert COLOURS.search(shown)
    assert max(cell_len(line) for line in ESCAPES.sub("", shown).splitlines()) == 75


@pytest.mark.parametrize("columns", [40, 60, 80])
@pytest.mark.parametrize(
    "words",
    [
        ("courses",),
        ("blocks", KEY),
        ("assets", "list", KEY),
        ("log", KEY),
        ("stats",),
        ("diff", KEY, "published", "draft"),
        ("check",),
        ("changes", KEY),
    ],
)
def test_rows_are_no_wider_than_the_terminal(folder: Path, words: tuple[str, ...], columns: int) -> None:
    """But for keys and the like, which are one word."""
    shown = ESCAPES.sub("", in_a_terminal(*words, folder=folder, columns=columns, TERM="dumb"))
    wide = [line for line in shown.splitlines() if cell_len(line) > columns]
    assert all(len(re.split(r" {2,}| ", line.strip())) <= 2 for line in wide), wide
    keys = re.findall(r"(?:block|course)-v1:\S+", in_a_pipe(*words, folder=folder))
    assert all(key.rstrip(",") in shown for key in keys), "they are whole"


def test_titles_are_cut_and_columns_aligned(folder: Path) -> None:
    *lines, last = in_a_terminal("courses", folder=folder, NO_COLOR="1").splitlines()
    assert last.endswith("…")
    assert "海の潮汐" in last
    assert cell_len(last) == 80
    at = lines[0].index("EDITED")
    assert all(line[at - 2 : at + 2] == "  20" for line in [*lines[1:], last])


def test_what_is_piped_is_whole(folder: Path) -> None:
    assert LONG in in_a_pipe("courses", folder=folder, COLUMNS="40")
    assert LONG in in_a_pipe("tree", "course-v1:Example+Wide+2027", folder=folder, COLUMNS="40")
    assert VALUE in in_a_pipe("diff", KEY, "published", "draft", folder=folder)
    assert VALUE not in in_a_terminal("diff", KEY, "published", "draft", folder=folder)


def test_a_title_tells_the_terminal_nothing(folder: Path) -> None:
    words = ("tree", "course-v1:Example+Evil+2027")
    for said in (in_a_terminal("courses", folder=folder), in_a_pipe("courses", folder=folder)):
        (line,) = (line for line in said.splitlines() if "Evil" in line)
        assert line.endswith("\ufffd[31mred\ufffd[2J and on")
    assert "\ufffd[31mred\ufffd[2J and on" in in_a_terminal(*words, folder=folder)


def test_long_work_shows_how_far_it_is(tmp_path: Path, sample_course: str) -> None:
    words = ("import", sample_course, "--key")
    shown = ESCAPES.sub("", in_a_terminal(*words, "course-v1:A+B+1", folder=tmp_path))
    assert "writing" in shown
    assert "imported course-v1:A+B+1: " in shown
    for said in (
        in_a_pipe(*words, "course-v1:A+B+2", folder=tmp_path, FORCE_COLOR="1"),
        in_a_terminal(*words, "course-v1:A+B+3", folder=tmp_path, TERM="dumb"),
    ):
        assert said.startswith("imported ")


def test_json_is_the_same_everywhere(folder: Path) -> None:
    for words in (["blocks", KEY, "--json"], ["tree", "nonsense", "--json"], ["--nonsense", "--json"]):
        assert in_a_terminal(*words, folder=folder, columns=40) == in_a_pipe(*words, folder=folder)


def test_help_fits_the_terminal(folder: Path) -> None:
    narrow = in_a_terminal("import", "-h", folder=folder, columns=60)
    described = narrow.partition("\nExamples:")[0]
    assert max(map(len, described.splitlines())) <= 60
    assert "\x1b" not in narrow


def test_an_archive_is_nothing_for_a_terminal(folder: Path) -> None:
    shown = COLOURS.sub("", in_a_terminal("export", KEY, "-", folder=folder))
    assert shown.splitlines() == [
        "modulestore: an archive is nothing for a terminal",
        "  give a file, or `- > FILE`",
    ]
