"""Databases written by the platform's own code, and the sample archives: what a check says of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient

import modulestore
from tests.golden.test_platform_databases import NAMES, dumped

SAMPLES = Path(__file__).resolve().parent.parent.parent / "docs" / "examples"


ORPHANS = {"02-nested-create": ["html/loose_child", "html/lost", "vertical/loose"]}
"""Blocks that these databases have and that nothing leads to: made so on purpose."""


@pytest.mark.parametrize("name", NAMES)
def test_databases_of_the_platform(name: str, mongodb_url: str) -> None:
    """Sound, but for those; and the platform leaves a definition or two behind that nothing refers to."""
    with MongoClient[dict[str, Any]](mongodb_url) as client:
        for collection, documents in dumped(name).items():
            client.get_default_database()[f"modulestore.{collection}"].insert_many(documents)
    with modulestore.connect(mongodb_url) as store:
        report = store.check()
        assert report.checked["heads"] > 0
        assert [problem.kind for problem in report.problems] == ["orphan"] * len(ORPHANS.get(name, []))
        assert [problem.place.split(", ")[-1] for problem in report.problems] == ORPHANS.get(name, [])
        deep = store.check(deep=True)
        assert deep.is_sound == report.is_sound
        assert {problem.kind for problem in deep.problems} <= {"orphan", "unreferenced"}
        (unreferenced,) = (problem for problem in deep.problems if problem.kind == "unreferenced")
        assert unreferenced.place == "definitions"


def test_the_samples(tmp_path: Path) -> None:
    """The course stays with a version of its library that no import can bring along."""
    with modulestore.connect(f"sqlite:///{tmp_path}/samples.db") as store:
        for name in ("sample-library", "sample-course"):
            store.import_course(SAMPLES / name)
        report = store.check(deep=True)
        assert report.is_sound
        assert [problem.kind for problem in report.problems] == ["pin-missing", "pin-missing"]
