"""The documents of one organisation and course number, whatever its runs, sorted out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from modulestore.errors import CorruptDocument
from modulestore.formats.old_draft.documents import LEFT_OUT, OldBlock, decode_old_block
from modulestore.keys import BlockKey
from modulestore.model.branches import DIRECT_ONLY
from modulestore.model.plain import Problem

__all__ = ["ROOT_TYPE", "OldBlocks", "gather_blocks"]

ROOT_TYPE = "course"


@dataclass(slots=True)
class OldBlocks:
    """What the older store has of one course number.

    Attributes:
        published, drafts: the two copies of each block. Types that have no drafts are among ``published``
            only.
        problems: with documents that are none of its blocks, or not used.
    """

    published: dict[BlockKey, OldBlock] = field(default_factory=dict)
    drafts: dict[BlockKey, OldBlock] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    @property
    def runs(self) -> list[str]:
        """The names of its course blocks, in order: each is a run."""
        return sorted(key.id for key in self.published if key.type == ROOT_TYPE)

    def draft(self, key: BlockKey) -> OldBlock | None:
        """The block as the draft branch shows it."""
        return self.drafts.get(key) or self.published.get(key)

    def all_keys(self) -> list[BlockKey]:
        """Every block, in order."""
        return sorted(self.published.keys() | self.drafts.keys())


def gather_blocks(documents: Iterable[bytes]) -> OldBlocks:
    """Sort out the documents of one organisation and course number, in whatever order they come."""
    gathered = OldBlocks()
    blocks: list[OldBlock] = []
    for document in documents:
        try:
            blocks.append(decode_old_block(document))
        except CorruptDocument as error:
            gathered.problems.append(Problem(error.place or "", error.message, LEFT_OUT))
    for block in sorted(blocks, key=_order):
        _take(gathered, block)
    return gathered


def _order(block: OldBlock) -> tuple[BlockKey, bool, bytes]:
    return block.key, block.is_draft, block.digest


def _take(gathered: OldBlocks, block: OldBlock) -> None:
    direct = block.key.type in DIRECT_ONLY
    copies = gathered.drafts if block.is_draft and not direct else gathered.published
    if block.is_draft and direct:
        what = f"a {block.key.type} has no draft copy"
        if block.key in copies:
            gathered.problems.append(Problem(block.place, what, f"{LEFT_OUT}: there is a published one"))
            return
        read_as = Problem(block.place, what, "read as the published one")
        block = replace(block, is_draft=False, problems=(*block.problems, read_as))
    elif block.key in copies:
        # The fields of an _id in another order make another document.
        gathered.problems.append(Problem(block.place, "it is there a second time", LEFT_OUT))
        return
    copies[block.key] = block
