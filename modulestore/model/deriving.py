"""A structure made from another: what did not change is shared, not copied."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from modulestore.keys import BlockKey
from modulestore.model.structure import (
    BlockData,
    BlockFields,
    BlockRecord,
    EditInfo,
    Lookups,
    Origin,
    Structure,
    StructureHeader,
)

__all__ = ["DerivedData", "derive"]

T = TypeVar("T")


class DerivedData:
    """Blocks of which most are those of another structure: only the others are kept here.

    ``base`` is never derived itself: what is made from what is made from it knows the first one.

    Attributes:
        changed: the blocks that are not in ``base``, or not so, by position.
        origins: of the others, the position in ``base``; None where it is the same.
    """

    __slots__ = ("base", "changed", "origins")

    def __init__(
        self, base: BlockData, origins: Sequence[int] | None, changed: Mapping[int, BlockFields]
    ) -> None:
        self.base = base
        self.origins = origins
        self.changed = changed

    def origin(self, position: int) -> int:
        """Where a block that is not changed stands in ``base``."""
        return position if self.origins is None else self.origins[position]

    def settings(self, position: int, /) -> Mapping[str, Any]:
        block = self.changed.get(position)
        return self.base.settings(self.origin(position)) if block is None else block.settings

    def defaults(self, position: int, /) -> Mapping[str, Any]:
        block = self.changed.get(position)
        return self.base.defaults(self.origin(position)) if block is None else block.defaults

    def asides(self, position: int, /) -> Sequence[Mapping[str, Any]]:
        block = self.changed.get(position)
        return self.base.asides(self.origin(position)) if block is None else block.asides

    def edit_info(self, position: int, /) -> EditInfo:
        block = self.changed.get(position)
        return self.base.edit_info(self.origin(position)) if block is None else block.edit_info

    def record(self, position: int, /) -> BlockRecord | None:
        block = self.changed.get(position)
        if block is None:
            # A record knows its children; those of a base that positions moved in are still the same keys.
            return self.base.record(self.origin(position))
        return block if isinstance(block, BlockRecord) else None

    def marks(self) -> Sequence[bytes | None]:
        known = self.base.marks()
        origins = range(len(known)) if self.origins is None else self.origins
        marks = [known[origin] if origin >= 0 else None for origin in origins]
        # New blocks stand at the end; they are among the changed ones, as all that are replaced.
        marks += [None] * (max(self.changed, default=-1) + 1 - len(marks))
        for position, block in self.changed.items():
            info = block.edit_info
            marks[position] = info.source_version or info.update_version
        return marks


def derive(
    base: Structure,
    header: StructureHeader,
    blocks: Mapping[BlockKey, BlockFields],
    removed: Collection[BlockKey] = (),
    *,
    assets: Mapping[str, Sequence[Mapping[str, Any]]] | None,
) -> Structure:
    """A structure made from ``base``: first blocks are removed, then others come in.

    A block of ``blocks`` stands where the one of its key stood; a new one, or one whose key was removed,
    comes after all others, in the order given. Keys to remove that ``base`` does not have are left alone.
    """
    making = _Making(base, blocks, removed)
    same_blocks = not (making.added or making.gone)
    types = base.types if same_blocks else [*making.stay(base.types), *(key.type for key in making.added)]
    ids = base.ids if same_blocks else [*making.stay(base.ids), *(key.id for key in making.added)]
    children, absent = making.children()
    index = making.index()
    lookups = Lookups(index)
    if index is not None and not base.absent:
        others = [*map(index.__getitem__, making.relisted), *range(len(base), len(ids))]
        root = index.get(header.root)
        lookups.outline = base.outline.relisted(types, ids, children, root, others)
    return Structure(
        header,
        types,
        ids,
        base.definitions.changed(
            making.kept,
            {position: block.definition for position, block in making.replaced.items()},
            [block.definition for block in making.added.values()],
        ),
        children,
        absent,
        making.data(),
        lookups=base.lookups if same_blocks and not making.relisted else lookups,
        assets=assets,
        thumbnails=base.thumbnails,
        origin=_origin(base, making, assets),
    )


class _Making:
    """What stays, what is replaced, what is added: by positions of the base, and where these go."""

    def __init__(
        self, base: Structure, blocks: Mapping[BlockKey, BlockFields], removed: Collection[BlockKey]
    ) -> None:
        self.base = base
        self.removed = removed
        found = (base.position(key) for key in removed)
        self.gone = {position for position in found if position is not None}
        self.replaced: dict[int, BlockFields] = {}
        self.added: dict[BlockKey, BlockFields] = {}
        for key, block in blocks.items():
            position = base.position(key)
            if position is None or position in self.gone:
                self.added[key] = block
            else:
                self.replaced[position] = block
        self.kept = [at for at in range(len(base)) if at not in self.gone] if self.gone else None
        self._moved: Sequence[int] = range(len(base))
        if self.kept is not None:
            moved = [-1] * len(base)
            for new, old in enumerate(self.kept):
                moved[old] = new
            self._moved = moved
        self._size = len(base) - len(self.gone)
        self._new: dict[tuple[str, str], int] = {
            key: self._size + number for number, key in enumerate(self.added)
        }
        self.relisted = [
            block.key
            for position, block in self.replaced.items()
            if not _same_list(block.children, base.child_keys(position))
        ]

    def stay(self, column: Sequence[T]) -> list[T]:
        """What stays of a column of the base."""
        return list(column) if self.kept is None else [column[at] for at in self.kept]

    def index(self) -> dict[tuple[str, str], int] | None:
        """The index, where it is cheap to tell."""
        if self.gone:
            return None
        if not self.added:
            return self.base.index
        index = self.base.index.copy()
        index.update(self._new)
        return index

    def children(self) -> tuple[list[Sequence[int] | None], list[BlockKey]]:
        """The column of children, and those that no block has."""
        base = self.base
        size = self._size + len(self._new)
        absent: dict[BlockKey, int] = {}

        def place(key: BlockKey) -> int:
            position = self._position(key)
            return absent.setdefault(key, size + len(absent)) if position is None else position

        def listed(block: BlockFields) -> tuple[int, ...] | None:
            return (
                None if block.children is None else tuple([place(BlockKey(*key)) for key in block.children])
            )

        columns: list[Sequence[int] | None] = self.stay(base.children)
        # Lists that name no position from here on mean what they meant.
        first = min(self.gone, default=len(base))
        if self.gone or base.absent:
            others = {self._moved[position] for position in self.replaced}
            for position, below in enumerate(columns):
                if below and max(below) >= first and position not in others:
                    columns[position] = tuple([place(base.key(child)) for child in below])
        for position, block in self.replaced.items():
            columns[self._moved[position]] = listed(block)
        columns += map(listed, self.added.values())
        return columns, list(absent)

    def _position(self, key: BlockKey) -> int | None:
        new = self._new.get(key)
        if new is not None:
            return new
        position = self.base.position(key)
        return None if position is None or position in self.gone else self._moved[position]

    def data(self) -> DerivedData:
        """The blocks themselves."""
        data = self.base.data
        if isinstance(data, DerivedData):
            below, origins, known = data.base, data.origins, data.changed
        else:
            below, origins, known = data, None, {}
        changed = dict(known)
        changed.update(self.replaced)
        if self.kept is not None:
            origins = list(self._origins(origins, known))
            changed = {self._moved[at]: block for at, block in changed.items() if at not in self.gone}
        changed.update(zip(self._new.values(), self.added.values(), strict=True))
        return DerivedData(below, origins, changed)

    def _origins(self, origins: Sequence[int] | None, known: Mapping[int, BlockFields]) -> Iterator[int]:
        for position in self.kept or ():
            yield -1 if position in known else position if origins is None else origins[position]


def _origin(
    base: Structure, making: _Making, assets: Mapping[str, Sequence[Mapping[str, Any]]] | None
) -> Origin | None:
    before = base.origin
    if before is None:
        return None
    changed = before.changed.difference(making.removed).union(
        (block.key for block in making.replaced.values()), making.added
    )
    return Origin(
        before.stored,
        changed,
        before.removed.union(making.removed),
        before.relisted.difference(making.removed).union(making.relisted, making.added),
        before.assets or assets != base.assets,
    )


def _same_list(a: Sequence[BlockKey] | None, b: Sequence[BlockKey] | None) -> bool:
    return (a is None) == (b is None) and list(a or ()) == list(b or ())
