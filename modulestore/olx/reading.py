"""One block while it is read: what its rule has gathered of it so far."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from modulestore.keys import BlockKey
from modulestore.model.fields import Field, Scope, field_of
from modulestore.model.plain import PlainBlock
from modulestore.olx.xml import Element, attributes_of, children_of, remove_child, stray_text

if TYPE_CHECKING:
    from modulestore.olx.loader import Loader

__all__ = ["FAMILY", "Reading"]

FAMILY = "xblock-family"
_ASIDE_FAMILY = "xblock_asides"


@dataclass(slots=True)
class Reading:
    """A block that is being read.

    Attributes:
        loader: who reads it.
        key: what it will be called.
        written: its name as the archive writes it: policies and body files go by it.
        element: its definition. Rules take out of it what they have read.
        path: the file that the definition is in.
        family: what the element said of its family; None if nothing.
        settings, content, children, asides: what has been read; the children in their order.
    """

    loader: Loader
    key: BlockKey
    written: str
    element: Element
    path: str
    family: str | None = None
    settings: dict[str, Any] = field(default_factory=dict)
    content: dict[str, Any] = field(default_factory=dict)
    children: dict[BlockKey, None] | None = None
    asides: list[dict[str, Any]] = field(default_factory=list)

    def place(self, element: Element | None = None) -> str:
        """Where the block, or an element within it, is."""
        return self.loader.place(self.path, self.element if element is None else element)

    def report(self, message: str, action: str, element: Element | None = None) -> None:
        """Report something about the block."""
        self.loader.problems.add(self.place(element), f"{self.key.type}/{self.key.id}: {message}", action)

    def put(self, name: str, value: Any) -> None:
        """Set a field, in the scope that the table says; settings if it says nothing."""
        known = field_of(self.key.type, name)
        if known is None:
            self.settings[name] = value
        else:
            self.put_known(name, known, value)

    def put_known(self, name: str, known: Field, value: Any) -> None:
        """Set a field of which this is known."""
        (self.content if known.scope is Scope.CONTENT else self.settings)[name] = value

    def read_children(self) -> None:
        """Read the child elements as blocks."""
        self.children = {}
        if stray_text(self.element):
            self.report("text stands between its child blocks", "left out")
        for child in children_of(self.element):
            self.add_child(self.loader.load(child, self.path), child)

    def add_child(self, key: BlockKey | None, element: Element) -> None:
        """Take a block into the children; None is one that could not be read."""
        if key is None or self.children is None:
            return
        if key in self.children:
            self.report(f"it lists {key.type}/{key.id} twice", "listed once", element)
        else:
            self.children[key] = None

    def take_asides(self) -> None:
        """Take the child elements of an aside's family out of the definition."""
        for child in children_of(self.element):
            if (child.get(FAMILY) or "").startswith(_ASIDE_FAMILY):
                attributes = attributes_of(child)
                fields = {name: text for name, text in attributes.items() if name not in (FAMILY, "url_name")}
                if len(child) or (child.text or "").strip():
                    fields["content"] = self.loader.inner(child)
                self.asides.append({"aside_type": child.tag, "fields": fields})
                remove_child(self.element, child)

    def block(self) -> PlainBlock:
        """What was read."""
        children = None if self.children is None else list(self.children)
        return PlainBlock(self.key, self.settings, self.content, children, self.asides)
