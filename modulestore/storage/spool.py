"""Where a survey of a database keeps what does not fit in memory: ids in order, and what is kept and why.

Of a database of millions of versions only what is being looked at is in memory. All of it is in temporary
files, which are gone when the spool is closed.
"""

from __future__ import annotations

import sqlite3
import tempfile
from bisect import bisect_left
from collections.abc import Collection, Iterable, Iterator
from typing import Final, NamedTuple

from modulestore.keys import VersionId
from modulestore.model.columns import VersionColumn

__all__ = ["Gap", "IdFile", "KeptRow", "Spool"]

_SIZE: Final = 12
_READ: Final = 1 << 16  # ids that are in memory at a time
_VARIABLES: Final = 500
_PARTITIONS: Final = 64


class KeptRow(NamedTuple):
    """One structure that is kept, with its reasons."""

    version: VersionId
    reasons: tuple[str, ...]


class Gap(NamedTuple):
    """A structure that is kept and whose ``previous_version`` is not.

    Attributes:
        first: the original, if it is kept and there.
        others: of what is kept of its history, beside the original, and has no gap before it, the oldest.
    """

    version: VersionId
    previous: VersionId
    original: VersionId
    first: VersionId | None
    others: VersionId | None


class IdFile:
    """Ids in a temporary file, in the order in which they come."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - closed by `close`
        self._length = 0

    def __len__(self) -> int:
        return self._length

    def add(self, ids: VersionColumn) -> None:
        """Ids that come after those that are there."""
        self._file.seek(0, 2)
        self._file.write(ids.packed)
        self._length += len(ids)

    def columns(self, start: int = 0) -> Iterator[VersionColumn]:
        """All from a place on, many at a time."""
        for at in range(start, self._length, _READ):
            yield self.read(at, _READ)

    def read(self, at: int, most: int) -> VersionColumn:
        """So many from a place on, or as many as there are."""
        self._file.seek(at * _SIZE)
        return VersionColumn(self._file.read(most * _SIZE))

    def place_of(self, version: bytes) -> int:
        """Where an id is, or would be, of ids that are in order."""
        return bisect_left(_Ids(self), version)

    def close(self) -> None:
        """Give the file back."""
        self._file.close()


class _Ids:
    """The ids of a file one by one, as `bisect` wants them."""

    def __init__(self, ids: IdFile) -> None:
        self._ids = ids

    def __len__(self) -> int:
        return len(self._ids)

    def __getitem__(self, at: int) -> bytes:
        return self._ids.read(at, 1)[0]


class Spool:
    """What a survey has found so far.

    Attributes:
        candidates: ids of the structures that it is about, in order.
    """

    def __init__(self) -> None:
        self.candidates = IdFile()
        self._database = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        self._database.executescript(
            """
            PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;
            CREATE TABLE kept (
                id BLOB PRIMARY KEY, previous BLOB, original BLOB, state INTEGER NOT NULL DEFAULT 0
            ) WITHOUT ROWID;
            CREATE INDEX kept_state ON kept (state) WHERE state = 0;
            CREATE TABLE reasons (
                id BLOB, number INTEGER, kind TEXT, text TEXT, PRIMARY KEY (id, number)
            ) WITHOUT ROWID;
            """
        )
        self._number = 0
        self._needed: list[IdFile] = []

    def close(self) -> None:
        """Give all files back."""
        self._database.close()
        for file in [self.candidates, *self._needed]:
            file.close()

    # --- what is kept

    def keep(self, reasons: Iterable[tuple[VersionId, str, str]]) -> None:
        """Structures that are kept, each with the kind and the text of a reason. May be said again."""
        rows = []
        for version, kind, text in reasons:
            self._number += 1
            rows.append((version, self._number, kind, text))
        self._database.execute("BEGIN")
        self._database.executemany("INSERT OR IGNORE INTO kept (id) VALUES (?)", ((row[0],) for row in rows))
        self._database.executemany("INSERT INTO reasons VALUES (?, ?, ?, ?)", rows)
        self._database.execute("COMMIT")

    def not_looked_at(self, most: int) -> list[VersionId]:
        """Some that are kept and that `looked_at` has not been told of, one history after the other."""
        query = "SELECT id FROM kept WHERE state = 0 ORDER BY id LIMIT ?"
        return [VersionId(version) for (version,) in self._database.execute(query, (most,))]

    def looked_at(self, rows: Iterable[tuple[VersionId, VersionId | None, VersionId | None]]) -> None:
        """Of structures that are kept, what comes before them, and their original; None if not there."""
        self._database.execute("BEGIN")
        self._database.executemany(
            "UPDATE kept SET previous = ?2, original = ?3, state = CASE WHEN ?3 IS NULL THEN 2 ELSE 1 END"
            " WHERE id = ?1",
            rows,
        )
        self._database.execute("COMMIT")

    def kept_among(self, ids: Collection[VersionId]) -> set[VersionId]:
        """Those that are kept."""
        every = list(ids)
        found: set[VersionId] = set()
        for at in range(0, len(every), _VARIABLES):
            chunk = every[at : at + _VARIABLES]
            query = f"SELECT id FROM kept WHERE id IN ({','.join('?' * len(chunk))})"
            found.update(VersionId(version) for (version,) in self._database.execute(query, chunk))
        return found

    def kept(self) -> Iterator[KeptRow]:
        """All that are kept and there, in order."""
        rows = self._database.execute(
            "SELECT kept.id, text FROM kept JOIN reasons USING (id) WHERE state < 2 ORDER BY kept.id, number"
        )
        version, texts = None, dict[str, None]()
        for raw, text in rows:
            if raw != version and version is not None:
                yield KeptRow(VersionId(version), tuple(texts))
                texts = {}
            version = raw
            texts[text] = None
        if version is not None:
            yield KeptRow(VersionId(version), tuple(texts))

    def reasons(self, version: VersionId) -> list[str]:
        """Why a structure is kept; nothing if it is not."""
        query = "SELECT text FROM reasons WHERE id = ? ORDER BY number"
        return list(dict.fromkeys(text for (text,) in self._database.execute(query, (version,))))

    def missing(self, kinds: Collection[str]) -> list[KeptRow]:
        """All that are to be kept for reasons of these kinds, and are not there."""
        rows = self._database.execute(
            "SELECT kept.id, text FROM kept JOIN reasons USING (id)"
            f" WHERE state = 2 AND kind IN ({','.join('?' * len(kinds))}) ORDER BY kept.id, number",
            tuple(kinds),
        )
        found: dict[VersionId, list[str]] = {}
        for raw, text in rows:
            found.setdefault(VersionId(raw), []).append(text)
        return [KeptRow(version, tuple(texts)) for version, texts in found.items()]

    def count_by_kind(self) -> dict[str, int]:
        """How many are kept for each kind of reason."""
        query = "SELECT kind, count(DISTINCT id) FROM reasons GROUP BY kind ORDER BY kind"
        return dict(self._database.execute(query).fetchall())

    def gaps(self) -> Iterator[Gap]:
        """All that are kept and whose previous version is not, one history after the other."""
        rows = self._database.execute(
            "SELECT one.id, one.previous, one.original, first.id, low.id FROM kept AS one"
            " LEFT JOIN kept AS before ON before.id = one.previous AND before.state < 2"
            " LEFT JOIN kept AS first ON first.id = one.original AND first.state < 2"
            " LEFT JOIN (SELECT original, min(id) AS id FROM kept WHERE id != original"
            " AND (previous IS NULL OR previous = original) GROUP BY original) AS low"
            " ON low.original = one.original"
            " WHERE one.previous IS NOT NULL AND before.id IS NULL ORDER BY one.original, one.id"
        )
        for version, previous, original, first, low in rows:
            yield Gap(
                VersionId(version),
                VersionId(previous),
                VersionId(original),
                None if first is None else VersionId(first),
                None if low is None else VersionId(low),
            )

    # --- what the kept ones need

    def need(self, ids: Collection[VersionId]) -> None:
        """Definitions that are referred to. May be said again."""
        if not self._needed:
            self._needed = [IdFile() for _ in range(_PARTITIONS)]
        parts: list[list[VersionId]] = [[] for _ in range(_PARTITIONS)]
        for version in ids:
            parts[version[-1] % _PARTITIONS].append(version)
        for file, part in zip(self._needed, parts, strict=True):
            if part:
                file.add(VersionColumn.of(part))

    def needed_among(self, ids: Collection[VersionId]) -> set[VersionId]:
        """Those that are referred to."""
        wanted = set(ids)
        return {
            version
            for file in self._needed
            for column in file.columns()
            for version in column
            if version in wanted
        }

    def not_needed(self, every: IdFile) -> Iterator[VersionColumn]:
        """Of all these ids those that are not, in no order. One part at a time is in memory."""
        parts = [IdFile() for _ in range(_PARTITIONS)]
        try:
            for column in every.columns():
                split: list[list[VersionId]] = [[] for _ in range(_PARTITIONS)]
                for version in column:
                    split[version[-1] % _PARTITIONS].append(version)
                for file, part in zip(parts, split, strict=True):
                    file.add(VersionColumn.of(part))
            for number, file in enumerate(parts):
                wanted = self._needed[number].columns() if self._needed else ()
                here = {version for column in wanted for version in column}
                yield VersionColumn.of(
                    version for column in file.columns() for version in column if version not in here
                )
        finally:
            for file in parts:
                file.close()
