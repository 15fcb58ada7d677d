"""The files of courses, as a store has them.

What is listed and in which order is decided in ``model.file_listing``, what becomes of links in
``model.static_links``, what counts as used in ``model.file_use``. Where the bytes lie, and what is remembered
of files that were replaced, is up to the layout of the database: see docs/assets.md.
"""

from __future__ import annotations

from modulestore._async.asset_courses import AssetCourses
from modulestore._async.asset_files import AssetFiles
from modulestore._async.asset_use import AssetUse
from modulestore._async.store_base import StoreBase

__all__ = ["AssetStore", "AsyncAssets"]


class AsyncAssets(AssetFiles, AssetCourses, AssetUse):
    """The files of all courses and libraries of a store: ``store.assets``.

    A course is named by its key, and a file by its own, or anything whose text is one:
    ``course_key.asset(name)``. Methods that write raise `ReadOnlyStore` where a database is not to be written
    to; all of them `StorageUnavailable` where it fails.
    """


class AssetStore(StoreBase):
    """The part of the store that has files."""

    @property
    def assets(self) -> AsyncAssets:
        """The files of its courses."""
        return AsyncAssets(self._backend, self._reader, self._guard)
