"""``check``: what it says, how it ends, and what ``--repair`` makes of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import modulestore
from modulestore import BlockKey, Store, VersionId
from modulestore.cli import main
from modulestore.formats.structures import encode_structure
from modulestore.model.structure import Structure
from modulestore.testing._sync.courses import SMALL_COURSE, make_small_course
from modulestore.upkeep.checking import Kind
from tests.cli.conftest import Run

ROOT = Path(__file__).resolve().parent.parent.parent
UNIT = ("vertical", "a")
COMMAND = f"check {SMALL_COURSE} --repair"


def heads(store: Store) -> dict[str, VersionId]:
    (course,) = store.courses()
    return dict(course.heads)


def damage(store: Store) -> None:
    """A unit of the draft lists a child that is not there, and one that is twice."""
    course = store.open(SMALL_COURSE, branch="draft")
    before = course.structure
    records = [before.record(at) for at in range(len(before))]
    at = before.index[UNIT]
    listed = [*(records[at].children or ()), BlockKey("html", "a1"), BlockKey("html", "lost")]
    records[at] = replace(records[at], children=listed)
    document = encode_structure(Structure.of(before.header, records), 2).document
    store._backend.structures.delete_many([before.id])
    store._backend.structures.put_many({before.id: document})


@pytest.fixture
def store(url: str) -> str:
    with modulestore.connect(url) as store:
        make_small_course(store)
    return url


@pytest.fixture
def damaged(store: str) -> str:
    with modulestore.connect(store) as opened:
        damage(opened)
    return store


def check(url: str, capsys: pytest.CaptureFixture[str], *words: str, exit_code: int = 0) -> Any:
    capsys.readouterr()
    assert main(["--store", url, "check", *words, "--json"]) == exit_code
    captured = capsys.readouterr()
    assert captured.err == ""
    return json.loads(captured.out)


def test_a_sound_store(run: Run, store: str) -> None:
    said = run("check")
    assert said["problems"] == []
    assert said["checked"]["courses"] == 1
    assert said["checked"]["heads"] == 2
    assert run("check", SMALL_COURSE, "--deep")["problems"] == []
    assert run("check", "--repair") == {
        "mended": [],
        "problems": [],
        "versions": [],
        "checked": said["checked"],
    }


def test_problems_and_their_repair(damaged: str, capsys: pytest.CaptureFixture[str]) -> None:
    with modulestore.connect(damaged) as store:
        before = heads(store)
    said = check(damaged, capsys, exit_code=6)
    place = f"{SMALL_COURSE}, draft, version {before['draft']}, vertical/a"
    mend = f"modulestore --store {damaged} {COMMAND}" if "?" not in damaged else None
    error, warning = said["problems"]
    assert list(error) == ["severity", "place", "message", "mend"]
    assert (error["severity"], error["place"]) == ("error", place)
    assert error["message"] == "its child html/lost is not there"
    assert (warning["severity"], warning["place"]) == ("warning", place)
    for problem in said["problems"]:
        assert problem["mend"].endswith(COMMAND)
        assert mend in (None, problem["mend"])
    planned = check(damaged, capsys, "--repair", "--dry-run")
    assert (planned["mended"], planned["problems"], planned["versions"]) == (said["problems"], [], [])
    assert check(damaged, capsys, SMALL_COURSE, exit_code=6)["problems"] == said["problems"]
    done = check(damaged, capsys, SMALL_COURSE, "--repair", "--author", "ana")
    assert (done["mended"], done["problems"]) == (said["problems"], [])
    with modulestore.connect(damaged) as store:
        after = heads(store)
        (newest, *_) = store.history(SMALL_COURSE, branch="draft")
    assert done["versions"] == [{"course": SMALL_COURSE, "branch": "draft", "version": str(after["draft"])}]
    assert after["published"] == before["published"]
    assert newest.author == "ana"
    assert check(damaged, capsys)["problems"] == []


def test_what_is_left_is_a_problem(store: str, capsys: pytest.CaptureFixture[str]) -> None:
    with modulestore.connect(store) as opened:
        opened._backend.structures.delete_many(list(heads(opened).values()))
    done = check(store, capsys, "--repair", exit_code=6)
    assert done["mended"] == []
    assert [problem["severity"] for problem in done["problems"]] == ["error", "error", "note"]
    assert "bring back a backup" in done["problems"][0]["message"]


def test_notes_alone_are_no_problem(store: str, capsys: pytest.CaptureFixture[str]) -> None:
    with modulestore.connect(store) as opened:
        opened._backend.records.put_if_absent("conversion", "structures", {"schema": 2})
    (note,) = check(store, capsys)["problems"]
    assert note["severity"] == "note"


def test_what_people_see(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    url = f"sqlite:///{tmp_path}/people.db"
    with modulestore.connect(url) as store:
        make_small_course(store)
        damage(store)
        place = f"{SMALL_COURSE}, draft, version {heads(store)['draft']}, vertical/a"
    assert main(["--store", url, "check"]) == 6
    captured = capsys.readouterr()
    assert captured.err == ""
    *lines, last = captured.out.splitlines()
    mend = f"    → modulestore --store {url} {COMMAND}"
    assert lines == [
        "1 error:",
        f"  {place}: its child html/lost is not there",
        mend,
        "1 warning:",
        f"  {place}: it lists html/a1 2 times",
        mend,
    ]
    assert last.startswith("looked at 1 course, ")
    assert main(["--store", url, "check", "--repair"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == [
        f"mended: {place}: its child html/lost is not there",
        f"mended: {place}: it lists html/a1 2 times",
    ]
    assert lines[2].startswith(f"{SMALL_COURSE} draft is now at ")


def test_the_sql_index(store: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with modulestore.connect(store) as opened:
        there = heads(opened)
    rows = "course_id,draft_version,published_version,library_version\n"
    (tmp_path / "same.csv").write_text(f"{rows}{SMALL_COURSE},{there['draft']},{there['published']},\n")
    (tmp_path / "other.csv").write_text(f"{rows}{SMALL_COURSE},{there['published']},{there['published']},\n")
    (tmp_path / "bad.csv").write_text(f"{rows}{SMALL_COURSE},x,,\n")
    assert check(store, capsys, "--heads", str(tmp_path / "same.csv"))["problems"] == []
    (problem,) = check(store, capsys, "--heads", str(tmp_path / "other.csv"), exit_code=6)["problems"]
    assert (problem["severity"], problem["place"]) == ("warning", f"{SMALL_COURSE}, draft")
    for name, code, words in (
        ("bad.csv", 2, "bad.csv, line 2: draft_version"),
        ("no.csv", 3, "no such file"),
    ):
        assert main(["--store", store, "check", "--heads", str(tmp_path / name)]) == code
        assert words in capsys.readouterr().err


@pytest.mark.parametrize("words", [["--dry-run"], ["--repair", "--deep"], ["--repair", "--heads", "x.csv"]])
def test_options_that_do_not_go_together(say: Callable[..., str], words: list[str]) -> None:
    assert "goes with" in say("check", *words, exit_code=2)


def test_what_is_not_there(say: Callable[..., str], run: Run, store: str) -> None:
    assert "there is no store here" in say("check", exit_code=3)
    assert "there is no course" in run("check", "course-v1:No+Such+Course", exit_code=3)["message"]
    assert run("check", "no key", exit_code=2)["type"] == "InvalidKey"


def test_every_kind_of_problem_is_on_the_page() -> None:
    page = (ROOT / "docs" / "checking.md").read_text()
    assert not [kind for kind in Kind if f"| `{kind}` |" not in page]
