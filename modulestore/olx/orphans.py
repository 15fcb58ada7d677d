"""Files of blocks and pages that nothing in the course leads to.

Source: course archive format, import checklist.
"""

from __future__ import annotations

import re
from collections.abc import Collection

from modulestore.model.fields import BLOCK_TYPES
from modulestore.olx.detached import DETACHED_FOLDERS
from modulestore.olx.loader import Loader

__all__ = ["report_orphans"]

_BODY = ".html"
_DEFINITION = ".xml"


def report_orphans(loader: Loader, others: Collection[str] = ()) -> None:
    """Report every such file that was not read. ``others`` are folders of other things."""
    types = {*BLOCK_TYPES, *(key.type for key in loader.blocks)}
    names = [name for name in loader.tree.names() if name not in loader.used and "/" in name]
    unread = frozenset(names)
    for name in names:
        folder = name.partition("/")[0]
        if folder in others or not _holds_block(loader, folder, name, types):
            continue
        if name.endswith(_BODY) and name.removesuffix(_BODY) + _DEFINITION in unread:
            continue  # reported with its definition
        loader.problems.add(loader.base + name, "nothing in the course leads to this file", "left out")


def _holds_block(loader: Loader, folder: str, name: str, types: Collection[str]) -> bool:
    """Whether a file may be a block's: by its folder, or of an unknown type by the name of its root."""
    if folder in DETACHED_FOLDERS:
        return True
    if name.endswith(_BODY):
        return folder == "html"
    if not name.endswith(_DEFINITION):
        return False
    if folder in types:
        return True
    return re.match(rb"\s*<" + re.escape(folder.encode()) + rb"[\s/>]", loader.tree.read(name)) is not None
