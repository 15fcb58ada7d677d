"""What differs between two versions of one course, block by block.

This says *which* blocks differ and in which respect; :mod:`modulestore.model.diff` says how, for people, and
:mod:`modulestore.model.merging` brings two sets of changes together. Content is here what a definition id
stands for: two ids may still hold equal fields.

What is never a difference: edit info, of blocks and of assets; the order in which blocks and asides are
stored; a missing list of children against an empty one; the legacy list of thumbnails.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import Enum, Flag, auto
from typing import Any, Literal, TypeAlias

from modulestore.keys import BlockKey, VersionId
from modulestore.model.comparing import same_fields
from modulestore.model.deriving import DerivedData
from modulestore.model.structure import BlockData, Structure

__all__ = [
    "ABSENT",
    "Absent",
    "Aspect",
    "AssetId",
    "Changes",
    "asides_by_type",
    "assets_by_name",
    "compare",
    "json_value",
    "same_asset",
]

AssetId: TypeAlias = tuple[str, str]
"""Type and file name of an asset."""


class Absent(Enum):
    """The type of :data:`ABSENT`."""

    ABSENT = "absent"

    def __repr__(self) -> str:
        return "ABSENT"


ABSENT: Literal[Absent.ABSENT] = Absent.ABSENT
"""In place of the value of a field that is not set; None is a value."""


class Aspect(Flag):
    """A respect in which a block of two versions differs."""

    SETTINGS = auto()
    DEFAULTS = auto()
    ASIDES = auto()
    DEFINITION = auto()
    CHILDREN = auto()


# Operators of flags are slow; there are few combinations and many blocks.
_ASPECTS = [Aspect(bits) for bits in range(32)]
_SETTINGS, _DEFAULTS, _ASIDES, _DEFINITION, _CHILDREN = (aspect.value for aspect in Aspect)


@dataclass(frozen=True, slots=True)
class Changes:
    """From one version to another.

    Attributes:
        added: blocks that only the later one has, in its stored order.
        removed: blocks that only the earlier one has, in its stored order.
        changed: blocks of both, in the earlier one's stored order, and in which respects they differ.
        assets: entries of the asset metadata that are not the same, sorted.
    """

    added: tuple[BlockKey, ...] = ()
    removed: tuple[BlockKey, ...] = ()
    changed: Mapping[BlockKey, Aspect] = field(default_factory=dict)
    assets: tuple[AssetId, ...] = ()

    def __bool__(self) -> bool:
        """Whether anything differs."""
        return bool(self.added or self.removed or self.changed or self.assets)


def compare(a: Structure, b: Structure) -> Changes:
    """What happened from ``a`` to ``b``.

    Blocks that the two share, because one was made from the other or both from a third, are not looked into.
    """
    if a is b:
        return Changes()
    aligned = _equal_columns(a, b)
    pairs = zip(a.types, a.ids, strict=True)
    where: Sequence[int | None] = range(len(b)) if aligned else [b.position(pair) for pair in pairs]
    differences = _differences(a, b, where)
    _compare_children(a, b, where, aligned, differences)
    changed = {a.key(at): _ASPECTS[differences[at]] for at in sorted(differences)}
    removed: tuple[BlockKey, ...] = ()
    added: tuple[BlockKey, ...] = ()
    if not aligned:
        removed = tuple(a.key(at) for at, there in enumerate(where) if there is None)
        later = enumerate(zip(b.types, b.ids, strict=True))
        added = tuple(b.key(at) for at, pair in later if a.position(pair) is None)
    return Changes(added, removed, changed, _compare_assets(a, b))


def _equal_columns(a: Structure, b: Structure) -> bool:
    if len(a) != len(b):
        return False
    return (a.types is b.types or list(a.types) == list(b.types)) and (
        a.ids is b.ids or list(a.ids) == list(b.ids)
    )


def _differences(a: Structure, b: Structure, where: Sequence[int | None]) -> dict[int, int]:
    """Of the blocks of ``a`` that differ in anything but their children, in what: bits of aspects."""
    one, other = a.data, b.data
    definitions_a: Sequence[VersionId] = a.definitions[:]
    definitions_b: Sequence[VersionId] = b.definitions[:]
    pairs = [(at, there) for at, there in enumerate(where) if there is not None]
    found = {at: _DEFINITION for at, there in pairs if definitions_a[at] != definitions_b[there]}
    for at, there in _not_shared(one, other, pairs):
        bits = 0
        if not same_fields(one.settings(at), other.settings(there)):
            bits |= _SETTINGS
        if not same_fields(one.defaults(at), other.defaults(there)):
            bits |= _DEFAULTS
        asides_a, asides_b = one.asides(at), other.asides(there)
        if (asides_a or asides_b) and not same_fields(asides_by_type(asides_a), asides_by_type(asides_b)):
            bits |= _ASIDES
        if bits:
            found[at] = found.get(at, 0) | bits
    return found


def _not_shared(a: BlockData, b: BlockData, pairs: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Those pairs of positions that do not stand for one and the same block in memory."""
    one, other = _derived(a), _derived(b)
    if one.base is not other.base:
        return pairs
    if one.origins is None and other.origins is None:
        # Where both stand as in the base, only what changed on either side can differ.
        changed = one.changed.keys() | other.changed.keys()
        pairs = [(at, there) for at, there in pairs if at != there or at in changed]
    return [(at, there) for at, there in pairs if not _is_same(one, at, other, there)]


def _is_same(a: DerivedData, at: int, b: DerivedData, there: int) -> bool:
    one, other = a.changed.get(at), b.changed.get(there)
    if one is None and other is None:
        return a.origin(at) == b.origin(there)
    return one is other


def _derived(data: BlockData) -> DerivedData:
    return data if isinstance(data, DerivedData) else DerivedData(data, None, {})


def _compare_children(
    a: Structure, b: Structure, where: Sequence[int | None], aligned: bool, differences: dict[int, int]
) -> None:
    # A list of positions means the same in both if both have the same blocks and miss the same children.
    if aligned and list(a.absent) == list(b.absent):
        for at, (below, below_b) in enumerate(zip(a.children, b.children, strict=True)):
            if below != below_b and tuple(below or ()) != tuple(below_b or ()):
                differences[at] = differences.get(at, 0) | _CHILDREN
        return
    absent_b = {key: len(b) + at for at, key in enumerate(b.absent)}
    there_of = [-1 if there is None else there for there in where]
    for key in a.absent:
        position = b.position(key)
        there_of.append(absent_b.get(key, -1) if position is None else position)
    for at, there in enumerate(where):
        if there is None:
            continue
        below, below_b = a.children[at], b.children[there]
        if (below or below_b) and [there_of[child] for child in below or ()] != list(below_b or ()):
            differences[at] = differences.get(at, 0) | _CHILDREN


def _compare_assets(a: Structure, b: Structure) -> tuple[AssetId, ...]:
    if a.assets is b.assets or not (a.assets or b.assets):
        return ()
    before, after = assets_by_name(a), assets_by_name(b)
    return tuple(
        sorted(
            name
            for name in before.keys() | after.keys()
            if not same_asset(before.get(name, ABSENT), after.get(name, ABSENT))
        )
    )


# --- values


def asides_by_type(asides: Sequence[Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    """Each aside of a block under its type, which is what it is known by."""
    return {aside["aside_type"]: aside for aside in asides}


def assets_by_name(structure: Structure) -> dict[AssetId, Mapping[str, Any]]:
    """Each entry of the asset metadata under its type and file name."""
    assets = structure.assets or {}
    return {(kind, entry["filename"]): entry for kind, entries in assets.items() for entry in entries}


def same_asset(a: Mapping[str, Any] | Absent, b: Mapping[str, Any] | Absent) -> bool:
    """Whether two entries of asset metadata say the same, apart from who said it when."""
    if isinstance(a, Absent) or isinstance(b, Absent):
        return a is b
    return same_fields(
        {name: value for name, value in a.items() if name != "edit_info"},
        {name: value for name, value in b.items() if name != "edit_info"},
    )


def json_value(value: Any) -> Any:
    """A stored value as JSON has it: dates as ISO 8601 text, ids as text; None for :data:`ABSENT`."""
    if value is None or value is ABSENT:
        return None
    if isinstance(value, Mapping):
        return {str(name): json_value(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [json_value(item) for item in value]
    if isinstance(value, bool | str):
        return value
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        # JSON has no word for infinity, and none for what is not a number.
        return value if value - value == 0 else str(value)
    return value.isoformat() if isinstance(value, date) else str(value)
