"""The heads that a platform's SQL index has, from an export of its table: CSV or JSON.

A running Open edX platform reads the heads of its courses from a table of its SQL database
(``split_modulestore_django_splitmodulestorecourseindex``), and not from MongoDB. Exported, it has a row for
every course with the columns ``course_id``, ``draft_version``, ``published_version`` and ``library_version``;
further columns are passed over.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from modulestore.errors import InvalidInput, InvalidKey
from modulestore.keys import VersionId, parse_course_key
from modulestore.model.branches import DRAFT, LIBRARY, PUBLISHED

__all__ = ["parse_heads"]

_COURSE: Final = "course_id"
_COLUMNS: Final[Mapping[str, str]] = {
    "draft_version": DRAFT,
    "published_version": PUBLISHED,
    "library_version": LIBRARY,
}
_NOTHING: Final = frozenset({"", "NULL", "\\N"})
"""How exports write that a cell has nothing: as nothing, or as MySQL's own tools do."""

Row = tuple[int, Mapping[str, Any]]


def parse_heads(text: str, place: str) -> dict[str, dict[str, VersionId]]:
    """Heads by the text of a course key, then by branch: ``draft``, ``published``, ``library``.

    Text that begins with ``[`` is JSON, a list of objects; anything else is CSV, with commas or tabs, whose
    first line names the columns. An empty cell means that there is no such branch.

    Args:
        place: what the text was read from, for the errors.

    Raises:
        InvalidInput: a column or a value is missing, is no key or no id, or a course comes twice; the place
            names the line.
    """
    text = text.removeprefix("\ufeff")
    rows = _json_rows(text, place) if text.lstrip().startswith(("[", "{")) else _csv_rows(text, place)
    found: dict[str, dict[str, VersionId]] = {}
    for line, row in rows:
        where = f"{place}, line {line}"
        course = _course(row.get(_COURSE), where)
        if course in found:
            raise InvalidInput(f"{course} is there twice", place=where, hint="export the table again")
        found[course] = _heads(row, where)
    return found


def _course(value: object, where: str) -> str:
    if not isinstance(value, str) or value.strip() in _NOTHING:
        raise InvalidInput(f"there is no {_COURSE}", place=where, hint="it is a course's or library's key")
    try:
        return str(parse_course_key(value.strip()).bare)
    except InvalidKey as error:
        raise InvalidInput(error.message, place=where, hint=error.hint) from error


def _heads(row: Mapping[str, Any], where: str) -> dict[str, VersionId]:
    heads = {}
    for column, branch in _COLUMNS.items():
        if column not in row:
            raise InvalidInput(f"there is no {column}", place=where, hint="leave it empty if there is none")
        value = row[column]
        if value is None or (isinstance(value, str) and value.strip() in _NOTHING):
            continue
        try:
            heads[branch] = VersionId.parse(str(value).strip())
        except InvalidKey as error:
            raise InvalidInput(f"{column}: {error.message}", place=where) from error
    return heads


def _csv_rows(text: str, place: str) -> Iterator[Row]:
    lines = text.splitlines(keepends=True)
    if not lines:
        raise InvalidInput("there is nothing in it", place=place, hint=_columns_hint())
    reader = csv.reader(lines, delimiter="\t" if "\t" in lines[0] else ",")
    try:
        names = [name.strip() for name in next(reader)]
        if missing := [name for name in (_COURSE, *_COLUMNS) if name not in names]:
            raise InvalidInput(
                f"there is no column {', '.join(missing)}", place=f"{place}, line 1", hint=_columns_hint()
            )
        for cells in reader:
            if not any(cell.strip() for cell in cells):
                continue
            if len(cells) != len(names):
                raise InvalidInput(
                    f"{len(cells)} cells for {len(names)} columns", place=f"{place}, line {reader.line_num}"
                )
            yield reader.line_num, dict(zip(names, cells, strict=True))
    except csv.Error as error:
        raise InvalidInput(f"this is no CSV: {error}", place=f"{place}, line {reader.line_num}") from error


def _json_rows(text: str, place: str) -> Iterator[Row]:
    """The objects of a list, each with the line that it begins in."""
    try:
        rows = json.loads(text)
    except (ValueError, RecursionError) as error:
        line = error.lineno if isinstance(error, json.JSONDecodeError) else 1
        raise InvalidInput(f"this is no JSON: {error}", place=f"{place}, line {line}") from error
    if not isinstance(rows, list):
        raise InvalidInput("this is no list of objects", place=place, hint=_columns_hint())
    decoder, at, line = json.JSONDecoder(), text.index("[") + 1, 1
    counted = 0
    for row in rows:
        while text[at] in " \t\r\n,":
            at += 1
        line += text.count("\n", counted, at)
        counted = at
        if not isinstance(row, dict):
            raise InvalidInput("this is no object", place=f"{place}, line {line}", hint=_columns_hint())
        yield line, row
        _, at = decoder.raw_decode(text, at)


def _columns_hint() -> str:
    return f"its columns are {', '.join([_COURSE, *_COLUMNS])}"
