"""How Open edX's split modulestore edits, publishes and compares, step by step where the cost is.

Our own code, a lower bound like `platform_path`. A deep copy of the whole structure for every new version, a
read and a write for every definition, and an index entry that is replaced if its time stamp is still the one
that was read, without a word to the author if it is not.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple

from bson import ObjectId

from tools.bench.platform_path import BlockData, Key, PlatformPath

__all__ = ["DRAFT", "PUBLISHED", "Change", "Loaded", "PlatformWrites"]

DRAFT, PUBLISHED = "draft-branch", "published-branch"

Names = tuple[str, str, str]


class Change(NamedTuple):
    """New values of a block."""

    key: Key
    settings: Mapping[str, Any]
    content: Mapping[str, Any]


class Loaded(NamedTuple):
    """What an operation has read at its beginning and goes by until its end."""

    entry: dict[str, Any]
    branch: str
    head: dict[str, Any]


@dataclass(slots=True)
class PlatformWrites:
    """The platform's way to write, as one author."""

    path: PlatformPath
    author: int

    def load(self, course: Names, branch: str = DRAFT) -> Loaded:
        """Begin an operation: the index entry and the head."""
        entry = self.path.entry(course)
        return Loaded(entry, branch, self.path.structure(entry["versions"][branch]))

    def edit(self, course: Names, change: Change) -> None:
        """Load a block, then save it, each an operation of its own."""
        self.path.open(course, DRAFT)
        self.save(course, [change])

    def save(self, course: Names, changes: Iterable[Change]) -> None:
        """Save blocks in one bulk operation."""
        loaded = self.load(course)
        new = self._version(loaded.head)
        definitions = self.path.database["modulestore.definitions"]
        for key, settings, content in changes:
            block = new["blocks"][key]
            old = definitions.find_one({"_id": block.definition})
            assert old is not None
            if content:
                block.definition = self._define(key, {**old["fields"], **content}, old)
            block.fields.update(settings)
            self._touch(block, new)
        self._commit(loaded, new)

    def add(self, loaded: Loaded, unit: Key, key: Key, content: Mapping[str, Any]) -> None:
        """A new block, last in a unit."""
        new = self._version(loaded.head)
        block = _new_block(key.type, self._define(key, content, None))
        new["blocks"][key] = block
        block.edit_info.update_version = new["_id"]
        block.edit_info.edited_on, block.edit_info.edited_by = new["edited_on"], self.author
        above = new["blocks"][unit]
        above.fields.setdefault("children", []).append(key)
        self._touch(above, new)
        self._commit(loaded, new)

    def publish(self, course: Names, unit: Key) -> None:
        """Copy a unit with what is below it to the published branch: always a whole structure."""
        loaded = self.load(course, PUBLISHED)
        source = self.path.structure(loaded.entry["versions"][DRAFT])["blocks"]
        new = self._version(loaded.head)
        target = new["blocks"]
        parents = [key for key, block in source.items() if unit in block.fields.get("children", ())]
        for parent in parents:
            there = {*target[parent].fields.get("children", ()), unit}
            target[parent].fields["children"] = [
                child for child in source[parent].fields["children"] if child in there
            ]
        waiting = [unit]
        while waiting:
            key = waiting.pop()
            target[key] = self._published(source[key], target.get(key), new)
            waiting += target[key].fields.get("children", ())
        self._commit(loaded, new)

    def count_changes(self, course: Names) -> int:
        """How many blocks of a course are not published as they are in the draft."""
        entry = self.path.entry(course)
        draft = self.path.structure(entry["versions"][DRAFT])
        published = self.path.structure(entry["versions"][PUBLISHED])["blocks"]

        def below(key: Key) -> int:
            block, other = draft["blocks"].get(key), published.get(key)
            if block is None or other is None:
                return 1
            changed = _mark(block) != _mark(other)
            return changed + sum(map(below, block.fields.get("children", ())))

        return below(draft["root"])

    def _version(self, old: dict[str, Any]) -> dict[str, Any]:
        new = copy.deepcopy(old)
        now = datetime.now(UTC)
        new.update(_id=ObjectId(), previous_version=old["_id"], edited_by=self.author, edited_on=now)
        return new

    def _touch(self, block: BlockData, new: dict[str, Any]) -> None:
        info = block.edit_info
        info.previous_version, info.update_version, info.source_version = (
            info.update_version,
            new["_id"],
            None,
        )
        info.edited_on, info.edited_by = new["edited_on"], self.author

    def _published(self, source: BlockData, before: BlockData | None, new: dict[str, Any]) -> BlockData:
        block = copy.deepcopy(source)
        info = block.edit_info
        info.source_version = _mark(source)
        info.previous_version = before.edit_info.update_version if before else info.previous_version
        info.update_version, info.edited_on, info.edited_by = new["_id"], new["edited_on"], self.author
        return block

    def _define(self, key: Key, fields: Mapping[str, Any], old: dict[str, Any] | None) -> ObjectId:
        made = ObjectId()
        info = {
            "edited_by": self.author,
            "edited_on": datetime.now(UTC),
            "previous_version": old["_id"] if old else None,
            "original_version": old["edit_info"]["original_version"] if old else made,
        }
        document = {
            "_id": made,
            "block_type": key.type,
            "fields": fields,
            "edit_info": info,
            "schema_version": 1,
        }
        self.path.database["modulestore.definitions"].insert_one(document)
        return made

    def _commit(self, loaded: Loaded, new: dict[str, Any]) -> None:
        """Insert the structure, then replace the entry; if somebody else did meanwhile, nothing is said."""
        blocks = [dict(block.storable(), block_id=key.id) for key, block in new["blocks"].items()]
        self.path.database["modulestore.structures"].insert_one(
            dict(new, root=list(new["root"]), blocks=blocks)
        )
        entry = loaded.entry
        seen = {"_id": entry["_id"], "last_update": entry.get("last_update")}
        heads = {**entry["versions"], loaded.branch: new["_id"]}
        changed = {**entry, "versions": heads, "last_update": new["edited_on"]}
        self.path.database["modulestore.active_versions"].replace_one(seen, changed)


def _mark(block: BlockData) -> ObjectId | None:
    return block.edit_info.source_version or block.edit_info.update_version


def _new_block(block_type: str, definition: ObjectId) -> BlockData:
    return BlockData({"block_type": block_type, "definition": definition, "fields": {}, "edit_info": {}})
