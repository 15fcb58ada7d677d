"""What the texts for contributors and packagers name is there."""

from __future__ import annotations

import re
from importlib.util import find_spec

import pytest

from tests.packaging.building import ROOT

TEXTS = ("CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md", "README.md", "docs/compatibility.md")
TARGET = re.compile(r"^([a-z]+):", re.MULTILINE)
MAKE = re.compile(r"^make ([a-z]+)|`make ([a-z]+)`", re.MULTILINE)
MODULE = re.compile(r"python -m ([a-z_.]+)")
PLACE = re.compile(r"`((?:docs|migrations|modulestore|tests|tools)/[\w./-]*)`")


@pytest.mark.parametrize("name", TEXTS)
def test_what_is_named_is_there(name: str) -> None:
    text = (ROOT / name).read_text()
    targets = set(TARGET.findall((ROOT / "Makefile").read_text()))
    assert {one or other for one, other in MAKE.findall(text)} <= targets
    assert [module for module in MODULE.findall(text) if find_spec(module) is None] == []
    assert [place for place in PLACE.findall(text) if not (ROOT / place).exists()] == []


def test_variables_of_tests_are_told() -> None:
    """Each that the tests look at is in CONTRIBUTING.md, and the other way round."""
    told = set(re.findall(r"^\| `(MODULESTORE_\w+)", (ROOT / "CONTRIBUTING.md").read_text(), re.MULTILINE))
    files = [*(ROOT / "tests").rglob("*.py"), *(ROOT / "tools").rglob("*.py")]
    used = {
        name
        for file in files
        for name in re.findall(r"\"(MODULESTORE_(?:TEST|STRESS)_\w+)", file.read_text())
    }
    assert told == used
