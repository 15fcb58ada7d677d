"""A course as one reader may see it: blocks, what was collected of them, and annotations.

A :class:`CourseView` needs neither structure nor definitions, and never does I/O. It is made from what was
collected of a version; filtering and annotating it makes another one that shares all that.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from modulestore.errors import BlockNotFound, InvalidInput
from modulestore.keys import BlockKey, ContextKey, UsageKey, VersionId
from modulestore.model.course import Order, block_key_of
from modulestore.model.fields import field_of
from modulestore.model.values import copy_value
from modulestore.model.views.collecting import Collector, EffectiveField
from modulestore.model.views.columns import value_at
from modulestore.model.views.table import BlockTable

__all__ = ["CourseView", "ViewBlock", "ViewRef"]

ViewRef: TypeAlias = "ViewBlock | UsageKey | BlockKey | tuple[str, str] | str"


class CourseView:
    """The blocks of one version that are to be seen. Detached blocks are in no view.

    ``view[key]`` is a block, ``key in view`` whether it is to be seen, ``len(view)`` how many are.

    Attributes:
        key: of the course or library, without branch and version.
        branch: ``draft``, ``published`` or ``library``; None for a version that was asked for by its id.
        version: id of the version.
        positions: of the blocks that are to be seen, in document order. A position is a block's place in the
            document order of the whole version.
        table: all blocks of the version by position, those that are not to be seen included.
        data: what was collected, by name of the collector.
        annotations: by name, then by position.

    Table, data and annotations are shared with other views: never change them.
    """

    __slots__ = ("_kept", "annotations", "branch", "data", "key", "positions", "table", "version")

    def __init__(
        self,
        key: ContextKey,
        branch: str | None,
        version: VersionId,
        table: BlockTable,
        data: Mapping[str, Any],
    ) -> None:
        """A view of everything."""
        self.key = key
        self.branch = branch
        self.version = version
        self.data = data
        self.annotations: Mapping[str, Mapping[int, Any]] = {}
        self.table = table
        self.positions: Sequence[int] = range(len(table))
        self._kept: Container[int] = self.positions

    def __repr__(self) -> str:
        return f"<CourseView {self.key} {self.branch or 'version'} {self.version}, {len(self)} blocks>"

    def filtered(self, keep: Callable[[ViewBlock], bool]) -> CourseView:
        """The view without the blocks that are not kept, and without all that is only reached through them.

        ``keep`` is asked once for each block, but not for those that are gone already.
        """
        kept = self._kept
        walk = self.table.outline.preorder(0, lambda at: at not in kept or not keep(ViewBlock(self, at)))
        view = self._copy()
        view.positions = list(walk)
        view._kept = frozenset(view.positions)
        return view

    def annotated(self, name: str, values: Mapping[int, Any]) -> CourseView:
        """The view with an annotation of this name on blocks, by position, in place of an earlier one of this
        name.
        """
        view = self._copy()
        view.annotations = {**self.annotations, name: values}
        return view

    @property
    def root(self) -> ViewBlock:
        """The course block, or the library block.

        Raises:
            BlockNotFound: not even that is to be seen.
        """
        if 0 not in self._kept:
            raise BlockNotFound("nothing of this course is to be seen", place=str(self.key))
        return ViewBlock(self, 0)

    def __len__(self) -> int:
        return len(self.positions)

    def __contains__(self, ref: object) -> bool:
        if not isinstance(ref, ViewBlock | UsageKey | tuple | str):
            return False
        try:
            return self._position(ref) is not None
        except (InvalidInput, BlockNotFound):
            return False

    def __getitem__(self, ref: ViewRef) -> ViewBlock:
        """The block of a usage key (as a value or as text), a block key, or a (type, id) pair.

        Raises:
            BlockNotFound: it is not to be seen, or not there.
            InvalidKey: the text is not a usage key.
        """
        position = self._position(ref)
        if position is None:
            raise BlockNotFound(f"there is no block {ref} in this view", place=str(self.key))
        return ViewBlock(self, position)

    def blocks(self, type: str | None = None) -> Iterator[ViewBlock]:  # noqa: A002
        """Blocks in document order: down from the root, each where it is first met; of one type if one is
        given.
        """
        types = self.table.types
        return (ViewBlock(self, at) for at in self.positions if type is None or types[at] == type)

    def walk(
        self,
        start: ViewRef | None = None,
        *,
        order: Order = "pre",
        prune: Callable[[ViewBlock], bool] | None = None,
    ) -> Iterator[ViewBlock]:
        """Blocks that ``start`` (the root if it is not given) leads to, itself included, each once; none of a
        view from which even the root is gone.

        Args:
            order: ``pre``, each block before its children; ``post``, after them; ``topological``, after all
            its parents.
            prune: a block for which this is true is left out, and all that is only reached through it.

        Raises:
            BlockNotFound: there is no such block to start from.
        """
        outline, kept = self.table.outline, self._kept
        at = 0 if start is None else self[start].position
        walks = {"pre": outline.preorder, "post": outline.postorder, "topological": outline.topological}

        def left_out(position: int) -> bool:
            return position not in kept or (prune is not None and prune(ViewBlock(self, position)))

        return (ViewBlock(self, position) for position in walks[order](at, left_out))

    def _position(self, ref: ViewRef) -> int | None:
        key = ref.block_key if isinstance(ref, ViewBlock) else block_key_of(ref, self.key)
        position = self.table.index.get(key)
        return None if position is None or position not in self._kept else position

    def _copy(self) -> CourseView:
        view = CourseView(self.key, self.branch, self.version, self.table, self.data)
        view.annotations, view.positions, view._kept = self.annotations, self.positions, self._kept
        return view


class ViewBlock:
    """One block of a view. Blocks are equal when they are the same block of the same version.

    Attributes:
        view: the view that it is a block of.
        position: its place in the document order of the whole version.
    """

    __slots__ = ("position", "view")

    def __init__(self, view: CourseView, position: int) -> None:
        self.view = view
        self.position = position

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, ViewBlock):
            return NotImplemented
        return (
            self.position == other.position
            and self.view.version == other.view.version
            and self.view.key == other.view.key
        )

    def __hash__(self) -> int:
        return hash((self.view.version, self.position))

    def __repr__(self) -> str:
        return f"<ViewBlock {self.type}/{self.id} of {self.view.key}>"

    @property
    def type(self) -> str:
        """``video``, ``vertical`` …"""
        return self.view.table.types[self.position]

    @property
    def id(self) -> str:
        """Id, unique among the blocks of its type."""
        return self.view.table.ids[self.position]

    @property
    def block_key(self) -> BlockKey:
        """Type and id: the identity of the block inside a version."""
        return BlockKey(self.type, self.id)

    @property
    def key(self) -> UsageKey:
        """Usage key, without branch and version."""
        return UsageKey(self.view.key, self.type, self.id)

    @property
    def display_name(self) -> str:
        """The name shown to learners; of a block without one its id, underscores as spaces."""
        return self.view.table.names[self.position]

    @property
    def children(self) -> tuple[ViewBlock, ...]:
        """Children that are to be seen, in order."""
        view = self.view
        below = view.table.outline.below[self.position]
        return tuple(ViewBlock(view, at) for at in below if at in view._kept)

    @property
    def parents(self) -> tuple[ViewBlock, ...]:
        """Blocks that are to be seen and list this one as a child, in document order."""
        view = self.view
        above = view.table.outline.parents[self.position]
        return tuple(ViewBlock(view, at) for at in above if at in view._kept)

    @property
    def parent(self) -> ViewBlock | None:
        """The parent that stands for all: the least by type and id; None for the root."""
        if self.position == 0:
            return None
        return min(self.parents, key=lambda block: block.block_key, default=None)

    @property
    def path(self) -> list[ViewBlock]:
        """From the root down to `parent`; empty for the root."""
        path: list[ViewBlock] = []
        seen = {self.position}
        parent = self.parent
        while parent is not None and parent.position not in seen:  # damaged versions go round in circles
            path.append(parent)
            seen.add(parent.position)
            parent = parent.parent
        return path[::-1]

    def get(self, name: str, default: Any = None) -> Any:
        """The value of a setting, as `Block.get` of the course has it: the block's own, or inherited, or a
        default.

        Raises:
            InvalidInput: it was not collected.
        """
        column = self.view.data.get(EffectiveField(name).name)
        if column is None:
            raise InvalidInput(
                f"the field {name!r} was not collected", hint=f"ask for it: view(…, fields=[{name!r}])"
            )
        known = field_of(self.type, name)
        value = value_at(column, self.position, default if known is None else known.default)
        return copy_value(value)

    def collected(self, collector: Collector, default: Any = None) -> Any:
        """The value of this block in the column that a collector gave; shared: never change it."""
        return value_at(self.view.data[collector.name], self.position, default)

    @property
    def annotations(self) -> dict[str, Any]:
        """What transformers say of the block, by name."""
        at = self.position
        return {name: values[at] for name, values in self.view.annotations.items() if at in values}
