"""References from block to block: keys in texts, and what is stored of them.

A reference is stored as ``[type, id]``: within a structure the course goes without saying.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from modulestore.errors import InvalidKey
from modulestore.keys import BlockKey, UsageKey, parse_usage_key
from modulestore.olx.identity import Identity
from modulestore.olx.names import block_id
from modulestore.olx.problems import Problems, clipped

__all__ = ["Pointed", "References", "block_of"]


class Pointed(NamedTuple):
    """The block that a usage key names; ``foreign`` if the key belongs to another course."""

    key: BlockKey
    foreign: bool


class References:
    """Reads the usage keys in an archive."""

    def __init__(self, identity: Identity, problems: Problems) -> None:
        self._identity = identity
        self._problems = problems

    def pointed(self, text: str) -> Pointed | None:
        """The block that a usage key names; None if the text is none."""
        usage = _usage(text.strip())
        if usage is None:
            return None
        identity = self._identity
        foreign = (usage.course.org, usage.course.course) != (identity.org, identity.course)
        if usage.course.run is not None and identity.run is not None and not usage.course.deprecated:
            foreign = foreign or usage.course.run != identity.run
        if usage.type == identity.root.type and not foreign and usage.id in (identity.run, identity.root.id):
            return Pointed(identity.root, foreign)
        return Pointed(BlockKey(usage.type, block_id(usage.id)), foreign)

    def stored(self, text: object, place: str) -> object:
        """What is stored of a reference: ``[type, id]``; a text that is no key stays."""
        if text is None:
            return None
        pointed = self.pointed(text) if isinstance(text, str) else None
        if pointed is None:
            self._problems.add(place, f"{clipped(str(text))} is no key of a block", "kept as text")
            return text
        if pointed.foreign:
            self._problems.add(
                place,
                f"{clipped(str(text))} is in another course",
                "read as a reference to the block of this name in this course",
            )
        return list(pointed.key)

    def stored_list(self, texts: Sequence[object], place: str) -> list[object]:
        """What is stored of a list of references."""
        return [self.stored(text, place) for text in texts]

    def blocks(self, stored: Sequence[object]) -> list[BlockKey]:
        """The blocks of a stored list, without texts that are no keys."""
        return [block for block in map(block_of, stored) if block is not None]


def block_of(value: object) -> BlockKey | None:
    """The block that a stored reference names."""
    if isinstance(value, list | tuple) and len(value) == 2 and all(isinstance(part, str) for part in value):
        return BlockKey(*value)
    return None


def _usage(text: str) -> UsageKey | None:
    try:
        return parse_usage_key(text)
    except InvalidKey:
        pass
    # A name with spaces, say: no key, but its block was cleaned in the same way.
    parts = text.removeprefix("i4x://").split("/", 3)
    if not text.startswith("i4x://") or len(parts) != 4:
        return None
    org, course, block_type, written = parts
    try:
        return parse_usage_key(f"i4x://{org}/{course}/{block_type}/{block_id(written)}")
    except InvalidKey:
        return None
