"""``export``."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.cli.conftest import Run

KEY = "course-v1:Example+MS101+2026"


def test_out_and_in_again(run: Run, sample_course: str, tmp_path: Path) -> None:
    imported = run("import", sample_course)
    file = tmp_path / "ms101.tar.gz"
    report = run("export", KEY, str(file))
    assert {
        name: report[name] for name in ("key", "version", "draft_version", "drafts", "files", "problems")
    } == {
        "key": KEY,
        "version": imported["version"],
        "draft_version": imported["draft_version"],
        "drafts": 4,
        "files": 6,
        "problems": [],
    }
    assert report["bytes"] == file.stat().st_size
    assert run("import", str(file))["changed"] is False
    refused = run("export", KEY, str(file), exit_code=2)
    assert (refused["type"], refused["place"]) == ("InvalidInput", str(file))
    assert run("export", KEY, str(file), "--force") == report


def test_a_folder_for_git(run: Run, sample_course: str, tmp_path: Path) -> None:
    run("import", sample_course)
    run("tag", KEY, "published", "v1")
    folder = tmp_path / "course"
    assert run("export", KEY, str(folder), "--version", "published")["drafts"] == 0
    run(
        "edit",
        KEY,
        "--set",
        f"block-v1:{KEY[10:]}+type@chapter+block@on-the-coast",
        'display_name="By the sea"',
    )
    changed = run("export", KEY, str(folder), "--version", "published", "--since", "v1")
    assert changed["written"] == ["chapter/on-the-coast.xml"]
    assert changed["removed"] == []
    assert 'display_name="By the sea"' in (folder / "chapter" / "on-the-coast.xml").read_text()


def test_to_standard_output(sample_course: str, tmp_path: Path) -> None:
    program = (sys.executable, "-m", "modulestore", "--store", f"sqlite:///{tmp_path}/a.db")
    subprocess.run([*program, "import", sample_course], check=True, capture_output=True)
    subprocess.run([*program, "export", KEY, str(tmp_path / "a.tar.gz")], check=True, capture_output=True)
    streamed = subprocess.run([*program, "export", KEY, "-"], check=True, capture_output=True)
    assert streamed.stdout == (tmp_path / "a.tar.gz").read_bytes()
    assert streamed.stderr.startswith(f"exported {KEY}: ".encode())
    refused = subprocess.run([*program, "export", KEY, "-", "--json"], check=False, capture_output=True)
    assert refused.returncode == 2


def test_into_a_course_that_has_gone_on(run: Run, sample_course: str, tmp_path: Path) -> None:
    run("import", sample_course)
    run("export", KEY, str(tmp_path / "then.tar.gz"))
    html = f"block-v1:{KEY[10:]}+type@html+block@columns"
    run("edit", KEY, "--set", html, 'display_name="A draft"')
    planned = run("import", str(tmp_path / "then.tar.gz"), "--dry-run")
    (change,) = planned["diffs"]["draft"]["changed"]
    assert (change["key"], change["field"], change["from"]) == (html, "display_name", "A draft")
    assert planned["diffs"]["published"]["changed"] == []
    for options in (["--drafts", "keep"], ["--keep", html]):
        kept = run("import", str(tmp_path / "then.tar.gz"), *options)
        assert (kept["changed"], kept["kept"], kept["diffs"]) == (False, [html], None)
    replaced = run("import", str(tmp_path / "then.tar.gz"), "--drafts", "keep", "--replace", html)
    assert (replaced["changed"], replaced["kept"]) == (True, [])
