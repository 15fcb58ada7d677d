"""Which version is meant: from a key, a branch, an id or a moment to the version that is to be read."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from modulestore._async.ports import Backend
from modulestore._async.reading import Reader, find_head, head_as_of
from modulestore.errors import InvalidInput
from modulestore.keys import ContextKey, CourseKey, VersionId, as_course_key

__all__ = ["Wanted", "find_wanted"]


class Wanted(NamedTuple):
    """A version, and under which key and branch it is shown; ``branch`` is None if its id was given."""

    key: ContextKey
    branch: str | None
    version: VersionId


async def find_wanted(
    backend: Backend,
    reader: Reader,
    key: object,
    *,
    branch: str | None,
    version: VersionId | str | None,
    as_of: datetime | None,
    staleness: float = 0.0,
) -> Wanted:
    """The version that is meant; arguments as those of `AsyncStore.open`.

    Cost: the index; nothing with ``version``, or if ``staleness`` allows it; with ``as_of`` two more round
    trips, and one more for every thousand versions.

    Raises:
        InvalidKey, CourseNotFound, BranchNotFound, VersionNotFound: there is no such thing.
    """
    course_key = as_course_key(key)
    wanted = VersionId.parse(version) if isinstance(version, str) else version or course_key.version
    if wanted is not None:
        if as_of is not None:
            raise InvalidInput("give a version or a moment, not both", place=str(course_key))
        # A key that names nothing but a version has no names to show; it is shown as it is.
        return Wanted(course_key if course_key.org is None else course_key.bare, None, wanted)
    entry = await reader.entry(course_key, staleness)
    name, head = find_head(entry, course_key, branch)
    if as_of is not None:
        if as_of.tzinfo is None:
            raise InvalidInput("as_of needs a time zone", place=str(course_key))
        head = await head_as_of(backend, head, as_of)
    return Wanted(_in_style_of(course_key, entry.key), name, head)


def _in_style_of(asked: ContextKey, stored: ContextKey) -> ContextKey:
    """The key of a course as the caller writes keys: the index does not say in which style it is written, and
    links, enrolments and files of old courses hold old-style keys.
    """
    if asked.deprecated and isinstance(stored, CourseKey):
        return CourseKey(stored.org, stored.course, stored.run, deprecated=True)
    return stored
