"""A course as plain dicts: what edits, publication and restoring mean, written down a second time.

Only for what the state machine does: sequences stay where they are; units and what is in them come and go.
"""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from typing import Any

__all__ = ["PlainCourse"]

Tree = dict[str, dict[str, Any]]
_DIRECT = ("course/", "chapter/", "sequential/", "static_tab/")


class PlainCourse:
    """Blocks of both branches by ``type/id``: ``children``, ``settings``, ``asides``, ``content``."""

    def __init__(self, draft: Tree, published: Tree) -> None:
        self.draft = draft
        self.published = published

    # --- the draft

    def change(self, tree: Tree) -> None:
        """Let the draft be this; what has no drafts is published with it."""
        before, self.draft = self.draft, tree
        for name in [name for name in tree if name.startswith(_DIRECT)]:
            old, new = before.get(name), tree[name]
            if old is None or old == new:
                continue
            kept = [child for child in old["children"] if child in tree or not child.startswith(_DIRECT)]
            left = [child for child in new["children"] if child in before]
            only_new_children = (
                old["children"] != new["children"]
                and kept == left
                and {**old, "children": None} == {**new, "children": None}
            )
            if not only_new_children:
                self._publish_alone(name)

    def edited(self) -> Tree:
        """A copy of the draft, to be edited and given to `change`."""
        return deepcopy(self.draft)

    def units(self) -> list[str]:
        """Units of the draft."""
        return sorted(name for name in self.draft if name.startswith("vertical/"))

    def leaves(self) -> list[str]:
        """What is in units of the draft."""
        return sorted(name for name in self.draft if name.startswith(("html/", "problem/")))

    # --- publication

    def publish(self, name: str) -> None:
        """A block with everything below it."""
        orphans: list[str] = []
        for parent in parents(self.draft, name):
            there = self.published[parent]
            order = self.draft[parent]["children"]
            orphans += [child for child in there["children"] if child not in order]
            there["children"] = [child for child in order if child == name or child in there["children"]]
        for block in below(self.draft, name):
            was = self.published.get(block, {"children": []})["children"]
            orphans += [child for child in was if child not in self.draft[block]["children"]]
            self.published[block] = deepcopy(self.draft[block])
        for block in below(self.draft, name):
            for parent in parents(self.published, block):
                if block not in self.draft.get(parent, {"children": []})["children"]:
                    self.published[parent]["children"].remove(block)
        self._remove_orphans(orphans)

    def _publish_alone(self, name: str) -> None:
        was = self.published[name]["children"]
        order = self.draft[name]["children"]
        self.published[name] = {
            **deepcopy(self.draft[name]),
            "children": [child for child in order if child in was],
        }
        self._remove_orphans([child for child in was if child not in order])

    def _remove_orphans(self, orphans: list[str]) -> None:
        while orphans:
            name = orphans.pop()
            if name in self.published and not parents(self.published, name):
                orphans += self.published.pop(name)["children"]

    def unpublish(self, name: str) -> None:
        """Learners no longer see a unit."""
        remove(self.published, name)

    def can_discard(self, name: str) -> bool:
        """Whether the rules say what becomes of it."""
        return name in self.published and name in self.draft

    def discard(self, name: str) -> None:
        """The draft of a unit is as it is published."""
        wanted = below(self.published, name)
        inside = set(below(self.draft, name))
        for block in wanted:
            for parent in parents(self.draft, block):
                listed = block == name or parent in inside or parent in parents(self.published, block)
                if not listed:
                    self.draft[parent]["children"].remove(block)
        where = parents(self.draft, name)
        remove(self.draft, name, unlist=False)
        for block in wanted:
            self.draft[block] = deepcopy(self.published[block])
        assert parents(self.draft, name) == where

    # --- what differs

    def changes(self) -> dict[str, str]:
        """As ``store.changes`` says it."""
        found: dict[str, str] = {}
        for name, block in self.draft.items():
            other = self.published.get(name)
            if other is None:
                found[name] = "added"
            elif set(parents(self.draft, name)) != set(parents(self.published, name)):
                found[name] = "moved"
            elif {**block, "children": None} != {**other, "children": None} or _reordered(block, other):
                found[name] = "changed"
        return found | {name: "removed" for name in self.published if name not in self.draft}


def parents(tree: Tree, name: str) -> list[str]:
    """The blocks that list it."""
    return [parent for parent, block in tree.items() if name in block["children"]]


def below(tree: Tree, name: str) -> list[str]:
    """A block and everything below it."""

    def walk(name: str) -> Iterator[str]:
        yield name
        for child in tree[name]["children"]:
            yield from walk(child)

    return list(dict.fromkeys(walk(name)))


def remove(tree: Tree, name: str, *, unlist: bool = True) -> None:
    """A block goes, and what is below it and nowhere else."""
    gone = {name}
    for block in below(tree, name):
        if block != name and set(parents(tree, block)) <= gone:
            gone.add(block)
    for block in gone:
        del tree[block]
    if unlist:
        for left in tree.values():
            left["children"] = [child for child in left["children"] if child != name]


def _reordered(one: dict[str, Any], other: dict[str, Any]) -> bool:
    mine = [child for child in one["children"] if child in other["children"]]
    theirs = [child for child in other["children"] if child in one["children"]]
    return mine != theirs
