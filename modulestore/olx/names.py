"""Names of blocks: where an element says its name, and what becomes a block id.

Source: course archive format, from XML node to block.
"""

from __future__ import annotations

import hashlib
import re
from typing import NamedTuple

from modulestore.keys import BlockKey, is_block_id
from modulestore.olx.xml import Element, outer_xml

__all__ = ["Named", "block_id", "cleaned", "digest_of", "file_name", "name_of", "pointed_file"]

_NOT_IN_NAME = re.compile(r"[^\w.%-]")
_NOT_IN_ID = re.compile(r"[^\w\-~.:]")
_UNDERSCORES = re.compile(r"_{2,}")


class Named(NamedTuple):
    """What an element is called: as it is written there, and as a block id (empty if that leaves nothing).

    ``a_title`` says that it was made from a title: then it names the block, but does not identify it.
    """

    written: str
    id: str
    a_title: bool = False


def name_of(element: Element) -> Named | None:
    """The name of an element: ``url_name``, ``slug``, or cleaned ``name`` or ``display_name``."""
    if written := element.get("url_name") or element.get("slug"):
        return Named(written, block_id(written))
    if title := element.get("name") or element.get("display_name"):
        written = cleaned(title)
        return Named(written, block_id(written), a_title=True)
    return None


def cleaned(text: str) -> str:
    """A title as a name: letters, digits and ``_ . % -``, all else an underscore, never two of them."""
    return _UNDERSCORES.sub("_", _NOT_IN_NAME.sub("_", text))


def block_id(written: str) -> str:
    """The block id for a written name: itself if it can be one; empty if nothing would be left of it."""
    if is_block_id(written):
        return written
    text = _UNDERSCORES.sub("_", _NOT_IN_ID.sub("_", written))
    return text if text.strip("_") else ""


def digest_of(element: Element, *more: object) -> str:
    """Twelve hexadecimal digits that depend on an element's XML alone (and on what else is given)."""
    text = "\0".join([outer_xml(element), *map(str, more)])
    return hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()[:12]


def pointed_file(block_type: str, url_name: str) -> str:
    """The file of a block that a pointer names: ``:`` in the name stands for a folder."""
    return f"{block_type}/{url_name.replace(':', '/')}.xml"


def file_name(key: BlockKey) -> str:
    """What the file of a block is called that cannot be called as the block is, without its ending."""
    digest = hashlib.sha1(f"{key.type}/{key.id}".encode(), usedforsecurity=False).hexdigest()
    return f"{key.type}-{digest[:16]}"
