"""What must be true of any version of a course, whoever made it, in words for tests."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from modulestore.model.structure import Structure
from modulestore.upkeep.checking.blocks import block_problems, duplicate_keys
from modulestore.upkeep.checking.problems import Kind, Problem, Spot

__all__ = ["as_texts", "structure_problems"]

_NO_FAULTS: Final = frozenset(
    {
        Kind.FILE_LEFTOVERS,
        Kind.ORIGINAL_MISSING,
        Kind.PIN_MISSING,
        Kind.PREVIOUS_MISSING,
        Kind.RECORD_OF_NO_COURSE,
        Kind.SOURCE_MISSING,
        Kind.UNDER_WAY,
        Kind.UNREFERENCED,
    }
)
"""What an interrupted writer, a pruning, a deletion or an import may leave."""


def structure_problems(structure: Structure, *, tree: bool = True) -> list[str]:
    """What is wrong with a version, in words; nothing if it is sound.

    Args:
        tree: a block with several parents is wrong too. (The platform knows such blocks; editing makes none.)
    """
    spot = Spot("", "", structure.id)
    return as_texts(block_problems(structure, spot, duplicates=duplicate_keys(structure)), tree=tree)


def as_texts(problems: Iterable[Problem], *, tree: bool = True) -> list[str]:
    """Problems in words, without what is no fault of who wrote; without several parents, unless ``tree``."""
    return [
        f"{problem.place}: {problem.message}"
        for problem in problems
        if problem.kind not in _NO_FAULTS and (tree or problem.kind is not Kind.SEVERAL_PARENTS)
    ]
