"""Heads from an export of a platform's SQL index."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from modulestore.errors import InvalidInput
from modulestore.keys import VersionId
from modulestore.upkeep.heads import parse_heads

A, B, C = "0" * 23 + "a", "0" * 23 + "b", "0" * 23 + "c"
ROWS: list[dict[str, Any]] = [
    {"course_id": "course-v1:Org+C+R", "draft_version": A, "published_version": B, "library_version": None},
    {"course_id": "library-v1:Org+L", "draft_version": None, "published_version": "", "library_version": C},
    {
        "course_id": "course-v1:Org+Empty+R",
        "draft_version": "",
        "published_version": "NULL",
        "library_version": "\\N",
    },
]
EXPECTED = {
    "course-v1:Org+C+R": {"draft": VersionId.parse(A), "published": VersionId.parse(B)},
    "library-v1:Org+L": {"library": VersionId.parse(C)},
    "course-v1:Org+Empty+R": {},
}


def as_csv(rows: list[dict[str, Any]], delimiter: str = ",") -> str:
    lines = [delimiter.join(rows[0])]
    lines += [delimiter.join(value or "" for value in row.values()) for row in rows]
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize(
    "written",
    [
        as_csv,
        lambda rows: as_csv(rows, "\t"),
        lambda rows: "\ufeff" + as_csv(rows).replace("\n", "\r\n"),
        lambda rows: as_csv([{"id": "7", **row, "edited_on": "2026-01-02 03:04:05"} for row in rows]),
        json.dumps,
        lambda rows: json.dumps([{"id": 7, **row} for row in rows], indent=2),
    ],
)
def test_every_way_of_writing_it(written: Callable[[list[dict[str, Any]]], str]) -> None:
    assert parse_heads(written(ROWS), "heads") == EXPECTED


def test_a_table_without_rows() -> None:
    assert parse_heads("course_id,draft_version,published_version,library_version\n", "heads") == {}
    assert parse_heads("[]", "heads") == {}


HEAD = "course_id,draft_version,published_version,library_version\n"
LINES = '[\n{"course_id": "course-v1:O+C+R", "draft_version": null,\n'


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("", None, "nothing"),
        ("course_id,draft_version\n", 1, "no column published_version, library_version"),
        (HEAD + "course-v1:O+C+R,,,\nno key,,,\n", 3, "no key"),
        (HEAD + ",,,\n\n" + f",{A},,\n", 4, "no course_id"),
        (HEAD + f"course-v1:O+C+R,{A[:-1]},,\n", 2, "draft_version"),
        (HEAD + "course-v1:O+C+R,,\n", 2, "3 cells for 4 columns"),
        (HEAD + "course-v1:O+C+R,,,\ncourse-v1:O+C+R,,,\n", 3, "twice"),
        ('[{"course_id":\n', 2, "no JSON"),
        ('{"course_id": "x"}', None, "no list"),
        ("[\n7]", 2, "no object"),
        (LINES + '"published_version": null}]', 2, "no library_version"),
        (LINES + '"published_version": null, "library_version": null},\n{}]', 4, "no course_id"),
        (LINES + '"published_version": 7, "library_version": null}]', 2, "published_version"),
        ("[" * 100_000, 1, "no JSON"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(text: str, line: int | None, message: str) -> None:
    with pytest.raises(InvalidInput, match=message) as caught:
        parse_heads(text, "heads.csv")
    assert caught.value.place == ("heads.csv" if line is None else f"heads.csv, line {line}")
