"""What somebody reads who did something wrong: where and what it is, and what to do next."""

from __future__ import annotations

import json
import os
import re
import socket
import sys
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from modulestore.cli import main

KEY = "course-v1:Example+MS101+2026"

Complain = Callable[..., list[str]]


@pytest.fixture
def complain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Complain:
    """Run a command that fails in a new folder; the lines that it says. With --json it says the same."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MODULESTORE_URL", raising=False)

    def complain(*words: str, exit_code: int) -> list[str]:
        capsys.readouterr()
        assert main(words) == exit_code
        captured = capsys.readouterr()
        assert captured.out == ""
        assert main(with_json(words)) == exit_code
        error = json.loads(capsys.readouterr().err)["error"]
        first, *rest = captured.err.replace(str(tmp_path), "HERE").splitlines()
        place = f"{error['place']}: " if error["place"] else ""
        assert first == f"modulestore: {place}{error['message']}".replace(str(tmp_path), "HERE")
        return [first.removeprefix("modulestore: "), *(line.removeprefix("  ") for line in rest)]

    return complain


def with_json(words: Sequence[str]) -> list[str]:
    """The words with --json right after the command."""
    at = {"--store": 2, "--cache": 2, "assets": 1, "prune": 1}.get(words[0], 0)
    return [*words[: at + 1], "--json", *words[at + 1 :]]


def cases(text: str) -> list[tuple[str, int, str]]:
    """Command lines, their exit codes, and what is said. In that, … stands for anything."""
    parts = iter(re.split(r"^(\d) \$ (.*)\n", text.strip(), flags=re.MULTILINE)[1:])
    return [(line, int(code), said) for code, line, said in zip(parts, parts, parts, strict=True)]


def said_so(lines: list[str], expected: str) -> bool:
    """Whether it is said, in one line and one that says what to do next."""
    pattern = re.escape(expected.strip()).replace("…", "(?s:.*)")
    return len(lines) == 2 and re.fullmatch(pattern, "\n".join(lines)) is not None


IN_AN_EMPTY_FOLDER = """
3 $ courses
HERE/modulestore.db: there is no store here
check the path; the first write makes a store: `modulestore import PATH`, for one
3 $ --store sqlite:///x.db courses
HERE/x.db: there is no store here
check the path; the first write makes a store: `modulestore --store sqlite:///x.db import PATH`, for one
2 $ impotr x
there is no command 'impotr'
did you mean import? `modulestore --help` lists all
2 $ xyz
there is no command 'xyz'
`modulestore --help` lists all
2 $ assets lst
there is no command 'lst'
did you mean list? `modulestore assets --help` lists all
2 $ tree
missing argument 'KEY'
`modulestore tree --help` shows how it is used
2 $ tree K --brnch draft
there is no option --brnch
did you mean --branch? `modulestore tree --help` shows how it is used
2 $ tree K -x
there is no option -x
`modulestore tree --help` shows how it is used
2 $ courses --store sqlite:///x.db
there is no option --store
--store stands before the command: modulestore --store … courses …
2 $ --branch draft tree K
there is no option --branch
--branch stands after the command: modulestore COMMAND … --branch
2 $ assets --locked list K
there is no option --locked
--locked stands after the command: modulestore assets COMMAND … --locked
2 $ tree K --depth
option '--depth' requires an argument
`modulestore tree --help` shows how it is used
2 $ tree K --depth x
invalid value for '--depth': …
`modulestore tree --help` shows how it is used
2 $ tree K more
got unexpected extra argument(s) (more)
`modulestore tree --help` shows how it is used
2 $ import x --drafts no
invalid value for '--drafts': …
`modulestore import --help` shows how it is used
2 $ edit K --set x
invalid value: --set takes USAGE_KEY FIELD=JSON
`modulestore edit --help` shows how it is used
2 $ import nothing.tar.gz
nothing.tar.gz: cannot be opened: No such file or directory
give a folder, or a .tar.gz that a course or library was exported to
2 $ import text.tar.gz
text.tar.gz: is no readable tar file: truncated header
give a folder, or a .tar.gz that a course or library was exported to
2 $ import course.zip
course.zip: is a ZIP file
unpack it, and give the folder
2 $ --store sqlite:///text.tar.gz courses
HERE/text.tar.gz: the file is no SQLite database
give the path of another file
2 $ --store courses.db courses
'courses.db' names no store: it is no URL
a SQLite file is sqlite:///courses.db
2 $ --store /srv/courses.db courses
'/srv/courses.db' names no store: it is no URL
a SQLite file is sqlite:////srv/courses.db
2 $ --store postgres://localhost/courses courses
'postgres://localhost/courses' names no store: there is no kind 'postgres'
for example sqlite:///courses.db or mongodb://localhost:27017/edxapp
5 $ --store mongodb://127.0.0.1:9/x?serverSelectionTimeoutMS=50 courses
the database cannot be reached: 127.0.0.1:9: [Errno 111] Connection refused
is the server running, and is the URL right?
2 $ --cache nonsense create course-v1:A+B+C
'nonsense' names no cache
for example memcached://localhost:11211 …
2 $ prune show none.jsonl
none.jsonl: the plan cannot be read: No such file or directory
`modulestore prune plan -o FILE` makes one
2 $ serve --host nowhere.invalid
nowhere.invalid, port 8000: is no address: …
for example --host 127.0.0.1 --port 8000
"""

WITH_A_COURSE = """
3 $ tree course-v1:Exampel+MS101+2026
there is no course course-v1:Exampel+MS101+2026
`modulestore courses` lists what is there
2 $ tree MS101
'MS101' is not a course key: expected course-v1:Org+Course+Run, …
`modulestore courses` lists the keys of courses, `modulestore blocks KEY` those of blocks
2 $ tree \x1b[2Jgone
'…[2Jgone' is not a course key: …
`modulestore courses` lists …
2 $ log course-v1:Example+MS101+2026 --branch master
course-v1:Example+MS101+2026: there is no branch 'master'
branches are draft, published, library
3 $ diff course-v1:Example+MS101+2026 a draft
course-v1:Example+MS101+2026: 'a' is no version, tag or branch
`modulestore log` lists versions
2 $ export course-v1:Example+MS101+2026 none/x.tar.gz
none/x.tar.gz: cannot be written: No such file or directory
give a file in a folder that exists
2 $ export course-v1:Example+MS101+2026 x.zip
x.zip: archives are tar files, and this is no name of one
give a .tar.gz, .tgz or .tar, or a folder
3 $ tree course-v1:Example+MS101+2026 --version a
course-v1:Example+MS101+2026: 'a' is no version, tag or branch
`modulestore log` lists versions
2 $ prune why a
'a' is not a version id: expected 24 hexadecimal digits
`modulestore log KEY` lists the versions of a course
2 $ bundle course-v1:Example+MS101+2026 none/x.bundle
none/x.bundle: cannot be written: No such file or directory
give a file in a folder that exists
2 $ prune plan --keep 1 -o none/plan
none/plan: cannot be written: No such file or directory
give a file in a folder that exists
2 $ prune show text.tar.gz
text.tar.gz, line 1: this is no plan: …
make one: `prune plan`
3 $ check --heads none.csv
none.csv: there is no such file
--heads takes a CSV or JSON file that was exported from the platform's SQL
2 $ stats --plot none/x.svg
none/x.svg: cannot be written: No such file or directory
give a file in a folder that exists
2 $ assets add course-v1:Example+MS101+2026 .
.: this is a folder, not a file
name the files in it
2 $ assets add course-v1:Example+MS101+2026 none.png
none.png: cannot be read: No such file or directory
give the path of a file, or its bytes
3 $ assets get course-v1:Example+MS101+2026 none.png
asset-v1:Example+MS101+2026+type@asset+block@none.png: there is no such file
`modulestore assets list` lists those of a course
2 $ assets get course-v1:Example+MS101+2026 tide-curve.svg -o none/x
none/x: cannot be written: No such file or directory
-o says where to
2 $ edit course-v1:Example+MS101+2026
nothing to edit
say what: --set, --unset, --add, --move or --delete
"""


@pytest.mark.parametrize(("line", "code", "said"), cases(IN_AN_EMPTY_FOLDER))
def test_in_an_empty_folder(complain: Complain, tmp_path: Path, line: str, code: int, said: str) -> None:
    (tmp_path / "text.tar.gz").write_text("hi")
    with zipfile.ZipFile(tmp_path / "course.zip", "w") as packed:
        packed.writestr("course/course.xml", '<course org="A" course="B" url_name="C"/>')
    lines = complain(*line.split(), exit_code=code)
    assert said_so(lines, said), lines
    assert sorted(os.listdir(tmp_path)) == ["course.zip", "text.tar.gz"]


@pytest.mark.parametrize(("line", "code", "said"), cases(WITH_A_COURSE))
def test_with_a_course(
    complain: Complain, tmp_path: Path, sample_course: str, line: str, code: int, said: str
) -> None:
    (tmp_path / "text.tar.gz").write_text("hi")
    assert main(["import", sample_course]) == 0
    lines = complain(*line.split(), exit_code=code)
    assert said_so(lines, said), lines
    assert not any("\x1b" in said for said in lines)


def test_hints_name_commands_on_the_same_store(complain: Complain, sample_course: str) -> None:
    store = ("--store", "sqlite:///other.db")
    assert main([*store, "import", sample_course]) == 0
    _, hint = complain(*store, "tree", "course-v1:No+Such+Course", exit_code=3)
    assert hint == "`modulestore --store sqlite:///other.db courses` lists what is there"


def test_a_port_that_is_taken(complain: Complain, sample_course: str) -> None:
    pytest.importorskip("uvicorn", reason="the extra origin is not there: its errors were not tested")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        lines = complain("serve", "--port", str(port), exit_code=2)
    assert lines == [
        f"127.0.0.1, port {port}: another program listens there",
        "give another --port, or 0 for any that is free",
    ]


@pytest.mark.parametrize(
    ("missing", "own", "line", "extra"),
    [
        ("uvicorn", "modulestore.origin.server", "serve", "origin"),
        ("PIL", "modulestore.storage.pictures", f"assets add {KEY} a.png --thumbnail", "thumbnails"),
        ("matplotlib", "modulestore.cli.plotting", "stats --plot a.svg", "plot"),
    ],
)
def test_an_extra_that_is_missing(
    complain: Complain,
    tmp_path: Path,
    sample_course: str,
    monkeypatch: pytest.MonkeyPatch,
    missing: str,
    own: str,
    line: str,
    extra: str,
) -> None:
    (tmp_path / "a.png").write_bytes(b"")
    assert main(["import", sample_course]) == 0
    monkeypatch.delitem(sys.modules, own, raising=False)
    monkeypatch.setitem(sys.modules, missing, None)
    first, hint = complain(*line.split(), exit_code=2)
    assert missing in first
    assert hint == f"pip install 'modulestore[{extra}]'"


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full: a full disk was not tested")
@pytest.mark.parametrize("words", [["courses"], ["upgrade", "--plan"], ["courses", "--json"]])
def test_output_that_has_no_room(
    sample_course: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["import", sample_course]) == 0
    capsys.readouterr()
    with open("/dev/full", "w") as full:
        monkeypatch.setattr(sys, "stdout", full)
        assert main(words) == 5
    assert "no room is left" in capsys.readouterr().err


def test_letters_that_the_terminal_has_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["create", "course-v1:A+B+C", "--title", "潮 marée"]) == 0
    with open("out.txt", "w", encoding="ascii") as ascii_only:
        monkeypatch.setattr(sys, "stdout", ascii_only)
        assert main(["courses"]) == 0
    assert "\\u6f6e mar\\xe9e" in Path("out.txt").read_text()


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_json_is_json_on_any_terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, encoding: str) -> None:
    monkeypatch.chdir(tmp_path)
    title = "潮 marée 🌊"
    assert main(["create", "course-v1:A+B+C", "--title", title]) == 0
    for stream, words, code in (("stdout", ["courses"], 0), ("stderr", ["tree", title], 2)):
        with open("out.txt", "w", encoding=encoding, errors="backslashreplace") as narrow:
            monkeypatch.setattr(sys, stream, narrow)
            assert main([*words, "--json"]) == code
        assert title in json.dumps(json.loads(Path("out.txt").read_text(encoding)), ensure_ascii=False)
