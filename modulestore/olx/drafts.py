"""Drafts: subtrees below ``drafts/`` that are laid over the published blocks.

Source: course archive format, drafts. The paths in them are relative to ``drafts/``, policies do not apply to
them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final, NamedTuple

from modulestore.keys import BlockKey, is_block_id
from modulestore.model.branches import DIRECT_ONLY
from modulestore.model.fields import is_container, is_detached
from modulestore.model.plain import PlainBlock
from modulestore.olx.detached import read_detached
from modulestore.olx.left import Left
from modulestore.olx.loader import Loader
from modulestore.olx.names import Named, block_id, file_name
from modulestore.olx.orphans import report_orphans
from modulestore.olx.policy import Policy
from modulestore.olx.problems import clipped
from modulestore.olx.tree import SubTree
from modulestore.olx.xml import Element, Malformed, drop_attribute

__all__ = ["INDEX", "PARENTS", "Drafts", "read_drafts"]

_FOLDER = "drafts"
INDEX: Final = "index_in_children_list"
PARENTS: Final = ("parent_url", "parent_sequential_url")


@dataclass(slots=True)
class Drafts:
    """Blocks whose draft differs from what is published, and where they are; how many roots were applied."""

    blocks: dict[BlockKey, PlainBlock] = field(default_factory=dict)
    places: dict[BlockKey, str] = field(default_factory=dict)
    roots: int = 0


class _Root(NamedTuple):
    """The root of one draft subtree: where it belongs, and what it is."""

    position: int
    path: str
    written: str
    key: BlockKey
    element: Element
    parent: BlockKey


def read_drafts(published: Loader) -> Drafts:
    """The drafts of a course whose published blocks have been read."""
    tree = SubTree(published.tree, _FOLDER)
    loader = Loader(
        tree,
        published.problems,
        Policy.none(),
        published.references,
        published.links,
        base=f"{_FOLDER}/",
        elsewhere=published.blocks,
    )
    left = Left(tree, published.problems, loader.base)
    loader.containers = left.containers
    roots = [root for path in tree.names() if path.endswith(".xml") and (root := _root(loader, path))]
    # Equal indices keep the order of the files.
    waiting = sorted(roots, key=lambda root: root.position)
    drafts = Drafts()
    view = _Overlay(published.blocks, loader.blocks)
    while waiting:
        ready = [root for root in waiting if root.parent in view]
        if not ready:
            break
        waiting = [root for root in waiting if root.parent not in view]
        drafts.roots += sum(_apply(loader, view, root) for root in ready)
    for root in waiting:
        loader.problems.add(
            loader.place(root.path),
            f"its parent {root.parent.type}/{root.parent.id} is nowhere in the course",
            "the draft is left out",
        )
    read_detached(loader, None, None)
    left.apply_fields(loader.blocks)
    left.apply_outline(view)
    report_orphans(loader)
    drafts.places = loader.places
    drafts.blocks = {key: block for key, block in loader.blocks.items() if published.blocks.get(key) != block}
    return drafts


class _Overlay:
    """Blocks of the draft branch: drafts over published ones. What is put goes to the drafts."""

    def __init__(self, published: Mapping[BlockKey, PlainBlock], drafts: dict[BlockKey, PlainBlock]) -> None:
        self._published = published
        self._drafts = drafts

    def __contains__(self, key: BlockKey) -> bool:
        return key in self._drafts or key in self._published

    def __getitem__(self, key: BlockKey) -> PlainBlock:
        return self._drafts.get(key) or self._published[key]

    def __setitem__(self, key: BlockKey, block: PlainBlock) -> None:
        self._drafts[key] = block


def _root(loader: Loader, path: str) -> _Root | None:
    """The root that a file holds; None if it holds none, or (reported) one that cannot be read."""
    if INDEX.encode() not in loader.tree.read(path):
        return None
    block_type, _, name = path.removesuffix(".xml").partition("/")
    written = name.replace("/", ":")
    try:
        element = loader.parse(path, blanks=block_type != "problem")
    except Malformed as error:
        loader.problems.add(loader.base + error.place, error.message, "the draft is left out")
        return None
    place, index = loader.place(path, element), element.get(INDEX)
    if index is None:
        loader.used.discard(path)  # the text is somewhere in the content: it is no root, but may be a child
        return None
    if (named := element.get("url_name")) and file_name(BlockKey(block_type, named)) == written:
        # No file can be called as this block is: its name is in the element.
        written = named
        drop_attribute(element, "url_name")
    parent_text = next((text for name in PARENTS if (text := element.get(name))), "")
    parent = loader.references.pointed(parent_text)
    if not is_block_id(block_type) or not block_id(written):
        loader.problems.add(place, f"{clipped(path)} cannot be the file of a block", "the draft is left out")
    elif block_type in DIRECT_ONLY or is_detached(block_type):
        loader.problems.add(place, f"blocks of type {block_type} have no drafts", "the draft is left out")
    elif parent is None:
        loader.problems.add(place, "it does not say which block is its parent", "the draft is left out")
    elif not index.strip().lstrip("-").isdecimal() or len(index) > 9:
        loader.problems.add(place, f"{clipped(index)} is no index in a list", "the draft is left out")
    else:
        if parent.foreign:
            loader.problems.add(
                place,
                f"its parent {clipped(parent_text)} is in another course",
                "read as the block of this name in this course",
            )
        for name in (INDEX, *PARENTS):
            drop_attribute(element, name)
        key = BlockKey(block_type, block_id(written))
        return _Root(int(index), path, written, key, element, parent.key)
    return None


def _apply(loader: Loader, view: _Overlay, root: _Root) -> int:
    """Read a draft subtree and hang it under its parent; how many were applied."""
    parent = view[root.parent]
    if parent.children is None and not is_container(root.parent.type):
        loader.problems.add(
            loader.place(root.path),
            f"its parent {root.parent.type}/{root.parent.id} can have no children",
            "the draft is left out",
        )
        return 0
    if root.key.id != root.written:
        loader.problems.add(
            loader.place(root.path),
            f"{clipped(root.written)} cannot be the id of a block",
            f"read as {clipped(root.key.id)}",
        )
    if root.key not in loader.blocks:
        loader.build(root.key, Named(root.written, root.key.id), loader.define(root.element, root.path))
    parent = view[root.parent]  # reading the draft may have changed it
    children = list(parent.children or ())
    if root.key not in children:
        children.insert(root.position, root.key)
        view[root.parent] = replace(parent, children=children)
    return 1
