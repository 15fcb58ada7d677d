"""Two authors from the shell: what merges, what is asked, and how it is decided, in any process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from modulestore.cli import main
from tests.cli.conftest import Run

KEY = "course-v1:Example+TWO+2026"
COURSE = "block-v1:Example+TWO+2026+type@course+block@course"


class There(NamedTuple):
    """A course with two pages, and the version that both authors saw."""

    version: str
    unit: str
    page: str
    other: str


def make(run: Callable[..., Any]) -> There:
    run("create", KEY)
    made = run(
        *("edit", KEY, "--add", "chapter", COURSE, "1", "--add", "sequential", "@1", "2"),
        *("--add", "vertical", "@2", "3", "--add", "html", "@3", "Page", "--add", "html", "@3", "Other"),
    )
    return There(made["version"], *made["added"][2:])


@pytest.fixture
def there(run: Run) -> There:
    return make(run)


def edits(there: There, author: str) -> list[str]:
    """What both change (title and text of one page), each in its own way; and what only this one does."""
    both = [f'display_name="{author}"', f'data="<p>{author}</p>"']
    return [
        *("edit", KEY, "--base", there.version, "--author", author, "-m", f"by {author}"),
        *(word for field in both for word in ("--set", there.page, field)),
        *("--add", "html", there.unit, f"only {author}'s"),
    ]


@pytest.fixture
def error(run: Run, there: There) -> Any:
    run(*edits(there, "ana"))
    return run(*edits(there, "bo"), exit_code=4)


def titles(run: Run) -> list[str]:
    return [block["title"] for block in run("blocks", KEY, "--type", "html", "--branch", "draft")]


def text(run: Run, there: There) -> str:
    content: str = run("show", there.page, "--branch", "draft")["content"]["data"]
    return content


def items(error: Any) -> dict[str, str]:
    """Ids of the items, by field."""
    return {item["field"]: item["id"] for item in error["conflict"]["items"]}


def test_edits_of_different_things_merge(run: Run, there: There) -> None:
    first = run("edit", KEY, "--base", there.version, "--set", there.page, 'display_name="Ana\'s"')
    second = run("edit", KEY, "--base", there.version, "--set", there.other, 'display_name="Bo\'s"')
    assert (first["merged"], second["merged"]) == (False, True)
    assert second["base"] == there.version
    assert titles(run) == ["Ana's", "Bo's"]


def test_edits_of_the_same_thing_are_asked_about(run: Run, there: There, error: Any) -> None:
    assert list(error) == ["type", "message", "place", "hint", "conflict"]
    assert (error["type"], error["place"]) == ("EditConflict", KEY)
    conflict = error["conflict"]
    assert {"id", "items"} <= conflict.keys()
    assert conflict["id"] in error["hint"]
    assert (conflict["author"], conflict["their_author"], conflict["base"]) == ("bo", "ana", there.version)
    shown = {item["field"]: item for item in conflict["items"]}
    assert shown.keys() == {"display_name", "content.data"}
    title = shown["display_name"]
    assert {"id", "key", "field", "base", "theirs", "mine"} <= title.keys()
    assert (title["key"], title["base"], title["theirs"], title["mine"]) == (there.page, "Page", "ana", "bo")
    assert run("conflicts", "list", KEY) == run("conflicts", KEY) == [conflict]
    assert run("conflicts", "show", conflict["id"]) == conflict
    assert "only bo's" not in titles(run), "nothing of it is there before it is decided"


def test_choosing_item_by_item(run: Run, there: There, error: Any) -> None:
    ids, conflict_id = items(error), error["conflict"]["id"]
    left = run("conflicts", "resolve", conflict_id, "--ours", ids["display_name"], exit_code=4)
    assert left["conflict"]["id"] == conflict_id
    assert set(items(left)) == {"content.data"}, "one is still to decide"
    decided = run(
        "conflicts", "resolve", conflict_id, "--ours", ids["display_name"], "--theirs", ids["content.data"]
    )
    assert list(decided) == ["id", "version"]
    newest = run("log", KEY, "--branch", "draft")[0]
    assert (newest["version"], newest["author"], newest["message"]) == (decided["version"], "bo", "by bo")
    assert sorted(titles(run)) == ["Other", "bo", "only ana's", "only bo's"]
    assert text(run, there) == "<p>ana</p>"
    assert run("conflicts", KEY) == []
    assert run("conflicts", "show", conflict_id, exit_code=3)["type"] == "NotFound"


def test_overwriting_keeps_what_does_not_conflict(run: Run, there: There, error: Any) -> None:
    run("conflicts", "resolve", error["conflict"]["id"], "--overwrite")
    assert sorted(titles(run)) == ["Other", "bo", "only ana's", "only bo's"]
    assert text(run, there) == "<p>bo</p>"


def test_giving_up(run: Run, error: Any) -> None:
    before = run("log", KEY, "--branch", "draft")
    assert run("conflicts", "resolve", error["conflict"]["id"], "--abort") == {
        "id": error["conflict"]["id"],
        "version": None,
    }
    assert run("log", KEY, "--branch", "draft") == before
    assert run("conflicts", KEY) == []


def test_what_the_others_did_since_is_asked_about_too(run: Run, there: There, error: Any) -> None:
    run("edit", KEY, "--set", there.page, 'display_name="ana again"', "--author", "ana")
    conflict = run("conflicts", "resolve", error["conflict"]["id"], exit_code=4)["conflict"]
    assert conflict["id"] == error["conflict"]["id"]
    assert {item["theirs"] for item in conflict["items"]} == {"ana again", "<p>ana</p>"}


def test_not_asking(run: Run, there: There) -> None:
    run(*edits(there, "ana"))
    error = run(*edits(there, "bo"), "--on-conflict", "abort", exit_code=4)
    assert error["type"] == "HeadMoved"
    assert run("conflicts", KEY) == []
    assert run(*edits(there, "bo"), "--on-conflict", "overwrite")["merged"] is True
    assert text(run, there) == "<p>bo</p>"
    assert "only ana's" in titles(run)


def test_undoing_what_was_changed_since(run: Run, there: There) -> None:
    first = run("edit", KEY, "--set", there.page, 'display_name="ana"', "--author", "ana")
    run("edit", KEY, "--set", there.page, 'display_name="bo"', "--author", "bo")
    conflict = run("undo", KEY, first["version"], exit_code=4)["conflict"]
    (item,) = conflict["items"]
    assert (item["base"], item["theirs"], item["mine"]) == ("ana", "bo", "Page")
    run("conflicts", "resolve", conflict["id"], "--overwrite")
    assert "Page" in titles(run)


def test_deciding_in_another_process(run: Run, there: There, error: Any, url: str) -> None:
    words = ["conflicts", "resolve", error["conflict"]["id"], "--overwrite", "--json"]
    command = [sys.executable, "-m", "modulestore", "--store", url, *words]
    finished = subprocess.run(command, check=True, capture_output=True, text=True)
    assert json.loads(finished.stdout)["version"] == run("log", KEY, "--branch", "draft")[0]["version"]
    assert text(run, there) == "<p>bo</p>"


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["list"], 2, "KEY"),
        (["show"], 2, "ID"),
        (["resolve"], 2, "ID"),
        (["decide", "0" * 24], 2, "decide"),
        (["nonsense"], 2, "nonsense"),
        (["list", KEY, "--abort"], 2, "nothing"),
        (["show", "0" * 24], 3, "0" * 24),
        (["resolve", "0" * 24, "--overwrite"], 3, "0" * 24),
        (["resolve", "ID", "--overwrite", "--abort"], 2, "abort"),
        (["resolve", "ID", "--abort", "--ours", "ITEM"], 2, "abort"),
        (["resolve", "ID", "--ours", "ITEM", "--theirs", "ITEM"], 2, "both"),
        (["resolve", "ID", "--ours", "000000000000"], 2, "000000000000"),
    ],
)
def test_failures(run: Run, error: Any, words: list[str], code: int, said: str) -> None:
    names = {"ID": error["conflict"]["id"], "ITEM": error["conflict"]["items"][0]["id"]}
    failed = run("conflicts", *(names.get(word, word) for word in words), exit_code=code)
    assert said in failed["message"]
    assert run("conflicts", KEY) == [error["conflict"]]


def test_text_for_people(say: Callable[..., str], tmp_path: Path) -> None:
    """Which block and field, what each made of it, and the commands that decide."""

    def run(*words: str) -> Any:
        return json.loads(say(*words, "--json"))

    there = make(run)
    say(*edits(there, "ana"))
    said = say(*edits(there, "bo"), exit_code=4)
    assert said.startswith(f"modulestore: {KEY}: 'ana' changed the same thing meanwhile: html/")
    (conflict,) = run("conflicts", KEY)
    for item in conflict["items"]:
        assert f"item {item['id']} (field): {there.page}, {item['field']}\n" in said
    assert '    base:   "Page"\n    theirs: "ana"\n    mine:   "bo"\n' in said
    resolve = f"    modulestore --store sqlite:///{tmp_path}/people.db conflicts resolve {conflict['id']}"
    ours = " ".join(f"--ours {item['id']}" for item in conflict["items"])
    assert f"{resolve} {ours} " in said
    assert f"{resolve} --overwrite " in said
    assert f"{resolve} --abort " in said
    shown = say("conflicts", "show", conflict["id"])
    assert shown.splitlines()[1:] == said.splitlines()[1:]
    assert say("conflicts", KEY).startswith(f"{conflict['id']}  ")
    assert say("conflicts", KEY).endswith("  bo  2 items  by bo\n")
    decided = say("conflicts", "resolve", conflict["id"], "--overwrite")
    assert decided.startswith(f"conflict {conflict['id']} is decided\nversion ")
    assert f"{KEY}: 3 edits, merged with what others did since\n" in say(*edits(there, "bo"))


@pytest.mark.parametrize("as_option", [True, False])
def test_a_command_that_is_shown_works_when_it_is_pasted(
    as_option: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """On the store that was named, however it was, and however many items there are."""
    url = f"sqlite:///{tmp_path}/it's here; $HOME.db"
    options = ["--store", url] if as_option else []
    monkeypatch.setenv("MODULESTORE_URL", "sqlite:///elsewhere.db" if as_option else url)
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")

    def run(*words: str, exit_code: int = 0) -> Any:
        assert main([*options, *words, "--json"]) == exit_code
        captured = capsys.readouterr()
        return json.loads(captured.err if exit_code else captured.out)

    there = make(run)
    fields = [f"field_{number}" for number in range(5)]
    for author in ("ana", "bo"):
        sets = [word for field in fields for word in ("--set", there.page, f'{field}="{author}"')]
        assert main([*options, "edit", KEY, "--base", there.version, *sets]) == (0 if author == "ana" else 4)
    lines = [line.strip() for line in capsys.readouterr().err.splitlines()]
    ours, overwrite, abort = [line for line in lines if line.startswith("modulestore ")]
    assert (" --store " in ours) == as_option
    (conflict,) = run("conflicts", KEY)
    assert main([*options, "conflicts", "show", conflict["id"]]) == 0
    shown = [line.strip() for line in capsys.readouterr().out.splitlines()]
    assert {ours, overwrite, abort} <= set(shown)
    hint = run("conflicts", "resolve", conflict["id"], exit_code=4)["error"]["hint"]
    assert f"`{abort.partition(' --abort')[0]}`" in hint
    finished = subprocess.run(ours, shell=True, check=True, capture_output=True, text=True, cwd=tmp_path)
    assert "is decided" in finished.stdout
    assert run("conflicts", KEY) == []
    settings = run("show", there.page, "--branch", "draft")["settings"]
    assert [settings[field] for field in fields] == ["bo"] * 5


def test_long_values_are_clipped(say: Callable[..., str]) -> None:
    there = make(lambda *words: json.loads(say(*words, "--json")))
    options = ["edit", KEY, "--base", there.version, "--set", there.page]
    say(*options, f'data="{"a" * 500}"')
    said = say(*options, f'data="{"b" * 500}"', exit_code=4)
    values = [line for line in said.splitlines() if line.startswith(("    theirs:", "    mine:"))]
    assert [len(line) < 150 for line in values] == [True, True]
    assert "a…" in said
