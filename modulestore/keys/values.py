"""The keys as values: what they are made of, what is derived from them, and how they are written.

They are tuples underneath, since a course open makes thousands: making, hashing and comparing one costs a
fraction of a microsecond. But a key equals only a key of its own kind, with the same parts. Courses and
libraries are checked when they are made. Blocks and files are not, for they come in thousands from stored
documents that must stay readable: who adds one checks its name (`is_block_id`, `asset_name`).

Source of the text forms: Open edX split modulestore, key grammar.
"""

from __future__ import annotations

import re
from typing import ClassVar, NamedTuple, Self

from modulestore.errors import InvalidKey
from modulestore.keys.text import FILE_NAME, NAME, OLD_NAME, shown
from modulestore.keys.version import VersionId

__all__ = ["AssetKey", "BlockKey", "ContextKey", "CourseKey", "DefinitionKey", "LibraryKey", "UsageKey"]

_is_name = re.compile(NAME).fullmatch
_is_old_name = re.compile(OLD_NAME).fullmatch
_is_old_branch = re.compile(FILE_NAME).fullmatch


class BlockKey(NamedTuple):
    """A block's identity inside a structure."""

    type: str
    id: str


class DefinitionKey(NamedTuple):
    """One version of one block's content: ``def-v1:<24 hex>+type@T``."""

    version: VersionId
    type: str

    def __str__(self) -> str:
        return f"def-v1:{self.version}+type@{self.type}"


class _Key:
    """Equality of the keys that are tuples underneath: with nothing but their own kind."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and super().__eq__(other)

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = tuple.__hash__  # to define __eq__ alone would drop it


class _ContextFields(NamedTuple):
    org: str | None
    course: str | None
    run: str | None
    branch: str | None
    version: VersionId | None
    deprecated: bool


class ContextKey(_Key, _ContextFields):
    """A course or a library: what `CourseKey` and `LibraryKey` have in common. Never made itself.

    They sort by their parts, absent ones first, and all courses before all libraries.

    Attributes:
        org, course, run: the names; None in a key that names a version only. A library's ``course`` is its
            own name, its ``run`` is always ``library``.
        branch: the stored name of a branch (``draft-branch``, ``published-branch``, ``library``), or None.
        version: the structure that is meant, or None for the head of the branch.
        deprecated: whether the key is written in the old style.
    """

    __slots__ = ()

    _prefix: ClassVar[str]
    _usage_prefix: ClassVar[str]

    @property
    def identity(self) -> tuple[str, str, str]:
        """Organisation, course and run: what a store finds the context by.

        Raises:
            InvalidKey: the key names a version only, or comes from an old-style block key, which has no run.
        """
        if self.org is None or self.course is None or self.run is None:
            raise InvalidKey(f"{shown(str(self))} does not say which course it belongs to")
        return self.org, self.course, self.run

    @property
    def bare(self) -> Self:
        """The key without branch and version.

        Raises:
            InvalidKey: the key names a version only: nothing would be left.
        """
        return self._at(None, None)

    def for_branch(self, branch: str | None) -> Self:
        """The key on this branch, or on none; without the version, which belonged to the branch before.

        Raises:
            InvalidKey: a branch cannot be called so, or the key names a version only.
        """
        return self._at(branch, None)

    def for_version(self, version: VersionId | None) -> Self:
        """The key at this version, or at none, on the branch that it has.

        Raises:
            InvalidKey: the key names a version only, and would name nothing.
        """
        return self._at(self.branch, version)

    def usage(self, block_type: str, block_id: str) -> UsageKey:
        """The key of a block in this course or library. Its parts are not checked."""
        return UsageKey(self, block_type, block_id)

    def asset(self, name: str) -> AssetKey:
        """The key of a file of this course or library. The name is not checked."""
        return AssetKey(self, name)

    @property
    def _body(self) -> str:
        # What stands between the prefix and the block in the keys of today.
        parts = [name for name in self._names if name is not None]
        if self.branch is not None:
            parts.append(f"branch@{self.branch}")
        if self.version is not None:
            parts.append(f"version@{self.version}")
        return "+".join(parts)

    def __str__(self) -> str:
        return f"{self._prefix}:{self._body}"

    def __lt__(self, other: object) -> bool:
        return self._order < other._order if isinstance(other, ContextKey) else NotImplemented

    def __le__(self, other: object) -> bool:
        return self._order <= other._order if isinstance(other, ContextKey) else NotImplemented

    def __gt__(self, other: object) -> bool:
        return self._order > other._order if isinstance(other, ContextKey) else NotImplemented

    def __ge__(self, other: object) -> bool:
        return self._order >= other._order if isinstance(other, ContextKey) else NotImplemented

    @property
    def _order(self) -> tuple[object, ...]:
        # No part of a key is empty: an empty one can stand for an absent one, and sorts before all others.
        org, course, run, branch, version, deprecated = self
        return self._prefix, org or "", course or "", run or "", branch or "", version or b"", deprecated

    @property
    def _names(self) -> tuple[str | None, ...]:
        raise NotImplementedError

    def _at(self, branch: str | None, version: VersionId | None) -> Self:
        raise NotImplementedError


class CourseKey(ContextKey):
    """A course: ``course-v1:Org+Course+Run``, optionally ``+branch@B`` and ``+version@<24 hex>``.

    ``course-v1:version@<24 hex>`` names a version only: organisation, course and run are None.
    ``Org/Course/Run`` is the old style, written without branch and version. The course of an old-style block
    or file has no run, and is written without; `UsageKey.map_into` gives the block to its course.

    Raises:
        InvalidKey: a name has characters that keys cannot hold, or a part that is needed is None.
    """

    __slots__ = ()

    _prefix = "course-v1"
    _usage_prefix = "block-v1"

    def __new__(
        cls,
        org: str | None,
        course: str | None,
        run: str | None,
        branch: str | None = None,
        version: VersionId | None = None,
        deprecated: bool = False,
    ) -> Self:
        if deprecated:
            _check_old((org, course) if run is None else (org, course, run), branch)
        else:
            _check((org, course, run), branch, version)
        return super().__new__(cls, org, course, run, branch, version, deprecated)

    def __str__(self) -> str:
        if self.deprecated:
            return "/".join(name for name in self._names if name is not None)
        return super().__str__()

    @property
    def _names(self) -> tuple[str | None, ...]:
        return self.org, self.course, self.run

    def _at(self, branch: str | None, version: VersionId | None) -> Self:
        return type(self)(self.org, self.course, self.run, branch, version, self.deprecated)


class LibraryKey(ContextKey):
    """A library: ``library-v1:Org+Library``, optionally ``+branch@B`` and ``+version@<24 hex>``.

    ``library-v1:version@<24 hex>`` names a version only: organisation and library are None.

    Raises:
        InvalidKey: a name has characters that keys cannot hold, or a part that is needed is None.
    """

    __slots__ = ()

    _prefix = "library-v1"
    _usage_prefix = "lib-block-v1"

    def __new__(
        cls,
        org: str | None,
        library: str | None,
        branch: str | None = None,
        version: VersionId | None = None,
    ) -> Self:
        _check((org, library), branch, version)
        return super().__new__(cls, org, library, "library", branch, version, False)

    @property
    def library(self) -> str | None:
        """The library's name: the same as ``course``."""
        return self.course

    def __getnewargs__(self) -> tuple[str | None, str | None, str | None, VersionId | None]:
        return self.org, self.course, self.branch, self.version  # copies and pickles call __new__ with these

    @property
    def _names(self) -> tuple[str | None, ...]:
        return self.org, self.course

    def _at(self, branch: str | None, version: VersionId | None) -> Self:
        return type(self)(self.org, self.course, branch, version)


class _UsageFields(NamedTuple):
    course: ContextKey
    type: str
    id: str


class UsageKey(_Key, _UsageFields):
    """A block in a course or library: ``block-v1:…+type@T+block@I``, ``lib-block-v1:…`` or ``i4x://Org/Course/T/I``.

    The old style does not say the run, and writes the branch as ``@revision``. The parts are not checked.
    """

    __slots__ = ()

    @property
    def block_key(self) -> BlockKey:
        """What identifies the block inside a structure."""
        return BlockKey(self.type, self.id)

    def map_into(self, course: ContextKey) -> UsageKey:
        """The block of the same type and id in this course or library."""
        return UsageKey(course, self.type, self.id)

    def __str__(self) -> str:
        course = self.course
        if course.deprecated:
            return f"i4x://{_old_path(course, self.type, self.id)}"
        return f"{course._usage_prefix}:{course._body}+type@{self.type}+block@{self.id}"


class _AssetFields(NamedTuple):
    course: ContextKey
    name: str
    type: str = "asset"


class AssetKey(_Key, _AssetFields):
    """A file of a course or library: ``asset-v1:…+type@asset+block@name`` or ``/c4x/Org/Course/asset/name``.

    The type is ``asset`` or ``thumbnail``. A library's file has two names where a course's has three. The old
    style does not say the run, and writes the branch as ``@revision``. The parts are not checked.
    """

    __slots__ = ()

    def map_into(self, course: ContextKey) -> AssetKey:
        """The file of the same type and name in this course or library."""
        return AssetKey(course, self.name, self.type)

    def __str__(self) -> str:
        course = self.course
        if course.deprecated:
            return f"/c4x/{_old_path(course, self.type, self.name)}"
        return f"asset-v1:{course._body}+type@{self.type}+block@{self.name}"


def _old_path(course: ContextKey, type_: str, name: str) -> str:
    revision = "" if course.branch is None else f"@{course.branch}"
    return f"{course.org}/{course.course}/{type_}/{name}{revision}"


def _check(names: tuple[str | None, ...], branch: str | None, version: VersionId | None) -> None:
    if names.count(None) == len(names):
        if version is None or branch is not None:
            raise InvalidKey("a key without names needs a version, and cannot have a branch")
        return
    for name in names:
        if name is None or not _is_name(name):
            raise _bad_name(name, "- _ ~ . :")
    if branch is not None and not _is_name(branch):
        raise _bad_name(branch, "- _ ~ . :")


def _check_old(names: tuple[str | None, ...], branch: str | None) -> None:
    for name in names:
        if name is None or not _is_old_name(name):
            raise _bad_name(name, "- _ . %")
    if branch is not None and not _is_old_branch(branch):
        raise _bad_name(branch, "- _ ~ . : %")


def _bad_name(name: str | None, signs: str) -> InvalidKey:
    text = "None" if name is None else shown(name)
    return InvalidKey(f"{text} cannot be a name in a key: expected letters, digits and {signs}")
