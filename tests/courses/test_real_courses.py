"""All real archives go in, on both backends: all of an archive is stored, and the same again changes nothing.

The archives are not part of the project (``../shared/courses``). That they are read right, block by block, is
tested in ``tests/olx``; here it is that all of it reaches the database and comes back.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import modulestore
from modulestore import Course, Store
from modulestore.errors import ModuleStoreError
from modulestore.model.plain import PlainBlock, PlainCourse
from modulestore.olx import open_archive, read_course
from tests.conftest import SHARED

COURSES = SHARED / "courses"
MANIFEST: list[dict[str, Any]] = (
    json.loads((COURSES / "MANIFEST.json").read_text()) if COURSES.is_dir() else []
)
FILES: list[Any] = [entry["file"] for entry in MANIFEST] or [
    pytest.param(
        "none", marks=pytest.mark.skip(reason="../shared/courses is absent: no real course was imported")
    )
]


@pytest.fixture(params=["sqlite", "mongodb"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    sqlite = f"sqlite:///{tmp_path}/courses.db"
    url = sqlite if request.param == "sqlite" else request.getfixturevalue("mongodb_url")
    with modulestore.connect(url) as store:
        yield store


@pytest.mark.parametrize("file", FILES)
def test_a_real_course(store: Store, file: str) -> None:
    path = COURSES / file
    with open_archive(path) as tree:
        plain = read_course(tree)
    report = store.import_course(path)
    assert report.problems == tuple(plain.problems)
    assert report.assets == len(plain.files)
    if report.draft_version is None:
        expect(store, store.open(report.key), plain.blocks, plain)
    else:
        expect(store, store.open(report.key, branch="published"), plain.blocks, plain)
        view = {**plain.blocks, **plain.draft_blocks}
        draft = store.open(report.key, branch="draft")
        expect(store, draft, {key: view[key] for key in view if key not in taken_out(view, plain)}, plain)
    again = store.import_course(path)
    assert not again.changed
    assert (again.version, again.draft_version) == (report.version, report.draft_version)
    assert again.definitions == 0


def taken_out(view: dict[Any, PlainBlock], plain: PlainCourse) -> set[Any]:
    """Published blocks that no draft has any more."""
    listed = {child for block in view.values() for child in block.children or ()}
    before = {child for block in plain.blocks.values() for child in block.children or ()}
    gone = before - listed
    assert not any(view[key].children for key in gone), "nothing is below them that would be gone too"
    return gone


def expect(store: Store, course: Course, blocks: dict[Any, PlainBlock] | Any, plain: PlainCourse) -> None:
    """The version has these blocks and no others, with all that they have."""
    assert {
        block.block_key for block in [*course.blocks(), *course.detached, *course.orphans]
    } == blocks.keys()
    assert course.root.block_key == plain.root
    contents = store.load_content(course[key] for key in blocks)
    for key, block in blocks.items():
        stored = course[key]
        assert stored.settings == block.settings
        assert contents[stored] == block.content
        assert [child.block_key for child in stored.children] == list(block.children or ())
        assert stored.asides == [dict(aside) for aside in block.asides]


@pytest.mark.parametrize("file", FILES)
def test_counts_are_those_of_the_manifest(store: Store, file: str) -> None:
    entry = next(entry for entry in MANIFEST if entry["file"] == file)
    report = store.import_course(COURSES / file, dry_run=True)
    missing = sum("missing" in problem.message for problem in report.problems)
    assert (report.blocks + missing) == entry.get("blocks_unique", entry["blocks"]), report.problems
    with pytest.raises(ModuleStoreError):
        store.open(report.key)
