"""What the fields of the older store hold, in stored form, and the links in them.

Dates are text there and times in a structure; references to blocks are locations there and ``[type, id]`` in
a structure. All else is kept as it is. Only if the course gets a key of the new style do its old locations
change: where a value is nothing but locations, they are written anew; in texts they are left, and reported.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, NamedTuple

from modulestore.formats.old_draft.documents import shown
from modulestore.keys import BlockKey, CourseKey
from modulestore.model.dates import from_epoch, parse_date
from modulestore.model.fields import Kind, field_of
from modulestore.model.plain import Problem

__all__ = ["Location", "Target", "read_location"]

_KEPT: Final = "kept as it is"
# A location names its block after organisation and course; a revision may follow.
_location = re.compile(r"i4x://([^/]+)/([^/]+)/([^/]+)/([^/@]+)(?:@\w+)?").fullmatch
# Several locations may stand in one value, as in the sources of a conditional.
_SEPARATOR: Final = ";"


class Location(NamedTuple):
    """Where a block of the older store is."""

    org: str
    course: str
    key: BlockKey


def read_location(text: str) -> Location | None:
    """What ``i4x://org/course/category/name`` names; None if it is no location of a block."""
    match = _location(text.strip())
    if match is None:
        return None
    org, course, category, name = match.groups()
    return Location(org, course, BlockKey(category, name))


@dataclass(frozen=True, slots=True)
class Target:
    """The course that the blocks of an old one go to.

    Attributes:
        org, course: of the old one.
        key: of the new one.
        names: the keys of the blocks in the new one, by those in the old one.
        problems: where to report.
    """

    org: str
    course: str
    key: CourseKey
    names: Mapping[BlockKey, BlockKey]
    problems: list[Problem] = field(default_factory=list)

    def is_of(self, location: Location) -> bool:
        """Whether the location is of the old course."""
        return (location.org, location.course) == (self.org, self.course)

    def named(self, key: BlockKey) -> BlockKey:
        """The block's key in the new course; of one that is not there, the one that it had."""
        return self.names.get(key, key)

    def stored_fields(self, fields: Mapping[str, Any], block_type: str, place: str) -> dict[str, Any]:
        """Fields of a block in stored form."""
        return {name: self._stored(block_type, name, value, place) for name, value in fields.items()}

    def _stored(self, block_type: str, name: str, value: Any, place: str) -> Any:
        known = field_of(block_type, name)
        kind = None if known is None else known.kind
        where = f"{place}, field {name}"
        if kind is Kind.DATE:
            return self._date(value, where)
        if kind is Kind.REFERENCE:
            return self._reference(value, where)
        if kind is Kind.REFERENCE_LIST and isinstance(value, list):
            return [self._reference(item, where) for item in value]
        if kind is Kind.REFERENCE_DICT and isinstance(value, Mapping):
            return {key: self._reference(item, where) for key, item in value.items()}
        if self.key.deprecated:
            return value
        left: set[str] = set()
        renewed = self._renewed(value, left.add)
        if left:
            kinds = " and ".join(sorted(left))
            self._report(where, f"it has links of the old course in its text ({kinds})", _KEPT)
        return renewed

    def _date(self, value: Any, where: str) -> Any:
        moment: datetime | None = None
        if isinstance(value, str) and value:
            moment = parse_date(value.strip().strip('"'))
        elif isinstance(value, int | float) and not isinstance(value, bool):
            moment = from_epoch(value)
        else:
            return value
        if moment is None:
            self._report(where, f"{shown(value)} is no date", _KEPT)
            return value
        return moment

    def _reference(self, value: Any, where: str) -> Any:
        if value is None:
            return None
        location = read_location(value) if isinstance(value, str) else None
        if location is None or not self.is_of(location):
            what = "is no location of a block" if location is None else "is in another course"
            self._report(where, f"{shown(value)} {what}", _KEPT)
            return value
        return list(self.named(location.key))

    def _renewed(self, value: Any, left: Callable[[str], None]) -> Any:
        """The value with old locations in the new style; ``left`` is told which links stay in texts."""
        if isinstance(value, Mapping):
            return {name: self._renewed(item, left) for name, item in value.items()}
        if isinstance(value, list):
            return [self._renewed(item, left) for item in value]
        if not isinstance(value, str):
            return value
        locations = [read_location(part) for part in value.split(_SEPARATOR)]
        ours = [one for one in locations if one is not None and self.is_of(one)]
        if len(ours) == len(locations):
            return _SEPARATOR.join(str(self.key.usage(*self.named(one.key))) for one in ours)
        for scheme in ("i4x://", "/c4x/"):
            if f"{scheme}{self.org}/{self.course}/" in value:
                left(scheme)
        return value

    def _report(self, place: str, message: str, action: str) -> None:
        self.problems.append(Problem(place, message, action))
