"""``assets/assets.xml``: asset metadata that a course keeps in its structure.

Source: course archive format, static files and assets; Open edX split modulestore, asset metadata.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from modulestore.model.dates import parse_date
from modulestore.olx.jsontext import NotJSON, parse_json
from modulestore.olx.loader import Loader
from modulestore.olx.xml import Element, Malformed, children_of

__all__ = ["ADDRESSES", "DATES", "PEOPLE", "TEXTS", "VERSIONS", "read_metadata"]

_FILE = "assets/assets.xml"
TEXTS = ("pathname", "internal_name", "contenttype", "thumbnail")
VERSIONS = ("curr_version", "prev_version")
PEOPLE = ("created_by", "edited_by")
ADDRESSES = ("created_by_email", "edited_by_email")
DATES = ("created_on", "edited_on")


def read_metadata(loader: Loader) -> Mapping[str, Sequence[Mapping[str, Any]]]:
    """The metadata by asset type, each list sorted by ``filename``; of two of one name the later."""
    if not loader.tree.exists(_FILE):
        return {}
    try:
        root = loader.parse(_FILE)
    except Malformed as error:
        loader.problems.add(error.place, error.message, "read as empty")
        return {}
    by_type: dict[str, dict[str, Mapping[str, Any]]] = {}
    for element in children_of(root):
        texts = {child.tag: child.text or "" for child in children_of(element)}
        filename = texts.get("filename")
        if element.tag != "asset" or not filename:
            loader.problems.add(loader.place(_FILE, element), "is no asset with a filename", "left out")
            continue
        asset_type = texts.get("type") or "asset"
        by_type.setdefault(asset_type, {})[filename] = _entry(loader, element, texts, filename, asset_type)
    return {
        asset_type: [entries[filename] for filename in sorted(entries)]
        for asset_type, entries in sorted(by_type.items())
    }


def _entry(
    loader: Loader, element: Element, texts: Mapping[str, str], filename: str, asset_type: str
) -> dict[str, Any]:
    def said(name: str) -> str | None:
        text = texts.get(name, "None")
        return None if text == "None" else text

    edit_info: dict[str, Any] = {name: said(name) for name in (*VERSIONS, *ADDRESSES)}
    for name in PEOPLE:
        person = said(name)
        edit_info[name] = int(person) if person and person.isascii() and person.isdigit() else person
    for name in DATES:
        edit_info[name] = parse_date(said(name) or "")
    fields: Any = {}
    try:
        fields = parse_json(said("fields") or "{}")
    except NotJSON as error:
        place = loader.place(_FILE, element)
        loader.problems.add(place, f"the fields of {filename} are no JSON: {error}", "read as empty")
    return {
        "filename": filename,
        "asset_type": asset_type,
        **{name: said(name) for name in TEXTS},
        "locked": {"true": True, "false": False}.get((said("locked") or "").lower()),
        "fields": fields if isinstance(fields, dict) else {},
        "edit_info": edit_info,
    }
