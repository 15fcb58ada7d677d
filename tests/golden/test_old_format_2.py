"""What earlier releases stored in format 2 is read as what it was.

``format-2.jsonl`` holds structures as they were written once: a course that was edited so often that some
versions are deltas on deltas and some are new bases; and of each the digest of its document of format 1. It
is never written anew; a format that changes gets a number and a file of its own.
``python -m tests.golden.test_old_format_2 FILE`` writes such a file.
"""

from __future__ import annotations

import base64
import hashlib
import json
import sys
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

from modulestore import Store
from modulestore._sync.sqlite import open_sqlite
from modulestore.formats import v1
from modulestore.formats.gathering import Gathering
from modulestore.formats.headers import document_id
from modulestore.formats.structures import built_on
from modulestore.keys import VersionId

FILE = Path(__file__).with_name("format-2.jsonl")
NOW = datetime(2026, 1, 2, 3, 4, 5, 678000, tzinfo=UTC)
KEY = "course-v1:Example+Old+2026"


def rows(path: Path) -> dict[VersionId, tuple[bytes, str]]:
    """Documents, and the digests of what is in them."""
    found = {}
    for line in path.read_text().splitlines():
        row = json.loads(line)
        document = base64.b64decode(row["document"])
        found[document_id(document)] = document, row["sha256"]
    return found


def test_every_version_is_what_it_was() -> None:
    stored = rows(FILE)
    documents = {version: document for version, (document, _) in stored.items()}
    longest = max(len(built_on(document)) for document in documents.values())
    bases = sum(not built_on(document) for document in documents.values())
    assert len(documents) > 30
    assert longest > 7, "there are versions on several tiers"
    assert bases > 2, "both branches began with one, and others were written later"
    for version, (document, digest) in stored.items():
        gathering = Gathering({version: document})
        gathering.add({wanted: documents[wanted] for wanted in gathering.wanted})
        structure = gathering.structure(version)
        assert hashlib.sha256(v1.encode_structure(structure)).hexdigest() == digest


def write(path: Path) -> None:
    """The file, as this release would store it."""
    backend = open_sqlite(":memory:")
    ids = (VersionId(n.to_bytes(12, "big")) for n in count(1))
    store = Store(backend, now=lambda: NOW, ids=ids)
    store.create_course(KEY, title="An old course", author=7)
    with store.edit(KEY, author=7) as edit:
        for number in range(200):
            if number % 20 == 0:
                chapter = edit.add("chapter", edit.course.root, id=f"c{number}")
                lesson = edit.add("sequential", chapter, id=f"s{number}")
            if number % 5 == 0:
                unit = edit.add("vertical", lesson, id=f"u{number}", display_name=f"Unit {number}")
            kind = ("html", "problem", "video")[number % 3]
            edit.add(kind, unit, id=hashlib.sha256(b"%d" % number).hexdigest()[:32], display_name="Größe")
    blocks = [block.key for block in store.open(KEY, branch="draft").blocks()]
    for number in range(70):
        with store.edit(KEY, author=7) as edit:
            block: Any = blocks[(number * 7) % len(blocks)]
            if block in edit.course:
                edit.update(block, display_name=f"Number {number}")
            if number % 9 == 4:
                unit = next(edit.course.blocks("vertical")).key
                edit.add("html", unit, id=f"added-{number}", index=0, data=f"<p>{number}</p>")
            if number == 20:
                edit.delete(next(edit.course.blocks("problem")))
            if number == 30:
                edit.set_asset("asset", "one.png", {"locked": True})
        if number % 10 == 0:
            store.publish(KEY, author=7)
    lines = []
    for batch in backend.structures.headers():
        documents = backend.structures.get_many([header.id for header in batch])
        for header in batch:
            structure = store.open(KEY, version=header.id).structure
            digest = hashlib.sha256(v1.encode_structure(structure)).hexdigest()
            document = base64.b64encode(documents[header.id]).decode()
            lines.append(json.dumps({"sha256": digest, "document": document}))
    path.write_text("".join(f"{line}\n" for line in lines))


if __name__ == "__main__":
    write(Path(sys.argv[1]))
