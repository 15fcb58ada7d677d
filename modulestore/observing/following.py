"""Following a read or a commit, to tell of it when it ends. Without an observer nothing is worked out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from time import monotonic
from types import TracebackType
from typing import Literal, Self

from modulestore.errors import CommitContention, CommitUnknown, EditConflict, HeadMoved
from modulestore.formats.structures import builds_on
from modulestore.keys import ContextKey, VersionId
from modulestore.model.revision import Revision
from modulestore.model.structure import Structure
from modulestore.observing.events import CommitEnded, Outcome, VersionsRead
from modulestore.observing.hook import Observer

__all__ = ["CommitFollowed", "ReadFollowed"]


class ReadFollowed:
    """A read of structures or definitions, from entering it to leaving it.

    Attributes:
        at_hand, fetched, built_on, decoding: as of `VersionsRead`.
    """

    __slots__ = ("_asked", "_began", "_name", "_observe", "at_hand", "built_on", "decoding", "fetched")

    def __init__(
        self, observe: Observer | None, name: Literal["structures", "definitions"], asked: int
    ) -> None:
        self._observe = observe
        self._name = name
        self._asked = asked
        self.at_hand = self.fetched = self.built_on = 0
        self.decoding = 0.0

    def __enter__(self) -> Self:
        self._began = monotonic()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._observe is None:
            return
        self._observe(
            VersionsRead(
                self._name,
                monotonic() - self._began,
                kind,
                self._asked,
                self.at_hand,
                self.fetched,
                self.built_on,
                self.decoding,
            )
        )


@dataclass(slots=True)
class CommitFollowed:
    """A commit, from entering it to leaving it.

    Attributes:
        tries: how often it was made so far.
        done: whether the heads have moved.
    """

    observe: Observer | None
    key: ContextKey
    tries: int = 0
    done: bool = False
    _revisions: Mapping[str, Revision] = field(default_factory=dict)
    _definitions: Mapping[VersionId, bytes] = field(default_factory=dict)
    _structures: Mapping[VersionId, bytes] = field(default_factory=dict)
    _made: Sequence[Structure] = ()
    _began: float = 0.0

    def writes(
        self,
        revisions: Mapping[str, Revision],
        definitions: Mapping[VersionId, bytes],
        structures: Mapping[VersionId, bytes],
        made: Sequence[Structure],
    ) -> None:
        """These branches are going to move; for that these documents are written. ``made`` are the structures
        themselves, as they are stored.
        """
        self._revisions = revisions
        self._definitions = definitions
        self._structures = structures
        self._made = made

    def __enter__(self) -> Self:
        self._began = monotonic()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.observe is None:
            return
        seconds = monotonic() - self._began
        # What is whole consists of nothing but itself.
        deltas = sum(len(builds_on(structure)) > 1 for structure in self._made)
        self.observe(
            CommitEnded(
                "committed" if self.done else _outcome(kind),
                seconds,
                kind,
                self.key,
                branches=tuple(sorted(self._revisions)),
                tries=self.tries,
                merged=any(revision.merged for revision in self._revisions.values()),
                definitions=len(self._definitions),
                deltas=deltas,
                bases=len(self._made) - deltas,
                bytes=sum(map(len, self._definitions.values())) + sum(map(len, self._structures.values())),
            )
        )


def _outcome(error: type[BaseException] | None) -> Outcome:
    """How a commit ended that did not move a head for certain."""
    if error is None:
        return "unchanged"
    if not issubclass(error, Exception):
        return "interrupted"
    if issubclass(error, EditConflict | HeadMoved):
        return "conflict"
    if issubclass(error, CommitContention):
        return "contention"
    return "unknown" if issubclass(error, CommitUnknown) else "failed"
