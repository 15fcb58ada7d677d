"""What the pages show is what happens: commands are run and their output compared, code is executed."""

from __future__ import annotations

import io
import os
import re
import shlex
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from pymongo import MongoClient

import modulestore
from modulestore.cli import main
from tests.golden.replay import BETTER_ON_PURPOSE
from tests.old_store import small_course

ROOT = Path(__file__).resolve().parent.parent.parent
PAGES = [
    "README.md",
    "docs/index.md",
    "docs/tutorial.md",
    "docs/authoring.md",
    "docs/two-authors.md",
    "docs/views.md",
    "docs/converting.md",
    "docs/checking.md",
    "docs/pruning.md",
    "docs/observing.md",
    "docs/assets.md",
    "docs/serving.md",
    "docs/backup.md",
    "docs/explanation/how-formats-work.md",
    "docs/explanation/how-merge-works.md",
    "docs/explanation/why-split.md",
    "docs/scaling.md",
    "docs/export.md",
    "docs/from-git.md",
    "docs/statistics.md",
]
PLATFORM = "mongodb://localhost:27017/edxapp"
BLOCK = re.compile(r"^```(console|python)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PLAIN = re.compile(r"modulestore [^|&;<>$`*~]*")
ASSIGNMENT = re.compile(r"([A-Z]+)=")
LINK = re.compile(r"\]\((?!https?:)([^)#]+)")


@pytest.mark.parametrize("page", PAGES)
def test_a_page(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One page from top to bottom, in a folder of its own with the samples where the checkout has them."""
    follow(page, (ROOT / page).read_text(), tmp_path, monkeypatch)


def test_the_page_on_upgrading(
    mongodb_url: str, mongodb_admin: MongoClient[Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It speaks of a database that a platform of then has left."""
    mongodb_admin[urlsplit(mongodb_url).path.strip("/")]["modulestore"].insert_many(small_course())
    text = (ROOT / "docs" / "upgrading.md").read_text()
    writable = f"{mongodb_url}{'&' if '?' in mongodb_url else '?'}writes=yes"
    text = text.replace(f"{PLATFORM}?writes=yes", writable).replace(PLATFORM, mongodb_url)
    follow("docs/upgrading.md", text, tmp_path, monkeypatch)


def test_the_page_on_open_edx(
    mongodb_url: str, mongodb_admin: MongoClient[Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It speaks of a database that a platform works with."""
    with modulestore.connect(f"{mongodb_url}{'&' if '?' in mongodb_url else '?'}format=1") as store:
        store.import_course(ROOT / "docs" / "examples" / "sample-course", author=7)
    database = urlsplit(mongodb_url).path.strip("/")
    mongodb_admin[database]["modulestore.records"].drop()  # what says that it is ours
    text = (ROOT / "docs" / "open-edx.md").read_text()
    follow("docs/open-edx.md", text.replace(PLATFORM, mongodb_url), tmp_path, monkeypatch)


def follow(page: str, text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Do what a page says."""
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "examples").symlink_to(ROOT / "docs" / "examples")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.delenv("MODULESTORE_URL", raising=False)
    names: dict[str, Any] = {"__name__": "page"}
    blocks = BLOCK.findall(text)
    assert blocks
    for kind, block in blocks:
        if kind == "python":
            exec(compile(block, page, "exec"), names)
        else:
            for command, expected in commands(block):
                if name := ASSIGNMENT.match(command):  # for what follows on the page, as in one shell
                    command = f'{command}; printf %s "${name[1]}"'
                    monkeypatch.setenv(name[1], run(command, "…"))
                else:
                    run(command, expected)


def commands(text: str) -> list[tuple[str, str]]:
    """Commands of a block with the output that the page shows."""
    parts = re.split(r"^\$ (.*)\n", text, flags=re.MULTILINE)[1:]
    return list(zip(parts[::2], parts[1::2], strict=True))


def run(command: str, expected: str) -> str:
    code, out, error = in_this_process(command) if PLAIN.fullmatch(command) else in_a_shell(command)
    assert code == 0, f"$ {command}\n{error}"
    # … stands for anything, other lines included.
    pattern = re.escape(expected.rstrip()).replace("…", "(?s:.*)")
    assert re.fullmatch(pattern, out.rstrip()), f"$ {command}\n{out}"
    return out


def in_a_shell(command: str) -> tuple[int, str, str]:
    """A command as a reader types it; its exit code and what it writes."""
    finished = subprocess.run(command, shell=True, capture_output=True, text=True, check=False)
    return finished.returncode, finished.stdout, finished.stderr


def in_this_process(command: str) -> tuple[int, str, str]:
    """The same of one that needs nothing of a shell, ten times as fast."""
    out, error = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(error):
        code = main(shlex.split(command)[1:])
    return code, out.getvalue(), error.getvalue()


def test_differences_on_purpose_are_told() -> None:
    """Each has its reason in the table, in the words of the replay."""
    page = (ROOT / "docs" / "authoring.md").read_text()
    missing = {better.why for better in BETTER_ON_PURPOSE if better.why not in page}
    assert not missing, "docs/authoring.md lacks these rows"


@pytest.mark.parametrize(
    "page",
    sorted(str(page.relative_to(ROOT)) for page in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]),
)
def test_links_lead_somewhere(page: str) -> None:
    text = (ROOT / page).read_text()
    missing = [link for link in LINK.findall(text) if not ((ROOT / page).parent / link).exists()]
    assert not missing
