"""Blocks as elements and files: ``modulestore.olx.loader`` and its rules backwards.

Source: course archive format, which blocks get their own file on export; type rules.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from modulestore.errors import InvalidCourse
from modulestore.keys import BlockKey, ContextKey
from modulestore.model.plain import PlainBlock
from modulestore.olx.left import LEFT
from modulestore.olx.links import Links
from modulestore.olx.names import file_name, pointed_file
from modulestore.olx.problems import Problems
from modulestore.olx.tree import is_ignored
from modulestore.olx.writing.elements import Definition, element_text
from modulestore.olx.writing.fields import normal_content
from modulestore.olx.writing.rules import holds_children, rule_of
from modulestore.olx.writing.texts import json_text

__all__ = ["BlockWriter", "is_safe", "write_left"]

_LONGEST = 240  # bytes of one part of a path: file systems take 255


@dataclass(slots=True)
class BlockWriter:
    """Writes blocks, each once, and the files that they need.

    Attributes:
        course: whose keys references are written with.
        blocks: the blocks of a branch.
        links: of the course.
        problems: where to report what cannot be written.
        base: what to put before a path.
        files: what was written, by path.
        left: what no element can say, by block and scope.
    """

    course: ContextKey
    blocks: Mapping[BlockKey, PlainBlock]
    links: Links
    problems: Problems
    base: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    left: dict[str, dict[str, Any]] = field(default_factory=dict)
    _pointers: dict[BlockKey, str] = field(default_factory=dict)
    _chain: list[BlockKey] = field(default_factory=list)
    _defined: set[BlockKey] = field(default_factory=set)
    _parents: dict[BlockKey, set[BlockKey]] | None = None

    def element(self, key: BlockKey) -> str:
        """What stands for a block in its parent.

        Raises:
            InvalidCourse: blocks contain each other.
        """
        if key in self._pointers:
            return self._pointers[key]
        definition = self.define(key)
        if definition.inline:
            element = definition.text
        else:
            path, element = self._placed(key)
            self.put(path, f"{definition.text}\n")
        self._pointers[key] = element
        return element

    def define(self, key: BlockKey, more: Mapping[str, str] | None = None) -> Definition:
        """A block as an element of its own, with ``more`` attributes at its end.

        Raises:
            InvalidCourse: blocks contain each other.
        """
        if key in self._chain:
            names = " → ".join(f"{one.type}/{one.id}" for one in [*self._chain, key])
            raise InvalidCourse(f"blocks contain each other: {names}", place=str(self.course))
        self._chain.append(key)
        self._defined.add(key)
        block = normal_content(self.blocks[key])
        if block.children and not holds_children(block):
            self.report(block, "blocks of its type have no children", "they are left out here")
        definition = rule_of(block)(self, block, more or {})
        self._chain.pop()
        return definition

    def has(self, key: BlockKey) -> bool:
        """Whether a block was written."""
        return key in self._defined

    def children(self, block: PlainBlock) -> list[str]:
        """What stands for the children of a block."""
        return [self.element(child) for child in block.children or () if child in self.blocks]

    def stands_elsewhere(self, child: BlockKey, parent: BlockKey) -> bool:
        """Whether another block has this child too, and not only shows it."""
        if self._parents is None:
            self._parents = {}
            for key, block in self.blocks.items():
                shown = block.content.get("show_tag_list") if key.type == "conditional" else None
                for one in block.children or ():
                    if not isinstance(shown, list) or list(one) not in shown:
                        self._parents.setdefault(one, set()).add(key)
        return bool(self._parents.get(child, set()) - {parent})

    def says_the_same(self, one: PlainBlock, other: PlainBlock) -> bool:
        """Whether two states of a block are written alike, but for their children."""
        return self._said(one) == self._said(other)

    def _said(self, block: PlainBlock) -> tuple[object, ...]:
        alone = BlockWriter(self.course, {block.key: block}, self.links, Problems())
        return alone.define(block.key), alone.files, alone.left

    def put(self, path: str, text: str) -> None:
        """A file."""
        self.files[self.base + path] = text.encode()

    def leave(self, block: PlainBlock, names: Mapping[str, Any]) -> None:
        """Keep fields for the file of what no element can say, with values as JSON has them."""
        for name, value in names.items():
            scope = "content" if name in block.content else "settings"
            self.left.setdefault(f"{block.key.type}/{block.key.id}", {}).setdefault(scope, {})[name] = value

    def leave_more(self, block: PlainBlock, name: str, value: Any) -> None:
        """Keep something else of a block for the file of what no element can say."""
        self.left.setdefault(f"{block.key.type}/{block.key.id}", {})[name] = value

    def report(self, block: PlainBlock, message: str, action: str) -> None:
        """Report something about a block."""
        self.problems.add(f"{self.base}{block.key.type}/{block.key.id}", message, action)

    def portable(self, text: str) -> str:
        """A text with its links made portable, as the reader has them."""
        return self.links.portable(text)

    def body_file(self, block: PlainBlock) -> tuple[str, str]:
        """Where the body of a block goes, and what its ``filename`` is."""
        folder, _, name = pointed_file("html", block.key.id).removesuffix(".xml").rpartition("/")
        path = f"{folder}/{name}.html"
        if not self.has_file(block.key) or not is_safe(path):
            # The reader looks for it in the folder of the block, and then in every folder above.
            name = file_name(block.key)
            path = f"{folder}/{name}.html" if _are_folders(folder) else f"{name}.html"
        return path, name

    def has_file(self, key: BlockKey) -> bool:
        """Whether the file of a block can be called as the block is."""
        path = pointed_file(key.type, key.id)
        return is_safe(path) and _are_folders(path.rpartition("/")[0])

    def _placed(self, key: BlockKey) -> tuple[str, str]:
        """The file of a block, and what points to it."""
        if self.has_file(key):
            return pointed_file(key.type, key.id), element_text(key.type, {"url_name": key.id})
        name = file_name(key)
        return f"{key.type}/{name}.xml", element_text(key.type, {"url_name": key.id, "filename": name})


def write_left(writer: BlockWriter, outline: Mapping[str, Any] | None = None) -> None:
    """Write the file of what no element can say, if there is anything: see `modulestore.olx.left`."""
    said = {name: part for name, part in (("blocks", writer.left), ("outline", outline)) if part}
    if said:
        writer.put(LEFT, json_text(said, indent=4))


def is_safe(path: str) -> bool:
    """Whether a path leads into the folder, and whether the reader would see such a file."""
    parts = path.split("/")
    return (
        not is_ignored(path)
        and not {"", ".", ".."} & set(parts)
        and all(len(part.encode()) <= _LONGEST for part in parts)
    )


def _are_folders(path: str) -> bool:
    """Whether these can be folders: one that is called like a file of another block cannot be beside it."""
    return is_safe(path) and not any(part.endswith((".xml", ".html")) for part in path.split("/"))
