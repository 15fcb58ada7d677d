"""What any release has stored is read as what it was, and can be worked with.

The samples are frozen: a change that breaks one of these tests breaks somebody's data. A form that changes
gets a new number, and a sample of its own: see CONTRIBUTING.md.
"""

from __future__ import annotations

import base64
import gzip
import json
import shutil
from collections.abc import Collection, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from bson import json_util
from pymongo import MongoClient

import modulestore
from modulestore.keys import VersionId
from modulestore.storage.cache_frames import Opened, item_key, open_many, secret_of
from modulestore.upkeep.pruning.plan import reasons_in
from tests.compatibility.samples import COURSE, FOLDERS, command, described, lacks, unpacked

pytestmark = pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)

PROBLEM = "block-v1:Example+MS101+2026+type@html+block@columns"


def expected(folder: Path, name: str) -> Any:
    return json.loads((folder / name).read_text())


def expect_usable(url: str) -> None:
    """What was begun in an earlier release is gone on with."""
    with modulestore.connect(url) as store:
        (conflict,) = store.conflicts(COURSE)
        store.resolve(conflict.id, overwrite=True)
        assert store.open(COURSE, branch="draft")["html", "columns"].display_name == "Mine"
        store.undelete("course-v1:Example+Gone+2026")
        store.restore(COURSE, "spring", to="both", author=7)
        assert "quiz-range" in {block.id for block in store.open(COURSE).blocks("problem")}
        store.assets.restore(store.assets.trash(COURSE)[0])
    expect_sound(url)


def expect_sound(url: str) -> None:
    """Nothing is wrong; notes, such as of a library that was never there, are as ever."""
    assert {problem["severity"] for problem in command(url, "check", "--deep")["problems"]} <= {"note"}


@pytest.mark.parametrize("schema", [1, 2])
def test_a_sqlite_database(folder: Path, schema: int, tmp_path: Path) -> None:
    url = f"sqlite:///{unpacked(folder / f'store-{schema}.db.gz', tmp_path)}"
    assert lacks(expected(folder, f"store-{schema}.json"), described(url)) == []
    expect_usable(url)


def test_a_sqlite_database_is_converted(folder: Path, tmp_path: Path) -> None:
    """There and back: what is said of it stays the same."""
    url = f"sqlite:///{unpacked(folder / 'store-2.db.gz', tmp_path)}"
    for schema in (1, 2):
        done = command(url, "upgrade", "--format", str(schema))
        assert done
        assert lacks(expected(folder, "store-2.json"), described(url)) == []


def test_a_mongodb_database(folder: Path, mongodb_url: str) -> None:
    text = gzip.decompress((folder / "mongodb.json.gz").read_bytes()).decode()
    with MongoClient[dict[str, Any]](mongodb_url) as client:
        database = client.get_default_database()
        for name, documents in json_util.loads(text, json_options=json_util.CANONICAL_JSON_OPTIONS).items():
            if documents:
                database[name].insert_many(documents)
    assert lacks(expected(folder, "mongodb.json"), described(mongodb_url)) == []
    expect_usable(mongodb_url)


def test_a_bundle(folder: Path, tmp_path: Path) -> None:
    """In an empty store it gives what is said of the course where it came from."""
    url = f"sqlite:///{tmp_path}/new.db"
    command(url, "import", str(folder / "course.bundle"))
    said = expected(folder, "store-2.json")
    for words in (["tree", COURSE], ["log", COURSE, "--branch", "draft"], ["conflicts", COURSE]):
        assert lacks(said[" ".join(words)], command(url, *words)) == []
    expect_sound(url)


def test_an_archive(folder: Path, tmp_path: Path) -> None:
    """It changes nothing in the store where it came from."""
    url = f"sqlite:///{unpacked(folder / 'store-2.db.gz', tmp_path)}"
    report = command(url, "import", str(folder / "archive.tar.gz"))
    assert (report["problems"], report["definitions"]) == ([], 0)
    said = expected(folder, "store-2.json")
    assert lacks(said[f"log {COURSE}"], command(url, "log", COURSE)) == []


def test_a_plan(folder: Path, tmp_path: Path) -> None:
    """It is shown, gives its reasons, and is applied to the database that it was made for."""
    url = f"sqlite:///{unpacked(folder / 'store-2.db.gz', tmp_path)}"
    plan = str(shutil.copy(folder / "plan.jsonl", tmp_path))
    shown = command(url, "prune", "show", plan)
    assert shown["deleted"] > 5
    (head, *_) = command(url, "log", COURSE)
    with (folder / "plan.jsonl").open("rb") as lines:
        (reason, *_) = reasons_in(lines, VersionId.parse(head["version"]), "plan")
    assert reason.startswith("head published")
    applied = command(url, "prune", "apply", plan, "--grace", "0s")
    assert applied["deleted"] == shown["deleted"]
    expect_sound(url)


def test_items_of_a_cache(folder: Path) -> None:
    """They are read, or not found, if the number in their keys has changed since; never rejected."""
    for name, kept in expected(folder, "cache.json").items():
        items = {key: base64.b64decode(item) for key, item in kept["items"].items()}
        secret = secret_of(kept["secret"]) if kept["secret"] else b""
        wanted = name.split()[0]
        found = open_many([wanted], partial(_those, items), secret)
        there = {wanted: base64.b64decode(kept["value"])} if item_key(wanted) in items else {}
        assert found == Opened(there, 0)


def _those(items: Mapping[str, bytes], keys: Collection[str]) -> dict[str, bytes]:
    return {key: items[key] for key in keys if key in items}
