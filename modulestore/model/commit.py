"""What a commit did."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from modulestore.keys import BlockKey, ContextKey, VersionId
from modulestore.model.values import Author

__all__ = ["BranchMove", "Commit"]


class BranchMove(NamedTuple):
    """One branch of a commit: its head before (None for a new branch) and after, and what changed."""

    before: VersionId | None
    after: VersionId
    blocks: frozenset[BlockKey]


@dataclass(frozen=True, slots=True)
class Commit:
    """A commit that is done; without moves, nothing had to be.

    Attributes:
        key: of the course or library.
        author: who committed.
        moves: by branch.
        heads: of all branches, afterwards.
    """

    key: ContextKey
    author: Author
    moves: Mapping[str, BranchMove]
    heads: Mapping[str, VersionId]
