"""What observers are told: one small value for everything that was done, once it is over.

All have a ``subject`` (what kind of thing it was), a ``name``, ``seconds``, an ``error`` (the class of what
was raised, or None), and ``counts``: the names of those attributes that add up.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, TypeAlias

from modulestore.keys import ContextKey

__all__ = ["CacheCall", "CommitEnded", "Event", "Outcome", "StorageCall", "VersionsRead"]

Outcome = Literal["committed", "unchanged", "conflict", "contention", "unknown", "interrupted", "failed"]
"""How a commit ended.

Done; nothing to do; the author is asked, or gave way (`EditConflict`, `HeadMoved`); others kept on committing
(`CommitContention`); it may have been done (`CommitUnknown`); the task was cancelled or the program
interrupted, when it may have been done, too; any other error.
"""


@dataclass(frozen=True, slots=True)
class StorageCall:
    """A call of the database.

    Attributes:
        name: port and method (``structures.get_many``), the method alone for what concerns the database as a
            whole, ``group.begin`` and ``group.commit``. A stream is a call for each of its items, and one to
            learn that there are no more.
        documents: structures, definitions and files that were read or written; 0 for other calls, and for one
            that failed.
        bytes: theirs.
    """

    subject: ClassVar = "storage"
    counts: ClassVar = ("documents", "bytes")

    name: str
    seconds: float
    error: type[BaseException] | None = None
    documents: int = 0
    bytes: int = 0


@dataclass(frozen=True, slots=True)
class CacheCall:
    """A call of the cache.

    Attributes:
        asked: values that were asked for, to be kept, or to be forgotten.
        hits, misses: of a ``get``: how many were there, or not.
        rejected: misses that had something else in their place.
        failures: calls of a server that it did not answer, not in time, or with a refusal. Of calls at the
            same time, one may be told what another met with; nothing is told twice.
        bytes: of the values that were found, or were to be kept.
    """

    subject: ClassVar = "cache"
    counts: ClassVar = ("asked", "hits", "misses", "rejected", "failures", "bytes")

    name: Literal["get", "put", "delete"]
    seconds: float
    error: type[BaseException] | None = None
    asked: int = 0
    hits: int = 0
    misses: int = 0
    rejected: int = 0
    failures: int = 0
    bytes: int = 0


@dataclass(frozen=True, slots=True)
class VersionsRead:
    """Structures or definitions that the store needed, from wherever they came.

    Attributes:
        asked: how many different ones.
        at_hand: those that this process had decoded already.
        fetched: those that came from the cache or the database. What is neither is not there.
        built_on: fetched besides, since fetched structures build on them.
        decoding: of the seconds, those in which they were decoded. Blocks of format 2 are decoded later, when
            they are looked at.
    """

    subject: ClassVar = "read"
    counts: ClassVar = ("asked", "at_hand", "fetched", "built_on", "decoding")

    name: Literal["structures", "definitions"]
    seconds: float
    error: type[BaseException] | None = None
    asked: int = 0
    at_hand: int = 0
    fetched: int = 0
    built_on: int = 0
    decoding: float = 0.0


@dataclass(frozen=True, slots=True)
class CommitEnded:
    """A commit of an edit, a publication, a restoration …, done or not. Callbacks after it do not count.

    Attributes:
        outcome: how it ended; also its name.
        key: of the course or library.
        branches: those that it moved, or tried to move last.
        tries: how often it was made: once, and again whenever a head had moved meanwhile.
        merged: whether it brings together what two authors have made of the same version.
        definitions, deltas, bases: documents that it wrote, or tried to write last. Deltas are structures
            stored as what changed; bases are whole, as all of format 1 are.
        bytes: of these documents.
    """

    subject: ClassVar = "commit"
    counts: ClassVar = ("tries", "definitions", "deltas", "bases", "bytes")

    outcome: Outcome
    seconds: float
    error: type[BaseException] | None
    key: ContextKey
    branches: tuple[str, ...] = ()
    tries: int = 0
    merged: bool = False
    definitions: int = 0
    deltas: int = 0
    bases: int = 0
    bytes: int = 0

    @property
    def name(self) -> Outcome:
        """How it ended."""
        return self.outcome


Event: TypeAlias = StorageCall | CacheCall | VersionsRead | CommitEnded
"""What an observer is called with."""
