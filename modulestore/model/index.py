"""An index entry: which structure each branch of a course points to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from modulestore.keys import ContextKey, VersionId
from modulestore.model.values import Author

__all__ = ["FaultyEntry", "IndexEntry", "Moved", "SwapResult", "Swapped"]


@dataclass(frozen=True, slots=True)
class IndexEntry:
    """The ``active_versions`` document of a course or library.

    Attributes:
        id: identity of the entry; a course that is deleted and made again gets another.
        key: of the course or library, without branch and version.
        heads: structure id by branch, under our names of branches.
        edited_by, edited_on: who made the entry, and when.
        last_update: time of the last change of the entry; None in very old documents.
        search_targets: values that courses are found by; only ``wiki_slug`` is known.
    """

    id: VersionId
    key: ContextKey
    heads: Mapping[str, VersionId]
    edited_by: Author
    edited_on: datetime
    last_update: datetime | None
    search_targets: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Swapped:
    """The heads were as expected, and are now the new ones; ``entry`` is the entry as it stands."""

    entry: IndexEntry


@dataclass(frozen=True, slots=True)
class Moved:
    """Some head was not as expected, and nothing was written; ``entry`` is what is there, None if the entry
    is gone.
    """

    entry: IndexEntry | None


SwapResult = Swapped | Moved


@dataclass(frozen=True, slots=True)
class FaultyEntry:
    """A stored index entry that cannot be read, or that is found under other names than it has.

    Attributes:
        place: the names that it is stored under, or its id where it has none.
        message: what is wrong.
    """

    place: str
    message: str
