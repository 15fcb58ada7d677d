"""XML, read safely: no document type, no entities, nothing fetched, bounded."""

from __future__ import annotations

import re
from collections.abc import Iterator

from lxml import etree

__all__ = [
    "Element",
    "Malformed",
    "attributes_of",
    "children_of",
    "drop_attribute",
    "inner_xml",
    "outer_xml",
    "parse_xml",
    "pretty_xml",
    "remove_child",
    "stray_text",
    "without_blanks",
]

Element = etree._Element

LARGEST = 64 * 1024 * 1024

_exact, _without_blanks = (
    etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, remove_blank_text=blank
    )
    for blank in (False, True)
)

# What may stand before the root element and before a document type.
_PROLOG = re.compile(rb"(?:\xef\xbb\xbf)?\s*(?:<\?.*?\?>\s*|<!--.*?-->\s*)*", re.DOTALL)
_NOT_UTF_8 = (b"\xff\xfe", b"\xfe\xff", b"\x00\x00")
_POSITION = re.compile(r", line \d+, column \d+$")


class Malformed(Exception):
    """A file that is not XML as a course archive may hold it.

    Attributes:
        place: the file, with ``:line`` where it is known.
        message: what is wrong there.
    """

    def __init__(self, place: str, message: str) -> None:
        super().__init__(f"{place}: {message}")
        self.place = place
        self.message = message


def parse_xml(data: bytes, path: str, *, blanks: bool = True) -> Element:
    """The root element of a file. Without ``blanks``, white space between elements is taken out.

    Raises:
        Malformed: it is no XML, declares a document type or entities, is not UTF-8, or is too large.
    """
    if len(data) > LARGEST:
        raise Malformed(path, f"is larger than {LARGEST // 1024 // 1024} MiB")
    if data.startswith(_NOT_UTF_8):
        raise Malformed(path, "is not UTF-8")
    prolog = _PROLOG.match(data)
    start = prolog.end() if prolog else 0
    if data.startswith(b"<!", start):
        line = data.count(b"\n", 0, start) + 1
        raise Malformed(f"{path}:{line}", "declares a document type or entities")
    try:
        root = etree.fromstring(data, _exact if blanks else _without_blanks)
    except etree.XMLSyntaxError as error:
        raise _malformed(error, path) from None
    except (etree.LxmlError, ValueError, LookupError) as error:
        raise Malformed(path, f"is no XML: {error}") from None
    if (
        root.getroottree().docinfo.internalDTD is not None
    ):  # in an encoding that the look at the bytes did not see through
        raise Malformed(path, "declares a document type or entities")
    return root


def without_blanks(element: Element) -> Element:
    """A copy of an element without white space between elements."""
    return etree.fromstring(outer_xml(element).encode(), _without_blanks)


def outer_xml(element: Element) -> str:
    """The text of an element, exactly, without what follows it."""
    return etree.tostring(element, encoding="unicode", with_tail=False)


def pretty_xml(element: Element) -> str:
    """The text of an element, indented; as the platform keeps the XML of a problem."""
    return etree.tostring(element, encoding="unicode", with_tail=False, pretty_print=True)


def inner_xml(element: Element) -> str:
    """The text of what an element holds, exactly."""
    parts = [_escaped(element.text)]
    parts.extend(etree.tostring(child, encoding="unicode") for child in element)
    return "".join(parts)


def attributes_of(element: Element) -> dict[str, str]:
    """The attributes of an element, in their order."""
    return {str(name): str(text) for name, text in element.attrib.items()}


def drop_attribute(element: Element, name: str) -> None:
    """Take an attribute out, if it is there."""
    if name in element.attrib:
        del element.attrib[name]


def children_of(element: Element) -> Iterator[Element]:
    """The child elements that are there when the walk begins; no comments, no processing instructions."""
    return iter([child for child in element if isinstance(child.tag, str)])


def stray_text(element: Element) -> bool:
    """Whether text other than white space stands directly in an element."""
    return _is_text(element.text) or any(_is_text(child.tail) for child in element)


def remove_child(parent: Element, child: Element) -> None:
    """Take a child out and leave the text that follows it."""
    if child.tail:
        before = child.getprevious()
        if before is None:
            parent.text = (parent.text or "") + child.tail
        else:
            before.tail = (before.tail or "") + child.tail
        child.tail = None
    parent.remove(child)


def _is_text(text: str | None) -> bool:
    return text is not None and not text.isspace() and text != ""


def _escaped(text: str | None) -> str:
    return (text or "").replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _malformed(error: etree.XMLSyntaxError, path: str) -> Malformed:
    line, column = error.position
    place = f"{path}:{line}" if line else path
    message = _POSITION.sub("", error.msg or "it is empty")
    return Malformed(place, f"is no XML: {message} (column {column})")
