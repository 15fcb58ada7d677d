"""Edits as values: what an author wants, one thing each.

What they mean is in :mod:`modulestore.model.editing`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from modulestore.keys import BlockKey

__all__ = [
    "AddBlock",
    "DeleteBlock",
    "Edit",
    "MoveBlock",
    "ReorderChildren",
    "SetAside",
    "SetAsset",
    "UpdateFields",
]


@dataclass(frozen=True, slots=True)
class AddBlock:
    """A new block. ``parent`` is None for a detached one; ``index`` None means last; ``fields`` of both
    scopes.
    """

    key: BlockKey
    parent: BlockKey | None
    index: int | None = None
    fields: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class UpdateFields:
    """New values of fields of a block, of both scopes; and fields that it no longer sets."""

    key: BlockKey
    fields: Mapping[str, Any] = field(default_factory=dict)
    unset: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class MoveBlock:
    """A block under another parent, or at another place under its own.

    ``index`` counts without the block itself.
    """

    key: BlockKey
    parent: BlockKey
    index: int | None = None


@dataclass(frozen=True, slots=True)
class ReorderChildren:
    """The same children in another order."""

    key: BlockKey
    children: Sequence[BlockKey]


@dataclass(frozen=True, slots=True)
class DeleteBlock:
    """A block, and all below it that has no other parent, is no longer there."""

    key: BlockKey


@dataclass(frozen=True, slots=True)
class SetAsset:
    """Asset metadata of one file, in place of what there is; ``attributes`` None removes it."""

    asset_type: str
    filename: str
    attributes: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class SetAside:
    """Data of one aside of a block, in place of what it has of this type; ``fields`` None removes it."""

    key: BlockKey
    aside_type: str
    fields: Mapping[str, Any] | None


Edit = AddBlock | UpdateFields | MoveBlock | ReorderChildren | DeleteBlock | SetAsset | SetAside
