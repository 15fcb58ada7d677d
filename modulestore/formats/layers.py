"""How versions of format 2 are stored on one another: a base, and layers of changes upon it.

Every version is a *base*, which is whole, or a *delta*: what changed since the versions that it names. A
delta names all of them, the base first, so that a reader needs two fetches at most. To keep that list short
and reading cheap, a new delta now and then takes the newest layers into itself: as many as have become
alike in size, as a log-structured merge tree does. So each change is written a few times (once for every
tier), and a list has a few entries for every tier. When the layers together weigh too much beside the base,
the version is stored whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from modulestore.keys import BlockKey, VersionId
from modulestore.model.structure import Structure

__all__ = ["Layer", "Stored", "layers_to_take_in", "needs_base"]

_ALIKE: Final = 8
"""Layers of a tier that are left standing; a tier has this many times as many blocks as the one below."""

_SHARE: Final = 0.5
"""Bytes of all layers, in parts of the base, from which on a version is stored whole."""


@dataclass(frozen=True, slots=True)
class Layer:
    """One stored delta: which blocks it names.

    Attributes:
        version: the id that it is stored under.
        size: bytes of its frame.
        changed, removed, relisted, assets: as of an `Origin`, since the layer below.
    """

    version: VersionId
    size: int
    changed: frozenset[BlockKey]
    removed: frozenset[BlockKey]
    relisted: frozenset[BlockKey]
    assets: bool

    @property
    def tier(self) -> int:
        """How large it is: 0 for up to seven blocks, 1 for up to 63 …"""
        blocks, tier = len(self.changed) + len(self.removed), 0
        while blocks >= _ALIKE:
            blocks //= _ALIKE
            tier += 1
        return tier


@dataclass(frozen=True, slots=True)
class Stored:
    """What format 2 has to know of a stored version to store another on it.

    Attributes:
        base: the structure whose blocks are numbered by all layers.
        base_size: bytes of its frame.
        layers: the deltas upon it, oldest first, the version itself last; none if it is the base.
    """

    base: Structure
    base_size: int
    layers: tuple[Layer, ...] = ()

    @property
    def version(self) -> VersionId:
        """The version that is stored so."""
        return self.layers[-1].version if self.layers else self.base.id

    @property
    def names(self) -> tuple[VersionId, ...]:
        """Everything that it consists of: the base, then each layer."""
        return (self.base.id, *(layer.version for layer in self.layers))


def layers_to_take_in(layers: Sequence[Layer]) -> int:
    """How many of the newest layers the next delta takes into itself, so that few are left of every tier."""
    taken = tier = 0
    while True:
        alike = 0
        while taken + alike < len(layers) and layers[-1 - taken - alike].tier <= tier:
            alike += 1
        if alike < _ALIKE - 1:
            return taken
        taken += alike
        tier += 1


def needs_base(stored: Stored, kept: Sequence[Layer], size: int) -> bool:
    """Whether a version is better stored whole than as a delta of this size on these layers."""
    return size + sum(layer.size for layer in kept) > _SHARE * stored.base_size
