"""The command: what it prints, and how it ends."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from modulestore.cli import main
from tests.cli.conftest import Run

KEY = "course-v1:Example+MS101+2026"


def test_import_and_look(run: Run, sample_course: str) -> None:
    report = run("import", sample_course, "--author", "ana")
    assert list(report)[:3] == ["key", "version", "draft_version"]
    assert {"blocks", "detached", "drafts", "definitions", "assets", "problems"} <= report.keys()
    assert (report["key"], report["problems"]) == (KEY, [])
    (course,) = run("courses")
    assert course["heads"] == {"draft": report["draft_version"], "published": report["version"]}
    assert (course["kind"], course["blocks"], course["title"]) == (
        "course",
        report["blocks"],
        "A Short Course on Tides",
    )
    videos = run("blocks", KEY, "--type", "video")
    assert len(videos) >= 3
    assert videos[0]["path"][0]["title"] == course["title"]
    assert run("blocks", KEY) != run("blocks", KEY, "--branch", "draft")
    tree = run("tree", KEY)
    assert tree["version"] == report["version"]

    def count(node: dict[str, Any]) -> int:
        return 1 + sum(count(child) for child in node["children"])

    assert count(tree["root"]) >= report["blocks"], "a block under two parents is shown under both"
    assert all(chapter["children"] == [] for chapter in run("tree", KEY, "--depth", "1")["root"]["children"])
    assert run("tree", KEY, "--version", report["version"]) == tree


def test_blocks_by_value(run: Run, sample_course: str) -> None:
    run("import", sample_course)
    graded = run("blocks", KEY, "--where", "graded=true")
    everything = run("blocks", KEY)
    assert 0 < len(graded) < len(everything)
    assert any(block["type"] == "problem" for block in graded), "inherited values count"
    assert run("blocks", KEY, "--where", "graded=1") == []
    both = run("blocks", KEY, "--where", "graded=true", "--where", 'display_name="nothing is called so"')
    assert both == []


def test_a_version_by_its_tag(run: Run, sample_course: str) -> None:
    run("import", sample_course)
    run("tag", KEY, "draft", "spring")
    run("edit", KEY, "--delete", f"block-v1:{KEY[10:]}+type@vertical+block@a-walk-at-night")
    draft = run("blocks", KEY, "--version", "draft")
    tagged = run("blocks", KEY, "--version", "spring")
    assert {block["id"] for block in tagged} - {block["id"] for block in draft} == {
        "a-walk-at-night",
        "by-night",
        "how-long",
    }
    tree = run("tree", KEY, "--version", "spring")
    assert run("tree", KEY, "--version", tree["version"]) == tree
    assert tree["version"] != run("tree", KEY, "--branch", "draft")["version"]


def test_a_block_of_a_version_and_a_tag_that_moves(run: Run, sample_course: str) -> None:
    page = f"block-v1:{KEY[10:]}+type@html+block@columns"
    run("import", sample_course)
    run("tag", KEY, "draft", "spring")
    run("edit", KEY, "--set", page, 'display_name="Others"')
    assert run("show", page, "--branch", "draft")["settings"]["display_name"] == "Others"
    assert run("show", page, "--version", "spring")["settings"]["display_name"] == "The columns"
    assert run("untag", KEY, "spring") == {"name": "spring"}
    assert run("untag", KEY, "spring", exit_code=3)["type"] == "VersionNotFound"
    run("tag", KEY, "draft", "spring")
    assert run("show", page, "--version", "spring")["settings"]["display_name"] == "Others"


def test_one_block(run: Run, sample_course: str) -> None:
    run("import", sample_course)
    problem = run("blocks", KEY, "--type", "problem", "--where", "graded=true")[0]
    shown = run("show", problem["key"])
    assert list(shown) == [
        "key",
        "type",
        "id",
        "settings",
        "effective",
        "content",
        "children",
        "parents",
        "edit_info",
    ]
    assert shown["effective"]["graded"]["value"] is True
    origin = shown["effective"]["graded"]["from"]
    assert origin.startswith("block-v1:Example+MS101+2026+type@sequential")
    assert "graded" not in shown["settings"]
    assert shown["effective"]["rerandomize"]["from"] in ("default", shown["key"])
    assert "<problem" in shown["content"]["data"]
    (parent,) = shown["parents"]
    assert shown["key"] in run("show", parent)["children"]
    assert len(shown["edit_info"]) == 7


def test_upgrade(run: Run, sample_course: str, url: str) -> None:
    run("import", sample_course)
    first, *others = run("upgrade", "--plan")
    assert first["state"] == "nothing to do", "a new database has its indexes from its first write on"
    if url.startswith("mongodb"):
        from pymongo import MongoClient

        with MongoClient[dict[str, Any]](url) as client:
            client.get_default_database()["modulestore.active_versions"].drop_indexes()
        planned, *_ = run("upgrade", "--plan")
        assert planned["state"] == "to do"
        assert run("upgrade") == [
            {**planned, "state": "done", "reason": "what was missing was made"},
            *others,
        ]
        assert run("upgrade") == [first, *others]


@pytest.mark.parametrize(
    ("words", "code", "kind", "said"),
    [
        (["tree", "nonsense"], 2, "InvalidKey", "nonsense"),
        (["tree", "course-v1:No+Such+Course"], 3, "CourseNotFound", "course-v1:No+Such+Course"),
        (["tree", KEY, "--branch", "nonsense"], 2, "InvalidInput", "nonsense"),
        (["tree", KEY, "--branch", "library"], 3, "BranchNotFound", "library"),
        (["tree", KEY, "--version", "0123"], 3, "VersionNotFound", "0123"),
        (["tree", KEY, "--version", "0" * 24], 3, "VersionNotFound", "0" * 24),
        (["show", f"block-v1:{KEY[10:]}+type@video+block@none"], 3, "BlockNotFound", "video/none"),
        (["show", KEY], 2, "InvalidKey", "course-v1"),
        (["blocks", KEY, "--where", "graded"], 2, "InvalidInput", "graded"),
        (["blocks", KEY, "--where", "graded=yes"], 2, "InvalidInput", "graded=yes"),
        (["import", "no/such/archive.tar.gz"], 2, "InvalidArchive", "archive.tar.gz"),
        (["tree"], 2, "UsageError", "KEY"),
        (["tree", KEY, "--depth", "-1"], 2, "UsageError", "--depth"),
        (["nonsense"], 2, "UsageError", "nonsense"),
    ],
)
def test_failures(run: Run, sample_course: str, words: list[str], code: int, kind: str, said: str) -> None:
    run("import", sample_course)
    error = run(*words, exit_code=code)
    assert error["type"] == kind
    assert said in f"{error['place']} {error['message']}"
    assert error["hint"] or "expected" in error["message"], "says what to do next"


def test_a_strict_import_says_what_is_wrong(run: Run, sample_course: str, tmp_path: Path) -> None:
    (tmp_path / "course").mkdir()
    (tmp_path / "course" / "course.xml").write_text(
        '<course org="O" course="C" url_name="R"><chapter url_name="gone"/></course>'
    )
    error = run("import", str(tmp_path / "course"), "--strict", exit_code=6)
    assert error["type"] == "ProblemsFound"
    assert [sorted(problem) for problem in error["problems"]] == [["action", "message", "place"]]
    report = run("import", str(tmp_path / "course"))
    assert report["problems"] == error["problems"]


def test_a_server_that_is_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    url = "mongodb://127.0.0.1:9/edxapp?serverSelectionTimeoutMS=100"
    assert main(["--store", url, "courses"]) == 5
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("modulestore: ")
    assert "Traceback" not in captured.err


@pytest.mark.parametrize(
    "url",
    [
        "sqllite:///x.db",
        "mongodb://",
        "mongodb://localhost/db?writes=maybe",
        "mongodb://localhost/db?format=3",
        "sqlite:///x.db?format=3",
        "sqlite:///x.db?mode=ro",
        "sqlite://host/x.db",
        "sqlite:///",
        "nonsense",
        "mongodb://localhost:port/db",
    ],
)
def test_store_urls_with_a_typo(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--store", url, "courses"]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert len(captured.err.splitlines()) <= 2


def test_a_password_is_not_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--store", "mongobd://me:secret@host/db", "courses"]) == 2
    assert "secret" not in capsys.readouterr().err


@pytest.mark.parametrize(
    "words", [["courses"], ["tree", KEY], ["blocks", KEY], ["show", f"block-v1:{KEY[10:]}+type@a+block@b"]]
)
def test_looking_into_a_missing_file_creates_nothing(
    words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--store", f"sqlite:///{tmp_path}/missing.db", *words]) == 3
    assert list(tmp_path.iterdir()) == []
    assert "missing.db" in capsys.readouterr().err


def test_text_for_people(tmp_path: Path, sample_course: str, capsys: pytest.CaptureFixture[str]) -> None:
    store = ["--store", f"sqlite:///{tmp_path}/courses.db"]
    assert main([*store, "import", sample_course]) == 0
    first = capsys.readouterr().out
    assert first.startswith(f"imported {KEY}: ")
    assert main([*store, "import", sample_course]) == 0
    assert "nothing to do" in capsys.readouterr().out
    assert main([*store, "courses"]) == 0
    assert "A Short Course on Tides" in capsys.readouterr().out
    assert main([*store, "tree", KEY]) == 0
    tree = capsys.readouterr().out
    assert "course A Short Course on Tides" in tree
    assert main([*store, "blocks", KEY, "--type", "video"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert all(line.startswith("block-v1:") and " / " in line for line in lines)
    assert main([*store, "show", lines[0].split()[0]]) == 0
    assert "settings:" in capsys.readouterr().out


def test_as_a_process(tmp_path: Path, sample_course: str) -> None:
    """The installed command, its default store from the environment, a reader that stops reading."""
    environment = {**os.environ, "MODULESTORE_URL": f"sqlite:///{tmp_path}/courses.db"}
    command = [sys.executable, "-m", "modulestore"]
    subprocess.run([*command, "import", sample_course], env=environment, check=True, capture_output=True)
    shown = subprocess.run(
        [*command, "tree", KEY, "--json"], env=environment, check=True, capture_output=True
    )
    assert json.loads(shown.stdout)["key"] == KEY
    for _ in range(3):
        subprocess.run([*command, "import", sample_course], env=environment, check=True, capture_output=True)
    piped = subprocess.run(
        f"{sys.executable} -m modulestore blocks {KEY} | head -n 1",
        shell=True,
        env=environment,
        capture_output=True,
    )
    assert piped.stderr == b""
