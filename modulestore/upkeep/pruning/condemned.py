"""Condemned ids: what a pruning is about to delete, where those who write can see it.

The ids of one kind of documents lie in *chunks*, in order, a record each. One more record, the *state*, is
read by every writer, and says where each chunk begins, and which id is the greatest that ever was condemned:
an id beyond it, as new ones nearly always are, need not be looked up.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Literal, TypeAlias

from modulestore.errors import CorruptDocument
from modulestore.keys import VersionId
from modulestore.model.columns import VersionColumn

__all__ = ["CHUNK", "KINDS", "Chunk", "Condemned", "Kind", "PruningState", "chunks_of"]

Kind: TypeAlias = Literal["structures", "definitions"]

KINDS: Final[tuple[Kind, ...]] = ("structures", "definitions")

CHUNK: Final = 20_000
"""Ids in a chunk: a record of half a megabyte."""


@dataclass(frozen=True, slots=True)
class Condemned:
    """What is, or was, condemned of one kind of documents.

    Attributes:
        until: the greatest id that ever was condemned; None if none ever was.
        starts: the first id of every chunk there is now, in order.
    """

    until: VersionId | None = None
    starts: tuple[VersionId, ...] = ()

    def may_have(self, ids: Collection[VersionId]) -> set[VersionId]:
        """Those that may be condemned, or deleted."""
        until = self.until
        return set() if until is None else {version for version in ids if version <= until}

    def chunk_of(self, version: VersionId) -> VersionId | None:
        """The start of the chunk that has an id, if one has it."""
        at = bisect_right(self.starts, version)
        return self.starts[at - 1] if at else None

    def with_chunks(self, chunks: Sequence[Chunk]) -> Condemned:
        """The same when these chunks are condemned, in place of others."""
        last = [chunks[-1].ids[-1]] if chunks else []
        before = [] if self.until is None else [self.until]
        return Condemned(max([*before, *last], default=None), tuple(chunk.ids[0] for chunk in chunks))


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some condemned ids.

    Attributes:
        ids: in order.
        deleting: they are being deleted at this moment: too late to take one out.
    """

    ids: VersionColumn
    deleting: bool = False

    def __contains__(self, version: VersionId) -> bool:
        return self.ids.holds(version)

    def without(self, versions: Collection[VersionId]) -> Chunk:
        """The same without some ids."""
        return replace(self, ids=VersionColumn.of(one for one in self.ids if one not in versions))

    def as_record(self) -> dict[str, Any]:
        """The value of the record that it is in."""
        return {"ids": self.ids.packed.hex(), "deleting": self.deleting}

    @classmethod
    def from_record(cls, value: Mapping[str, Any]) -> Chunk:
        """The chunk in a record.

        Raises:
            CorruptDocument: there is none.
        """
        try:
            return cls(VersionColumn(bytes.fromhex(value["ids"])), bool(value["deleting"]))
        except (KeyError, TypeError, ValueError) as error:
            raise CorruptDocument(f"unreadable condemned ids: {error!r}") from error


@dataclass(frozen=True, slots=True)
class PruningState:
    """The state of a database's pruning.

    Attributes:
        revision: of its record: as long as it is the same, nothing else was condemned. 0 if there is none.
        run: number of the pruning; in the keys of its chunks, so that those of two are never mistaken.
        plan: digest of the plan that is, or was last, applied.
        under_way: whether it is not done yet.
    """

    revision: int = 0
    structures: Condemned = Condemned()
    definitions: Condemned = Condemned()
    run: int = 0
    plan: str = ""
    under_way: bool = False

    def chunk_key(self, start: VersionId) -> str:
        """Key of the record of the chunk that begins with an id."""
        return f"{self.run} {start}"

    def of(self, kind: Kind) -> Condemned:
        """What is condemned of one kind."""
        return self.structures if kind == "structures" else self.definitions

    def as_record(self) -> dict[str, Any]:
        """The value of its record."""
        return {
            "run": self.run,
            "plan": self.plan,
            "under_way": self.under_way,
            **{
                kind: {
                    "until": None if of.until is None else str(of.until),
                    "starts": [str(start) for start in of.starts],
                }
                for kind in KINDS
                for of in [self.of(kind)]
            },
        }

    @classmethod
    def from_record(cls, revision: int, value: Mapping[str, Any]) -> PruningState:
        """The state in a record.

        Raises:
            CorruptDocument: there is none.
        """
        try:
            structures, definitions = (_condemned(value[kind]) for kind in KINDS)
            return cls(revision, structures, definitions, value["run"], value["plan"], value["under_way"])
        except (KeyError, TypeError, ValueError) as error:
            raise CorruptDocument(f"unreadable state of pruning: {error!r}") from error


def chunks_of(ids: VersionColumn) -> list[Chunk]:
    """Ids in order, in chunks."""
    step = CHUNK * 12
    return [Chunk(VersionColumn(ids.packed[at : at + step])) for at in range(0, len(ids.packed), step)]


def _condemned(value: Mapping[str, Any]) -> Condemned:
    until = value["until"]
    return Condemned(
        None if until is None else VersionId.parse(until), tuple(map(VersionId.parse, value["starts"]))
    )
