"""``stats``, and its picture."""

from __future__ import annotations

import builtins
import sys
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from modulestore.cli import main
from modulestore.cli.plotting import draw
from modulestore.errors import InvalidInput
from modulestore.upkeep.sizes import shown_bytes
from modulestore.upkeep.statistics import Day
from tests.cli.conftest import Run

KEY = "course-v1:Example+MS101+2026"
AGAIN = "course-v1:Example+MS101+2027"


def test_figures(run: Run, sample_course: str) -> None:
    run("import", sample_course)
    run("rerun", KEY, AGAIN)
    found = run("stats")
    kinds = found["kinds"]
    assert (kinds["versions"]["count"], kinds["definitions"]["count"], kinds["files"]["count"]) == (2, 54, 12)
    assert kinds["versions"]["mean"] * 2 == pytest.approx(kinds["versions"]["bytes"], abs=1)
    assert found["bytes"] == sum(kinds[name]["bytes"] for name in ("versions", "definitions", "files"))
    assert (found["entries"], found["plot"], found["no_course"]) == (2, None, {"versions": 0, "bytes": 0})
    assert [(one["key"], one["versions"], one["shared_versions"]) for one in found["courses"]] == [
        (KEY, 2, 2),
        (AGAIN, 2, 2),
    ]
    assert sum(day["versions"] for day in found["days"]) == 2
    one = run("stats", AGAIN)
    assert [course["key"] for course in one["courses"]] == [AGAIN]
    assert (one["kinds"]["files"]["count"], one["kinds"]["definitions"]) == (6, kinds["definitions"])
    assert run("stats", "course-v1:Example+None+2026", exit_code=3)["type"] == "CourseNotFound"


def test_what_people_see(say: Callable[..., str], sample_course: str, tmp_path: Path) -> None:
    say("import", sample_course)
    say("rerun", KEY, AGAIN)
    say("delete", KEY)
    said = say("stats", "--plot", str(tmp_path / "plot.svg"))
    lines = said.splitlines()
    assert max(map(len, lines[:-1])) <= 100
    assert lines[0].split() == ["count", "bytes", "mean", "largest"]
    assert lines[1].split()[:2] == ["versions", "2"]
    assert any(line.endswith(f"{KEY} (deleted)") for line in lines)
    assert any(line.endswith("less than a day ago") for line in lines)
    assert lines[-1] == f"{tmp_path}/plot.svg: versions and bytes over time"
    assert ElementTree.parse(tmp_path / "plot.svg").getroot().tag.endswith("svg")


@pytest.mark.parametrize("ending", ["svg", "png"])
def test_pictures(run: Run, sample_course: str, tmp_path: Path, ending: str) -> None:
    run("import", sample_course)
    file = tmp_path / f"plot.{ending}"
    assert run("stats", KEY, "--plot", str(file))["plot"] == str(file)
    assert file.read_bytes().startswith(b"<?xml" if ending == "svg" else b"\x89PNG")


def days(count: int) -> list[Day]:
    return [Day(date(2020, 1, 30) + timedelta(3 * at), at % 7 + 1, at * 1_000_000) for at in range(count)]


@pytest.mark.parametrize("count", [0, 1, 10, 100, 700])
@pytest.mark.parametrize("ending", ["svg", "png"])
def test_the_same_days_give_the_same_bytes(tmp_path: Path, ending: str, count: int) -> None:
    """By day, by week and by month; and without anything that changes from one moment to the next."""
    one, two = tmp_path / f"one.{ending}", tmp_path / f"two.{ending}"
    draw(days(count), one, "all courses")
    draw(days(count), two, "all courses")
    assert one.read_bytes() == two.read_bytes()
    assert b"date" not in one.read_bytes()[:2000].lower()


@pytest.mark.parametrize("name", ["plot.pdf", "plot", "svg"])
def test_a_name_that_is_none_of_a_picture(run: Run, tmp_path: Path, name: str) -> None:
    error = run("stats", "--plot", str(tmp_path / name), exit_code=2)
    assert (error["type"], error["hint"]) == ("InvalidInput", "give a name in .svg or .png")


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="cannot be written"):
        draw(days(3), tmp_path / "no" / "plot.svg", "x")


def test_without_what_draws(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The message says what to install, before anything is counted."""
    monkeypatch.delitem(sys.modules, "modulestore.cli.plotting")
    for name in [name for name in sys.modules if name.partition(".")[0] == "matplotlib"]:
        monkeypatch.delitem(sys.modules, name)
    imported = builtins.__import__

    def without(name: str, *args: Any, **kwargs: Any) -> Any:
        if name.partition(".")[0] == "matplotlib":
            raise ImportError("No module named 'matplotlib'")
        return imported(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    error = run("stats", "--plot", str(tmp_path / "plot.svg"), exit_code=2)
    assert error["hint"] == "pip install 'modulestore[plot]'"


def test_a_store_that_is_not_there(tmp_path: Path) -> None:
    assert main(["--store", f"sqlite:///{tmp_path}/none.db", "stats"]) == 3
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (999_949, "999.9 kB"),
        (999_950, "1.0 MB"),
        (1_234_567_890, "1.2 GB"),
        (5_000_000_000_000_000, "5,000.0 TB"),
    ],
)
def test_sizes(size: int, text: str) -> None:
    assert shown_bytes(size) == text
