"""A structure: one immutable version of a whole course outline.

In memory it is columns, one entry per block at its *position*: types, ids, definitions, children. Everything
else of a block (its settings, defaults, asides, edit info) comes from a :class:`BlockData`, asked by
position. A version 1 document gives these eagerly, a later format may decode a block when it is looked at;
nothing above this module can tell.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple, Protocol

from modulestore.keys import BlockKey, VersionId
from modulestore.model.outline import Outline
from modulestore.model.values import Author

__all__ = ["BlockData", "BlockRecord", "EditInfo", "Structure", "StructureHeader", "derive", "revised"]


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


class DerivedData:
    """Blocks of which most are those of another structure: only the changed ones are kept here.

    ``origins[position]`` is the block's position in ``base``, or -1 where ``changed`` has its record.
    """

    __slots__ = ("base", "changed", "origins")

    def __init__(self, base: BlockData, origins: Sequence[int], changed: Mapping[int, BlockRecord]) -> None:
        self.base = base
        self.origins = origins
        self.changed = changed

    def settings(self, position: int, /) -> Mapping[str, Any]:
        record = self.changed.get(position)
        return self.base.settings(self.origins[position]) if record is None else record.settings

    def defaults(self, position: int, /) -> Mapping[str, Any]:
        record = self.changed.get(position)
        return self.base.defaults(self.origins[position]) if record is None else record.defaults

    def asides(self, position: int, /) -> Sequence[Mapping[str, Any]]:
        record = self.changed.get(position)
        return self.base.asides(self.origins[position]) if record is None else record.asides

    def edit_info(self, position: int, /) -> EditInfo:
        record = self.changed.get(position)
        return self.base.edit_info(self.origins[position]) if record is None else record.edit_info


class Structure:
    """One immutable version of a course outline.

    Attributes:
        header: ids, author, time.
        types, ids: of each block, in stored order.
        definitions: the version of each block's content.
        children: positions of each block's children in order; None where the block has no list of children. A
        position of
            ``len(structure)`` or more stands for a child that is not there: ``absent[position -
            len(structure)]``.
        absent: keys of children that no block has.
        data: everything else of the blocks, by position.
        assets, thumbnails: asset metadata as stored; None where the document has none.
    """

    __slots__ = (
        "_index",
        "_outline",
        "absent",
        "assets",
        "children",
        "data",
        "definitions",
        "header",
        "ids",
        "thumbnails",
        "types",
    )

    def __init__(
        self,
        header: StructureHeader,
        types: Sequence[str],
        ids: Sequence[str],
        definitions: Sequence[VersionId],
        children: Sequence[Sequence[int] | None],
        absent: Sequence[BlockKey],
        data: BlockData,
        *,
        index: Mapping[tuple[str, str], int],
        assets: Mapping[str, Sequence[Mapping[str, Any]]] | None = None,
        thumbnails: Sequence[Any] | None = None,
    ) -> None:
        self.header = header
        self.types = types
        self.ids = ids
        self.definitions = definitions
        self.children = children
        self.absent = absent
        self.data = data
        self.assets = assets
        self.thumbnails = thumbnails
        self._index = index
        self._outline: Outline | None = None

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
            [record.definition for record in records],
            children,
            absent,
            RecordData(records),
            index=index,
            assets=assets,
            thumbnails=thumbnails,
        )

    @property
    def id(self) -> VersionId:
        return self.header.id

    @property
    def root(self) -> int | None:
        """Position of the root block; None when the document has no such block."""
        return self._index.get(self.header.root)

    @property
    def outline(self) -> Outline:
        """Parents and orders, worked out once per version, when first asked for."""
        if self._outline is None:
            self._outline = Outline(self.types, self.ids, self.children, self.root)
        return self._outline

    def __len__(self) -> int:
        return len(self.ids)

    def position(self, key: tuple[str, str]) -> int | None:
        """Where the block of this (type, id) stands; None if there is none."""
        return self._index.get(key)

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
        data = self.data
        if isinstance(data, RecordData):
            return data.records[position]
        if isinstance(data, DerivedData) and position in data.changed:
            return data.changed[position]
        return BlockRecord(
            self.key(position),
            self.definitions[position],
            self.child_keys(position),
            self.data.settings(position),
            self.data.defaults(position),
            self.data.asides(position),
            self.data.edit_info(position),
        )


def index_of(types: Sequence[str], ids: Sequence[str]) -> dict[tuple[str, str], int]:
    """Position of each (type, id). Of two blocks of one key the later one counts, as for the platform."""
    return dict(zip(zip(types, ids, strict=True), range(len(ids)), strict=True))


def positions(
    index: Mapping[tuple[str, str], int], children: Iterable[Sequence[Sequence[str]] | None]
) -> tuple[list[tuple[int, ...] | None], list[BlockKey]]:
    """Lists of child keys as lists of positions, and the children that no block has (see `Structure`)."""
    absent: dict[BlockKey, int] = {}
    columns: list[tuple[int, ...] | None] = []
    for keys in children:
        if keys is None:
            columns.append(None)
            continue
        row = []
        for block_type, block_id in keys:
            position = index.get((block_type, block_id))
            if position is None:
                position = len(index) + absent.setdefault(BlockKey(block_type, block_id), len(absent))
            row.append(position)
        columns.append(tuple(row))
    return columns, list(absent)


def derive(
    base: Structure,
    header: StructureHeader,
    blocks: Iterable[BlockKey | BlockRecord],
    *,
    assets: Mapping[str, Sequence[Mapping[str, Any]]] | None,
) -> Structure:
    """A structure made from another: ``blocks`` in stored order, a key for a block that stays as it is in
    ``base``.

    What stays is shared, not copied. Children of a block that stays are looked up anew, since positions move.

    Raises:
        KeyError: a key that ``base`` does not have.
    """
    keys: list[BlockKey] = []
    origins: list[int] = []
    changed: dict[int, BlockRecord] = {}
    definitions: list[VersionId] = []
    children: list[Sequence[BlockKey] | None] = []
    for position, block in enumerate(blocks):
        if isinstance(block, BlockRecord):
            keys.append(block.key)
            origins.append(-1)
            changed[position] = block
            definitions.append(block.definition)
            children.append(block.children)
        else:
            origin = base.position(block)
            if origin is None:
                raise KeyError(block)
            keys.append(block)
            origins.append(origin)
            definitions.append(base.definitions[origin])
            children.append(base.child_keys(origin))
    data = _flattened(DerivedData(base.data, origins, changed))
    types = [key.type for key in keys]
    ids = [key.id for key in keys]
    index = index_of(types, ids)
    columns, absent = positions(index, children)
    return Structure(
        header,
        types,
        ids,
        definitions,
        columns,
        absent,
        data,
        index=index,
        assets=assets,
        thumbnails=base.thumbnails,
    )


def revised(
    base: Structure,
    header: StructureHeader,
    changed: Mapping[BlockKey, BlockRecord],
    *,
    assets: Mapping[str, Sequence[Mapping[str, Any]]] | None,
) -> Structure:
    """A structure in which no block came or went: positions stay, and with them most columns.

    The same as :func:`derive` for far less. ``base`` must have no absent children: one that is listed no
    longer would linger.

    Raises:
        KeyError: a block that ``base`` does not have.
    """
    definitions = list(base.definitions)
    children = list(base.children)
    absent: dict[BlockKey, int] = {}
    records: dict[int, BlockRecord] = {}
    origins = list(range(len(base)))
    for key, record in changed.items():
        position = base.position(key)
        if position is None:
            raise KeyError(key)
        records[position] = record
        origins[position] = -1
        definitions[position] = record.definition
        children[position] = _row(base, record.children, absent)
    return Structure(
        header,
        base.types,
        base.ids,
        definitions,
        children,
        list(absent),
        _flattened(DerivedData(base.data, origins, records)),
        index=base._index,
        assets=assets,
        thumbnails=base.thumbnails,
    )


def _row(
    base: Structure, keys: Sequence[BlockKey] | None, absent: dict[BlockKey, int]
) -> tuple[int, ...] | None:
    """A list of child keys as positions; those that no block has are added to ``absent``."""
    if keys is None:
        return None
    found = ((key, base.position(key)) for key in keys)
    return tuple(
        absent.setdefault(BlockKey(*key), len(base) + len(absent)) if position is None else position
        for key, position in found
    )


def _flattened(data: DerivedData) -> DerivedData:
    """The same blocks one level deep, so that a version made from a version made from a version … stays as
    cheap as the first.
    """
    below = data.base
    if not isinstance(below, DerivedData):
        return data
    origins = list(data.origins)
    changed = dict(data.changed)
    for position, origin in enumerate(data.origins):
        if origin >= 0:
            origins[position] = below.origins[origin]
            if origin in below.changed:
                changed[position] = below.changed[origin]
    return DerivedData(below.base, origins, changed)
