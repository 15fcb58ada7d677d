"""Commands of authors that cannot be done: what they say, how they end, and that nothing was written."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import Run

KEY = "course-v1:Example+NEW+2026"
BLOCK = "block-v1:Example+NEW+2026+type@"
COURSE = f"{BLOCK}course+block@course"


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["edit", KEY], 2, "nothing to edit"),
        (["edit", KEY, "--set", COURSE], 2, "FIELD=JSON"),
        (["edit", KEY, "--set", COURSE, "weight"], 2, "weight"),
        (["edit", KEY, "--set", COURSE, "weight=two"], 2, "weight=two"),
        (["edit", KEY, "--set", COURSE, "a=" + "[" * 5000], 2, "FIELD=JSON"),
        (["edit", KEY, "--set", COURSE, 'start="soon"'], 2, "soon"),
        (["edit", KEY, "--set", COURSE, "children=[]"], 2, "children"),
        (["edit", KEY, "--set", "@1", "weight=1"], 2, "@1"),
        (["edit", KEY, "--set", "nonsense", "weight=1"], 2, "nonsense"),
        (["edit", KEY, "--set", COURSE.replace("2026", "2027"), "weight=1"], 2, "2027"),
        (["edit", KEY, "--set", f"{BLOCK}html+block@none", "weight=1"], 3, "html/none"),
        (["edit", KEY, "--move", COURSE, COURSE, "0"], 2, "root"),
        (["edit", KEY, "--move", COURSE, COURSE, "-1"], 2, "-1"),
        (["edit", KEY, "--delete", COURSE], 2, "root"),
        (["edit", KEY, "--delete", COURSE, "--base", "nonsense"], 2, "nonsense"),
        (["edit", KEY, "--delete", COURSE, "--base", "0" * 24], 3, "0" * 24),
        (["edit", KEY, "--delete", COURSE, "--on-conflict", "cry"], 2, "--on-conflict"),
        (["edit", f"{KEY}+branch@published-branch", "--set", COURSE, "weight=1"], 2, "published"),
        (["edit", "course-v1:No+Such+Course", "--delete", COURSE], 3, "No+Such+Course"),
        (["create", "nonsense"], 2, "nonsense"),
        (["create", KEY], 4, KEY),
        (["create", KEY.replace("NEW", "new")], 4, KEY),
        (["log", "nonsense"], 2, "nonsense"),
        (["log", KEY, "-n", "0"], 2, "-n"),
        (["log", KEY, "--branch", "nonsense"], 2, "nonsense"),
        (["diff", KEY, "draft"], 2, "TO"),
        (["diff", KEY, "draft", "nonsense"], 3, "nonsense"),
        (["restore", KEY, "0" * 24], 3, "0" * 24),
        (["restore", KEY, "draft", "--block", f"{BLOCK}html+block@none"], 3, "html/none"),
        (["undo", KEY, "draft"], 2, "first"),
        (["tag", KEY, "draft", "published"], 2, "published"),
        (["tag", KEY, "nonsense", "good"], 3, "nonsense"),
        (["publish", KEY, f"{BLOCK}html+block@none"], 3, "html"),
        (["publish", KEY, "block-v1:Some+Other+One+type@html+block@a"], 2, "Other"),
        (["unpublish", COURSE], 2, "course"),
        (["discard", f"{BLOCK}html+block@none"], 3, "html"),
        (["rerun", KEY, KEY], 4, KEY),
        (["rerun", "course-v1:No+Such+Course", f"{KEY}b"], 3, "No+Such+Course"),
        (["delete", "course-v1:No+Such+Course"], 3, "No+Such+Course"),
        (["undelete", "course-v1:No+Such+Course"], 3, "No+Such+Course"),
    ],
)
def test_failures(run: Run, words: list[str], code: int, said: str) -> None:
    run("create", KEY)
    before = run("courses")
    error = run(*words, exit_code=code)
    assert said in f"{error['place']} {error['message']}"
    assert run("courses") == before


@pytest.mark.parametrize("command", ["edit", "publish", "delete", "undelete", "log", "conflicts", "changes"])
def test_a_missing_file_is_not_created(command: str, tmp_path: Path, say: Callable[..., str]) -> None:
    options = ["--delete", COURSE] if command == "edit" else []
    assert "people.db" in say(command, KEY, *options, exit_code=3)
    assert list(tmp_path.iterdir()) == []
