"""A structure: one immutable version of a whole course outline.

In memory it is columns, one entry per block at its *position*: types, ids, definitions, children. Everything
else of a block (its settings, defaults, asides, edit info) comes from a :class:`BlockData`, asked by
position. A version 1 document gives these eagerly, a later format may decode a block when it is looked at;
nothing above this module can tell.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple, Protocol

from modulestore.keys import BlockKey, VersionId
from modulestore.model.columns import VersionColumn, index_of, positions
from modulestore.model.outline import Outline
from modulestore.model.values import Author

__all__ = [
    "BlockData",
    "BlockFields",
    "BlockRecord",
    "EditInfo",
    "Lookups",
    "Origin",
    "Structure",
    "StructureHeader",
]


class EditInfo(NamedTuple):
    """Who changed a block when, and which versions that made (split modulestore documents, ``edit_info`` of a
    block).

    ``update_version`` is the structure in which the block got its present values; ``source_version`` of a
    published block is the draft version that it was copied from.
    """

    previous_version: VersionId | None = None
    update_version: VersionId | None = None
    source_version: VersionId | None = None
    edited_on: datetime | None = None
    edited_by: Author = None
    original_usage: str | None = None
    original_usage_version: VersionId | None = None


class BlockData(Protocol):
    """A structure's blocks by position, apart from its columns.

    What it returns is shared: never change it.
    """

    def settings(self, position: int, /) -> Mapping[str, Any]:
        """Explicitly set settings-scope fields, without ``children``."""
        ...

    def defaults(self, position: int, /) -> Mapping[str, Any]:
        """Values copied from a library block, which act as this block's defaults."""
        ...

    def asides(self, position: int, /) -> Sequence[Mapping[str, Any]]:
        """Data of asides: ``{"aside_type", "fields"}`` each."""
        ...

    def edit_info(self, position: int, /) -> EditInfo:
        """Who changed the block when."""
        ...

    def record(self, position: int, /) -> BlockRecord | None:
        """The whole block, where it is at hand as one."""
        ...

    def marks(self) -> Sequence[bytes | None]:
        """Of all blocks at once, the version that tells whether one and its published copy are the same: the
        source version, or the update version if there is none.
        """
        ...


class BlockFields(Protocol):
    """One block by itself: a `BlockRecord`, or one that decodes what it is asked for."""

    @property
    def key(self) -> BlockKey: ...

    @property
    def definition(self) -> VersionId: ...

    @property
    def children(self) -> Sequence[BlockKey] | None: ...

    @property
    def settings(self) -> Mapping[str, Any]: ...

    @property
    def defaults(self) -> Mapping[str, Any]: ...

    @property
    def asides(self) -> Sequence[Mapping[str, Any]]: ...

    @property
    def edit_info(self) -> EditInfo: ...


@dataclass(frozen=True, slots=True)
class BlockRecord:
    """One block of a structure, in full, by itself: how new blocks come in."""

    key: BlockKey
    definition: VersionId
    children: Sequence[BlockKey] | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    defaults: Mapping[str, Any] = field(default_factory=dict)
    asides: Sequence[Mapping[str, Any]] = ()
    edit_info: EditInfo = field(default_factory=EditInfo)


class StructureHeader(NamedTuple):
    """What a structure says of itself beside its blocks."""

    id: VersionId
    root: BlockKey
    previous_version: VersionId | None
    original_version: VersionId
    edited_by: Author
    edited_on: datetime


@dataclass(frozen=True, slots=True)
class Origin:
    """The stored version that a structure is, or was made from, and what became of its blocks since: by which
    a format stores no more than what changed.

    Attributes:
        stored: what the format that it is stored in has to know of it.
        changed: blocks that are new, or not as they are there.
        removed: blocks that were taken out, though they may be there again.
        relisted: of the changed ones, those that are new or have other children.
        assets: whether the asset metadata are others.
    """

    stored: object
    changed: frozenset[BlockKey] = frozenset()
    removed: frozenset[BlockKey] = frozenset()
    relisted: frozenset[BlockKey] = frozenset()
    assets: bool = False


class RecordData:
    """Blocks that are all at hand as records."""

    __slots__ = ("records",)

    def __init__(self, records: Sequence[BlockRecord]) -> None:
        self.records = records

    def settings(self, position: int, /) -> Mapping[str, Any]:
        return self.records[position].settings

    def defaults(self, position: int, /) -> Mapping[str, Any]:
        return self.records[position].defaults

    def asides(self, position: int, /) -> Sequence[Mapping[str, Any]]:
        return self.records[position].asides

    def edit_info(self, position: int, /) -> EditInfo:
        return self.records[position].edit_info

    def record(self, position: int, /) -> BlockRecord:
        return self.records[position]

    def marks(self) -> Sequence[bytes | None]:
        infos = (record.edit_info for record in self.records)
        return [info.source_version or info.update_version for info in infos]


class Lookups:
    """What is worked out from the columns of a structure when it is first asked for: once for all structures
    that share these columns.
    """

    __slots__ = ("index", "outline")

    def __init__(
        self, index: dict[tuple[str, str], int] | None = None, outline: Outline | None = None
    ) -> None:
        self.index = index
        self.outline = outline


class Structure:
    """One immutable version of a course outline.

    Attributes:
        header: ids, author, time.
        types, ids: of each block, in stored order.
        definitions: the version of each block's content.
        children: positions of each block's children in order; None where the block has no list of children.
            A position of ``len(structure)`` or more stands for a child that is not there:
            ``absent[position - len(structure)]``.
        absent: keys of children that no block has.
        data: everything else of the blocks, by position.
        assets, thumbnails: asset metadata as stored; None where the document has none.
        origin: the stored version that this is, or was made from; None for one that is made of nothing.
    """

    __slots__ = (
        "absent",
        "assets",
        "children",
        "data",
        "definitions",
        "header",
        "ids",
        "lookups",
        "origin",
        "thumbnails",
        "types",
    )

    def __init__(
        self,
        header: StructureHeader,
        types: Sequence[str],
        ids: Sequence[str],
        definitions: VersionColumn,
        children: Sequence[Sequence[int] | None],
        absent: Sequence[BlockKey],
        data: BlockData,
        *,
        lookups: Lookups | None = None,
        assets: Mapping[str, Sequence[Mapping[str, Any]]] | None = None,
        thumbnails: Sequence[Any] | None = None,
        origin: Origin | None = None,
    ) -> None:
        """A structure of columns; ``lookups`` of these columns, if there are some already."""
        self.header = header
        self.types = types
        self.ids = ids
        self.definitions = definitions
        self.children = children
        self.absent = absent
        self.data = data
        self.assets = assets
        self.thumbnails = thumbnails
        self.origin = origin
        self.lookups = Lookups() if lookups is None else lookups

    @classmethod
    def of(
        cls,
        header: StructureHeader,
        records: Sequence[BlockRecord],
        *,
        assets: Mapping[str, Sequence[Mapping[str, Any]]] | None = None,
        thumbnails: Sequence[Any] | None = None,
    ) -> Structure:
        """The structure of these blocks, stored in this order."""
        types = [record.key.type for record in records]
        ids = [record.key.id for record in records]
        index = index_of(types, ids)
        children, absent = positions(index, [record.children for record in records])
        return cls(
            header,
            types,
            ids,
            VersionColumn.of(record.definition for record in records),
            children,
            absent,
            RecordData(records),
            lookups=Lookups(index),
            assets=assets,
            thumbnails=thumbnails,
        )

    @property
    def id(self) -> VersionId:
        return self.header.id

    @property
    def root(self) -> int | None:
        """Position of the root block; None when the document has no such block."""
        if self.lookups.index is not None:
            return self.lookups.index.get(self.header.root)
        # Found without an index of all blocks, which most readings never need: nearly always it is the first.
        wanted, at = self.header.root, -1
        while True:
            try:
                at = self.ids.index(wanted.id, at + 1)
            except ValueError:
                return None
            if self.types[at] == wanted.type:
                return at

    @property
    def outline(self) -> Outline:
        """Parents and orders, worked out once per version, when first asked for."""
        if self.lookups.outline is None:
            self.lookups.outline = Outline(self.types, self.ids, self.children, self.root)
        return self.lookups.outline

    def __len__(self) -> int:
        return len(self.ids)

    def position(self, key: tuple[str, str]) -> int | None:
        """Where the block of this (type, id) stands; None if there is none."""
        return self.index.get(key)

    @property
    def index(self) -> dict[tuple[str, str], int]:
        """The position of each (type, id), worked out when first asked for. Never change it."""
        if self.lookups.index is None:
            self.lookups.index = index_of(self.types, self.ids)
        return self.lookups.index

    def key(self, position: int) -> BlockKey:
        """The block at this position; of a child that is not there, what its parent calls it."""
        if position < len(self.ids):
            return BlockKey(self.types[position], self.ids[position])
        return self.absent[position - len(self.ids)]

    def child_keys(self, position: int) -> tuple[BlockKey, ...] | None:
        """Children of a block in order, absent ones too; None where it has no list of children."""
        children = self.children[position]
        return None if children is None else tuple(self.key(child) for child in children)

    def record(self, position: int) -> BlockRecord:
        """The block at this position by itself."""
        record = self.data.record(position)
        if record is not None:
            return record
        return BlockRecord(
            self.key(position),
            self.definitions[position],
            self.child_keys(position),
            self.data.settings(position),
            self.data.defaults(position),
            self.data.asides(position),
            self.data.edit_info(position),
        )

    def stored_as(self, stored: object) -> Structure:
        """The same structure, now that it is stored: what is made from it builds on that."""
        return self.with_origin(Origin(stored))

    def with_origin(self, origin: Origin) -> Structure:
        """The same structure with another origin."""
        return Structure(
            self.header,
            self.types,
            self.ids,
            self.definitions,
            self.children,
            self.absent,
            self.data,
            lookups=self.lookups,
            assets=self.assets,
            thumbnails=self.thumbnails,
            origin=origin,
        )
