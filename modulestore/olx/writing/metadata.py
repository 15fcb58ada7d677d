"""``assets/assets.xml``: ``modulestore.olx.metadata`` backwards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from modulestore.olx.metadata import ADDRESSES, DATES, PEOPLE, TEXTS, VERSIONS
from modulestore.olx.writing.elements import element_text, escaped, indented
from modulestore.olx.writing.texts import json_text, native

__all__ = ["metadata_xml"]


def metadata_xml(assets: Mapping[str, Sequence[Mapping[str, Any]]]) -> str:
    """The metadata of a course's assets: of each type, by name."""
    entries = [
        element_text("asset", {}, "".join(_children(asset_type, entry)))
        for asset_type, of_type in sorted(assets.items())
        for entry in of_type
    ]
    return element_text("assets", {}, indented(entries))


def _children(asset_type: str, entry: Mapping[str, Any]) -> list[str]:
    info = entry.get("edit_info") or {}
    values = {
        "type": asset_type,
        "filename": entry.get("filename"),
        **{name: entry.get(name) for name in (*TEXTS, "locked")},
        "fields": json_text(entry.get("fields") or {}),
        **{name: info.get(name) for name in (*VERSIONS, *PEOPLE, *ADDRESSES, *DATES)},
    }
    return [element_text(name, {}, escaped(_text(value))) for name, value in values.items()]


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(native(value) if isinstance(value, datetime) else value)
