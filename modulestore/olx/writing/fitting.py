"""What of a course an archive can hold at all, before any of it is written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from modulestore.keys import BlockKey
from modulestore.model.fields import is_detached
from modulestore.model.plain import PlainBlock, PlainCourse
from modulestore.olx.detached import DETACHED_FOLDERS
from modulestore.olx.problems import Problems
from modulestore.olx.writing.blocks import BlockWriter, is_safe
from modulestore.olx.writing.texts import is_xml_name

__all__ = ["fitting", "really_drafts"]

# Elements that the reader takes for something else than blocks, and folders of other things than blocks.
_TAKEN = frozenset({"meta", "show", "textbook", "wiki"})
_FOLDERS = frozenset({"assets", "drafts", "policies", "static", "static_import"})


def fitting(plain: PlainCourse, problems: Problems) -> PlainCourse:
    """The course without the blocks whose type no element and no folder can be called after."""
    blocks = _fitting(plain.blocks, problems)
    drafts = _fitting(plain.draft_blocks, problems)
    return replace(plain, blocks=blocks, draft_blocks=drafts)


def really_drafts(plain: PlainCourse, writer: BlockWriter) -> PlainCourse:
    """The course without the drafts that are written as what is published is."""
    drafts = {
        key: block
        for key, block in plain.draft_blocks.items()
        if is_detached(key.type)
        or (published := plain.blocks.get(key)) is None
        or list(published.children or ()) != list(block.children or ())
        or not writer.says_the_same(published, block)
    }
    return replace(plain, draft_blocks=drafts)


def _fitting(blocks: Mapping[BlockKey, PlainBlock], problems: Problems) -> dict[BlockKey, PlainBlock]:
    fits = {block_type: _fits(block_type) for block_type in {key.type for key in blocks}}
    fitting = {}
    for key, block in blocks.items():
        if not fits[key.type]:
            problems.add(f"{key.type}/{key.id}", "no element of an archive can have its type", "left out")
            continue
        children = block.children
        if children and not all(fits.get(child.type, True) for child in children):
            children = [child for child in children if fits.get(child.type, True)]
        fitting[key] = block if children is block.children else replace(block, children=children)
    return fitting


def _fits(block_type: str) -> bool:
    return (
        is_xml_name(block_type)
        and is_safe(block_type)
        and block_type not in _TAKEN | _FOLDERS | (DETACHED_FOLDERS.keys() - {"about"})
    )
