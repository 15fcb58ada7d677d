"""One run of a course, put together from the documents of its course number.

The older store does not say which blocks a run has, but for its course block: they are what that leads to. On
the draft branch a block is its draft copy, or the published one where there is no draft; on the published
branch only published copies count, so a child that was never published is nobody's child there.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping, Set
from dataclasses import dataclass, replace
from typing import Final

from modulestore.formats.old_draft.documents import LEFT_OUT, OldBlock, OldEdit, shown
from modulestore.formats.old_draft.gathering import ROOT_TYPE, OldBlocks
from modulestore.formats.old_draft.values import Target, read_location
from modulestore.keys import BlockKey, CourseKey
from modulestore.model.branches import DRAFT, PUBLISHED
from modulestore.model.fields import is_container, is_detached
from modulestore.model.plain import PlainBlock, Problem

__all__ = ["OldCourse", "assemble", "unreached"]

_ROOT: Final = BlockKey(ROOT_TYPE, "course")  # of every course that has a key of the new style
_NOT_IN_ID = re.compile(r"[^\w\-~.:]")
_NOT_IN_OLD_ID = re.compile(r"[^\w\-~.:%]")

_View = Callable[[BlockKey], OldBlock | None]
_Tree = dict[BlockKey, list[BlockKey]]
"""Blocks in the order in which they are met, with those of their children that are there."""


@dataclass(frozen=True, slots=True)
class OldBranch:
    """One branch: its blocks, the tree in document order, then what stands beside it."""

    blocks: Mapping[BlockKey, PlainBlock]
    edits: Mapping[BlockKey, OldEdit]


@dataclass(frozen=True, slots=True)
class OldCourse:
    """One run of the older store, as it is to be in the new one.

    Attributes:
        source: ``Org/Course/Run``.
        org, number: of the old one.
        key: of the new course.
        root: its root block.
        branches: by name: draft and published.
        reached: the blocks of the older store that it has, under the keys that they have there.
        digest: of the documents that it is made of.
        problems: what had to be worked around.
    """

    source: str
    org: str
    number: str
    key: CourseKey
    root: BlockKey
    branches: Mapping[str, OldBranch]
    reached: frozenset[BlockKey]
    digest: str
    problems: tuple[Problem, ...]


def assemble(old: OldBlocks, run: str, key: CourseKey) -> OldCourse:
    """The run of this name, as the course ``key``.

    What leads from no run to a block, comes along if there is no other run: outside the tree, as it was.
    """
    return _Assembler(old, run, key).course()


def unreached(old: OldBlocks, reached: Set[BlockKey]) -> list[Problem]:
    """Blocks of this course number that went with none of its runs; ``reached`` are those that did."""
    return [
        Problem(_some(old, key).place, "no run of the course leads to it", LEFT_OUT)
        for key in old.all_keys()
        if key not in reached and key.type != ROOT_TYPE
    ]


class _Assembler:
    """One run while it is put together. Keys are those of the older store until the end."""

    def __init__(self, old: OldBlocks, run: str, key: CourseKey) -> None:
        self.old = old
        self.key = key
        self.run = run
        self.root = BlockKey(ROOT_TYPE, run)
        self.problems: list[Problem] = []
        self.children: dict[tuple[BlockKey, bool], list[BlockKey]] = {}
        self.cycles: set[tuple[BlockKey, BlockKey]] = set()
        root = old.published[self.root]
        self.org, self.number = root.org, root.course

    def course(self) -> OldCourse:
        views: Mapping[str, _View] = {DRAFT: self.old.draft, PUBLISHED: self.old.published.get}
        trees = {branch: self._tree(view) for branch, view in views.items()}
        if len(self.old.runs) == 1:
            self._bring_along(views, trees)
        used = self._used(views, trees)
        target = Target(self.org, self.number, self.key, self._names(trees), self.problems)
        stored = {id(block): self._plain(block, target) for block in used}
        branches = {branch: _branch(trees[branch], view, stored, target) for branch, view in views.items()}
        return OldCourse(
            source=f"{self.org}/{self.number}/{self.run}",
            org=self.org,
            number=self.number,
            key=self.key,
            root=target.named(self.root),
            branches=branches,
            reached=frozenset(trees[DRAFT].keys() | trees[PUBLISHED].keys()),
            digest=hashlib.sha256(b"".join(sorted(block.digest for block in used))).hexdigest(),
            problems=(*(problem for block in used for problem in block.problems), *self.problems),
        )

    def _tree(self, view: _View) -> _Tree:
        """What the course block leads to, then what stands beside the tree."""
        tree: _Tree = {}
        self._walk(self.root, view, tree)
        for key in self.old.all_keys():
            if is_detached(key.type) and view(key) is not None and key not in tree:
                self._walk(key, view, tree)
        return tree

    def _walk(self, start: BlockKey, view: _View, tree: _Tree) -> None:
        """Add a block and what is below it."""
        tree[start] = []
        above = {start}
        path = [(start, iter(self._children_of(view(start))))]
        while path:
            parent, children = path[-1]
            for child in children:
                if view(child) is None:
                    continue
                if child in above:
                    self._report_cycle(parent, child)
                    continue
                tree[parent].append(child)
                if child not in tree:
                    tree[child] = []
                    above.add(child)
                    path.append((child, iter(self._children_of(view(child)))))
                    break
            else:
                above.discard(path.pop()[0])

    def _children_of(self, block: OldBlock | None) -> list[BlockKey]:
        """The children that a document lists, as far as there are such blocks."""
        if block is None:
            return []
        at = block.key, block.is_draft
        if at not in self.children:
            self.children[at] = list(self._read_children(block))
        return self.children[at]

    def _read_children(self, block: OldBlock) -> Iterator[BlockKey]:
        seen: set[BlockKey] = set()
        for text in block.children or ():
            location = read_location(text)
            if location is None:
                why = "is no location of a block"
            elif (location.org, location.course) != (self.org, self.number):
                why = "is in another course"
            elif self.old.draft(location.key) is None:
                why = "is not there"
            elif location.key in seen:
                why = "is listed a second time"
            elif location.key.type == ROOT_TYPE or is_detached(location.key.type):
                why = "can be nobody's child"
            else:
                seen.add(location.key)
                yield location.key
                continue
            self.problems.append(Problem(block.place, f"the child {shown(text)} {why}", LEFT_OUT))

    def _report_cycle(self, parent: BlockKey, child: BlockKey) -> None:
        if (parent, child) not in self.cycles:  # both branches meet it
            self.cycles.add((parent, child))
            message = f"its child {child.type}/{child.id} has it below itself"
            self.problems.append(Problem(_some(self.old, parent).place, message, "no child of it any more"))

    def _bring_along(self, views: Mapping[str, _View], trees: Mapping[str, _Tree]) -> None:
        """Blocks that nothing leads to: whose could they be, but the only run's?"""
        rest = [key for key in self.old.all_keys() if all(key not in tree for tree in trees.values())]
        for key in rest:
            message = "nothing leads to it from the course block"
            self.problems.append(Problem(_some(self.old, key).place, message, "kept outside the tree"))
            for branch, view in views.items():
                if view(key) is not None and key not in trees[branch]:
                    self._walk(key, view, trees[branch])

    def _used(self, views: Mapping[str, _View], trees: Mapping[str, _Tree]) -> list[OldBlock]:
        """The copies that the branches show; those of their blocks that none shows are reported."""
        shown_copies: dict[int, OldBlock] = {}
        for branch, view in views.items():
            found = (view(key) for key in trees[branch])
            shown_copies.update((id(block), block) for block in found if block is not None)
        for key in sorted(trees[DRAFT].keys() | trees[PUBLISHED].keys()):
            for copy in (self.old.published.get(key), self.old.drafts.get(key)):
                if copy is not None and id(copy) not in shown_copies:
                    branch = DRAFT if copy.is_draft else PUBLISHED
                    message = f"nothing leads to this copy on the {branch} branch"
                    self.problems.append(Problem(copy.place, message, LEFT_OUT))
        return list(shown_copies.values())

    def _names(self, trees: Mapping[str, _Tree]) -> dict[BlockKey, BlockKey]:
        """The blocks' keys in the new course. They are the old ones wherever such a key can be written."""
        not_in_id = _NOT_IN_OLD_ID if self.key.deprecated else _NOT_IN_ID
        keys = sorted((trees[DRAFT].keys() | trees[PUBLISHED].keys()) - {self.root})
        names = {key: key for key in keys if not not_in_id.search("".join(key))}
        names[self.root] = self.root if self.key.deprecated else _ROOT
        taken = set(names.values())
        for key in keys:
            if key not in names:
                new = BlockKey(*(not_in_id.sub("_", part) for part in key))
                while new in taken:
                    new = BlockKey(new.type, f"{new.id}_")
                taken.add(new)
                names[key] = new
                message = "keys of blocks cannot hold its category or name"
                action = f"read as {new.type}/{new.id}"
                self.problems.append(Problem(_some(self.old, key).place, message, action))
        return names

    def _plain(self, block: OldBlock, target: Target) -> PlainBlock:
        """The block with its fields in stored form; its children depend on the branch."""
        return PlainBlock(
            target.named(block.key),
            settings=target.stored_fields(block.settings, block.key.type, block.place),
            content=target.stored_fields(block.content, block.key.type, block.place),
        )


def _branch(tree: _Tree, view: _View, stored: Mapping[int, PlainBlock], target: Target) -> OldBranch:
    blocks: dict[BlockKey, PlainBlock] = {}
    edits: dict[BlockKey, OldEdit] = {}
    for key, children in tree.items():
        block = view(key)
        assert block is not None, "a tree has what its view shows"
        plain = stored[id(block)]
        listed = block.children is not None and bool(block.children)
        if listed or is_container(key.type):
            plain = replace(plain, children=[target.named(child) for child in children])
        blocks[plain.key] = plain
        edits[plain.key] = block.edit
    return OldBranch(blocks, edits)


def _some(old: OldBlocks, key: BlockKey) -> OldBlock:
    block = old.draft(key)
    assert block is not None, "it is one of the blocks"
    return block
