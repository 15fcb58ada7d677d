"""A conflict that is kept until its author decides."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from modulestore.keys import ContextKey, VersionId, parse_course_key
from modulestore.model.merging import ConflictItem
from modulestore.model.values import Author

__all__ = ["KeptConflict"]


@dataclass(frozen=True, slots=True)
class KeptConflict:
    """An edit that could not be merged by itself: what it was made from, what it says, what is against it.

    Attributes:
        id: names it, in any process.
        key, branch: the course and the branch that was edited.
        base: the version that the edit was made on.
        mine, author: the version that the author made of it, and who that is.
        theirs, their_author: the head that it met, and who changed the block of the first item there.
        on: when they met.
        message: what the author said of the edit.
        items: what to decide, against ``theirs``.
    """

    id: str
    key: ContextKey
    branch: str
    base: VersionId
    mine: VersionId
    author: Author
    theirs: VersionId
    their_author: Author
    on: datetime
    message: str | None
    items: tuple[ConflictItem, ...]

    def as_json(self) -> dict[str, Any]:
        """The conflict as JSON values: blocks by their usage keys, the time in ISO 8601."""
        return {
            "id": self.id,
            **self.as_record(),
            "on": self.on.isoformat(),
            "items": [{**item.as_json(), "key": str(self.key.usage(*item.key))} for item in self.items],
        }

    def as_record(self) -> dict[str, Any]:
        """The value of the record that it is kept in: JSON, and the time."""
        return {
            "key": str(self.key),
            "branch": self.branch,
            "base": str(self.base),
            "mine": str(self.mine),
            "author": self.author,
            "theirs": str(self.theirs),
            "their_author": self.their_author,
            "on": self.on,
            "message": self.message,
            "items": [item.as_json() for item in self.items],
        }

    @classmethod
    def from_record(cls, conflict_id: str, value: Mapping[str, Any]) -> KeptConflict:
        """The conflict that a record keeps."""
        return cls(
            id=conflict_id,
            key=parse_course_key(value["key"]),
            branch=value["branch"],
            base=VersionId.parse(value["base"]),
            mine=VersionId.parse(value["mine"]),
            author=value["author"],
            theirs=VersionId.parse(value["theirs"]),
            their_author=value["their_author"],
            on=value["on"],
            message=value["message"],
            items=tuple(ConflictItem.from_json(item) for item in value["items"]),
        )
