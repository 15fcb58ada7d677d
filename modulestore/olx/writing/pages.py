"""Detached blocks as files: ``modulestore.olx.detached`` backwards."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from modulestore.keys import BlockKey
from modulestore.model.fields import Kind, field_of, is_detached
from modulestore.model.plain import PlainBlock
from modulestore.olx.detached import DETACHED_FOLDERS, is_field_file
from modulestore.olx.writing.blocks import BlockWriter, is_safe
from modulestore.olx.writing.fields import native_fields, normal_content
from modulestore.olx.writing.texts import json_text, native

__all__ = ["write_pages"]

_FOLDERS = {block_type: folder for folder, block_type in DETACHED_FOLDERS.items()}


def write_pages(writer: BlockWriter, blocks: Mapping[BlockKey, PlainBlock], tabs: object) -> None:
    """Write every detached block: its text, its other content, and what no list of tabs says of it."""
    for key, block in blocks.items():
        if is_detached(key.type):
            _write(writer, block, _of_tab(key, tabs))


def _write(writer: BlockWriter, block: PlainBlock, of_tab: Mapping[str, Any]) -> None:
    folder, name = _FOLDERS[block.key.type], block.key.id
    # The reader takes what follows the last point for an ending.
    bare = block.key.type == "custom_tag_template" and "." not in name and is_safe(f"{folder}/{name}")
    ending = "" if bare else ".html"
    if not is_safe(f"{folder}/{name}{ending}"):
        writer.report(block, "no file can have its name", "left out")
        return
    block = normal_content(block)
    data = block.content.get("data", "")
    if not isinstance(data, str):
        writer.leave(block, {"data": native(data)})
        data = ""
    writer.put(f"{folder}/{name}{ending}", writer.portable(data))
    for field, value in block.content.items():
        if field == "data":
            continue
        known = field_of(block.key.type, field)
        if not is_field_file(block.key.type, field) or (
            known is not None and known.kind is Kind.LIST and not isinstance(value, list | tuple)
        ):
            writer.leave(block, {field: native(value)})
        else:
            writer.put(f"{folder}/{name}.{field}.json", json_text(value, indent=4))
    if block.asides:
        writer.leave_more(block, "asides", native(list(block.asides)))
    settings = native_fields(block.key.type, block.settings)
    told = of_tab.items()
    writer.leave(block, {name: value for name, value in settings.items() if (name, value) not in told})


def _of_tab(key: BlockKey, tabs: object) -> dict[str, Any]:
    """The settings that a page gets from its entry in the list of tabs."""
    found: dict[str, Any] = {}
    for tab in tabs if isinstance(tabs, list) and key.type == "static_tab" else ():
        if isinstance(tab, dict) and (tab.get("type"), tab.get("url_slug")) == ("static_tab", key.id):
            if isinstance(tab.get("name"), str):
                found["display_name"] = tab["name"]
            if isinstance(tab.get("course_staff_only"), bool):
                found["course_staff_only"] = tab["course_staff_only"]
    return found
