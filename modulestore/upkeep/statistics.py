"""What is in a database, counted: by kind, by course, by day.

Of a version only some thirty bytes are kept, in columns, so that millions of them can be counted. Which
courses have a version in their history is found out by walking back from their heads; versions that several
have are shared, and counted once in every total.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import Final

from modulestore.keys import VersionId
from modulestore.model.stored import StructureLinks

__all__ = [
    "Amount",
    "CourseStatistics",
    "Day",
    "Form",
    "Statistics",
    "VersionTable",
    "by_age",
    "largest_first",
    "moment_of",
]

_ID: Final = 12
_DAY: Final = 24 * 60 * 60
_EPOCH: Final = date(1970, 1, 1)


class Form(StrEnum):
    """How a version is stored."""

    PLATFORM = "format-1"
    BASE = "format-2-whole"
    DELTA = "format-2-changes"


_FORMS: Final = tuple(Form)
_AGES: Final = (1, 7, 30, 90, 365, None)


@dataclass(frozen=True, slots=True)
class Amount:
    """How many, and how large.

    Attributes:
        bytes: of all together.
        largest: bytes of the largest one.
        largest_id: what that is called; None if there is none.
    """

    count: int = 0
    bytes: int = 0
    largest: int = 0
    largest_id: str | None = None

    @property
    def mean(self) -> int:
        """Bytes of one, on average."""
        return round(self.bytes / self.count) if self.count else 0

    def plus(self, name: str, size: int) -> Amount:
        """With one more."""
        larger = size > self.largest or self.largest_id is None
        return Amount(
            self.count + 1,
            self.bytes + size,
            size if larger else self.largest,
            name if larger else self.largest_id,
        )

    def __add__(self, other: Amount) -> Amount:
        larger = other if other.largest > self.largest else self
        return Amount(self.count + other.count, self.bytes + other.bytes, larger.largest, larger.largest_id)


@dataclass(frozen=True, slots=True)
class CourseStatistics:
    """What belongs to one course or library.

    Attributes:
        deleted: it was deleted, and can be taken back.
        versions: structures in its history: behind its heads, its tags and its kept conflicts.
        shared: those of them that other courses have in theirs too; a re-run and its source do.
        files: bytes as they are read; a database may hold equal ones once.
        oldest, newest: when the first and the last of the versions were made; None if there is none.
    """

    key: str
    deleted: bool = False
    versions: Amount = field(default_factory=Amount)
    shared: Amount = field(default_factory=Amount)
    files: Amount = field(default_factory=Amount)
    oldest: datetime | None = None
    newest: datetime | None = None


@dataclass(frozen=True, slots=True)
class Day:
    """The versions that were made on one day, in UTC, and are still there."""

    day: date
    versions: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Statistics:
    """What is in a database, or belongs to one course.

    Attributes:
        structures: versions, by how they are stored.
        definitions: versions of blocks' content.
        files: of courses, those that were deleted among them.
        records: tags, messages, kept conflicts, and notes of deleted courses.
        entries: courses and libraries in the index.
        courses: those that take most room first.
        no_course: versions that are in no course's history. They may still be needed: other versions may be
            stored on them, or blocks copied from them.
        days: by day.
    """

    structures: Mapping[Form, Amount]
    definitions: Amount
    files: Amount
    records: Amount
    entries: int
    courses: tuple[CourseStatistics, ...]
    no_course: Amount
    days: tuple[Day, ...]

    @property
    def versions(self) -> Amount:
        """All structures."""
        return sum(self.structures.values(), Amount())


def by_age(days: Iterable[Day], today: date) -> list[tuple[int | None, int, int]]:
    """Versions and bytes by age: of those not as old as a number of days (None: any number), that are older
    than those before.
    """
    counts = [(limit, 0, 0) for limit in _AGES]
    for one in days:
        age = (today - one.day).days
        at = next(number for number, limit in enumerate(_AGES) if limit is None or age < limit)
        limit, versions, size = counts[at]
        counts[at] = (limit, versions + one.versions, size + one.bytes)
    return counts


def moment_of(version: VersionId) -> datetime:
    """When an id was made, to the second."""
    return datetime.fromtimestamp(int.from_bytes(version[:4], "big"), UTC)


def largest_first(courses: Iterable[CourseStatistics]) -> tuple[CourseStatistics, ...]:
    """Courses in the order in which they take room."""
    return tuple(
        sorted(courses, key=lambda course: (-course.versions.bytes - course.files.bytes, course.key))
    )


@dataclass(slots=True)
class _Group:
    """The versions that the same courses have."""

    courses: frozenset[str]
    forms: dict[Form, Amount] = field(default_factory=dict)
    days: dict[int, tuple[int, int]] = field(default_factory=dict)
    oldest: VersionId | None = None
    newest: VersionId | None = None

    @property
    def versions(self) -> Amount:
        return sum(self.forms.values(), Amount())


class VersionTable:
    """The versions of a database, in columns: 33 bytes each."""

    def __init__(self) -> None:
        self._ids = bytearray()
        self._previous = bytearray()
        self._sizes = array("I")
        self._forms = bytearray()
        self._owners = array("I")
        self._groups: list[frozenset[str]] = [frozenset()]
        self._numbers: dict[frozenset[str], int] = {frozenset(): 0}

    def __len__(self) -> int:
        return len(self._sizes)

    def add(
        self,
        ids: Iterable[VersionId],
        links: Mapping[VersionId, StructureLinks],
        sizes: Mapping[VersionId, int],
    ) -> None:
        """More versions, in the order of their ids. Those of which something is missing are gone by now."""
        for version in ids:
            link, size = links.get(version), sizes.get(version)
            if link is None or size is None:
                continue
            self._ids += version
            self._previous += link.previous or bytes(_ID)
            self._sizes.append(size)
            form = Form.DELTA if link.bases else Form.PLATFORM if link.schema == 1 else Form.BASE
            self._forms.append(_FORMS.index(form))
            self._owners.append(0)

    def claim(self, version: VersionId, course: str) -> None:
        """A course has this version, and all behind it, in its history."""
        become: dict[int, int] = {}
        at = self._position(version)
        while at is not None:
            owner = self._owners[at]
            if course in self._groups[owner]:
                return
            if owner not in become:
                become[owner] = self._number(self._groups[owner] | {course})
            self._owners[at] = become[owner]
            at = self._position(self._previous[at * _ID : (at + 1) * _ID])

    def of(self, course: str) -> Iterator[VersionId]:
        """The versions in a course's history, in order."""
        for at, owner in enumerate(self._owners):
            if course in self._groups[owner]:
                yield VersionId(bytes(self._ids[at * _ID : (at + 1) * _ID]))

    def statistics(self, courses: Sequence[CourseStatistics], only: str | None = None) -> Statistics:
        """What the versions amount to.

        Args:
            courses: the other figures of each course.
            only: leave out all versions but those of this course.
        """
        groups = [group for group in self._counted() if only is None or only in group.courses]
        days: dict[int, tuple[int, int]] = {}
        for group in groups:
            for day, (count, size) in group.days.items():
                before = days.get(day, (0, 0))
                days[day] = (before[0] + count, before[1] + size)
        forms = {form: _total(group.forms.get(form) for group in groups) for form in _FORMS}
        return Statistics(
            structures={form: amount for form, amount in forms.items() if amount.count},
            definitions=Amount(),
            files=Amount(),
            records=Amount(),
            entries=0,
            courses=largest_first(_with_versions(course, groups) for course in courses),
            no_course=_total(group.versions for group in groups if not group.courses),
            days=tuple(Day(_EPOCH + timedelta(day), *days[day]) for day in sorted(days)),
        )

    def _counted(self) -> list[_Group]:
        groups = [_Group(courses) for courses in self._groups]
        for at, owner in enumerate(self._owners):
            version = VersionId(bytes(self._ids[at * _ID : (at + 1) * _ID]))
            group, form, size = groups[owner], _FORMS[self._forms[at]], self._sizes[at]
            group.forms[form] = group.forms.get(form, Amount()).plus(str(version), size)
            day = int.from_bytes(version[:4], "big") // _DAY
            count, total = group.days.get(day, (0, 0))
            group.days[day] = (count + 1, total + size)
            group.oldest = group.oldest or version
            group.newest = version
        return groups

    def _position(self, version: bytes | bytearray) -> int | None:
        ids, end = self._ids, len(self._sizes)
        at = bisect_left(range(end), bytearray(version), key=lambda one: ids[one * _ID : (one + 1) * _ID])
        return at if at < end and ids[at * _ID : (at + 1) * _ID] == version else None

    def _number(self, courses: frozenset[str]) -> int:
        known = self._numbers.get(courses)
        if known is None:
            known = self._numbers[courses] = len(self._groups)
            self._groups.append(courses)
        return known


def _with_versions(course: CourseStatistics, groups: Iterable[_Group]) -> CourseStatistics:
    own = [group for group in groups if course.key in group.courses]
    oldest = [group.oldest for group in own if group.oldest is not None]
    newest = [group.newest for group in own if group.newest is not None]
    return replace(
        course,
        versions=_total(group.versions for group in own),
        shared=_total(group.versions for group in own if len(group.courses) > 1),
        oldest=moment_of(min(oldest)) if oldest else None,
        newest=moment_of(max(newest)) if newest else None,
    )


def _total(amounts: Iterable[Amount | None]) -> Amount:
    return sum((amount for amount in amounts if amount is not None), Amount())
