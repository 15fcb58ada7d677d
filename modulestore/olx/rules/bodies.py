"""Blocks whose content is one text: HTML, the XML of a problem, XML that nobody here understands.

Source: course archive format, type rules of html, problem, word_cloud and lti, unknown type.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from modulestore.model.fields import BLOCK_TYPES, FIELD_NAMES_NEVER_READ
from modulestore.olx.attributes import remove_settings, take_classic, take_pure
from modulestore.olx.names import pointed_file
from modulestore.olx.reading import Reading
from modulestore.olx.xml import Element, drop_attribute, inner_xml, outer_xml, pretty_xml, without_blanks

__all__ = [
    "RERANDOMIZE_OF_OLD",
    "decoded_body",
    "html",
    "keep_xml",
    "problem",
    "raw",
    "says_something",
    "with_optional_xml",
]

# What the platform reads an empty or an old value of ``rerandomize`` as.
RERANDOMIZE_OF_OLD: Final = {"": "always", "true": "always", "false": "per_student"}


def html(reading: Reading) -> None:
    """A body in a file of its own, kept byte for byte; or inside the element."""
    filename = reading.element.get("filename")
    take_classic(reading)
    body = inner_xml(reading.element) if filename is None else _body(reading, filename)
    reading.put("data", reading.loader.links.portable(body))


def problem(reading: Reading) -> None:
    """The XML of the problem, without the attributes that are settings, indented."""
    take_classic(reading)
    mode = reading.settings.get("rerandomize")
    if isinstance(mode, str) and mode in RERANDOMIZE_OF_OLD:
        reading.settings["rerandomize"] = RERANDOMIZE_OF_OLD[mode]
    remove_settings(reading.element, reading.key.type)
    in_own_file = reading.path.startswith("problem/")  # the loader has taken the blanks out already
    element = reading.element if in_own_file else without_blanks(reading.element)
    reading.put("data", reading.loader.links.portable(pretty_xml(element)))


def with_optional_xml(reading: Reading) -> None:
    """Settings only; should more be left of the element, it is kept as XML."""
    take_classic(reading)
    element = reading.element
    remove_settings(element, reading.key.type)
    if says_something(element):
        reading.put("data", reading.loader.links.portable(outer_xml(element)))
    else:
        reading.put("data", "")


def says_something(element: Element) -> bool:
    """Whether there is anything in an element but its name."""
    named = {*FIELD_NAMES_NEVER_READ, "name", "slug"}
    return bool(len(element) or set(element.attrib) - named or (element.text or "").strip())


def raw(reading: Reading) -> None:
    """The whole element as XML; attributes that every block may have are settings."""
    known = BLOCK_TYPES.get(reading.key.type)
    if reading.family is not None and known is None:
        take_pure(reading, unknown=False)
    else:
        take_classic(reading, kept_whole=True)
    keep_xml(reading, "data")


def keep_xml(reading: Reading, field: str) -> None:
    """Keep what is left of the element, without its name, in a content field."""
    remove_settings(reading.element, reading.key.type)
    for name in ("url_name", "slug"):
        drop_attribute(reading.element, name)
    reading.content[field] = reading.loader.links.portable(outer_xml(reading.element))


def decoded_body(data: bytes) -> tuple[str, bool]:
    """The text of a body, and whether it is UTF-8; what is not is read as Windows-1252: no byte is lost."""
    try:
        return data.decode(), True
    except UnicodeDecodeError:
        pass
    try:
        return data.decode("cp1252"), False
    except UnicodeDecodeError:
        return data.decode("latin-1"), False


def _body(reading: Reading, filename: str) -> str:
    tree = reading.loader.tree
    folder = pointed_file("html", reading.written).rpartition("/")[0]
    path = next((path for path in _candidates(f"{folder}/{filename}.html") if tree.exists(path)), None)
    if path is None:
        base = reading.loader.base
        reading.report(f"{base}{folder}/{filename}.html is missing", "read as an empty body")
        return ""
    reading.loader.used.add(path)
    text, is_utf_8 = decoded_body(tree.read(path))
    if not is_utf_8:
        reading.loader.problems.add(reading.loader.place(path), "is not UTF-8", "read as Windows-1252")
    return text


def _candidates(path: str) -> Iterator[str]:
    """The places where a body may be, as the platform tries them."""
    names = [path]
    if path.endswith(".html.html"):
        names.append(path.removesuffix(".html"))
    if path.endswith(".xml.html"):
        names.append(path.removesuffix(".xml.html") + ".html")
    yield names[0]
    for name in names:
        parts = name.split("/")
        for start in range(len(parts)):
            yield "/".join(parts[start:])
