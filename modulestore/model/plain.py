"""A course without versions: what an archive holds, and what an export writes.

Nothing here knows of structure ids, authors or branches' heads. The import turns a :class:`PlainCourse` into
structures and definitions (``modulestore.model.importing``); the archive format reads and writes it
(``modulestore.olx``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from modulestore.keys import BlockKey, ContextKey
from modulestore.model.branches import DIRECT_ONLY
from modulestore.model.comparing import same_value

__all__ = ["PlainBlock", "PlainCourse", "PlainFile", "Problem", "reached", "same_block", "with_root"]


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that a reader of an archive worked around.

    Attributes:
        place: file within the archive, with ``:line`` where it is known.
        message: what is wrong there.
        action: what was done about it.
    """

    place: str
    message: str
    action: str


@dataclass(frozen=True, slots=True)
class PlainBlock:
    """One block: its fields in stored form, by scope.

    Attributes:
        key: type and id.
        settings: explicitly set settings-scope fields without ``children``; values in stored form (dates are
        aware
            ``datetime``, references are ``[type, id]``, durations and times of day are text, the rest is
            JSON).
        content: content-scope fields, in the same form; they go into the definition.
        children: ordered; None for a type that has none.
        asides: ``{"aside_type": str, "fields": {…}}`` each.
    """

    key: BlockKey
    settings: Mapping[str, Any] = field(default_factory=dict)
    content: Mapping[str, Any] = field(default_factory=dict)
    children: Sequence[BlockKey] | None = None
    asides: Sequence[Mapping[str, Any]] = ()


@dataclass(frozen=True, slots=True)
class PlainFile:
    """One static file of a course.

    Attributes:
        name: the asset's name (the ``block`` part of its key), unique in the course.
        path: where its bytes are within the archive, ``/``-separated.
        size: bytes.
        display_name: the name shown to authors.
        content_type: MIME type; None when it is not known.
        locked: only for enrolled learners and staff.
        import_path: its path below ``static/``, from which an export makes the folders again.
        thumbnail: name of its thumbnail, when the archive tells.
    """

    name: str
    path: str
    size: int
    display_name: str
    content_type: str | None = None
    locked: bool = False
    import_path: str | None = None
    thumbnail: str | None = None


@dataclass(frozen=True, slots=True)
class PlainCourse:
    """A course or library as an archive holds it.

    Attributes:
        key: its key, without branch and version.
        root: key of the root block (``course/course``, ``library/library``).
        blocks: the published branch (a library's only one) by key: the tree in document order, root first,
        then detached
            blocks.
        draft_blocks: blocks whose draft differs from, or is missing in, ``blocks``; laid over ``blocks`` they
            give the draft branch, but for what nothing leads to then. A parent that only its draft makes list
            a draft child is here too.
        draft_roots: how many draft subtrees the archive has.
        assets: asset metadata of the structure, by asset type, each list sorted by ``filename``.
        files: static files, sorted by name.
        problems: what the reader worked around, in the order met.
    """

    key: ContextKey
    root: BlockKey
    blocks: Mapping[BlockKey, PlainBlock]
    draft_blocks: Mapping[BlockKey, PlainBlock] = field(default_factory=dict)
    draft_roots: int = 0
    assets: Mapping[str, Sequence[Mapping[str, Any]]] = field(default_factory=dict)
    files: Sequence[PlainFile] = ()
    problems: Sequence[Problem] = ()

    @property
    def draft_count(self) -> int:
        """Blocks that are new on the draft branch, or differ there.

        Not those of the outline above units, which have no drafts of their own: they are among
        ``draft_blocks`` for a child only.
        """
        return sum(key.type not in DIRECT_ONLY for key in self.draft_blocks)


def reached(blocks: Mapping[BlockKey, PlainBlock], root: BlockKey) -> dict[BlockKey, None]:
    """The block and what it leads to."""
    found, waiting = {root: None}, [root]
    while waiting:
        for child in blocks[waiting.pop()].children or ():
            if child in blocks and child not in found:
                found[child] = None
                waiting.append(child)
    return found


def with_root(plain: PlainCourse, root: BlockKey) -> PlainCourse:
    """The same course, whose root block has this key."""
    if root == plain.root:
        return plain

    def renamed(blocks: Mapping[BlockKey, PlainBlock]) -> dict[BlockKey, PlainBlock]:
        return {
            root if key == plain.root else key: replace(block, key=root) if key == plain.root else block
            for key, block in blocks.items()
        }

    return replace(plain, root=root, blocks=renamed(plain.blocks), draft_blocks=renamed(plain.draft_blocks))


def same_block(one: PlainBlock, other: PlainBlock) -> bool:
    """Whether two states of a block are the same; no children are an empty list of them."""
    return (
        list(one.children or ()) == list(other.children or ())
        and same_value(one.settings, other.settings)
        and same_value(one.content, other.content)
        and same_value(list(one.asides), list(other.asides))
    )
