"""The course files that tests of the origin serve."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import modulestore
from modulestore.keys import AssetKey, parse_asset_key
from modulestore.model.files import CourseFile

__all__ = [
    "BIG",
    "BYTES",
    "COURSE",
    "LOCKED",
    "LOCKED_BYTES",
    "NOTES",
    "fill",
    "key_of",
    "later",
    "path_of",
    "stored",
]

COURSE = "asset-v1:Example+MS101+2026+type@asset+block@"
NOTES = bytes(range(256)) * 4  # 1024 bytes of which no two slices are alike, nearly
BIG = random.Random(1).randbytes(1_000_003)
LOCKED_BYTES = random.Random(2).randbytes(600_001)
LOCKED = f"{COURSE}exam.bin"

BYTES = {
    f"{COURSE}notes.txt": NOTES,
    f"{COURSE}empty.txt": b"",
    f"{COURSE}big.bin": BIG,
    f"{COURSE}drawing.svg": b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>",
    f"{COURSE}page.html": b"<!doctype html><script>document.title = 'ran'</script>",
    f"{COURSE}letters.woff2": b"wOF2" + bytes(200),
    f"{COURSE}Übung-1.pdf": b"%PDF-1.4",
    f"{COURSE}100%.txt": b"all of it",
    f"{COURSE}archive": b"no ending, no type",
    LOCKED: LOCKED_BYTES,
    "asset-v1:Example+Library+type@asset+block@shared.png": b"\x89PNG of a library",
    "/c4x/Old/Style/asset/pic.png": b"\x89PNG of another time",
}
_TYPES = {"notes.txt": "text/plain", "page.html": "text/html; charset=UTF-8", "letters.woff2": "font/woff2"}
_NAMES = {"Übung-1.pdf": "Übung №1: «Straße».pdf", "notes.txt": "My notes.txt"}


def fill(url: str) -> None:
    """Put all of them into a store."""
    with modulestore.connect(url) as store:
        files = []
        for text, data in BYTES.items():
            key = key_of(text)
            shown = _NAMES.get(key.name, key.name)
            file = CourseFile(key, len(data), shown, _TYPES.get(key.name), locked=text == LOCKED)
            files.append((file, data))
        store._backend.files.put_many(files)


def stored(url: str, text: str) -> CourseFile:
    """A file as a store has it."""
    with modulestore.connect(url) as store:
        found = store._backend.files.get(key_of(text))
    assert found is not None
    return found


def key_of(text: str) -> AssetKey:
    """The key; old-style ones do not say the run, which a store needs to know when it files something."""
    return parse_asset_key(text)


def path_of(name: str) -> str:
    """The canonical path of a file of the course."""
    return f"/{COURSE}{name}"


def later() -> datetime:
    """A clock that has gone on since the files were stored: their dates are said then."""
    return datetime.now(UTC) + timedelta(days=1)
