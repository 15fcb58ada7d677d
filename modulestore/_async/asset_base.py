"""What the parts of `AsyncAssets` share."""

from __future__ import annotations

from modulestore._async.guarding import Guard
from modulestore._async.ports import Backend, Files
from modulestore._async.reading import Reader, find_entry
from modulestore.errors import AssetNotFound
from modulestore.keys import AssetKey, ContextKey, as_course_key
from modulestore.model.files import CourseFile

__all__ = ["AssetsBase", "asset_not_found", "find_file"]

_NOBODY = -1  # files have no author; a platform's database takes integers only


class AssetsBase:
    """A backend, and what has to be known before its files are written."""

    def __init__(self, backend: Backend, reader: Reader, guard: Guard) -> None:
        self._backend = backend
        self._files = backend.files
        self._reader = reader
        self._guard = guard

    async def _prepare(self) -> None:
        """Make sure that the database may be written to. One round trip for the first write; of a platform's
        database, for each.
        """
        await self._guard.schema(self._backend, _NOBODY)

    async def _course(self, course: object) -> ContextKey:
        """The key of a course that there is, as it was given: the index does not say whether a key is written
        in the old style, the keys of files do. One round trip.
        """
        key = as_course_key(course).bare
        await find_entry(self._backend, key)
        return key


async def find_file(files: Files, key: AssetKey) -> CourseFile:
    """Metadata of a file. One round trip.

    Raises:
        AssetNotFound: there is none.
    """
    file = await files.get(key)
    if file is None:
        raise asset_not_found(key)
    return file


def asset_not_found(key: AssetKey) -> AssetNotFound:
    """The error that says that there is no such file."""
    return AssetNotFound(
        "there is no such file", place=str(key), hint="`modulestore assets list` lists those of a course"
    )
