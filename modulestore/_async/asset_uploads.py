"""Uploading a file, with a thumbnail of it."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import BinaryIO

from modulestore._async.asset_sources import Source, opened
from modulestore._async.ports import Backend, Files
from modulestore._async.waiting import run_blocking
from modulestore.errors import InvalidInput
from modulestore.keys import AssetKey, ContextKey
from modulestore.model.files import CourseFile, Upload, thumbnail_key
from modulestore.model.thumbnails import SVG, Thumbnail
from modulestore.model.uploads import Description

__all__ = ["Uploader"]

_LARGEST_SVG = 1 << 20  # bytes of a picture that is its own thumbnail


@dataclass(frozen=True, slots=True)
class _Made:
    """A thumbnail, or why there is none."""

    name: str | None = None
    content_type: str = ""
    data: bytes = b""
    problem: str | None = None


class Uploader:
    """Uploads a file that was described.

    Raises:
        InvalidInput: a thumbnail is wanted, and Pillow is not installed.
    """

    def __init__(self, description: Description, thumbnail: Thumbnail | None) -> None:
        self._description = description
        self._thumbnail = None if thumbnail is None else _maker(thumbnail)

    async def upload(self, backend: Backend, course: ContextKey, source: Source) -> Upload:
        """Store it; what it replaces is looked at in the same group of writes."""
        key = course.asset(self._description.name)
        async with opened(source) as data:
            made = await self._made(data)
            async with backend.group() as group:
                replaced = await group.files.get(key)
                file = replace(self._description.as_file(course, replaced), thumbnail=made.name)
                thumbnail = await _put_thumbnail(group.files, file, made)
                stored = await group.files.put(file, data, keep=self._description.kept)
                if thumbnail is not None and thumbnail.locked != stored.locked:
                    # Somebody locked or unlocked the picture while this was going on.
                    seen, thumbnail = thumbnail, replace(thumbnail, locked=stored.locked)
                    await group.files.update(seen, thumbnail)
                old = None if replaced is None else thumbnail_key(replaced)
                if old is not None and old != thumbnail_key(stored):
                    await group.files.discard(old)
        return Upload(stored, thumbnail, made.problem)

    async def _made(self, data: BinaryIO) -> _Made:
        content_type = self._description.content_type or ""
        if self._thumbnail is None or not content_type.startswith("image/"):
            return _Made()
        try:
            return await run_blocking(self._thumbnail, self._description.name, content_type, data)
        except InvalidInput as error:
            return _Made(problem=error.message)
        finally:
            data.seek(0)


def _maker(wanted: Thumbnail) -> Callable[[str, str, BinaryIO], _Made]:
    from modulestore.storage.pictures import make_thumbnail

    def make(name: str, content_type: str, data: BinaryIO) -> _Made:
        if not content_type.startswith(SVG):
            return _Made(wanted.name(name), wanted.content_type, make_thumbnail(data, wanted))
        svg = data.read(_LARGEST_SVG + 1)
        if len(svg) > _LARGEST_SVG:
            raise InvalidInput(f"a picture of more than {_LARGEST_SVG:,} bytes cannot be its own thumbnail")
        return _Made(name, SVG, svg)

    return make


async def _put_thumbnail(files: Files, picture: CourseFile, made: _Made) -> CourseFile | None:
    """Store a thumbnail, before its picture: so its time is not later."""
    if made.name is None:
        return None
    file = CourseFile(
        key=AssetKey(picture.key.course, made.name, "thumbnail"),
        length=len(made.data),
        display_name=made.name,
        content_type=made.content_type,
        locked=picture.locked,
    )
    return await files.put(file, io.BytesIO(made.data))
