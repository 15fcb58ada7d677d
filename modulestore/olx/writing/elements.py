"""Elements as text. What stands inside is text already, and is left exactly as it is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from modulestore.olx.xml import Element, Malformed, parse_xml

__all__ = ["Definition", "element_text", "escaped", "indented", "parsed"]

_IN_ATTRIBUTES = str.maketrans(
    {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "\n": "&#10;", "\t": "&#9;", "\r": "&#13;"}
)
_IN_TEXT = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", "\r": "&#13;"})


@dataclass(frozen=True, slots=True)
class Definition:
    """What a block is written as.

    Attributes:
        text: its element.
        inline: it stands in its parent; else in a file of its own, to which the parent points.
    """

    text: str
    inline: bool = False


def element_text(name: str, attributes: Mapping[str, str], inside: str = "") -> str:
    """An element."""
    opening = "".join(
        [name, *(f' {key}="{text.translate(_IN_ATTRIBUTES)}"' for key, text in attributes.items())]
    )
    return f"<{opening}>{inside}</{name}>" if inside else f"<{opening}/>"


def indented(parts: Iterable[str]) -> str:
    """What stands inside an element, each part on a line; nothing if there is none."""
    lines = "".join(f"\n  {part}" for part in parts)
    return lines and lines + "\n"


def escaped(text: str) -> str:
    """A text between tags."""
    return text.translate(_IN_TEXT)


def parsed(text: object, *, blanks: bool = True) -> Element | None:
    """The element that a stored text is, as the reader parses it; None if it is none."""
    if not isinstance(text, str):
        return None
    try:
        return parse_xml(text.encode(), "", blanks=blanks)
    except (Malformed, UnicodeEncodeError):
        return None
