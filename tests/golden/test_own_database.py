"""The documents that an import of the sample course writes in format 1, each with its fields in order and
their types.

``sample-course.jsonl`` holds them. A difference is a change of what is stored: a mistake, or meant, and then
``python -m tests.golden.test_own_database`` writes the file anew and the changelog says what changed. What
format 2 writes depends on the release of a compressor: see ``test_old_format_2.py``.
"""

from __future__ import annotations

import tempfile
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

import bson
import pytest
from bson import json_util
from bson.codec_options import CodecOptions

from modulestore import Store
from modulestore._sync.mongo import open_mongo
from modulestore._sync.ports import Backend
from modulestore._sync.sqlite import open_sqlite
from modulestore.formats.entries import encode_entry
from modulestore.keys import VersionId

FILE = Path(__file__).with_name("sample-course.jsonl")
SAMPLES = Path(__file__).resolve().parent.parent.parent / "docs" / "examples"
NOW = datetime(2026, 1, 2, 3, 4, 5, 678000, tzinfo=UTC)
OPTIONS: CodecOptions[dict[str, Any]] = CodecOptions(tz_aware=True, tzinfo=UTC)


def documents(backend: Backend) -> list[str]:
    """Every document after an import of both samples, one line each, in order of ids."""
    numbered = (VersionId(n.to_bytes(12, "big")) for n in count(1))
    store = Store(backend, schema=1, now=lambda: NOW, ids=numbered)
    store.import_course(SAMPLES / "sample-course", author=7)
    store.import_course(SAMPLES / "sample-library", author=7)
    lines = [_line("active_versions", encode_entry(entry)) for entry in backend.index.list()]
    for batch in backend.structures.headers():
        found = backend.structures.get_many([header.id for header in batch])
        lines += [_line("structures", bson.decode(found[header.id], OPTIONS)) for header in batch]
    for ids in backend.definitions.ids():
        found = backend.definitions.get_many(ids)
        lines += [_line("definitions", bson.decode(found[version], OPTIONS)) for version in ids]
    return lines


def _line(collection: str, document: dict[str, Any]) -> str:
    row = {"collection": collection, "document": document}
    return json_util.dumps(row, json_options=json_util.CANONICAL_JSON_OPTIONS, ensure_ascii=False)


@pytest.mark.parametrize("kind", ["sqlite", "mongodb"])
def test_documents_are_written_as_they_always_were(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    backend: Backend
    if kind == "sqlite":
        backend = open_sqlite(tmp_path / "store.db")
    else:
        backend = open_mongo(request.getfixturevalue("mongodb_url"))
    try:
        assert documents(backend) == FILE.read_text().splitlines()
    finally:
        backend.close()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        written = documents(open_sqlite(Path(folder) / "store.db"))
    FILE.write_text("".join(f"{line}\n" for line in written))
