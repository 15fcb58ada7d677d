"""Writes samples of what this release stores. Samples of a release that is out are never written again.

python -m tests.compatibility.make 0.1 mongodb://localhost:27017/new_database

The database of the URL is to be new; it is left behind.
"""

from __future__ import annotations

import base64
import gzip
import json
import sys
import tempfile
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

from bson import json_util
from pymongo import MongoClient

from modulestore import Store
from modulestore._sync.mongo import open_mongo
from modulestore._sync.ports import Backend
from modulestore._sync.sqlite import open_sqlite
from modulestore.errors import EditConflict
from modulestore.formats.structures import Schema
from modulestore.keys import VersionId
from modulestore.storage.cache_frames import seal, secret_of
from modulestore.upkeep.pruning.policy import Policy, Retention
from tests.compatibility.samples import COPY, COURSE, described

ROOT = Path(__file__).resolve().parents[2]
SECRET = "a secret"
BEGIN = datetime(2026, 1, 2, 3, 4, 5, 678000, tzinfo=UTC)


def ticking() -> Iterator[datetime]:
    """A minute later each time."""
    return (BEGIN + timedelta(minutes=number) for number in count())


def fill(backend: Backend, schema: Schema) -> Store:
    """Something of everything that a store keeps."""
    clock = ticking()
    ids = (VersionId(number.to_bytes(12, "big")) for number in count(1))
    store = Store(backend, schema=schema, now=lambda: next(clock), ids=ids)
    for sample in ("sample-course", "sample-library"):
        store.import_course(ROOT / "docs" / "examples" / sample, author=7)
    store.tag(COURSE, "published", "spring", author=7)
    for number in range(12):
        with store.edit(COURSE, author=7, message=f"Columns, take {number}") as edit:
            edit.update(("html", "columns"), display_name=f"Columns {number}")
    with store.edit(COURSE, author=8) as edit:
        unit = edit.add(
            "vertical", next(edit.course.blocks("sequential")), id="new-unit", display_name="Größe"
        )
        edit.add("problem", unit, id="new-problem", data="<problem>春</problem>\n", weight=2.5)
        edit.delete(("problem", "quiz-range"))
    store.publish(COURSE, author=7)
    try:
        with store.edit(COURSE, author=7, message="mine") as mine:
            mine.update(("html", "columns"), display_name="Mine")
            with store.edit(COURSE, author=8) as theirs:
                theirs.update(("html", "columns"), display_name="Theirs")
    except EditConflict:
        pass
    store.assets.put(COURSE, "tide-curve.svg", b"<svg/>", locked=True)
    store.assets.put(COURSE, "old.txt", b"old")
    store.assets.delete(f"asset-v1:{COURSE.removeprefix('course-v1:')}+type@asset+block@old.txt")
    store.rerun(COURSE, COPY, title="Again", author=7)
    store.create_course("course-v1:Example+Gone+2026", title="Gone", author=7)
    store.delete("course-v1:Example+Gone+2026", author=7)
    return store


def packed(target: Path, content: bytes) -> None:
    """Write a file compressed, the same bytes each time."""
    target.write_bytes(gzip.compress(content, mtime=0))


def say(target: Path, values: Mapping[str, Any]) -> None:
    """Write JSON for people too: a line for each of the values."""
    lines = (f"{json.dumps(name)}: {json.dumps(value, ensure_ascii=False)}" for name, value in values.items())
    target.write_text("{\n" + ",\n".join(lines) + "\n}\n")


def write_sqlite(folder: Path, schema: Schema, scratch: Path) -> None:
    """A database, what is said of it, and of format 2 all that comes out of one."""
    path = scratch / f"store-{schema}.db"
    store = fill(open_sqlite(path), schema)
    if schema == 2:
        store.bundle(COURSE, folder / "course.bundle", history=True, force=True)
        store.export_course(COURSE, folder / "archive.tar.gz", force=True)
        policy = Policy(Retention(keep=1), min_age=timedelta(0))
        store.plan_pruning(policy, folder / "plan.jsonl")
        write_cache(folder, store._backend)
    store.close()
    say(folder / f"store-{schema}.json", described(f"sqlite:///{path}"))
    packed(folder / f"store-{schema}.db.gz", path.read_bytes())


def write_cache(folder: Path, backend: Backend) -> None:
    """Items of a cache, sealed with a secret and without."""
    kept = {}
    (ids,) = backend.structures.ids()
    for version, document in backend.structures.get_many(list(ids)[:3]).items():
        name = f"structure/{version}"
        for secret in ("", SECRET):
            items = seal(name, document, secret_of(secret) if secret else b"")
            kept[f"{name} {secret}".strip()] = {
                "value": base64.b64encode(document).decode(),
                "secret": secret,
                "items": {key: base64.b64encode(item).decode() for key, item in items.items()},
            }
    say(folder / "cache.json", kept)


def write_mongodb(folder: Path, url: str) -> None:
    """The documents of a MongoDB database."""
    fill(open_mongo(url), 2).close()
    with MongoClient[dict[str, Any]](url, tz_aware=True) as client:
        database = client.get_default_database()
        documents = {
            name: list(database[name].find(sort=[("_id", 1)]))
            for name in sorted(database.list_collection_names())
        }
    text = json_util.dumps(documents, json_options=json_util.CANONICAL_JSON_OPTIONS, ensure_ascii=False)
    packed(folder / "mongodb.json.gz", text.encode())
    say(folder / "mongodb.json", described(url))


def main(release: str, url: str) -> None:
    """Write all samples of a release."""
    folder = Path(__file__).parent / "samples" / release
    folder.mkdir(parents=True)
    with tempfile.TemporaryDirectory() as scratch:
        write_sqlite(folder, 2, Path(scratch))
        write_sqlite(folder, 1, Path(scratch))
    write_mongodb(folder, url)


if __name__ == "__main__":
    main(*sys.argv[1:])
