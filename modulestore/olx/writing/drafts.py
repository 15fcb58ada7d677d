"""Drafts as files: ``modulestore.olx.drafts`` backwards.

A draft is written as the whole unit that it is in, under ``drafts/``. What units cannot say of the outline
above them (a unit that was moved, or taken out, and is not published so yet) is in a file of our own, which
platforms do not read.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from modulestore.keys import BlockKey
from modulestore.model.branches import DIRECT_ONLY
from modulestore.model.fields import is_detached
from modulestore.model.plain import PlainBlock, PlainCourse, same_block
from modulestore.olx.drafts import INDEX
from modulestore.olx.links import Links
from modulestore.olx.names import file_name, pointed_file
from modulestore.olx.problems import Problems
from modulestore.olx.writing.blocks import BlockWriter, write_left
from modulestore.olx.writing.pages import write_pages

__all__ = ["DRAFTS_FOLDER", "write_drafts"]

DRAFTS_FOLDER = "drafts/"


def write_drafts(plain: PlainCourse, links: Links, problems: Problems) -> dict[str, bytes]:
    """The files of what differs on the draft branch."""
    if not plain.draft_blocks:
        return {}
    view = {**plain.blocks, **plain.draft_blocks}
    writer = BlockWriter(plain.key, view, links, problems, base=DRAFTS_FOLDER)
    parents = _parents(view)
    listed = {key: list(block.children or ()) for key, block in plain.blocks.items()}
    nowhere: list[BlockKey] = []
    for position, root, parent in _places(view, parents, _roots(plain.draft_blocks, parents)):
        if parent not in plain.blocks:
            nowhere.append(root)
            continue
        more = {"parent_url": str(plain.key.usage(*parent)), INDEX: str(position)}
        path = pointed_file(root.type, root.id)
        if not writer.has_file(root):
            path, more = f"{root.type}/{file_name(root)}.xml", {"url_name": root.id, **more}
        writer.put(path, f"{writer.define(root, more).text}\n")
        children = listed.setdefault(parent, [])
        if root not in children:
            children.insert(position, root)
    for root in nowhere:
        if not writer.has(root):  # nor is it in another draft
            writer.report(view[root], "what it is in is not published", "left out")
    pages = {key: block for key, block in plain.draft_blocks.items() if is_detached(key.type)}
    write_pages(writer, pages, None)
    write_left(writer, _outline(writer, plain, listed))
    return writer.files


def _parents(view: Mapping[BlockKey, PlainBlock]) -> dict[BlockKey, list[BlockKey]]:
    parents: dict[BlockKey, list[BlockKey]] = {}
    for key, block in view.items():
        for child in block.children or ():
            parents.setdefault(child, []).append(key)
    return parents


def _roots(
    drafts: Mapping[BlockKey, PlainBlock], parents: Mapping[BlockKey, Sequence[BlockKey]]
) -> set[BlockKey]:
    """The blocks right below the outline that the drafts are in."""
    roots: set[BlockKey] = set()
    waiting = [key for key in drafts if key.type not in DIRECT_ONLY]
    seen = set(waiting)
    while waiting:
        key = waiting.pop()
        above = parents.get(key, ())
        if any(parent.type in DIRECT_ONLY for parent in above):
            roots.add(key)
        for parent in above:
            if parent.type not in DIRECT_ONLY and parent not in seen:
                seen.add(parent)
                waiting.append(parent)
    return roots


def _places(
    view: Mapping[BlockKey, PlainBlock],
    parents: Mapping[BlockKey, Sequence[BlockKey]],
    roots: Iterable[BlockKey],
) -> list[tuple[int, BlockKey, BlockKey]]:
    """Which child of which block of the outline each root is, in this order: position, root, parent."""
    places = []
    for root in roots:
        parent = next(key for key in parents[root] if key.type in DIRECT_ONLY)
        places.append((list(view[parent].children or ()).index(root), root, parent))
    return sorted(places)


def _outline(
    writer: BlockWriter, plain: PlainCourse, listed: Mapping[BlockKey, Sequence[BlockKey]]
) -> dict[str, list[list[str]]]:
    """Lists of children in the outline that are others than units being added make them."""
    outline = {}
    for key, block in sorted(plain.draft_blocks.items()):
        if key.type not in DIRECT_ONLY or is_detached(key.type) or writer.has(key):
            continue  # it has no drafts, or is in one
        published = plain.blocks.get(key)
        # What could not be written is nowhere when the list is read.
        children = [child for child in block.children or () if child in plain.blocks or writer.has(child)]
        if published is not None and children != list(listed.get(key, ())):
            outline[f"{key.type}/{key.id}"] = [list(child) for child in children]
        if published is None or not same_block(replace(published, children=block.children), block):
            writer.report(block, "it has no drafts, and differs from what is published", "as published")
    return outline
