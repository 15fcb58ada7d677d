"""Commands of authors: make, edit, publish, look back, go back; on both backends."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.cli.conftest import Run

KEY = "course-v1:Example+NEW+2026"
LIBRARY = "library-v1:Example+BANK"
BLOCK = "block-v1:Example+NEW+2026+type@"
COURSE = f"{BLOCK}course+block@course"
EFFECTS = ["version", "added", "changed", "removed"]

Say = Callable[..., str]


@pytest.fixture
def blocks(run: Run) -> dict[str, str]:
    """A new course with one block of each kind; their keys by type."""
    run("create", KEY, "--title", "New")
    made = run(
        *("edit", KEY, "--author", "ana", "-m", "A beginning"),
        *("--add", "chapter", COURSE, "Chapter"),
        *("--add", "sequential", "@1", "Section", "--add", "vertical", "@2", "Unit"),
        *("--add", "html", "@3", "Page", "--set", "@4", 'data="<p>first</p>"'),
    )
    return {key.split("+type@")[1].split("+")[0]: key for key in made["added"]}


def test_a_course_through_its_life(run: Run) -> None:
    made = run("create", KEY, "--title", "Life of a course", "--author", "ana")
    assert list(made) == ["key", "version", "draft_version"]
    assert made["key"] == KEY
    (course,) = run("courses")
    assert course["heads"] == {"draft": made["draft_version"], "published": made["version"]}
    assert course["title"] == "Life of a course"

    edited = run(
        *("edit", KEY, "-m", "A unit", "--author", "ana", "--add", "chapter", COURSE, "One"),
        *("--add", "sequential", "@1", "Two", "--add", "vertical", "@2", "Three"),
    )
    assert list(edited) == ["version", "base", "merged", "added"]
    assert (edited["base"], edited["merged"], len(edited["added"])) == (made["draft_version"], False, 3)
    unit = edited["added"][2]
    assert run("changes", KEY) == [{"key": unit, "change": "added"}], "what has no draft is published at once"

    preview = run("publish", KEY, "--dry-run")
    assert preview == {"version": None, "added": [unit], "changed": [], "removed": []}
    published = run("publish", KEY, unit, "-m", "Out", "--author", "bo")
    assert list(published) == EFFECTS
    assert published == {**preview, "version": published["version"]}
    assert run("publish", KEY) == {**published, "added": []}, "published already: no version"
    assert run("changes", KEY) == []

    first, *rest = run("log", KEY)
    assert list(first) == ["version", "previous", "author", "edited_on", "message", "tags"]
    assert (first["version"], first["previous"]) == (published["version"], rest[0]["version"])
    assert (first["author"], first["message"], first["tags"]) == ("bo", "Out", [])
    assert first["edited_on"].endswith("Z")
    draft = run("log", KEY, "--branch", "draft")
    assert [version["version"] for version in draft] == [edited["version"], edited["base"]]
    assert run("log", KEY, "--branch", "draft", "-n", "1") == draft[:1]

    renamed = run("edit", KEY, "--set", unit, 'display_name="3"')
    found = run("diff", KEY, "published", renamed["version"])
    assert list(found) == ["added", "removed", "moved", "reordered", "changed", "assets"]
    assert found["changed"] == [
        {"key": unit, "field": "display_name", "from": "Three", "to": "3", "unset": []}
    ]
    undone = run("undo", KEY, renamed["version"], "-m", "Not like this")
    assert list(undone) == EFFECTS
    assert (undone["added"], undone["changed"], undone["removed"]) == ([], [unit], [])
    assert not any(run("diff", KEY, "published", "draft").values())

    tagged = run("tag", KEY, undone["version"], "good")
    assert tagged == {"version": undone["version"], "name": "good"}
    assert run("log", KEY, "--branch", "draft")[0]["tags"] == ["good"]
    run("edit", KEY, "--delete", edited["added"][1])
    would = run("restore", KEY, "good", "--dry-run")
    restored = run("restore", KEY, "good", "--author", "7")
    assert list(restored) == EFFECTS
    assert would == {**restored, "version": None}
    assert set(restored["added"]) == set(edited["added"][1:])
    assert run("log", KEY, "--branch", "draft")[0]["author"] == 7
    assert run("restore", KEY, "good") == {**restored, "added": []}, "nothing to restore: no version"

    target = "course-v1:Example+NEW+2027"
    assert run("rerun", KEY, target) == {"key": target}
    assert run("log", target)[-1] == {**run("log", KEY)[-1], "tags": []}
    assert run("rerun", KEY, target.upper().replace("COURSE-V1", "course-v1"), exit_code=4)["hint"]
    assert run("delete", KEY) == {"key": KEY}
    assert [course["key"] for course in run("courses")] == [target]
    assert run("tree", KEY, exit_code=3)["type"] == "CourseNotFound"
    assert run("undelete", KEY) == {"key": KEY}
    assert run("log", KEY, "--branch", "draft")[0]["version"] == restored["version"]
    assert run("undelete", KEY, exit_code=3)["type"] == "CourseNotFound"


def test_a_library(run: Run) -> None:
    made = run("create", LIBRARY, "--title", "Bank")
    assert made["draft_version"] is None
    root = run("tree", LIBRARY)["root"]
    assert root["title"] == "Bank"
    edited = run("edit", LIBRARY, "--add", "problem", root["key"], "One", "--set", "@1", "weight=2.5")
    (problem,) = run("blocks", LIBRARY, "--type", "problem")
    assert [problem["key"]] == edited["added"]
    assert run("show", problem["key"])["settings"]["weight"] == 2.5
    assert run("restore", LIBRARY, edited["base"])["removed"] == edited["added"]
    assert run("undo", LIBRARY, "library")["added"] == edited["added"]
    assert run("publish", LIBRARY, exit_code=2)["type"] == "InvalidInput"
    assert run("create", LIBRARY, exit_code=4)["type"] == "CourseExists"


def test_edits_are_made_in_the_order_given(run: Run, blocks: dict[str, str]) -> None:
    """Whichever options they are, and however they are written."""
    page, unit = blocks["html"], blocks["vertical"]
    run("edit", KEY, "--set", page, "weight=1", "--unset", page, "weight", f"--set={page}", "weight=2")
    assert run("show", page, "--branch", "draft")["settings"]["weight"] == 2
    run("edit", KEY, "--set", page, "weight=3", "--unset", page, "weight")
    assert "weight" not in run("show", page, "--branch", "draft")["settings"]
    made = run(
        *("edit", KEY, "--add", "vertical", blocks["sequential"], "Other"),
        *("--move", page, "@1", "0", "-m", "--set", "--delete", unit),
    )
    assert run("show", page, "--branch", "draft")["parents"] == made["added"], "moved before the unit went"
    assert run("log", KEY, "--branch", "draft")[0]["message"] == "--set"
    error = run("edit", KEY, "--delete", made["added"][0], "--set", page, "weight=1", exit_code=3)
    assert error["type"] == "BlockNotFound"
    assert run("log", KEY, "--branch", "draft")[0]["version"] == made["version"], "nothing was written"


def test_values_that_json_does_not_have(run: Run, blocks: dict[str, str]) -> None:
    run("edit", KEY, "--set", blocks["chapter"], 'start="2026-09-01T10:00:00+02:00"')
    assert run("show", blocks["html"], "--branch", "draft")["effective"]["start"] == {
        "value": "2026-09-01T08:00:00Z",
        "from": blocks["chapter"],
    }
    assert run("log", KEY, "--branch", "draft")[0]["version"] != run("log", KEY)[0]["version"]
    again = run("edit", KEY, "--set", blocks["chapter"], 'start="2026-09-01T08:00:00Z"')
    assert again["version"] == again["base"], "the same moment: no version"


def test_publishing(run: Run, blocks: dict[str, str]) -> None:
    page, unit = blocks["html"], blocks["vertical"]
    run("publish", KEY)
    run("edit", KEY, "--set", page, 'data="<p>second</p>"', "--add", "html", unit, "More")
    changes = run("changes", KEY)
    assert [list(change) for change in changes] == [["key", "change"]] * len(changes)
    assert {"key": page, "change": "changed"} in changes
    assert {change["change"] for change in changes} == {"added", "changed"}
    discarded = run("discard", unit)
    assert list(discarded) == EFFECTS
    assert (discarded["changed"], len(discarded["removed"])) == ([page], 1)
    assert run("changes", KEY) == []
    hidden = run("unpublish", unit)
    assert list(hidden) == EFFECTS
    assert set(hidden["removed"]) == {unit, page}
    assert run("blocks", KEY, "--type", "html") == []
    assert {change["key"] for change in run("changes", KEY)} >= {unit, page}
    assert run("unpublish", unit, exit_code=3)["type"] == "NotPublished"
    assert run("publish", KEY, page, exit_code=3)["hint"]
    assert run("discard", blocks["chapter"], exit_code=2)["hint"]


def test_history_of_a_block(run: Run, blocks: dict[str, str]) -> None:
    page = blocks["html"]
    run("edit", KEY, "--set", page, 'data="<p>second</p>"', "--author", "bo", "-m", "Better")
    run("edit", KEY, "--set", blocks["vertical"], 'display_name="Elsewhere"')
    gone = run("edit", KEY, "--delete", page)
    run("restore", KEY, gone["base"], "--block", page)
    versions = run("log", page, "--branch", "draft")
    assert [version["change"] for version in versions] == ["added", "removed", "changed", "added"]
    assert [version["message"] for version in versions] == [None, None, "Better", "A beginning"]
    assert list(versions[0]) == [
        "version",
        "previous",
        "author",
        "edited_on",
        "message",
        "tags",
        "change",
    ]


def test_restoring_one_block(run: Run, blocks: dict[str, str]) -> None:
    page = blocks["html"]
    run("publish", KEY)
    run("edit", KEY, "--set", page, 'data="<p>second</p>"', "--set", blocks["chapter"], 'display_name="2"')
    options = ["restore", KEY, "published", "--block", page]
    would = run(*options, "--dry-run")
    assert would == {"version": None, "added": [], "changed": [page], "removed": []}
    assert {**run(*options, "--to", "both"), "version": None} == would
    assert run("show", blocks["chapter"])["settings"]["display_name"] == "2"
    assert run("restore", KEY, "no such tag", exit_code=3)["type"] == "VersionNotFound"


def test_what_restoring_both_branches_would_do(run: Run, blocks: dict[str, str]) -> None:
    """It is told for both, and is what is done then."""
    page, unit, section = blocks["html"], blocks["vertical"], blocks["sequential"]
    run("publish", KEY)
    run("tag", KEY, "draft", "good")
    made = run(
        *("edit", KEY, "--add", "vertical", section, "Second", "--add", "html", "@1", "More"),
        *("--set", unit, 'display_name="Elsewhere"', "--move", page, "@1", "0"),
    )
    run("publish", KEY, made["added"][0])
    options = ["restore", KEY, "good", "--to", "both"]
    would = run(*options, "--dry-run")
    assert list(would) == [*EFFECTS, "published"]
    assert (would["added"], would["changed"]) == ([], [page, unit])
    assert would["removed"] == made["added"]
    published = would.pop("published")
    assert list(published) == EFFECTS[1:]
    assert (published["added"], published["changed"]) == ([], [page]), "there the unit is as it was"
    assert sorted(published["removed"]) == sorted(made["added"])
    before = run("log", KEY)[0]["version"]
    assert {**run(*options), "version": None} == would
    done = run("diff", KEY, before, "published")
    assert [block["key"] for block in done["removed"]] == sorted(published["removed"])
    assert ([block["key"] for block in done["moved"]], done["changed"]) == ([page], [])
    nothing: dict[str, list[str]] = {"added": [], "changed": [], "removed": []}
    assert run(*options, "--dry-run") == {"version": None, **nothing, "published": nothing}


def test_what_restoring_a_library_would_do(run: Run) -> None:
    """It has one branch."""
    run("create", LIBRARY)
    root = run("tree", LIBRARY)["root"]["key"]
    made = run("edit", LIBRARY, "--add", "problem", root, "One")
    would = run("restore", LIBRARY, made["base"], "--to", "both", "--dry-run")
    assert would == {"version": None, "added": [], "changed": [], "removed": made["added"]}


def test_a_diff_in_full(run: Run, blocks: dict[str, str]) -> None:
    before = run("log", KEY, "--branch", "draft")[0]["version"]
    page, unit, section = blocks["html"], blocks["vertical"], blocks["sequential"]
    made = run(
        *("edit", KEY, "--add", "vertical", section, "Second", "--add", "vertical", section, "Third"),
        *("--move", page, "@1", "0", "--move", unit, section, "2"),
    )
    found = run("diff", KEY, before, "draft")
    assert [block["key"] for block in found["added"]] == sorted(made["added"])
    assert found["added"][0]["parents"] == [section]
    assert found["moved"] == [{"key": page, "from": [unit], "to": [made["added"][0]]}]
    back = run("diff", KEY, "draft", before)
    assert [block["key"] for block in back["removed"]] == sorted(made["added"])
    run("edit", KEY, "--move", unit, section, "0")
    (order,) = run("diff", KEY, made["version"], "draft")["reordered"]
    assert order == {"key": section, "from": [*made["added"], unit], "to": [unit, *made["added"]]}


def test_text_for_people(say: Say) -> None:
    assert say("create", KEY, "--title", "New").startswith(f"created {KEY}\nversion ")
    made = say("edit", KEY, "--add", "chapter", COURSE, "One", "--add", "sequential", "@1", "Two")
    added, section, summary, version = made.splitlines()
    assert added.startswith(f"added {BLOCK}chapter+block@")
    assert summary == f"{KEY}: 2 edits"
    section = section.removeprefix("added ")
    assert "nothing to do" in say("edit", KEY, "--set", section, 'display_name="Two"')
    assert say("changes", KEY) == "everything is published\n"
    say("edit", KEY, "--add", "vertical", section, "Three", "-m", "A unit", "--author", "ana")
    assert say("changes", KEY).startswith(f"added  {BLOCK}vertical")
    assert say("publish", KEY, "--dry-run").startswith("would publish: 1 block added\n  added    block-v1:")
    assert say("publish", KEY).startswith("published: 1 block added\nversion ")
    assert "nothing to do" in say("publish", KEY)
    assert "nothing to do" in say("publish", KEY, "--dry-run")
    say("tag", KEY, "published", "good")
    assert "[good]" in say("log", KEY)
    first, *_ = say("log", KEY, "--branch", "draft").splitlines()
    assert first.endswith("ana  A unit")
    assert "changed" in say("log", section, "--branch", "draft"), "it got a child"
    say("edit", KEY, "--set", section, 'display_name="2"')
    assert say("diff", KEY, version.split()[1], "draft").splitlines()[-3:] == [
        f"changed    {section} display_name",
        '             from "Two"',
        '             to   "2"',
    ]
    assert say("diff", KEY, "draft", "draft") == "no difference\n"
    assert say("restore", KEY, "good", "--dry-run").startswith("would restore: 1 block changed\n  changed")
    both = say("restore", KEY, "good", "--to", "both", "--dry-run").splitlines()
    changed = f"  changed  {section}"
    assert both == [
        *("would restore: 1 block changed", changed),
        *("would publish: 1 block changed", changed),
    ]
    assert say("undo", KEY, "draft").startswith("undone: 1 block changed\nversion ")
    assert "nothing to do" in say("restore", KEY, "good")
    assert "nothing to do" in say("restore", KEY, "good", "--dry-run")
    assert say("restore", KEY, "good", "--to", "both", "--dry-run") == f"{KEY} is so already: nothing to do\n"
    say("edit", KEY, "--add", "vertical", section, "Waits")
    (only,) = say("restore", KEY, "draft", "--to", "both", "--dry-run").splitlines()[:-1]
    assert only == "would publish: 1 block added", "the draft is so already"
    assert "re-run" in say("rerun", KEY, f"{KEY}b")
    assert "undelete" in say("delete", KEY)
    assert say("undelete", KEY) == f"{KEY} is back\n"
    assert say("conflicts", KEY) == "nothing to decide\n"
    assert "--set takes USAGE_KEY FIELD=JSON" in say("edit", KEY, "--set", section, exit_code=2)
