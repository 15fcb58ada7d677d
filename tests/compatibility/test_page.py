"""The page on compatibility has the numbers that the code has."""

from __future__ import annotations

import re
from pathlib import Path

from modulestore.formats import definitions, entries, frames
from modulestore.formats.bundles import sections
from modulestore.formats.structures import NEWEST_SCHEMA
from modulestore.storage import cache_frames
from modulestore.storage.sqlite.schema import USER_VERSION
from modulestore.upkeep.pruning import plan

PAGE = Path(__file__).resolve().parents[2] / "docs" / "compatibility.md"
ROW = re.compile(r"^\| ([^|]+?) (?:\(\[form\][^|]*)?\| [^|]* \| ([^|]*) \| ([^|]*) \|$", re.MULTILINE)
NUMBER = re.compile(r"\d+")


def test_what_is_written_and_read() -> None:
    newest = {
        "structures": NEWEST_SCHEMA,
        "definitions, index entries": max(definitions._SCHEMA_VERSION, entries._SCHEMA_VERSION),
        "body of a structure of format 2": frames._VERSION,
        "SQLite file": USER_VERSION,
        "bundle": sections._VERSION,
        "plan of a pruning": plan._VERSION,
        "item of a cache": cache_frames._FORMAT,
    }
    rows = {name: (written, read) for name, written, read in ROW.findall(PAGE.read_text())}
    for name, number in newest.items():
        for said in rows[name]:
            assert max(map(int, NUMBER.findall(said))) == number, name
