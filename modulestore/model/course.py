"""A course as a reader sees it: an immutable snapshot of one version, and its blocks.

A `Course` never does I/O. A `Block` is a light view, made when it is asked for: a course and a
position.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial
from itertools import chain
from typing import Any, Literal, TypeAlias

from modulestore.errors import BlockNotFound, InvalidKey
from modulestore.keys import BlockKey, ContextKey, UsageKey, VersionId, parse_usage_key
from modulestore.model.fields import is_detached
from modulestore.model.inheritance import Resolved, effective, resolve
from modulestore.model.structure import EditInfo, Structure
from modulestore.model.values import Author, copy_value

__all__ = ["Block", "BlockRef", "Course", "Order", "block_key_of"]

Order = Literal["pre", "post", "topological"]
BlockRef: TypeAlias = "Block | UsageKey | BlockKey | tuple[str, str] | str"


class Course:
    """One version of a course or library.

    ``course[key]`` is a block, ``key in course`` whether it is there, ``len(course)`` how many blocks the
    version has, the detached ones and those that nothing leads to included.

    Attributes:
        key: of the course or library, without branch and version.
        branch: ``draft``, ``published`` or ``library``; None for a version that was opened by its id.
        structure: the version itself.
    """

    __slots__ = ("_linked", "branch", "key", "structure")

    def __init__(self, key: ContextKey, structure: Structure, branch: str | None = None) -> None:
        self.key = key
        self.structure = structure
        self.branch = branch
        self._linked: list[Block] | None = None

    def __repr__(self) -> str:
        return f"<Course {self.key} {self.branch or 'version'} {self.version}>"

    @property
    def version(self) -> VersionId:
        """Id of this version."""
        return self.structure.header.id

    @property
    def previous_version(self) -> VersionId | None:
        """The version that this one was made from; None for a first one."""
        return self.structure.header.previous_version

    @property
    def original_version(self) -> VersionId:
        """The first version of this history."""
        return self.structure.header.original_version

    @property
    def edited_by(self) -> Author:
        """Who made this version."""
        return self.structure.header.edited_by

    @property
    def edited_on(self) -> datetime:
        """When this version was made."""
        return self.structure.header.edited_on

    @property
    def root(self) -> Block:
        """The course block, or the library block.

        Raises:
            BlockNotFound: the stored version is damaged: it has no root block.
        """
        root = self.structure.root
        if root is None:
            raise BlockNotFound(
                f"version {self.version} has no root block", place=str(self.key), hint="run `check`"
            )
        return Block(self, root)

    def __len__(self) -> int:
        return len(self.structure)

    def __contains__(self, ref: object) -> bool:
        if not isinstance(ref, Block | UsageKey | tuple | str):
            return False
        try:
            return self.structure.position(block_key_of(ref, self.key)) is not None
        except (InvalidKey, BlockNotFound):
            return False

    def __getitem__(self, ref: BlockRef) -> Block:
        """The block of a usage key (as a value or as text), a block key, or a (type, id) pair.

        Raises:
            BlockNotFound: this version has no such block.
            InvalidKey: the text is not a usage key.
        """
        key = block_key_of(ref, self.key)
        position = self.structure.position(key)
        if position is None:
            raise BlockNotFound(
                f"there is no block {key[0]}/{key[1]} in version {self.version}",
                place=str(self.key),
                hint="it may be on another branch (draft, published), or in another version",
            )
        return Block(self, position)

    def blocks(self, type: str | None = None) -> Iterator[Block]:  # noqa: A002
        """Blocks in document order: down from the root, each where it is first met; of one type if one is
        given.

        Detached blocks have no place in that order. Those of a detached type come, by id, when that type is
        asked for.
        """
        order = self.structure.outline.order
        if type is None:
            return map(self._all().__getitem__, order)
        types = self.structure.types
        inside = (Block(self, position) for position in order if types[position] == type)
        outside = self.detached if is_detached(type) else ()
        return chain((block for block in outside if block.type == type), inside)

    def walk(
        self,
        start: BlockRef | None = None,
        *,
        order: Order = "pre",
        prune: Callable[[Block], bool] | None = None,
    ) -> Iterator[Block]:
        """Blocks that ``start`` (the root if it is not given) leads to, itself included, each once.

        Args:
            order: ``pre``, each block before its children; ``post``, after them; ``topological``, after all
            its parents.
            prune: a block for which this is true is left out, and all that is only reached through it.

        Raises:
            BlockNotFound: there is no such block to start from.
        """
        outline = self.structure.outline
        at = self.root._position if start is None else self[start]._position
        block = self._all().__getitem__ if start is None else partial(Block, self)
        test = None if prune is None else lambda position: prune(block(position))
        walks = {"pre": outline.preorder, "post": outline.postorder, "topological": outline.topological}
        return map(block, walks[order](at, test))

    @property
    def detached(self) -> Sequence[Block]:
        """Blocks that belong to no tree (course info, static tabs, about pages …), by type and id."""
        structure = self.structure
        parents = structure.outline.parents
        return self._sorted(
            at for at, kind in enumerate(structure.types) if is_detached(kind) and not parents[at]
        )

    @property
    def orphans(self) -> Sequence[Block]:
        """Blocks that the root does not lead to although they should have a place in the tree, by type and
        id.
        """
        structure = self.structure
        reachable = structure.outline.reachable
        detached = {block._position for block in self.detached}
        return self._sorted(at for at in range(len(structure)) if at not in reachable and at not in detached)

    def _all(self) -> list[Block]:
        """Every block by position, made and linked once: who walks over all of them meets each several times,
        as itself, as a child and as a parent. A course with these is freed by the garbage collector only.
        """
        if self._linked is None:
            outline = self.structure.outline
            blocks = [Block(self, position) for position in range(len(self))]
            at = blocks.__getitem__
            for block, children, parents in zip(blocks, outline.below, outline.parents, strict=True):
                block._children = tuple(map(at, children))
                block._parents = tuple(map(at, parents))
            self._linked = blocks
        return self._linked

    def _sorted(self, positions: Iterable[int]) -> list[Block]:
        return [Block(self, at) for at in sorted(positions, key=self.structure.key)]


class Block:
    """One block of a version. Blocks are equal when they are the same block of the same version.

    Attributes:
        course: the version that it is a block of.
        type: ``video``, ``vertical`` …
    """

    __slots__ = ("_children", "_parents", "_position", "course", "type")

    def __init__(self, course: Course, position: int) -> None:
        self.course = course
        self.type = course.structure.types[position]
        self._position = position
        self._children: tuple[Block, ...] | None = None
        self._parents: tuple[Block, ...] | None = None

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Block):
            return NotImplemented
        return (
            self._position == other._position
            and self.course.version == other.course.version
            and self.course.key == other.course.key
        )

    def __hash__(self) -> int:
        return hash((self.course.version, self._position))

    def __repr__(self) -> str:
        return f"<Block {self.type}/{self.id} of {self.course.key}>"

    @property
    def id(self) -> str:
        """Id, unique among the blocks of its type."""
        return self.course.structure.ids[self._position]

    @property
    def block_key(self) -> BlockKey:
        """Type and id: the identity of the block inside a version."""
        return self.course.structure.key(self._position)

    @property
    def key(self) -> UsageKey:
        """Usage key, without branch and version."""
        return UsageKey(self.course.key, self.type, self.id)

    @property
    def display_name(self) -> str:
        """The name shown to learners; of a block without one its id, underscores as spaces."""
        data = self.course.structure.data
        name = data.settings(self._position).get("display_name")
        if name is None:
            name = data.defaults(self._position).get("display_name")
        return str(name) if name is not None else self.id.replace("_", " ")

    @property
    def settings(self) -> dict[str, Any]:
        """Settings that the block itself sets; a copy."""
        return _copied(self.course.structure.data.settings(self._position))

    @property
    def defaults(self) -> dict[str, Any]:
        """Values that came with the library block which this one is a copy of; a copy."""
        return _copied(self.course.structure.data.defaults(self._position))

    @property
    def overrides(self) -> tuple[str, ...]:
        """Of a copy of a library block, the settings that it sets itself, sorted; of other blocks none."""
        data = self.course.structure.data
        if data.edit_info(self._position).original_usage is None:
            return ()
        return tuple(sorted(data.settings(self._position)))

    @property
    def asides(self) -> list[dict[str, Any]]:
        """Data of asides, ``{"aside_type", "fields"}`` each; a copy."""
        return [_copied(aside) for aside in self.course.structure.data.asides(self._position)]

    @property
    def edit_info(self) -> EditInfo:
        """Who changed the block when, and in which versions."""
        return self.course.structure.data.edit_info(self._position)

    @property
    def definition(self) -> VersionId:
        """Version of the block's content."""
        return self.course.structure.definitions[self._position]

    @property
    def children(self) -> tuple[Block, ...]:
        """Children in order; one that the version does not have is left out."""
        if self._children is not None:
            return self._children
        return tuple(Block(self.course, at) for at in self.course.structure.outline.children(self._position))

    @property
    def parents(self) -> tuple[Block, ...]:
        """Every block that lists this one as a child, in stored order."""
        if self._parents is not None:
            return self._parents
        return tuple(Block(self.course, at) for at in self.course.structure.outline.parents[self._position])

    @property
    def parent(self) -> Block | None:
        """The parent that stands for all: of those that the root leads to, the least by type and id.

        None if there is none.
        """
        at = self.course.structure.outline.parent(self._position)
        return None if at is None else Block(self.course, at)

    @property
    def path(self) -> list[Block]:
        """From the root down to `parent`; empty for the root, and for a block that it does not lead to."""
        return [Block(self.course, at) for at in self.course.structure.outline.path(self._position)]

    def get(self, name: str, default: Any = None) -> Any:
        """The value of a setting on this block: its own, or inherited, or a default (see
        `modulestore.model.inheritance`).

        ``default`` is for a field that nothing sets and that the block's type is not known to have. Content
        is not here: ``store.load_content`` reads it.
        """
        resolved = self.resolve(name)
        return default if resolved is None else resolved.value

    def resolve(self, name: str) -> Resolved | None:
        """The same value with where it comes from; None for a field that nothing sets and that we do not
        know.
        """
        resolved = resolve(self.course.structure, self._position, name)
        return None if resolved is None else resolved._replace(value=copy_value(resolved.value))

    def effective(self) -> dict[str, Resolved]:
        """Every setting that the block has, inherits, or that its type is known to have, by name."""
        resolved = effective(self.course.structure, self._position)
        return {name: value._replace(value=copy_value(value.value)) for name, value in resolved.items()}


def _copied(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: copy_value(value) for name, value in fields.items()}


def block_key_of(ref: BlockRef, course: ContextKey) -> BlockKey:
    """Type and id of a block of this course.

    Raises:
        BlockNotFound: it is a block of another course.
        InvalidKey: the text is not a usage key.
    """
    if isinstance(ref, Block):
        return ref.block_key
    if isinstance(ref, str):
        ref = parse_usage_key(ref)
    if isinstance(ref, UsageKey):
        _require_same_course(ref, course)
        return ref.block_key
    block_type, block_id = ref
    return BlockKey(block_type, block_id)


def _require_same_course(ref: UsageKey, course: ContextKey) -> None:
    # An old-style key has no run: it is taken for one of this course if organisation and number agree.
    theirs = ref.course.bare
    same = (
        (theirs.org, theirs.course) == (course.org, course.course)
        if ref.course.deprecated
        else theirs == course
    )
    if not same:
        raise BlockNotFound(f"{ref} is a block of another course", place=str(course))
