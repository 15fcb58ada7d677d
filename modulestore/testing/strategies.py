"""Hypothesis strategies for keys, for the tests of this library and of storage backends.

What they make is what a text can say: parsing the text of such a key gives the key back. They need
``hypothesis``, which the library itself does not.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from modulestore.keys import (
    AssetKey,
    BlockKey,
    ContextKey,
    CourseKey,
    DefinitionKey,
    LibraryKey,
    UsageKey,
    VersionId,
)

__all__ = [
    "asset_keys",
    "block_keys",
    "context_keys",
    "course_keys",
    "definition_keys",
    "file_names",
    "library_keys",
    "names",
    "old_names",
    "usage_keys",
    "version_ids",
]

T = TypeVar("T")


def _text(signs: str) -> SearchStrategy[str]:
    # Letters and numbers of every script, as the regular expressions' \w has them.
    letters = st.characters(categories=("L", "N"), include_characters="_" + signs)
    return st.text(letters, min_size=1, max_size=12)


def names() -> SearchStrategy[str]:
    """Organisations, courses, runs, branches, block types and block ids."""
    return _text("-~.:")


def old_names() -> SearchStrategy[str]:
    """Organisations, courses and runs of old-style keys."""
    return _text("-.%")


def file_names() -> SearchStrategy[str]:
    """Names of files; block types, block ids and revisions of old-style keys."""
    return _text("-~.:%")


def version_ids() -> SearchStrategy[VersionId]:
    """Ids of structures and definitions."""
    return st.binary(min_size=12, max_size=12).map(VersionId)


def course_keys() -> SearchStrategy[CourseKey]:
    """Courses: with and without branch and version, of a version only, and in the old style."""
    return st.one_of(
        _each(CourseKey, names(), names(), names(), _maybe(names()), _maybe(version_ids())),
        version_ids().map(lambda version: CourseKey(None, None, None, version=version)),
        st.tuples(old_names(), old_names(), old_names()).map(
            lambda parts: CourseKey(*parts, deprecated=True)
        ),
    )


def library_keys() -> SearchStrategy[LibraryKey]:
    """Libraries: with and without branch and version, and of a version only."""
    return st.one_of(
        _each(LibraryKey, names(), names(), _maybe(names()), _maybe(version_ids())),
        version_ids().map(lambda version: LibraryKey(None, None, version=version)),
    )


def context_keys() -> SearchStrategy[ContextKey]:
    """Courses and libraries."""
    return st.one_of(course_keys(), library_keys())


def block_keys() -> SearchStrategy[BlockKey]:
    """Blocks inside a structure."""
    return _each(BlockKey, names(), names())


def usage_keys() -> SearchStrategy[UsageKey]:
    """Blocks in courses and libraries, and in the old style."""
    return st.one_of(
        _each(UsageKey, context_keys().filter(_is_of_today), names(), names()),
        _each(UsageKey, _old_contexts(), file_names(), file_names()),
    )


def asset_keys() -> SearchStrategy[AssetKey]:
    """Files of courses and libraries, and in the old style."""
    # The key of a library's file that names a version only cannot be told from a course's.
    libraries = library_keys().filter(lambda library: library.org is not None)
    contexts = st.one_of(course_keys().filter(_is_of_today), libraries)
    return st.one_of(
        _each(AssetKey, contexts, file_names(), names()),
        _each(AssetKey, _old_contexts(), file_names(), file_names()),
    )


def definition_keys() -> SearchStrategy[DefinitionKey]:
    """Versions of blocks' contents."""
    return _each(DefinitionKey, version_ids(), names())


def _old_contexts() -> SearchStrategy[CourseKey]:
    parts = st.tuples(old_names(), old_names(), st.none(), _maybe(file_names()))
    return parts.map(lambda parts: CourseKey(*parts, deprecated=True))


def _is_of_today(key: ContextKey) -> bool:
    return not key.deprecated


def _maybe(strategy: SearchStrategy[T]) -> SearchStrategy[T | None]:
    return st.none() | strategy


def _each(kind: Callable[..., T], *parts: SearchStrategy[Any]) -> SearchStrategy[T]:
    # st.builds would take the fields of the tuple underneath for the arguments of the class.
    return st.tuples(*parts).map(lambda values: kind(*values))
