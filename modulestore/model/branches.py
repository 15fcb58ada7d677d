"""The names of branches: ours, and the ones they are stored under.

Here and in the command a branch is ``draft``, ``published`` or ``library``; stored, and in keys, it has the
platform's name.
"""

from __future__ import annotations

from collections.abc import Mapping

from modulestore.errors import InvalidInput
from modulestore.keys import ContextKey, LibraryKey

__all__ = [
    "DIRECT_ONLY",
    "DRAFT",
    "LIBRARY",
    "PUBLISHED",
    "STORED_NAMES",
    "branch_name",
    "reading_branches",
    "stored_name",
]

DRAFT = "draft"
PUBLISHED = "published"
LIBRARY = "library"

STORED_NAMES: Mapping[str, str] = {DRAFT: "draft-branch", PUBLISHED: "published-branch", LIBRARY: "library"}
DIRECT_ONLY = frozenset({"course", "chapter", "sequential", "about", "static_tab", "course_info"})
"""Types of blocks that are published as soon as they are saved: they have no drafts."""

_OUR_NAMES: Mapping[str, str] = {stored: ours for ours, stored in STORED_NAMES.items()}


def stored_name(branch: str) -> str:
    """The name that ``branch`` is stored under; a name we do not know is its own."""
    return STORED_NAMES.get(branch, branch)


def branch_name(name: str) -> str:
    """Our name of the branch that is stored as ``name``; a name we do not know is its own."""
    return _OUR_NAMES.get(name, name)


def reading_branches(key: ContextKey, branch: str | None) -> tuple[str, ...]:
    """Which branches to look for, in this order, when ``branch`` of ``key`` is read.

    Without a wish: the published branch of a course, or its draft if it was never published; the one branch
    of a library.

    Raises:
        InvalidInput: there is no branch of this name.
    """
    wish = branch if branch is not None else key.branch
    if wish is not None:
        ours = branch_name(wish)
        if ours not in STORED_NAMES:
            names = ", ".join(STORED_NAMES)
            raise InvalidInput(f"there is no branch {wish!r}", place=str(key), hint=f"branches are {names}")
        return (ours,)
    return (LIBRARY,) if isinstance(key, LibraryKey) else (PUBLISHED, DRAFT)
