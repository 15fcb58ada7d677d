"""Completion, as shells ask for it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from threading import Event

import pytest

from modulestore import connect
from modulestore.cli import main
from modulestore.cli.bash import put_together
from modulestore.model.fields import BLOCK_TYPES

KEY = "course-v1:Example+MS101+2026"
BLOCK = "block-v1:Example+MS101+2026+type@"

Complete = Callable[..., list[str]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, sample_course: str) -> Path:
    """A folder with a store that has two courses and a library."""
    folder = tmp_path_factory.mktemp("completion")
    with connect(f"sqlite:///{folder}/modulestore.db") as store:
        store.import_course(sample_course)
        store.create_course("course-v1:Example+MS102+2027")
        store.create_library("library-v1:Other+Tides")
    return folder


@pytest.fixture
def complete(folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Complete:
    """What fish is offered for a line. Nothing is written, nothing complained of."""

    def complete(line: str) -> list[str]:
        monkeypatch.chdir(folder)
        monkeypatch.delenv("MODULESTORE_URL", raising=False)
        monkeypatch.setenv("_MODULESTORE_COMPLETE", "complete_fish")
        monkeypatch.setenv("_TYPER_COMPLETE_FISH_ACTION", "get-args")
        monkeypatch.setenv("_TYPER_COMPLETE_ARGS", f"modulestore {line}")
        before = sorted(os.listdir(folder))
        assert main([]) == 0
        said = capfd.readouterr()
        assert said.err == ""
        assert sorted(os.listdir(folder)) == before
        return [offered.partition("\t")[0] for offered in said.out.splitlines() if offered]

    return complete


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("tr", ["tree"]),
        ("un", ["undelete", "unpublish", "undo", "untag"]),
        ("prune a", ["apply"]),
        ("assets unl", ["unlock"]),
        ("tree --br", ["--branch"]),
        ("tree -", ["--branch", "--version", "--depth", "--json", "--verbose", "-v", "-h", "--help"]),
        ("--ver", ["--verbose", "--version"]),
        ("tree --branch ", ["draft", "published", "library"]),
        (f"log {KEY} --branch p", ["published"]),
        (f"diff {KEY} d", ["draft"]),
        (f"diff {KEY} published d", ["draft"]),
        ("import x --drafts ", ["overwrite", "keep"]),
        ("conflicts re", ["resolve"]),
        ("tree ", [KEY, "course-v1:Example+MS102+2027", "library-v1:Other+Tides"]),
        ("tree course-v1:Example+MS102", ["course-v1:Example+MS102+2027"]),
        ("tree --depth 2 lib", ["library-v1:Other+Tides"]),
        ("assets list course-v1:Example+MS101", [KEY]),
        ("check x", []),
        ("show ", [BLOCK, "block-v1:Example+MS102+2027+type@", "lib-block-v1:Other+Tides+type@"]),
        (f"show {BLOCK}video+block@s", [f"{BLOCK}video+block@spring-tide"]),
        ("unpublish block-v1:Example+MS102", ["block-v1:Example+MS102+2027+type@course+block@course"]),
        (f"publish {KEY} {BLOCK}html+block@b", [f"{BLOCK}html+block@by-night"]),
        (f"show {BLOCK}html+block@b", []),
        (f"show --branch draft {BLOCK}html+block@b", [f"{BLOCK}html+block@by-night"]),
        (f"edit {KEY} --delete {BLOCK}video+block@s", [f"{BLOCK}video+block@spring-tide"]),
        (f"edit {KEY} --add vert", ["vertical"]),
        (f"blocks {KEY} --type v", ["vertical", "video"]),
        (f"blocks {KEY} --type=vid", ["video"]),
        ("blocks --type v", []),
        ("blocks nonsense --type v", []),
    ],
)  # fmt: skip
def test_what_is_offered(complete: Complete, line: str, offered: list[str]) -> None:
    assert sorted(complete(line)) == sorted(offered)


def test_types_that_can_be_added(complete: Complete) -> None:
    assert complete(f"edit {KEY} --add ") == [*BLOCK_TYPES]


@pytest.mark.parametrize(
    "url",
    [
        "sqlite:///missing.db",
        "sqlite:///none/missing.db",
        "nonsense",
        "sqlite:///text.db",
        "mongodb://localhost:0/x",
    ],
)
def test_without_a_store_nothing_is_offered_and_nothing_said(
    complete: Complete, folder: Path, url: str
) -> None:
    (folder / "text.db").write_text("no database")
    assert complete(f"--store {url} tree c") == []
    assert complete(f"--store {url} show b") == []
    assert complete(f"--store {url} tree --branch d") == ["draft"]


def test_a_server_that_does_not_answer_is_not_waited_for(
    complete: Complete, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither a real one nor one that would come in the end; the time is up soon here."""
    monkeypatch.setattr("modulestore.cli.completing._PATIENCE", 0.05)
    assert complete("--store mongodb://127.0.0.1:9/edxapp?serverSelectionTimeoutMS=30000 tree c") == []
    waited: list[str] = []

    def connect(url: str, **_: object) -> None:
        Event().wait(5)
        waited.append(url)

    monkeypatch.setattr("modulestore.cli.completing.connect", connect)
    assert complete("tree c") == []
    assert waited == []


def test_keys_are_read_with_the_index_alone(
    complete: Complete, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However large the courses are."""
    told: list[str] = []
    with connect(
        f"sqlite:///{folder}/modulestore.db", observe=lambda event: told.append(event.name)
    ) as store:
        assert len(store.course_keys()) == 3
    assert told == ["index.list"]
    monkeypatch.setattr("modulestore.Store.courses", None)
    monkeypatch.setattr("modulestore.Store.open", None)
    assert len(complete("tree ")) == 3


@pytest.mark.parametrize(
    ("line", "words", "behind"),
    [
        ("modulestore|tree|c", ["modulestore", "tree", "c"], ""),
        ("modulestore|tree|", ["modulestore", "tree", ""], ""),
        ("modulestore|tree|course-v1|:", ["modulestore", "tree", "course-v1:"], "course-v1:"),
        ("modulestore|tree|course-v1|:|Ex", ["modulestore", "tree", "course-v1:Ex"], "course-v1:"),
        ("m|show|block-v1|:|A+B+C+type|@", ["m", "show", "block-v1:A+B+C+type@"], "block-v1:A+B+C+type"),
        ("m|show|block-v1|:|A+type|@|html+b", ["m", "show", "block-v1:A+type@html+b"], "block-v1:A+type"),
        ("m|blocks|--type|=|v", ["m", "blocks", "--type=v"], ""),
        ("m|import|--keep|=|block-v1|:|A", ["m", "import", "--keep=block-v1:A"], "block-v1:"),
        ("m|--store|sqlite|:|///x.db|tree|", ["m", "--store", "sqlite:///x.db", "tree", ""], ""),
    ],
)
def test_words_that_bash_takes_apart(line: str, words: list[str], behind: str) -> None:
    tokens = line.split("|")
    assert put_together(tokens, len(tokens) - 1) == (words, behind)
    assert put_together([*tokens, "more", "words"], len(tokens) - 1) == (words, behind)


@pytest.mark.skipif(shutil.which("bash") is None, reason="no bash: completion in a real shell was not tested")
def test_in_bash(folder: Path, tmp_path: Path) -> None:
    """The script that is installed, in bash, on words as bash has them: what it would put into the line."""
    (tmp_path / "bin").mkdir()
    command = tmp_path / "bin" / "modulestore"
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m modulestore "$@"\n')
    command.chmod(0o755)
    script = f"""
        eval "$(_MODULESTORE_COMPLETE=source_bash modulestore)" || exit 1
        offer() {{
            COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
            _modulestore_completion modulestore
            echo "${{COMPREPLY[*]}}"
        }}
        offer modulestore tr
        offer modulestore tree course-v1 : Example+MS101
        offer modulestore show block-v1 : Example+MS101+2026+type @ video+block @ sp
        complete -p modulestore
        cd {tmp_path} && offer modulestore tree course-v1 : && ls
    """
    environment = {**os.environ, "PATH": f"{command.parent}{os.pathsep}{os.environ['PATH']}"}
    environment.pop("MODULESTORE_URL", None)
    done = subprocess.run(
        ["bash", "--norc", "-c", script],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == ""
    assert done.stdout.splitlines() == [
        "tree",
        "Example+MS101+2026",
        "@spring-tide",
        "complete -o default -F _modulestore_completion modulestore",
        "",
        "bin",
    ]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_scripts(shell: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("_MODULESTORE_COMPLETE", f"source_{shell}")
    assert main([]) == 0
    assert f"_MODULESTORE_COMPLETE=complete_{shell}" in capsys.readouterr().out


def test_it_is_installed_and_shown(tmp_path: Path) -> None:
    """For the shell that asks, in its own files."""
    environment = {**os.environ, "HOME": str(tmp_path)}
    for option, said in (
        ("--install-completion", "completion installed in"),
        ("--show-completion", "complete -o"),
    ):
        done = subprocess.run(
            ["bash", "--norc", "-c", f"{sys.executable} -m modulestore {option}; exit $?"],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, "")
        assert said in done.stdout
    assert "modulestore" in (tmp_path / ".bashrc").read_text()


def test_there_is_an_offer_for_every_key() -> None:
    """Whoever adds a command with a KEY, a USAGE_KEY or a --branch thinks of completion."""
    from tests.cli.test_examples import COMMANDS

    for path, command in COMMANDS.items():
        for param in command.params:
            if param.metavar in ("KEY", "USAGE_KEY") or "--branch" in param.opts:
                new = path in ("modulestore create",)
                assert new or param._custom_shell_complete is not None, f"{path} {param.name}"
