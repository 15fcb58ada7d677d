"""``bundle``, and ``import`` of what it wrote."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

from modulestore.cli import main
from tests.cli.conftest import Run

KEY = "course-v1:Example+MS101+2026"


def test_out_and_in_again(run: Run, sample_course: str, tmp_path: Path) -> None:
    imported = run("import", sample_course, "--author", "ana")
    run("tag", KEY, "draft", "spring")
    file = tmp_path / "ms101.bundle"
    report = run("bundle", KEY, str(file))
    assert {"key", "heads", "structures", "definitions", "files", "bytes", "digest"} <= report.keys()
    assert (report["key"], report["left_out"]) == (KEY, [])
    assert report["heads"] == {"draft": imported["draft_version"], "published": imported["version"]}
    assert report["bytes"] == file.stat().st_size
    assert report["digest"] == hashlib.sha256(file.read_bytes()).hexdigest()
    refused = run("bundle", KEY, str(file), exit_code=2)
    assert (refused["type"], refused["place"]) == ("InvalidInput", str(file))
    assert run("bundle", KEY, str(file), "--force") == report
    tree, log = run("tree", KEY), run("log", KEY)
    again = run("import", str(file))
    assert again["definitions"] == 0
    run("delete", KEY)
    assert run("bundle", KEY, str(tmp_path / "b"), exit_code=3)["type"] == "CourseNotFound"
    assert run("bundle", KEY, str(tmp_path / "b"), "--deleted")["digest"] == report["digest"]
    planned = run("import", str(file), "--dry-run")
    back = run("import", str(file))
    assert planned == back
    left_out = ("definitions", "drafts")
    assert {name: back[name] for name in back if name not in left_out} == {
        name: imported[name] for name in imported if name not in left_out
    }
    assert (run("tree", KEY), run("log", KEY)) == (tree, log)


def test_under_another_key(run: Run, sample_course: str, tmp_path: Path) -> None:
    run("import", sample_course)
    run("bundle", KEY, str(tmp_path / "b"), "--history")
    other = "course-v1:Example+MS101+2027"
    assert run("import", str(tmp_path / "b"), "--key", other)["key"] == other
    assert {course["key"] for course in run("courses")} == {KEY, other}
    assert run("import", str(tmp_path / "b"), "--key", "library-v1:A+B", exit_code=2)["type"] == "InvalidKey"


def test_one_that_moved_on(run: Run, sample_course: str, tmp_path: Path) -> None:
    run("import", sample_course)
    run("bundle", KEY, str(tmp_path / "b"))
    run("edit", KEY, "--set", f"{block('html', 'columns')}", 'display_name="x"')
    error = run("import", str(tmp_path / "b"), exit_code=4)
    assert error["type"] == "CourseExists"
    assert "--key" in error["hint"]


def block(kind: str, name: str) -> str:
    return f"block-v1:Example+MS101+2026+type@{kind}+block@{name}"


def test_what_people_see(say: Callable[..., str], sample_course: str, tmp_path: Path) -> None:
    say("import", sample_course)
    file = tmp_path / "b"
    said = say("bundle", KEY, str(file)).splitlines()
    assert said[0] == f"bundled {KEY}: 2 versions, 54 definitions, 6 files, 0 records"
    assert said[1].startswith(f"{file}: {file.stat().st_size:,} bytes, sha256 ")
    assert say("import", str(file)) == f"{KEY} is as the archive has it: nothing to do\n"
    file.write_bytes(file.read_bytes()[:-1])
    assert f"modulestore: {file}, section " in say("import", str(file), exit_code=2)
    assert "give a file in a folder that exists" in say(
        "bundle", KEY, str(tmp_path / "no" / "b"), exit_code=2
    )


def test_a_store_that_is_not_there(tmp_path: Path) -> None:
    assert main(["--store", f"sqlite:///{tmp_path}/none.db", "bundle", KEY, str(tmp_path / "b")]) == 3
    assert list(tmp_path.iterdir()) == []
