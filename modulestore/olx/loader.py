"""From elements to blocks: names, pointers, inline definitions, blocks used twice.

Source: course archive format, from XML node to block. What the rule of one type is stands in ``rules``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, NoReturn

from modulestore.errors import InvalidCourse
from modulestore.keys import BlockKey, is_block_id
from modulestore.model.fields import BLOCK_TYPES, is_container
from modulestore.model.plain import PlainBlock
from modulestore.olx.links import Links
from modulestore.olx.names import Named, block_id, digest_of, file_name, name_of, pointed_file
from modulestore.olx.policy import Policy
from modulestore.olx.problems import Problems, clipped
from modulestore.olx.reading import FAMILY, Reading
from modulestore.olx.references import References
from modulestore.olx.rules import rule_of
from modulestore.olx.rules.containers import pure_container
from modulestore.olx.tree import FileTree
from modulestore.olx.xml import Element, Malformed, attributes_of, inner_xml, parse_xml

__all__ = ["Loader"]

# Types of which a second definition under one name becomes a block of its own.
_RENAMED = frozenset({"problem", "sequential", "video", "course", "chapter", "poll_question", "vertical"})
_NO_FILENAME = frozenset({"html", "video"})
_DEEPEST = 60
_UNREAD = PlainBlock(BlockKey("", ""))  # keeps the place of a block while it is read


class _Definition(NamedTuple):
    """Where a block is defined. Equal ``source`` means the same definition."""

    element: Element
    path: str
    source: tuple[str, ...]
    of_its_own: bool = True  # in a file of its own, not inline


class _LeftOut(Exception):
    """The block cannot be read, which was reported; ``stand_in`` is the block that is used for it, if any."""

    def __init__(self, stand_in: BlockKey | None = None) -> None:
        super().__init__()
        self.stand_in = stand_in


@dataclass(slots=True)
class Loader:
    """Reads blocks from elements, and keeps them.

    Attributes:
        tree: the files that pointers lead to.
        problems: where to report.
        policy, references, links: of the course.
        base: what to put before a path in a place.
        elsewhere: for drafts, the published blocks: they stand in for those whose file is missing.
        blocks: what has been read, in document order.
        used: the files that were read.
        places: where each block is defined.
        containers: blocks whose elements are blocks, though their type does not tell.
    """

    tree: FileTree
    problems: Problems
    policy: Policy
    references: References
    links: Links
    base: str = ""
    elsewhere: Mapping[BlockKey, PlainBlock] = field(default_factory=dict)
    blocks: dict[BlockKey, PlainBlock] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)
    places: dict[BlockKey, str] = field(default_factory=dict)
    containers: Collection[BlockKey] = ()
    _sources: dict[BlockKey, tuple[str, ...]] = field(default_factory=dict)
    _names: dict[BlockKey, Named] = field(default_factory=dict)
    _unnamed: Counter[str] = field(default_factory=Counter)
    _malformed: dict[str, Malformed] = field(default_factory=dict)
    _chain: list[tuple[BlockKey, str | None]] = field(default_factory=list)

    def load(self, element: Element, path: str) -> BlockKey | None:
        """Read the block that an element stands for; None (reported) if it cannot be read."""
        block_type = element.tag
        if block_type not in BLOCK_TYPES and not is_block_id(block_type):
            self.problems.add(
                self.place(path, element), f"{clipped(block_type)} is no type of block", "left out"
            )
            return None
        named = name_of(element)
        pointer = None
        if named and _is_pointer(element):
            pointer = pointed_file(block_type, named.written)
            key = BlockKey(block_type, named.id)
            if self._sources.get(key) == ("file", pointer):
                return key
        try:
            definition = self._definition(element, path, named.written if named else None, pointer)
        except _LeftOut as left_out:
            return left_out.stand_in
        except Malformed as error:
            self.problems.add(self.base + error.place, error.message, "the block is left out")
            return None
        if named is None or not named.id:
            named = Named(named.written if named else "", self._generated(element, definition))
        if named.written not in ("", named.id) and not named.a_title:
            self.problems.add(
                self.place(path, element),
                f"{clipped(named.written)} cannot be the id of a block",
                f"read as {clipped(named.id)}",
            )
        return self._named(BlockKey(block_type, named.id), named, element, definition, path)

    def build(self, key: BlockKey, named: Named, definition: _Definition) -> BlockKey:
        """Read a block from its definition."""
        own_file = definition.path if definition.of_its_own else None
        self._check_chain(key, own_file)
        self._sources[key] = definition.source
        self._names[key] = named
        self.blocks[key] = _UNREAD  # it comes before what is inside
        element = definition.element
        self.places[key] = self.place(definition.path, element)
        reading = Reading(self, key, named.written, element, definition.path, element.get(FAMILY))
        self._chain.append((key, own_file))
        reading.take_asides()
        rule = pure_container if key in self.containers else rule_of(key.type)
        rule(reading)
        self._chain.pop()
        self.blocks[key] = reading.block()
        return key

    def define(self, element: Element, path: str) -> _Definition:
        """A definition that was found otherwise: a root, a draft."""
        return _Definition(element, path, ("file", path))

    def parse(self, path: str, *, blanks: bool = True) -> Element:
        """The root element of a file of the tree.

        Raises:
            Malformed: it is no XML as an archive may hold it.
        """
        self.used.add(path)
        if path in self._malformed:
            raise self._malformed[path]
        try:
            return parse_xml(self.tree.read(path), path, blanks=blanks)
        except Malformed as error:
            self._malformed[path] = error
            raise

    def place(self, path: str, element: Element | None = None) -> str:
        """Where something is: the file, and the line of an element."""
        line = element.sourceline if element is not None else None
        return f"{self.base}{path}:{line}" if line else f"{self.base}{path}"

    def inner(self, element: Element) -> str:
        """What an element holds, with links made portable."""
        return self.links.portable(inner_xml(element))

    def _definition(
        self, element: Element, path: str, written: str | None, pointer: str | None
    ) -> _Definition:
        """The definition of the block that an element stands for: a file that it points to, or itself.

        ``written`` is its name; ``pointer`` the file that it points to, if it is nothing but a pointer.
        """
        block_type = element.tag
        known = BLOCK_TYPES.get(block_type)
        if written is not None and pointer is not None:
            if self.tree.exists(pointer):
                definition = self.parse(pointer, blanks=block_type != "problem")
                return _Definition(definition, pointer, ("file", pointer))
            if known is not None and known.classic:
                self._missing(BlockKey(block_type, block_id(written)), pointer, path, element)
        elif block_type == "discussion" and written and self.tree.exists(pointed_file(block_type, written)):
            return self._overlaid(pointed_file(block_type, written), element, file_wins=True)
        elif (filename := element.get("filename")) and block_type not in _NO_FILENAME:
            file = f"{block_type}/{filename}.xml"
            if self.tree.exists(file) and (known is None or known.classic):
                return self._overlaid(file, element, file_wins=False)
            if known is not None and known.classic and not _has_inside(element):
                self._missing(BlockKey(block_type, block_id(written or filename)), file, path, element)
        return _Definition(element, path, ("inline", digest_of(element)), of_its_own=False)

    def _overlaid(self, file: str, element: Element, *, file_wins: bool) -> _Definition:
        """The definition in a file, with the attributes of the element that names it."""
        root = self.parse(file, blanks=element.tag != "problem")
        given = {name: text for name, text in attributes_of(element).items() if name != "filename"}
        if file == f"{element.tag}/{file_name(BlockKey(element.tag, given.get('url_name', '')))}.xml":
            del given["url_name"]  # it says nothing but which block this is
        for name, text in given.items():
            if not file_wins or name not in root.attrib:
                root.set(name, text)
        return _Definition(root, file, ("file", file, *map(repr, sorted(given.items()))))

    def _missing(self, key: BlockKey, file: str, path: str, element: Element) -> NoReturn:
        """Report a file that is not there.

        Raises:
            _LeftOut: always.
        """
        place, message = self.place(path, element), f"{self.base}{file} is missing"
        if key in self.elsewhere:
            self.problems.add(place, message, "the published block is used")
            raise _LeftOut(key)
        self.problems.add(place, message, "the block is left out")
        raise _LeftOut

    def _named(
        self, key: BlockKey, named: Named, element: Element, definition: _Definition, path: str
    ) -> BlockKey:
        """Read a block under its name, unless it is there already."""
        if key not in self._sources:
            return self.build(key, named, definition)
        if self._sources[key] == definition.source:
            return key
        place = self.place(path, element)
        identified = self._names[key] == named and not named.a_title
        if identified and key.type not in _RENAMED and not is_container(key.type):
            self.problems.add(
                place, f"{key.type}/{key.id} is defined a second time", "the later definition is used"
            )
            return self.build(key, named, definition)
        renamed = BlockKey(key.type, f"{key.type}_{key.id}_{digest_of(element)}")
        self.problems.add(
            place,
            f"{key.type}/{key.id} is defined a second time, differently",
            f"read as {clipped(renamed.id)}",
        )
        if self._sources.get(renamed) == definition.source:
            return renamed
        return self.build(renamed, named, definition)

    def _generated(self, element: Element, definition: _Definition) -> str:
        """A name for a block that has none. Equal elements get different ones, unless they name one file."""
        name = f"{element.tag}_{digest_of(element)}"
        source = self._sources.get(BlockKey(element.tag, name))
        if source is None or (definition.of_its_own and source == definition.source):
            return name
        self._unnamed[name] += 1
        return f"{element.tag}_{digest_of(element, self._unnamed[name])}"

    def _check_chain(self, key: BlockKey, file: str | None) -> None:
        files = [chained for _, chained in self._chain]
        if file is not None and file in files:
            chain = [block for block, _ in self._chain[files.index(file) :]] + [key]
            names = " → ".join(f"{block.type}/{block.id}" for block in chain)
            raise InvalidCourse(f"blocks contain each other: {names}", place=self.base + file)
        if len(self._chain) >= _DEEPEST:
            raise InvalidCourse(f"blocks lie more than {_DEEPEST} deep", place=self.base + (file or ""))


def _is_pointer(element: Element) -> bool:
    """Whether an element only names its block: ``url_name`` and nothing else (the family does not count)."""
    names = element.keys()
    only_named = "url_name" in names and len(names) == 1 + (FAMILY in names)
    return only_named and not _has_inside(element)


def _has_inside(element: Element) -> bool:
    return len(element) > 0 or bool((element.text or "").strip())
