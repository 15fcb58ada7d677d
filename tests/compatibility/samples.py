"""What releases have stored, kept as it was written, and how this release describes it.

``samples/<release>/`` has

==================  ==========================================================================================
``store-2.db.gz``   a SQLite database in format 2
``store-1.db.gz``   the same courses in one of format 1
``mongodb.json.gz``  the same in MongoDB, files stored once: documents of each collection, as extended JSON
``course.bundle``   a course of the first, with its history
``plan.jsonl``      a plan to prune the first
``archive.tar.gz``  an export of the course
``cache.json``      items of a cache: documents of the first, by what they are called
``*.json``          beside a database: what commands say of it
==================  ==========================================================================================

A description is made of the command's own JSON, which is promised too: what was said is still said, and more
may be.
"""

from __future__ import annotations

import gzip
import io
import json
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

from modulestore.cli import main

__all__ = ["COURSE", "FOLDERS", "command", "described", "lacks", "unpacked"]

FOLDERS = sorted(Path(__file__).parent.glob("samples/*"))

COURSE = "course-v1:Example+MS101+2026"
LIBRARY = "library-v1:Example+Tides"
COPY = "course-v1:Example+MS101+2027"

_COMMANDS = [
    ["courses"],
    *(["tree", key] for key in (COURSE, COPY, LIBRARY)),
    ["blocks", COURSE],
    ["blocks", COURSE, "--branch", "draft"],
    ["show", "block-v1:Example+MS101+2026+type@problem+block@how-long"],
    ["show", "block-v1:Example+MS101+2026+type@html+block@columns", "--branch", "draft"],
    ["log", COURSE],
    ["log", COURSE, "--branch", "draft"],
    ["log", COPY],
    ["changes", COURSE],
    ["diff", COURSE, "spring", "draft"],
    ["conflicts", COURSE],
    ["assets", "list", COURSE],
    ["assets", "list", COPY],
    ["assets", "trash", COURSE],
    ["assets", "history", COURSE, "tide-curve.svg"],
]


def command(url: str, *words: str, exit_code: int = 0) -> Any:
    """What a command says on a store, as JSON."""
    out = io.StringIO()
    with redirect_stdout(out):
        code = main(["--store", url, *words, "--json"])
    assert code == exit_code, words
    return json.loads(out.getvalue())


def described(url: str) -> dict[str, Any]:
    """What there is in a store, by command."""
    said = {" ".join(words): command(url, *words) for words in _COMMANDS}
    (conflict,) = said[f"conflicts {COURSE}"]
    shown = ["conflicts", "show", conflict["id"]]
    return {**said, " ".join(shown): command(url, *shown)}


def lacks(expected: Any, found: Any, place: str = "") -> list[str]:
    """Where something that was said is not said any more; further keys of an object are no difference."""
    if isinstance(expected, dict) and isinstance(found, dict):
        missing = [f"{place}: no {name!r}" for name in expected.keys() - found.keys()]
        both = [name for name in expected if name in found]
        return missing + [
            one for name in both for one in lacks(expected[name], found[name], f"{place}/{name}")
        ]
    if isinstance(expected, list) and isinstance(found, list) and len(expected) == len(found):
        pairs = enumerate(zip(expected, found, strict=True))
        return [one for at, (before, now) in pairs for one in lacks(before, now, f"{place}/{at}")]
    return [] if expected == found else [f"{place}: {found!r} instead of {expected!r}"]


def unpacked(packed: Path, folder: Path) -> Path:
    """A copy of a packed sample, to be written to."""
    place = folder / packed.stem
    place.write_bytes(gzip.decompress(packed.read_bytes()))
    return place
