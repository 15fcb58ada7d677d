"""What Open edX's split modulestore does per operation, step by step where the cost is: the baseline.

Our own code. Full structure documents, a list of blocks turned into objects, pickle + zlib in the cache, one
read per definition. It leaves out what the platform does besides (block classes, field data, inheritance,
signals), so it is a lower bound: the platform's own code costs several times more.
"""

from __future__ import annotations

import pickle
import zlib
from collections.abc import Iterable, MutableMapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from bson import ObjectId
from pymongo.database import Database

__all__ = ["BlockData", "Key", "PlatformPath"]

_EDIT_INFO = (
    "previous_version",
    "update_version",
    "source_version",
    "edited_on",
    "edited_by",
    "original_usage",
    "original_usage_version",
)


class Key(NamedTuple):
    """A block's type and id."""

    type: str
    id: str


class EditInfo:
    """Who changed a block when; two of its attributes are never stored."""

    previous_version: ObjectId | None
    update_version: ObjectId | None
    source_version: ObjectId | None
    edited_on: datetime | None
    edited_by: Any

    def __init__(self, stored: dict[str, Any]) -> None:
        self.__dict__.update(dict.fromkeys(_EDIT_INFO), **stored)
        self._subtree_edited_on = self._subtree_edited_by = None

    def storable(self) -> dict[str, Any]:
        """As documents have it."""
        return {name: getattr(self, name) for name in _EDIT_INFO}


class BlockData:
    """One block of a structure in memory."""

    def __init__(self, stored: dict[str, Any]) -> None:
        self.block_type = stored["block_type"]
        self.definition = stored["definition"]
        self.fields = stored["fields"]
        self.defaults = stored.get("defaults", {})
        self.asides = stored.get("asides", {})
        self.edit_info = EditInfo(stored["edit_info"])
        self.definition_loaded = False

    def storable(self) -> dict[str, Any]:
        """As documents have it, without the id."""
        return {
            "fields": self.fields,
            "block_type": self.block_type,
            "definition": self.definition,
            "defaults": self.defaults,
            "asides": self.asides,
            "edit_info": self.edit_info.storable(),
        }


@dataclass(slots=True)
class PlatformPath:
    """The platform's way to work with the courses in a database.

    ``cache`` stands for its memcached, without a network: structures as bytes by id; None for no cache.
    """

    database: Database[dict[str, Any]]
    cache: MutableMapping[str, bytes] | None = None

    def open(self, course: tuple[str, str, str], branch: str = "published-branch") -> dict[str, Any]:
        """The structure at the head of a branch."""
        return self.structure(self.entry(course)["versions"][branch])

    def entry(self, course: tuple[str, str, str]) -> dict[str, Any]:
        """The index entry of a course."""
        names = dict(zip(("org", "course", "run"), course, strict=True))
        entry = self.database["modulestore.active_versions"].find_one(names)
        assert entry is not None, "the course is there"
        return entry

    def open_and_list(self, course: tuple[str, str, str], block_type: str) -> list[tuple[Key, str | None]]:
        """Open the course, then find the blocks of a type: two calls, as its callers make them."""
        self.open(course)
        blocks: dict[Key, BlockData] = self.open(course)["blocks"]
        return [
            (key, block.fields.get("display_name")) for key, block in blocks.items() if key.type == block_type
        ]

    def load_content(self, structure: dict[str, Any], keys: Iterable[Key]) -> dict[Key, dict[str, Any]]:
        """One definition read per block: the platform's default."""
        definitions, blocks = self.database["modulestore.definitions"], structure["blocks"]
        found = {key: definitions.find_one({"_id": blocks[key].definition}) for key in keys}
        return {key: document["fields"] for key, document in found.items() if document is not None}

    def structure(self, version: ObjectId) -> dict[str, Any]:
        """A structure by id, its blocks as objects by key."""
        name = str(version)
        if self.cache is not None and (packed := self.cache.get(name)) is not None:
            cached: dict[str, Any] = pickle.loads(zlib.decompress(packed), encoding="latin-1")
            return cached
        document = self.database["modulestore.structures"].find_one({"_id": version})
        assert document is not None, "the structure is there"
        structure = _to_objects(document)
        if self.cache is not None:
            self.cache[name] = zlib.compress(pickle.dumps(structure, 4), 1)
        return structure


def _to_objects(document: dict[str, Any]) -> dict[str, Any]:
    blocks: dict[Key, BlockData] = {}
    for block in document["blocks"]:
        fields = block["fields"]
        if "children" in fields:
            fields["children"] = [Key(*child) for child in fields["children"]]
        blocks[Key(block["block_type"], block["block_id"])] = BlockData(block)
    return dict(document, root=Key(*document["root"]), blocks=blocks)
