"""The examples in the help of commands: every command has some, and they work."""

from __future__ import annotations

import glob
import json
import shlex
import subprocess
import sys
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from modulestore.cli import main
from modulestore.cli.main import app

KEY = "course-v1:Example+MS101+2026"
HTML = "block-v1:Example+MS101+2026+type@html+block"
ID = "665f1c0e9d3b2a0012345678"

NOT_RUN = {
    "modulestore --store mongodb://localhost:27017/edxapp courses": "takes a server",
    "modulestore serve": "waits for requests",
    "modulestore serve --host 0.0.0.0 --port 80 --cdn-age 3600": "waits for requests",
    "modulestore upgrade --draft-courses --key Org/Course/Run=course-v1:Org+Course+Run": "takes a server",
}


def commands(command: Any = None, path: str = "modulestore") -> Iterator[tuple[str, Any]]:
    """Every command and group, with how it is called."""
    command = typer.main.get_command(app) if command is None else command
    yield path, command
    for name, inner in getattr(command, "commands", {}).items():
        yield from commands(inner, f"{path} {name}")


COMMANDS = dict(commands())
EXAMPLES = [example for command in COMMANDS.values() for example in command.examples]


def words_of(example: str) -> list[str]:
    """The words that a shell makes of an example, up to where its output goes."""
    words = shlex.split(example.replace("\\\n", " "))
    assert words.pop(0) == "modulestore"
    return words[: words.index(">")] if ">" in words else words


@pytest.mark.parametrize("path", COMMANDS)
def test_help_ends_with_examples(path: str, capsys: pytest.CaptureFixture[str]) -> None:
    examples = COMMANDS[path].examples
    assert 1 <= len(examples) <= 4
    if not hasattr(COMMANDS[path], "commands"):
        assert all(example.startswith(f"{path} ") or example == path for example in examples)
    words = path.split()[1:]
    assert main([*words, "--help"]) == 0
    said = capsys.readouterr().out
    shown = "\n".join(f"  {line}" for example in examples for line in example.splitlines())
    assert said.endswith(f"\n\nExamples:\n{shown}\n")
    assert "\x1b" not in said
    assert main([*words, "-h"]) == 0
    assert capsys.readouterr().out == said


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_is_a_valid_command_line(example: str) -> None:
    """All options are there, take these values, and nothing is missing or too much."""
    command, words = COMMANDS["modulestore"], words_of(example)
    context = command.make_context("modulestore", words, obj=None)
    while hasattr(command, "commands"):
        name, command, words = command.resolve_command(context, [*context._protected_args, *context.args])
        context = command.make_context(name, words, parent=context)
    assert context.args == []


def test_the_sections_of_the_help_have_all_commands(capsys: pytest.CaptureFixture[str]) -> None:
    main(["--help"])
    sections = capsys.readouterr().out.partition("\nCourses:\n")[2].partition("\nExamples:")[0]
    listed = [line.split()[0] for line in sections.splitlines() if line[:3].strip() and line[:2] == "  "]
    assert sorted(listed) == sorted(path.split()[1] for path in COMMANDS if path.count(" ") == 1)
    assert "..." not in sections, "what a command does is told whole"


class Newcomer:
    """Somebody who types the examples, in a folder of their own."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys
        self.typed: set[str] = set()

    def type(self, example: str, **placeholders: str) -> str:
        """Run an example as it stands in the help; what it prints."""
        assert example in EXAMPLES
        self.typed.add(example)
        for name, value in placeholders.items():
            example = example.replace(name, value)
        if ">" in example:
            line = example.replace("modulestore", f"{sys.executable} -m modulestore", 1)
            return subprocess.run(line, shell=True, check=True, capture_output=True, text=True).stdout
        return self.run(*(part for word in words_of(example) for part in sorted(glob.glob(word)) or [word]))

    def run(self, *words: str, exit_code: int = 0) -> str:
        """Run anything."""
        self._capsys.readouterr()
        assert main(words) == exit_code, self._capsys.readouterr().err
        captured = self._capsys.readouterr()
        return captured.err if exit_code else captured.out

    def all_of(self, path: str) -> None:
        """Run the examples of a command as they stand."""
        for example in COMMANDS[path].examples:
            self.type(example)


@pytest.fixture
def newcomer(
    tmp_path: Path, sample_course: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Newcomer:
    monkeypatch.chdir(tmp_path)
    for name in ("URL", "CACHE", "OBJECTS"):
        monkeypatch.delenv(f"MODULESTORE_{name}", raising=False)
    with tarfile.open("course.tar.gz", "w:gz") as archive:
        archive.add(sample_course, "course")
    Path("pictures").mkdir()
    Path("pictures", "moon.png").write_bytes(b"")
    Path("draft-7.pdf").write_text("test")
    return Newcomer(capsys)


def test_the_examples_work(newcomer: Newcomer, monkeypatch: pytest.MonkeyPatch) -> None:
    """From an empty folder, in an order in which somebody could type them."""
    do, every = newcomer.type, newcomer.all_of
    do("modulestore import course.tar.gz")
    do("modulestore import course.tar.gz --author ana")
    for path in (
        "courses",
        "tree",
        "blocks",
        "show",
        "log",
        "changes",
        "create",
        "assets list",
        "stats",
        "check",
    ):
        every(f"modulestore {path}")
    every("modulestore tag")
    every("modulestore export")
    do("modulestore import course.tar.gz --dry-run --drafts keep --missing keep")
    assert do("modulestore restore course-v1:Example+MS101+2026 2026-spring --dry-run")
    every("modulestore edit")
    assert "Welcome" in newcomer.run("blocks", KEY, "--branch", "draft")
    assert do("modulestore diff course-v1:Example+MS101+2026 published draft")
    every("modulestore restore")
    edited = newcomer.run("edit", KEY, "--set", f"{HTML}@hello", 'display_name="Hi"', "--json")
    do(f"modulestore undo {KEY} {ID}", **{ID: json.loads(edited)["version"]})
    every("modulestore discard")
    every("modulestore publish")
    every("modulestore unpublish")
    conflict(newcomer)
    every("modulestore untag")
    every("modulestore bundle")
    every("modulestore rerun")
    every("modulestore delete")
    every("modulestore undelete")
    files(newcomer)
    every("modulestore prune plan")
    every("modulestore prune")
    every("modulestore prune show")
    version = json.loads(newcomer.run("log", KEY, "-n", "1", "--json"))[0]["version"]
    for example in COMMANDS["modulestore prune why"].examples:
        assert do(example, **{ID: version}).startswith("kept:")
    every("modulestore prune apply")
    do("modulestore upgrade --plan")
    do("modulestore upgrade --format 2")
    monkeypatch.setenv("MODULESTORE_URL", "sqlite:///another.db")
    do("modulestore import ms101.bundle")
    assert newcomer.typed == set(EXAMPLES) - set(NOT_RUN)
    assert set(NOT_RUN) < set(EXAMPLES)


def conflict(newcomer: Newcomer) -> None:
    """Two authors, two fields."""
    page = f"{HTML}@columns"
    seen = json.loads(newcomer.run("log", KEY, "--branch", "draft", "-n", "1", "--json"))[0]["version"]
    edit = ["edit", KEY, "--base", seen, "--json"]
    newcomer.run(*edit, "--set", page, 'display_name="A"', "--set", page, 'data="a"')
    said = newcomer.run(*edit, "--set", page, 'display_name="B"', "--set", page, 'data="b"', exit_code=4)
    kept = json.loads(said)["error"]["conflict"]
    one, other = (item["id"] for item in kept["items"])
    for example in COMMANDS["modulestore conflicts"].examples:
        newcomer.type(example, **{ID: kept["id"], "1f2e3d4c5b6a": one, "6a5b4c3d2e1f": other})
    assert newcomer.run("conflicts", "list", KEY) == "nothing to decide\n"


def files(newcomer: Newcomer) -> None:
    """What is done to files, and what is in their history."""
    newcomer.all_of("modulestore assets add")
    Path("draft-7.pdf").write_text("another")
    newcomer.all_of("modulestore assets add")
    for path in COMMANDS:
        if path.startswith("modulestore assets"):
            newcomer.all_of(path)
    newcomer.run("assets", "get", KEY, "syllabus.pdf")
    assert Path("syllabus.pdf").read_text() == "test", "restored"


def test_examples_that_rot_are_found(capsys: pytest.CaptureFixture[str]) -> None:
    """What the tests above go by: a line that is no command line is one that fails."""
    check: Callable[[str], None] = test_an_example_is_a_valid_command_line
    for example in ("modulestore tree", "modulestore tree K --brnch draft", "modulestore log K -n x"):
        with pytest.raises(typer.TyperException):
            check(example)
