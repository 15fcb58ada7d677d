"""The exceptions of the library, grouped by what a handler does about them.

::

    ModuleStoreError             everything below
    ├── InvalidInput             what was sent cannot be used: correct it (also a ValueError)
    │   ├── InvalidKey           a text that is no key, or not of the kind wanted
    │   ├── InvalidAuthor        an author that this database cannot record
    │   ├── InvalidURL           a store URL that names no store
    │   ├── InvalidArchive       an archive that cannot be read, or is dangerous to read
    │   ├── InvalidCourse        content that is no course: a cycle, a missing parent
    │   ├── DocumentTooLarge     a structure or definition over what the database can hold
    │   ├── ReadOnlyStore        a write to a store that was opened for reading
    │   └── ExtraMissing         what is asked for needs an extra that is not installed (also an ImportError)
    ├── NotFound                 what was asked for is not there (also a KeyError)
    │   ├── StoreNotFound        no database at this place
    │   └── CourseNotFound, BranchNotFound, VersionNotFound, BlockNotFound, DefinitionNotFound, AssetNotFound,
    │       NotPublished
    ├── Conflict                 somebody else was first: read again and decide
    │   ├── CourseExists         a course of this name is there already
    │   ├── BlockExists          the version has a block of this type and id already
    │   ├── AssetExists          the course has another file of this name already
    │   ├── HeadMoved            the head of a branch is no longer the one that was read
    │   ├── CommitContention     others kept on committing until the time to merge with them was over
    │   └── EditConflict         somebody else edited the same thing: ask the author
    ├── StorageError             the database did not do what it was asked to
    │   ├── StorageUnavailable   it cannot be reached, or went away: nothing was committed
    │   ├── StorageFull          no room left: nothing was committed
    │   ├── UnknownFormat        a later release wrote it, in a form that this one does not know
    │   └── CommitUnknown        it went away during a commit, and whether that was done cannot be learnt
    ├── CorruptDocument          a stored document that cannot be read
    └── ProblemsFound            the work was refused because of problems that are reported

Each has a stable ``code``, a ``place`` (which key, file and line, or document) and a ``hint`` (what to do
next).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

__all__ = [
    "AssetExists",
    "AssetNotFound",
    "BlockExists",
    "BlockNotFound",
    "BranchNotFound",
    "CommitContention",
    "CommitUnknown",
    "Conflict",
    "CorruptDocument",
    "CourseExists",
    "CourseNotFound",
    "DefinitionNotFound",
    "DocumentTooLarge",
    "EditConflict",
    "ExtraMissing",
    "HeadMoved",
    "InvalidArchive",
    "InvalidAuthor",
    "InvalidCourse",
    "InvalidInput",
    "InvalidKey",
    "InvalidURL",
    "ModuleStoreError",
    "NotFound",
    "NotPublished",
    "ProblemsFound",
    "ReadOnlyStore",
    "StorageError",
    "StorageFull",
    "StorageUnavailable",
    "StoreNotFound",
    "UnknownFormat",
    "VersionNotFound",
]


class ModuleStoreError(Exception):
    """Base of every error of this library.

    Attributes:
        message: one sentence: what is wrong.
        place: where: a key, a file and line, a document; None when the message says it all.
        hint: what to do next; None when there is nothing to say.
    """

    code: ClassVar[str] = "error"

    def __init__(self, message: str, *, place: str | None = None, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.place = place
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.place}: {self.message}" if self.place else self.message

    def __reduce__(self) -> tuple[Any, ...]:
        # Exception's own pickling calls the class with its arguments alone, and would lose the keywords.
        return (_restore, (type(self), self.message, self.__dict__))


def _restore(kind: type[ModuleStoreError], message: str, state: dict[str, Any]) -> ModuleStoreError:
    error = kind.__new__(kind)
    Exception.__init__(error, message)
    error.__dict__.update(state)
    return error


def _elsewhere(conflict_id: str, **how: object) -> None:
    raise InvalidInput("this conflict came from another process", hint="call resolve of a store with its id")


class InvalidInput(ModuleStoreError, ValueError):
    """The caller sent something that cannot be used."""

    code = "invalid"


class InvalidKey(InvalidInput):
    """A text that is not a key, or not of the kind that is wanted here."""

    code = "invalid-key"


class InvalidAuthor(InvalidInput):
    """An author that this database cannot record: the platform's documents hold integers."""

    code = "invalid-author"


class InvalidURL(InvalidInput):
    """A store URL that names no store."""

    code = "invalid-url"


class InvalidArchive(InvalidInput):
    """A course archive that cannot be read, or that is dangerous to read."""

    code = "invalid-archive"


class InvalidCourse(InvalidInput):
    """Content that does not make a course."""

    code = "invalid-course"


class DocumentTooLarge(InvalidInput):
    """A document over what the database can hold; nothing was written.

    Attributes:
        size: bytes of the document.
        limit: bytes that fit.
    """

    code = "too-large"

    def __init__(self, message: str, *, size: int, limit: int, place: str | None = None) -> None:
        super().__init__(
            message, place=place, hint="split the course, or move long texts out of its settings"
        )
        self.size = size
        self.limit = limit


class ReadOnlyStore(InvalidInput):
    """A write to a store that was opened for reading."""

    code = "read-only"


class ExtraMissing(InvalidInput, ImportError):
    """What is asked for needs packages that an extra of the library installs; the hint names it."""

    code = "extra-missing"


class NotFound(ModuleStoreError, KeyError):
    """What was asked for is not there."""

    code = "not-found"


class StoreNotFound(NotFound):
    """There is no database at this place."""

    code = "store-not-found"


class CourseNotFound(NotFound):
    """No course or library has this key."""

    code = "course-not-found"


class BranchNotFound(NotFound):
    """The course has no such branch."""

    code = "branch-not-found"


class VersionNotFound(NotFound):
    """No structure has this id, or it is not a version of this course."""

    code = "version-not-found"


class BlockNotFound(NotFound):
    """The version has no such block."""

    code = "block-not-found"


class DefinitionNotFound(NotFound):
    """A block points to a definition that is not there: the database is damaged."""

    code = "definition-not-found"


class AssetNotFound(NotFound):
    """The course has no such file."""

    code = "asset-not-found"


class NotPublished(NotFound):
    """The published branch does not have the block, or nothing that it could be published under."""

    code = "not-published"


class Conflict(ModuleStoreError):
    """Somebody else was first."""

    code = "conflict"


class CourseExists(Conflict):
    """A course of this key, or of one that differs only by case, is there already."""

    code = "course-exists"


class BlockExists(Conflict):
    """The version has a block of this type and id already."""

    code = "block-exists"


class AssetExists(Conflict):
    """The course has another file of this name already."""

    code = "asset-exists"


class HeadMoved(Conflict):
    """The head of a branch is no longer the one that was read; nothing was written."""

    code = "head-moved"


class CommitContention(Conflict):
    """Others kept on committing until the time for merging with them was over; nothing was written."""

    code = "contention"


class EditConflict(Conflict):
    """Somebody else edited the same thing since. Both versions are kept; the author decides.

    Attributes:
        conflict: what is kept of it: its id, the versions, the authors, and the items to decide. The same as
            ``store.conflict(id)`` reads, in another process too.
    """

    code = "edit-conflict"

    def __init__(self, message: str, *, conflict: Any, resolve: Any, place: str | None = None) -> None:
        hint = f"decide with `modulestore conflicts resolve {conflict.id}`, or merge(), overwrite(), abort()"
        super().__init__(message, place=place, hint=hint)
        self.conflict = conflict
        self._resolve = resolve

    def __reduce__(self) -> tuple[Any, ...]:
        # The store does not travel to another process: there, its own store's `resolve` is what to call.
        return (_restore, (type(self), self.message, {**self.__dict__, "_resolve": _elsewhere}))

    def merge(self, choices: Mapping[str, str]) -> Any:
        """Commit the edit with ``choices``: "mine" or "theirs" by id of an item. As ``store.resolve`` does.

        Of an asynchronous store: to be awaited.
        """
        return self._resolve(self.conflict.id, choices=choices)

    def overwrite(self) -> Any:
        """Commit the edit, mine winning in every item; all else is merged."""
        return self._resolve(self.conflict.id, overwrite=True)

    def abort(self) -> Any:
        """Give the edit up."""
        return self._resolve(self.conflict.id, abort=True)


class StorageError(ModuleStoreError):
    """The database did not do what it was asked to."""

    code = "storage"


class StorageUnavailable(StorageError):
    """The database cannot be reached, or went away; nothing was committed."""

    code = "unavailable"


class StorageFull(StorageError):
    """The database has no room left; nothing was committed."""

    code = "full"


class UnknownFormat(StorageError):
    """A later release wrote this, in a form that this release does not know. It is no damage."""

    code = "unknown-format"

    def __init__(self, message: str, *, place: str | None = None) -> None:
        super().__init__(message, place=place, hint="upgrade modulestore")


class CommitUnknown(StorageError):
    """The database went away during a commit, and whether it was done cannot be learnt."""

    code = "commit-unknown"


class CorruptDocument(ModuleStoreError):
    """A stored document that cannot be read."""

    code = "corrupt"


class ProblemsFound(ModuleStoreError):
    """The work was refused, or ended, because of problems in the data.

    Attributes:
        problems: all of them, in the order found; values of the part that found them.
    """

    code = "problems"

    def __init__(
        self, message: str, *, problems: Sequence[object], place: str | None = None, hint: str | None = None
    ) -> None:
        super().__init__(message, place=place, hint=hint)
        self.problems = tuple(problems)
