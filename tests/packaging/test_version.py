"""The version is said in one place, and everywhere the same."""

from __future__ import annotations

import re

import pytest

import modulestore
from modulestore.cli import main
from tests.packaging.building import ROOT

SEMANTIC = re.compile(r"\d+\.\d+\.\d+(\.dev\d+|(a|b|rc)\d+)?")
HEADING = re.compile(r"^## (.+)$", re.MULTILINE)


def test_it_is_semantic() -> None:
    assert SEMANTIC.fullmatch(modulestore.__version__)


def test_the_command_says_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"{modulestore.__version__}\n"


def test_the_changelog_has_it() -> None:
    """What is not released yet comes first; of a release the newest section is its own."""
    newest, *_ = HEADING.findall((ROOT / "CHANGELOG.md").read_text())
    if ".dev" in modulestore.__version__:
        assert newest == "Unreleased"
    else:
        assert newest.split()[0] == modulestore.__version__
