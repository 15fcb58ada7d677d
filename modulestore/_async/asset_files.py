"""What `AsyncAssets` does with one file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from modulestore._async.asset_base import AssetsBase, asset_not_found, find_file
from modulestore._async.asset_sources import Source
from modulestore._async.asset_uploads import Uploader
from modulestore._async.opened_files import OpenFile, open_file
from modulestore._async.ports import Files
from modulestore.errors import AssetExists, AssetNotFound
from modulestore.keys import AssetKey, as_asset_key
from modulestore.model.files import CourseFile, FileVersion, Upload, thumbnail_key
from modulestore.model.thumbnails import Thumbnail
from modulestore.model.uploads import Description, checked_display_name
from modulestore.olx.statics import content_type as guessed_type

__all__ = ["AssetFiles"]


class AssetFiles(AssetsBase):
    """What can be done with one file."""

    async def put(
        self,
        course: object,
        name: str,
        source: Source,
        *,
        content_type: str | None = None,
        display_name: str | None = None,
        locked: bool | None = None,
        import_path: str | None = None,
        thumbnail: Thumbnail | None = None,
    ) -> Upload:
        """Store a file. One of the same name is replaced, and becomes history where the layout has one.

        Args:
            name: what the file is called, or its path: ``images/pic (1).png`` is kept as
                ``images_pic__1_.png``.
            source: its bytes, however many: what does not fit into a few MB of memory goes through a
                temporary file.
            content_type: MIME type; None for what the name says.
            display_name, locked, import_path: None for those of the file that is replaced; of a new one, for
                the last part of the path, not locked, and the path if it has folders.
            thumbnail: what the thumbnail is to be like if the file is a picture; None for no thumbnail. If
                none can be made of the picture, the file is stored, and the result says why.

        Cost: the index, the file that is replaced, and the upload; with a thumbnail two uploads.

        Raises:
            CourseNotFound: there is no such course.
            InvalidInput: the name, the type or the path cannot be, the source cannot be read, or a thumbnail
                is wanted and Pillow is not installed.
            Conflict: others kept replacing the file. Not in the layout *content*.
        """
        kind = guessed_type(name) if content_type is None else content_type
        description = Description(name, kind, display_name, locked, import_path)
        uploader = Uploader(description, thumbnail)
        key = await self._course(course)
        await self._prepare()
        return await uploader.upload(self._backend, key, source)

    async def get(self, key: object) -> CourseFile | None:
        """Metadata of a file; None if there is none. One round trip."""
        return await self._files.get(as_asset_key(key))

    async def stat(self, key: object) -> CourseFile:
        """Metadata of a file. One round trip.

        Raises:
            AssetNotFound: there is none.
        """
        return await find_file(self._files, as_asset_key(key))

    async def object_name(self, file: CourseFile) -> str | None:
        """What the bytes of a file are called below the place of the store's objects (see `connect`); None if
        they are not there. One round trip.
        """
        return await self._files.object_name(file)

    async def signed_url(self, file: CourseFile, seconds: int, headers: Mapping[str, str]) -> str | None:
        """A URL by which anybody can get the bytes of a file from an object storage for so long; None if they
        are in none, or in one that makes no such URLs. One round trip.

        Args:
            headers: what the answer should have: S3 does ``Content-Type``, ``Content-Disposition`` and
                ``Cache-Control``, others nothing.

        Raises:
            StorageError: there are no credentials to sign with.
        """
        return await self._files.signed_url(file, seconds, headers)

    async def open(self, key: object) -> OpenFile:
        """A file to be read: see `OpenFile`. One round trip now, and one or two for each MiB that is read.

        Raises:
            AssetNotFound: there is none. While it is read: as `fetch`.
        """
        return open_file(self._files, await self.stat(key))

    async def fetch(self, file: CourseFile, start: int, stop: int) -> bytes:
        """The bytes from ``start`` to ``stop`` of exactly this file, as `get` or `list` gave it, all at once.
        Nothing is held between two calls. One round trip, in the platform's layout two.

        Raises:
            AssetNotFound: it is gone, and its bytes with it.
            Conflict: another file has its name, and its bytes are gone.
            CorruptDocument: some of its bytes are missing.
        """
        return await self._files.fetch(file, start, stop)

    async def lock(self, key: object) -> CourseFile:
        """Let enrolled learners and staff alone have a file, and its thumbnail; the file as it is now. Cost
        and errors as `rename`; with a thumbnail two round trips more.
        """
        return await self._lock(key, locked=True)

    async def unlock(self, key: object) -> CourseFile:
        """Let everybody have a file, and its thumbnail; the file as it is now. Cost and errors as `lock`."""
        return await self._lock(key, locked=False)

    async def rename(self, key: object, display_name: str) -> CourseFile:
        """Give a file another display name; the file as it is now. Its own name stays: links go by it. Two
        round trips.

        Raises:
            AssetNotFound: there is no such file.
            InvalidInput: nobody could read the name.
        """
        checked = checked_display_name(display_name)
        await self._prepare()
        async with self._backend.group() as group:
            file = await find_file(group.files, as_asset_key(key))
            return await _updated(group.files, file, replace(file, display_name=checked))

    async def delete(self, key: object) -> CourseFile:
        """Put a file into the trash, with its thumbnail; what was deleted. Two round trips, with a thumbnail
        three.

        Raises:
            AssetNotFound: there is no such file.
        """
        await self._prepare()
        async with self._backend.group() as group:
            file = await find_file(group.files, as_asset_key(key))
            if (thumbnail := thumbnail_key(file)) is not None:
                await group.files.discard(thumbnail)  # first: see `_restore_thumbnail`
            if not await group.files.discard(file.key):
                raise asset_not_found(file.key)
        return file

    async def history(self, key: object) -> Sequence[FileVersion]:
        """What a name has stood for, the newest first; in the layout *platform* the last alone. One round
        trip.

        Raises:
            AssetNotFound: nothing is known of it.
        """
        asset_key = as_asset_key(key)
        versions = await self._files.history(asset_key)
        if not versions:
            raise asset_not_found(asset_key)
        return versions

    async def restore(self, what: object) -> CourseFile:
        """Let a name stand again for what it stood for, with its thumbnail; the file as it is now. If a
        locked file has the name, it stays locked.

        Args:
            what: one of those that `trash` and `history` give, or the key of a file that is in the trash.

        Cost: two round trips; with a key, and with a thumbnail, one or two more.

        Raises:
            AssetNotFound: nothing is known of it, or its bytes are gone.
            AssetExists: a key was given, and there is a file of this name.
        """
        await self._prepare()
        async with self._backend.group() as group:
            version = what
            if not isinstance(version, FileVersion):
                version = await _last_of(group.files, as_asset_key(what))
            there = await group.files.get(version.file.key)
            await _restore_thumbnail(group.files, version.file)
            restored = await group.files.restore(version)
            if restored is None:
                raise AssetNotFound("the bytes of this file are gone", place=str(version.file.key))
            if there is not None and there.locked and not restored.locked:
                restored = await _set_lock(group.files, restored, locked=True)
        return restored

    async def _lock(self, key: object, *, locked: bool) -> CourseFile:
        await self._prepare()
        async with self._backend.group() as group:
            file = await find_file(group.files, as_asset_key(key))
            return await _set_lock(group.files, file, locked=locked)


async def _set_lock(files: Files, file: CourseFile, *, locked: bool) -> CourseFile:
    """Lock a file and its thumbnail, or unlock both."""
    thumbnail = thumbnail_key(file)
    shown = None if thumbnail is None else await files.get(thumbnail)
    if shown is not None:
        await files.update(shown, replace(shown, locked=locked))
    return await _updated(files, file, replace(file, locked=locked))


async def _updated(files: Files, was: CourseFile, file: CourseFile) -> CourseFile:
    if not await files.update(was, file):
        raise asset_not_found(file.key)
    return file


async def _last_of(files: Files, key: AssetKey) -> FileVersion:
    """What is in the trash under this name."""
    versions = await files.history(key)
    if not versions:
        raise asset_not_found(key)
    if versions[0].ended_on is None:
        raise AssetExists(
            "there is a file of this name",
            place=str(key),
            hint="delete it first, or restore one of its history",
        )
    return versions[0]


async def _restore_thumbnail(files: Files, file: CourseFile) -> None:
    """Let the name of a file's thumbnail stand for what was stored, or put into the trash, with the file: a
    thumbnail is just before its picture.
    """
    key = thumbnail_key(file)
    if key is None or file.uploaded_on is None:
        return
    for version in await files.history(key):
        uploaded_on = version.file.uploaded_on
        if uploaded_on is not None and uploaded_on <= file.uploaded_on:
            if version.ended_on is not None:
                await files.restore(version)
            return
