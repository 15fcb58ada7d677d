"""What setting the metadata of a file means.

Source: Open edX split modulestore, asset metadata functions.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from modulestore.errors import AssetNotFound
from modulestore.model.comparing import same_value
from modulestore.model.edits import SetAsset
from modulestore.model.revision import Revision
from modulestore.model.values import copy_value

__all__ = ["set_asset"]

_ASSET_ATTRIBUTES = ("pathname", "internal_name", "locked", "contenttype", "thumbnail")
_ASSET_EDIT_ATTRIBUTES = ("curr_version", "prev_version", "created_by_email", "edited_by_email")


def set_asset(revision: Revision, edit: SetAsset) -> None:
    """Source: Open edX split modulestore, asset metadata: lists are sorted by file name."""
    assets = dict(revision.assets or {})
    entries = {entry["filename"]: entry for entry in assets.get(edit.asset_type, ())}
    before = entries.pop(edit.filename, None)
    if edit.attributes is None:
        if before is None:
            raise AssetNotFound(f"there is no metadata of {edit.filename!r}", place=edit.asset_type)
    else:
        entry = _asset_entry(revision, edit, edit.attributes, before)
        if before is not None and same_value(_timeless(entry), _timeless(before)):
            return
        entries[edit.filename] = entry
    assets[edit.asset_type] = [entries[name] for name in sorted(entries)]
    revision.assets = assets


def _asset_entry(
    revision: Revision, edit: SetAsset, attributes: Mapping[str, Any], before: Mapping[str, Any] | None
) -> dict[str, Any]:
    known = {*_ASSET_ATTRIBUTES, *_ASSET_EDIT_ATTRIBUTES, "fields"}
    others = {name: copy_value(value) for name, value in attributes.items() if name not in known}
    made: Mapping[str, Any] = before["edit_info"] if before is not None else {}
    author, now = revision.author, revision.now
    return {
        "filename": edit.filename,
        "asset_type": edit.asset_type,
        **{name: copy_value(attributes.get(name)) for name in _ASSET_ATTRIBUTES},
        "fields": {**copy_value(dict(attributes.get("fields") or {})), **others},
        "edit_info": {
            "curr_version": attributes.get("curr_version"),
            "prev_version": attributes.get("prev_version"),
            "created_by": made.get("created_by", author),
            "created_by_email": made.get("created_by_email", attributes.get("created_by_email")),
            "created_on": made.get("created_on", now),
            "edited_by": author,
            "edited_by_email": attributes.get("edited_by_email"),
            "edited_on": now,
        },
    }


def _timeless(entry: Mapping[str, Any]) -> dict[str, Any]:
    """What a later upload of the same can change without being another: who made it when."""
    info = {
        name: value for name, value in entry["edit_info"].items() if name not in ("edited_by", "edited_on")
    }
    return {**entry, "edit_info": info}
