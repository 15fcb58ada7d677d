"""``assets``: the files of courses from the shell."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Run
from tests.pictures import png

KEY = "course-v1:Example+MS101+2026"
OTHER = "course-v1:Example+MS102+2026"
Say = Callable[..., str]


def names(files: list[dict[str, Any]]) -> list[str]:
    return [file["name"] for file in files]


def test_files_of_a_course(run: Run, sample_course: str, tmp_path: Path) -> None:
    run("import", sample_course)
    files = run("assets", "list", KEY)
    assert {"name", "size", "content_type", "sha256", "md5", "locked"} <= files[0].keys()
    assert names(files) == sorted(names(files))
    assert len(files) == 6
    assert names(run("assets", "list", KEY, "--locked")) == ["example-haven-september.csv"]
    assert len(run("assets", "list", KEY, "--unlocked")) == 5
    svg = run("assets", "list", KEY, "--content-type", "image/", "--sort", "length", "--descending")
    assert names(svg) == ["tide-curve.svg", "drawings_two-bulges.svg"]
    assert names(run("assets", "list", KEY, "--contains", "HARBOUR")) == ["harbour-de.srt", "harbour-en.srt"]
    got = run("assets", "get", KEY, "tide-curve.svg", "-o", str(tmp_path / "tide.svg"))
    assert got == {**svg[0], "file": str(tmp_path / "tide.svg")}
    original = Path(sample_course) / "static" / "tide-curve.svg"
    assert (tmp_path / "tide.svg").read_bytes() == original.read_bytes()


def test_a_file_comes_and_goes(run: Run, tmp_path: Path) -> None:
    run("create", KEY)
    for text in ("one", "two"):
        (tmp_path / "syllabus v1.txt").write_text(text)
        (added,) = run("assets", "add", KEY, str(tmp_path / "syllabus v1.txt"))
        assert (added["name"], added["size"], added["problem"]) == ("syllabus_v1.txt", 3, None)
    assert run("assets", "lock", KEY, "syllabus v1.txt")[0]["locked"], "its path will do"
    assert run("assets", "rename", KEY, "syllabus_v1.txt", "Syllabus")["display_name"] == "Syllabus"
    newest, first = run("assets", "history", KEY, "syllabus_v1.txt")
    assert newest["ended_on"] is None
    assert first["ended_on"] is not None
    assert names(run("assets", "delete", KEY, "syllabus_v1.txt")) == ["syllabus_v1.txt"]
    assert run("assets", "list", KEY) == []
    (trashed,) = run("assets", "trash", KEY)
    assert (trashed["md5"], trashed["locked"]) == (newest["md5"], True)
    assert trashed["deleted_on"] is not None
    (restored,) = run("assets", "restore", KEY, "syllabus_v1.txt")
    assert (restored["md5"], restored["display_name"]) == (newest["md5"], "Syllabus")
    for digest in (first["sha256"], first["md5"][:8].upper()):
        (restored,) = run("assets", "restore", KEY, "syllabus_v1.txt", "--digest", digest)
        assert (restored["md5"], restored["locked"]) == (first["md5"], True)
    assert not run("assets", "unlock", KEY, "syllabus_v1.txt")[0]["locked"]


def test_adding(run: Run, tmp_path: Path) -> None:
    run("create", KEY)
    (tmp_path / "good.png").write_bytes(png(300, 200, "red"))
    (tmp_path / "bad.png").write_bytes(b"nothing")
    both = [str(tmp_path / name) for name in ("good.png", "bad.png")]
    good, bad = run("assets", "add", KEY, *both, "--thumbnail", "--locked")
    assert (good["thumbnail"], good["problem"], good["locked"]) == ("good-png.jpg", None, True)
    assert bad["thumbnail"] is None
    assert bad["problem"]
    words = ("--name", "images/x.bin", "--display-name", "X", "--content-type", "image/png", "--unlocked")
    (named,) = run("assets", "add", KEY, both[0], *words)
    assert (named["name"], named["display_name"], named["content_type"]) == ("images_x.bin", "X", "image/png")
    assert named["import_path"] == "images/x.bin"


def test_copies_and_what_is_unused(run: Run, sample_course: str, tmp_path: Path) -> None:
    run("import", sample_course)
    run("create", OTHER)
    assert run("assets", "unused", KEY) == [], "all files of the sample are linked"
    (copied,) = run("assets", "copy", KEY, OTHER, "tide-curve.svg")
    assert copied["name"] == "tide-curve.svg"
    assert len(run("assets", "copy", KEY, OTHER)) == 5, "all but the one that is there"
    assert len(run("assets", "unused", OTHER)) == 6
    (tmp_path / "tide-curve.svg").write_text("another")
    run("assets", "add", OTHER, str(tmp_path / "tide-curve.svg"))
    error = run("assets", "copy", KEY, OTHER, exit_code=4)
    assert error["type"] == "AssetExists"
    assert "delete it there first" in error["hint"]


@pytest.mark.parametrize(
    ("words", "code", "kind"),
    [
        (["list", "nonsense"], 2, "InvalidKey"),
        (["list", OTHER], 3, "CourseNotFound"),
        (["list", KEY, "--sort", "colour"], 2, "UsageError"),
        (["add", OTHER, "README.md"], 3, "CourseNotFound"),
        (["add", KEY, "nowhere.png"], 2, "InvalidInput"),
        (["add", KEY, "."], 2, "InvalidInput"),
        (["add", KEY, "a", "b", "--name", "c"], 2, "InvalidInput"),
        (["add", KEY], 2, "UsageError"),
        (["get", KEY, "nowhere.png"], 3, "AssetNotFound"),
        (["get", KEY, "tide-curve.svg", "-o", "nowhere/at/all"], 2, "InvalidInput"),
        (["lock", KEY, "nowhere.png"], 3, "AssetNotFound"),
        (["unlock", OTHER, "nowhere.png"], 3, "AssetNotFound"),
        (["rename", KEY, "tide-curve.svg", ""], 2, "InvalidInput"),
        (["delete", KEY, "nowhere.png"], 3, "AssetNotFound"),
        (["restore", KEY, "nowhere.png"], 3, "AssetNotFound"),
        (["restore", KEY, "tide-curve.svg"], 4, "AssetExists"),
        (["restore", KEY, "tide-curve.svg", "--digest", "ffffffff"], 3, "AssetNotFound"),
        (["history", KEY, "nowhere.png"], 3, "AssetNotFound"),
        (["trash", OTHER], 3, "CourseNotFound"),
        (["copy", KEY, OTHER], 3, "CourseNotFound"),
        (["copy", KEY, KEY, "nowhere.png"], 3, "AssetNotFound"),
        (["unused", OTHER], 3, "CourseNotFound"),
    ],
)
def test_failures(run: Run, sample_course: str, words: list[str], code: int, kind: str) -> None:
    run("import", sample_course)
    error = run("assets", *words, exit_code=code)
    assert error["type"] == kind
    assert error["hint"] or "expected" in error["message"] or kind == "InvalidInput"


def test_a_file_on_disk_is_not_overwritten(run: Run, sample_course: str, tmp_path: Path) -> None:
    run("import", sample_course)
    there = tmp_path / "there.svg"
    there.write_text("mine")
    words = ("assets", "get", KEY, "tide-curve.svg", "-o", str(there))
    assert run(*words, exit_code=2)["hint"].startswith("--force")
    assert there.read_text() == "mine"
    run(*words, "--force")
    assert there.read_text() != "mine"


def test_looking_into_a_missing_file_creates_nothing(tmp_path: Path, say: Say) -> None:
    for words in (
        ["list", KEY],
        ["unused", KEY],
        ["add", KEY, __file__],
        ["lock", KEY, "a"],
        ["delete", KEY, "a"],
    ):
        assert "people.db" in say("assets", *words, exit_code=3)
    assert list(tmp_path.iterdir()) == []


def test_text_for_people(say: Say, sample_course: str, tmp_path: Path) -> None:
    say("import", sample_course)
    lines = say("assets", "list", KEY).splitlines()
    assert lines[0].split() == ["NAME", "SIZE", "TYPE", "UPLOADED", "SHOWN", "AS"]
    assert " locked " in lines[2]
    assert lines[-1] == "6 files, 1.3 kB"
    (tmp_path / "bad.png").write_bytes(b"nothing")
    added = say("assets", "add", KEY, str(tmp_path / "bad.png"), "--thumbnail")
    assert added.startswith("added bad.png, 7 B\n  without a thumbnail: ")
    assert say("assets", "unused", KEY).splitlines()[-1] == "1 file, 7 B"
    assert say("assets", "lock", KEY, "bad.png") == "locked bad.png\n"
    assert say("assets", "unlock", KEY, "bad.png") == "unlocked bad.png\n"
    assert say("assets", "rename", KEY, "bad.png", "Bad") == "bad.png is shown as Bad\n"
    assert say("assets", "history", KEY, "bad.png").splitlines()[1].startswith("bad.png  7 B   ")
    assert say("assets", "delete", KEY, "bad.png") == "deleted bad.png\n"
    assert "bad.png" in say("assets", "trash", KEY)
    assert say("assets", "restore", KEY, "bad.png") == "restored bad.png\n"
    assert say("assets", "trash", KEY) == "no files\n"
    assert say("assets", "copy", KEY, KEY) == "nothing to do\n"
    out = str(tmp_path / "out.png")
    assert say("assets", "get", KEY, "bad.png", "-o", out) == f"{out}: 7 B\n"
    assert "modulestore: " in say("assets", "get", KEY, "bad.png", "-o", out, exit_code=2)
