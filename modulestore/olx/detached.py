"""Detached blocks: pages that lie beside the tree, one file each.

Source: course archive format, detached blocks.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from modulestore.keys import BlockKey
from modulestore.model.fields import Kind, Scope, fields_of
from modulestore.model.plain import PlainBlock
from modulestore.olx.jsontext import NotJSON, decoded, parse_json
from modulestore.olx.loader import Loader
from modulestore.olx.names import block_id
from modulestore.olx.problems import clipped
from modulestore.olx.rules.bodies import decoded_body

__all__ = ["DETACHED_FOLDERS", "is_field_file", "read_detached", "renamed_tabs"]

DETACHED_FOLDERS = {
    "about": "about",
    "info": "course_info",
    "tabs": "static_tab",
    "custom_tags": "custom_tag_template",
}

_FIELD_FILE = re.compile(r"(?P<id>.+)\.(?P<field>[a-z_]+)\.json")


def read_detached(loader: Loader, run: str | None, tabs: object) -> None:
    """Read the files of the four folders as blocks, after those of the tree.

    The files in a folder of the run replace those of the same name beside it. Drafts have no run.
    """
    by_folder: dict[str, list[str]] = {}
    for path in loader.tree.names():
        folder, _, file = path.rpartition("/")
        by_folder.setdefault(folder, []).append(file)
    for folder, block_type in DETACHED_FOLDERS.items():
        read: dict[BlockKey, str] = {}
        for place in (folder,) if run is None else (folder, f"{folder}/{run}"):
            for file in by_folder.get(place, ()):
                _read_file(loader, f"{place}/{file}", block_type, read)
        if block_type == "static_tab":
            _apply_tabs(loader, tabs)
        for key in sorted(read):  # in the order of their names, whatever folder they came from
            loader.blocks[key] = loader.blocks.pop(key)


def renamed_tabs(tabs: object, blocks: dict[BlockKey, PlainBlock]) -> object:
    """The course's tabs, with the names that the pages could keep."""
    if not isinstance(tabs, list):
        return tabs
    renamed = []
    for tab in tabs:
        slug = tab.get("url_slug") if isinstance(tab, dict) else None
        if isinstance(slug, str) and (key := BlockKey("static_tab", block_id(slug))) in blocks:
            tab = {**tab, "url_slug": key.id}
        renamed.append(tab)
    return renamed


def _read_file(loader: Loader, path: str, block_type: str, read: dict[BlockKey, str]) -> None:
    loader.used.add(path)
    file = path.rpartition("/")[2]
    if (match := _FIELD_FILE.fullmatch(file)) and is_field_file(block_type, match["field"]):
        written, field = match["id"], match["field"]
    else:
        written, field = file.rpartition(".")[0] or file, "data"
    key = _key(loader, path, block_type, written)
    value = _value(loader, path, block_type, field) if key is not None else None
    if key is None or value is None:
        return
    folder = path.rpartition("/")[0]
    if field == "data" and read.get(key) == folder:
        loader.problems.add(path, f"{block_type}/{key.id} has a second file", "the later one is used")
    known = loader.blocks.get(key, PlainBlock(key, content={"data": ""}))
    loader.blocks[key] = replace(known, content={**known.content, field: value})
    if field == "data" or key not in read:
        read[key] = folder if field == "data" else ""


def is_field_file(block_type: str, field: str) -> bool:
    """Whether a content field of a page is in a file of its own, ``<id>.<field>.json``."""
    known = fields_of(block_type).get(field)
    return field != "data" and known is not None and known.scope is Scope.CONTENT


def _key(loader: Loader, path: str, block_type: str, written: str) -> BlockKey | None:
    name = block_id(written)
    if not name:
        loader.problems.add(path, f"{clipped(written)} cannot be the id of a block", "left out")
        return None
    if name != written:
        loader.problems.add(
            path, f"{clipped(written)} cannot be the id of a block", f"read as {clipped(name)}"
        )
    return BlockKey(block_type, name)


def _value(loader: Loader, path: str, block_type: str, field: str) -> Any:
    data = loader.tree.read(path)
    if field == "data":
        text, is_utf_8 = decoded_body(data)
        if not is_utf_8:
            loader.problems.add(path, "is not UTF-8", "read as Windows-1252")
        return loader.links.portable(text)
    try:
        value = parse_json(decoded(data))
    except NotJSON as error:
        loader.problems.add(path, f"is no JSON: {error}", "left out")
        return None
    if fields_of(block_type)[field].kind is Kind.LIST and not isinstance(value, list):
        loader.problems.add(path, "is no JSON list", "left out")
        return None
    return value


def _apply_tabs(loader: Loader, tabs: object) -> None:
    """What the course's list of tabs says of the pages behind them."""
    if not isinstance(tabs, list):
        return
    for tab in tabs:
        if not isinstance(tab, dict) or tab.get("type") != "static_tab":
            continue
        slug = tab.get("url_slug")
        key = BlockKey("static_tab", block_id(slug) if isinstance(slug, str) else "")
        block = loader.blocks.get(key)
        if block is None:
            loader.problems.add(
                loader.policy.path, f"the tab {clipped(str(slug))} has no file in tabs/", "kept in the list"
            )
            continue
        settings = dict(block.settings)
        if isinstance(tab.get("name"), str):
            settings["display_name"] = tab["name"]
        if isinstance(tab.get("course_staff_only"), bool):
            settings["course_staff_only"] = tab["course_staff_only"]
        loader.blocks[key] = replace(block, settings=settings)
