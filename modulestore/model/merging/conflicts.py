"""What two sides cannot both have: one item each, and who decides it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from modulestore.errors import InvalidInput
from modulestore.keys import BlockKey
from modulestore.model.changes import ABSENT, json_value

__all__ = ["ConflictItem", "ConflictKind", "Decisions", "Side"]


class Side(StrEnum):
    """One of the two versions that are merged: the branch's head, or what was made meanwhile."""

    THEIRS = "theirs"
    MINE = "mine"

    @property
    def other(self) -> Side:
        return Side.MINE if self is Side.THEIRS else Side.THEIRS


class ConflictKind(StrEnum):
    """Why an item is one."""

    FIELD = "field"
    """One field of a block set to different values, or set and unset."""
    ASIDE = "aside"
    """One aside of a block set differently."""
    ASSET = "asset"
    """One entry of the asset metadata set differently. The item's key is the root block's."""
    DELETED = "deleted"
    """A block deleted by one side, and changed by the other: itself, or something in it."""
    MOVED = "moved"
    """A block moved to different parents, or taken out of one place by each side so that none is left."""
    CYCLE = "cycle"
    """Moves that put blocks into each other. The item's key is the least of the moved blocks."""
    ORDER = "order"
    """The children of a block brought into two different orders."""
    ADDED = "added"
    """One id for two new blocks that differ, by field."""


@dataclass(frozen=True, slots=True)
class ConflictItem:
    """One thing that both sides changed, each in its own way.

    The three values are JSON: dates are text, blocks ``type/id``. None is also the value of what is not set
    or not there; ``absent`` names the sides where it means that.

    Attributes:
        kind: why it is a conflict.
        key: the block.
        field: ``display_name``, ``content.data``, ``defaults.weight``, ``asides.<type>``,
            ``assets.<type>/<file>``, ``children``, ``parents``; None where it is the block as a whole.
        base, theirs, mine: what it was, and what the sides made of it. Of a deleted block, the side that kept
            it says what it did: which blocks it edited, added and moved.
        absent: of ``base``, ``theirs``, ``mine``, those that have nothing.
    """

    kind: ConflictKind
    key: BlockKey
    field: str | None
    base: Any = None
    theirs: Any = None
    mine: Any = None
    absent: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        """Short, and the same in every process: made of kind, block and field alone."""
        parts = [self.kind.value, self.key.type, self.key.id, self.field or ""]
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:12]

    @classmethod
    def of(
        cls, kind: ConflictKind, key: BlockKey, field: str | None, base: Any, theirs: Any, mine: Any
    ) -> ConflictItem:
        """The item of these values as they are stored; ``ABSENT`` for none."""
        values = {"base": base, "theirs": theirs, "mine": mine}
        absent = tuple(name for name, value in values.items() if value is ABSENT)
        return cls(kind, key, field, json_value(base), json_value(theirs), json_value(mine), absent)

    def as_json(self) -> dict[str, Any]:
        """The item as JSON values; ``from_json`` reads it back."""
        return {
            "id": self.id,
            "kind": self.kind.value,
            "key": {"type": self.key.type, "id": self.key.id},
            "field": self.field,
            "base": self.base,
            "theirs": self.theirs,
            "mine": self.mine,
            "absent": list(self.absent),
        }

    @classmethod
    def from_json(cls, item: Mapping[str, Any]) -> ConflictItem:
        """The item that ``as_json`` wrote.

        Raises:
            InvalidInput: it did not write this.
        """
        try:
            return cls(
                ConflictKind(item["kind"]),
                BlockKey(item["key"]["type"], item["key"]["id"]),
                item["field"],
                item["base"],
                item["theirs"],
                item["mine"],
                tuple(item["absent"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise InvalidInput(f"this is not a conflict item: {error!r}") from error


class Decisions:
    """The conflicts of one merge while they are found, and what was chosen for them.

    Raises:
        InvalidInput: a choice is not ``theirs`` or ``mine``.
    """

    def __init__(self, choices: Mapping[str, Side | str]) -> None:
        try:
            self.choices = {item: Side(side) for item, side in choices.items()}
        except ValueError as error:
            raise InvalidInput(f"{error}: choose theirs or mine") from error
        self.items: dict[str, ConflictItem] = {}

    def decide(
        self, kind: ConflictKind, key: BlockKey, field: str | None, base: Any, theirs: Any, mine: Any
    ) -> Side | None:
        """Which side the item goes to; None while nobody has chosen."""
        item = ConflictItem.of(kind, key, field, base, theirs, mine)
        self.items[item.id] = item
        return self.choices.get(item.id)

    @property
    def fallback(self) -> Side:
        """Who has what choices leave open, where they do not go together: mine if everything else is mine."""
        chosen = set(self.choices.values())
        return Side.MINE if chosen == {Side.MINE} else Side.THEIRS

    def open(self) -> tuple[ConflictItem, ...]:
        """The items that nobody has decided, in a fixed order.

        Raises:
            InvalidInput: a choice is for an item that there is not.
        """
        unknown = self.choices.keys() - self.items.keys()
        if unknown:
            raise InvalidInput(
                f"there is no conflict item {', '.join(sorted(unknown))}",
                hint="the branch may have moved on: look at the conflict again",
            )
        return self._sorted(item for item in self.items.values() if item.id not in self.choices)

    def made(self) -> tuple[ConflictItem, ...]:
        """The items that choices decided, in a fixed order."""
        return self._sorted(item for item in self.items.values() if item.id in self.choices)

    @staticmethod
    def _sorted(items: Iterable[ConflictItem]) -> tuple[ConflictItem, ...]:
        return tuple(sorted(items, key=lambda item: (item.key, item.kind, item.field or "")))
