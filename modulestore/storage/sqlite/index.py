"""Statements on index entries."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from modulestore.errors import CorruptDocument, CourseExists
from modulestore.formats.entries import decode_entry, encode_entry
from modulestore.keys import ContextKey, VersionId
from modulestore.model.index import FaultyEntry, IndexEntry, Moved, Swapped, SwapResult
from modulestore.storage.documents import check_names, decode, encode, now

__all__ = [
    "Trace",
    "delete",
    "get",
    "insert",
    "is_empty",
    "list_all",
    "list_readable",
    "swap",
    "trace_of",
]

Trace = Callable[[sqlite3.Connection], bool | None]
"""Whether a change of the index is there; None if that cannot be told any more."""


def get(connection: sqlite3.Connection, key: ContextKey, ignore_case: bool) -> IndexEntry | None:
    """The entry of a course; of several that differ by case, the one that does not."""
    query = "SELECT document FROM active_versions WHERE org = :org AND course = :course AND run = :run"
    if ignore_case:
        query = (
            "SELECT document FROM active_versions WHERE folded = :folded"
            " ORDER BY (org = :org AND course = :course AND run = :run) DESC, org, course, run LIMIT 1"
        )
    org, course, run = key.identity
    names = {"org": org, "course": course, "run": run, "folded": _folded(key)}
    row = connection.execute(query, names).fetchone()
    return None if row is None else _entry(row[0])


def list_all(connection: sqlite3.Connection) -> list[IndexEntry]:
    """Every entry, by its names."""
    rows = connection.execute("SELECT document FROM active_versions ORDER BY org, course, run").fetchall()
    return [_entry(document) for (document,) in rows]


def list_readable(connection: sqlite3.Connection) -> tuple[list[IndexEntry], list[FaultyEntry]]:
    """Every entry that can be read, by its names; what is wrong with the others, and with columns."""
    entries: list[IndexEntry] = []
    faulty: list[FaultyEntry] = []
    columns = "SELECT id, org, course, run, folded, document FROM active_versions ORDER BY org, course, run"
    for version, org, course, run, folded, document in connection.execute(columns).fetchall():
        place = f"index entry {org}/{course}/{run}"
        try:
            entry = _entry(document)
            stored = (bytes(entry.id), *entry.key.identity, _folded(entry.key))
        except CorruptDocument as error:
            faulty.append(FaultyEntry(place, error.message))
            continue
        entries.append(entry)
        if stored != (version, org, course, run, folded):
            faulty.append(FaultyEntry(place, f"its document is that of {entry.key}"))
    return sorted(entries, key=lambda entry: entry.key.identity), faulty


def insert(connection: sqlite3.Connection, entry: IndexEntry) -> None:
    """Store a new entry."""
    check_names("branch", entry.heads)
    document = _document(entry)
    try:
        connection.execute(
            "INSERT INTO active_versions (id, org, course, run, folded, document) VALUES (?, ?, ?, ?, ?, ?)",
            (entry.id, *entry.key.identity, _folded(entry.key), document),
        )
    except sqlite3.IntegrityError as error:
        raise CourseExists("there is a course of this key already", place=str(entry.key)) from error


def swap(
    connection: sqlite3.Connection,
    entry: IndexEntry,
    expected: Mapping[str, VersionId | None],
    new: Mapping[str, VersionId],
    search_targets: Mapping[str, str],
) -> SwapResult:
    """Move heads; the transaction around makes reading, comparing and writing one step."""
    check_names("branch", [*expected, *new])
    check_names("search target", search_targets)
    stored = _stored(connection, entry.id)
    if stored is None:
        return Moved(None)
    if any(stored.heads.get(branch) != head for branch, head in expected.items()):
        return Moved(stored)
    changed = replace(
        stored,
        heads={**stored.heads, **new},
        search_targets={**stored.search_targets, **search_targets},
        last_update=_later(stored.last_update),
    )
    connection.execute("UPDATE active_versions SET document = ? WHERE id = ?", (_document(changed), entry.id))
    return Swapped(changed)


def delete(connection: sqlite3.Connection, entry: IndexEntry) -> bool:
    """Remove an entry if its heads are the same."""
    stored = _stored(connection, entry.id)
    if stored is None or dict(stored.heads) != dict(entry.heads):
        return False
    connection.execute("DELETE FROM active_versions WHERE id = ?", (entry.id,))
    return True


def is_empty(connection: sqlite3.Connection) -> bool:
    """Whether there is no entry, structure or definition."""
    some = " OR ".join(
        f"EXISTS (SELECT 1 FROM {table})" for table in ("active_versions", "structures", "definitions")
    )
    row: tuple[int] = connection.execute(f"SELECT {some}").fetchone()
    return not row[0]


def trace_of(function: object, result: object, values: tuple[Any, ...]) -> Trace | None:
    """What tells later whether one of these statements was committed; None for one that changed nothing.

    Args:
        function: the statement.
        result: what it returned.
        values: what it was called with.
    """
    if function is insert:
        (inserted,) = values
        return lambda connection: _stored(connection, inserted.id) is not None
    if function is delete and result:
        (deleted,) = values
        return lambda connection: _stored(connection, deleted.id) is None
    if function is swap and isinstance(result, Swapped):
        swapped, _, new, _ = values
        return lambda connection: _is_behind(connection, swapped.id, new)
    return None


def _is_behind(
    connection: sqlite3.Connection, entry: VersionId, versions: Mapping[str, VersionId]
) -> bool | None:
    """Whether branches are at these versions, or at ones made from them; None if the entry is gone."""
    stored = _stored(connection, entry)
    if stored is None:
        return None
    chain = """
        WITH RECURSIVE chain (id) AS (
            SELECT :head UNION SELECT previous FROM structures JOIN chain USING (id)
        ) SELECT EXISTS (SELECT 1 FROM chain WHERE id = :version)
    """
    rows = [
        connection.execute(chain, {"head": stored.heads.get(branch), "version": version}).fetchone()
        for branch, version in versions.items()
    ]
    return all(row[0] for row in rows)


def _stored(connection: sqlite3.Connection, entry: VersionId) -> IndexEntry | None:
    row = connection.execute("SELECT document FROM active_versions WHERE id = ?", (entry,)).fetchone()
    return None if row is None else _entry(row[0])


def _entry(document: bytes) -> IndexEntry:
    return decode_entry(decode(document, "index entry"))


def _document(entry: IndexEntry) -> bytes:
    return encode(encode_entry(entry), str(entry.key))


def _folded(key: ContextKey) -> str:
    return "+".join(key.identity).casefold()


def _later(before: datetime | None) -> datetime:
    time = now()
    return time if before is None else max(time, before + timedelta(milliseconds=1))
