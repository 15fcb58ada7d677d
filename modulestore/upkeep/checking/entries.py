"""What must be true of index entries, by themselves and together, and beside a platform's SQL index."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from modulestore.keys import LibraryKey, VersionId
from modulestore.model.branches import DRAFT, LIBRARY, PUBLISHED
from modulestore.model.index import FaultyEntry, IndexEntry
from modulestore.upkeep.checking.problems import Kind, Problem, Severity

__all__ = ["entry_problems", "faulty_problems", "sql_problems"]


def faulty_problems(faulty: Iterable[FaultyEntry]) -> Iterator[Problem]:
    """Entries that cannot be read, or are found under other names."""
    for entry in faulty:
        message = f"{entry.message}: correct it in the database"
        yield Problem(Severity.ERROR, entry.place, message, None, Kind.ENTRY_FAULTY)


def entry_problems(entries: Sequence[IndexEntry]) -> Iterator[Problem]:
    """What is wrong with entries, one by one and beside each other."""
    same: dict[tuple[str, ...], list[IndexEntry]] = {}
    alike: dict[tuple[str, ...], set[str]] = {}
    for entry in entries:
        same.setdefault(entry.key.identity, []).append(entry)
        folded = tuple(name.casefold() for name in entry.key.identity)
        alike.setdefault(folded, set()).add(str(entry.key))
        yield from _branch_problems(entry)
    for twins in same.values():
        if len(twins) > 1:
            ids = ", ".join(str(entry.id) for entry in twins)
            message = f"it has {len(twins)} index entries ({ids}): remove all but one in the database"
            yield Problem(Severity.ERROR, str(twins[0].key), message, None, Kind.ENTRY_TWICE)
    for keys in alike.values():
        if len(keys) > 1:
            first, *others = sorted(keys)
            message = f"{', '.join(others)} differs by case only: delete one of them"
            yield Problem(Severity.WARNING, first, message, None, Kind.KEYS_DIFFER_BY_CASE)


def _branch_problems(entry: IndexEntry) -> Iterator[Problem]:
    known = {LIBRARY} if isinstance(entry.key, LibraryKey) else {DRAFT, PUBLISHED}
    what = "library" if isinstance(entry.key, LibraryKey) else "course"
    for branch in sorted(entry.heads.keys() - known):
        message = f"a {what} has no branch {branch!r}: nobody reads it"
        yield Problem(Severity.WARNING, str(entry.key), message, None, Kind.UNKNOWN_BRANCH)


def sql_problems(
    entries: Iterable[IndexEntry], heads: Mapping[str, Mapping[str, VersionId]]
) -> Iterator[Problem]:
    """Where a platform's SQL index says something else than this one."""
    here = {str(entry.key): entry.heads for entry in entries}
    for course in sorted(here.keys() | heads.keys()):
        if course not in heads:
            message = "the SQL index does not have it: a platform does not show it"
            yield Problem(Severity.WARNING, course, message, None, Kind.SQL_DIFFERS)
            continue
        if course not in here:
            message = "only the SQL index has it: a platform shows it, and others do not"
            yield Problem(Severity.WARNING, course, message, None, Kind.SQL_DIFFERS)
            continue
        ours, theirs = here[course], heads[course]
        for branch in sorted(ours.keys() | theirs.keys()):
            if ours.get(branch) != theirs.get(branch):
                message = (
                    f"its head is {ours.get(branch) or 'nothing'} here, and {theirs.get(branch) or 'nothing'}"
                    " in the SQL index: decide which is right, and set the other"
                )
                yield Problem(Severity.WARNING, f"{course}, {branch}", message, None, Kind.SQL_DIFFERS)
