"""Bytes of files in an object storage or a folder: in whatever fsspec has a file system for.

The only module that talks to one. Everything here blocks: ``_async`` calls it in worker threads.
"""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

from modulestore.errors import ExtraMissing, InvalidURL, StorageError, StorageFull, StorageUnavailable
from modulestore.storage.content import Content
from modulestore.storage.urls import shown_url

try:
    from fsspec.core import url_to_fs
    from fsspec.implementations.local import LocalFileSystem
except ImportError as error:
    raise ExtraMissing(
        f"there is no way to an object storage: {error}", hint="pip install 'modulestore[s3]'"
    ) from error

__all__ = ["ObjectStorage"]

_PART: Final = 8 * 1024 * 1024
"""Bytes that are sent in one piece; S3 takes 10,000 of them."""

_S3: Final[Mapping[str, str]] = {
    "Content-Type": "ResponseContentType",
    "Content-Disposition": "ResponseContentDisposition",
    "Cache-Control": "ResponseCacheControl",
}


class ObjectStorage:
    """The objects of one place."""

    def __init__(self, place: str) -> None:
        """Opens it; nothing is sent yet.

        Args:
            place: its URL; credentials come from fsspec's own configuration.

        Raises:
            InvalidURL: there is no file system of this kind, or its package is not installed.
        """
        # What others write and delete is to be seen at once.
        options: dict[str, Any] = {"use_listings_cache": False}
        if place.startswith("file:"):
            options["auto_mkdir"] = True
        try:
            self._system, self._root = url_to_fs(place, **options)
        except (ImportError, ValueError) as error:
            raise InvalidURL(
                f"there is no way to {shown_url(place)}: {error}",
                hint="for S3: pip install 'modulestore[s3]'; for others the package that fsspec wants",
            ) from error
        self._place = place

    def write(self, contents: Mapping[str, Content]) -> None:
        """Write objects by their names, for good as far as the storage promises that."""
        small: dict[str, bytes] = {}
        gathered = 0
        with self._errors():
            for name, content in contents.items():
                content.data.seek(0)
                if content.length > _PART:
                    with self._system.open(self._path(name), "wb", block_size=_PART) as file:
                        shutil.copyfileobj(content.data, file, _PART)
                    continue
                small[self._path(name)] = content.data.read()
                gathered += content.length
                if gathered > _PART:
                    self._system.pipe(small)
                    small, gathered = {}, 0
            if small:
                self._system.pipe(small)
            if isinstance(self._system, LocalFileSystem):
                _sync({Path(self._path(name)) for name in contents}, Path(self._root))

    def read(self, name: str, start: int, stop: int) -> bytes | None:
        """Bytes of an object; None if it is not there or too short."""
        with self._errors():
            try:
                data: bytes = self._system.cat_file(self._path(name), start=start, end=stop)
            except OSError:
                # Beyond its end S3 refuses, others give nothing.
                size = self.size(name)
                if size is None or size < stop:
                    return None
                raise
        return data if len(data) == stop - start else None

    def size(self, name: str) -> int | None:
        """Bytes of an object; None if it is not there."""
        with self._errors():
            try:
                return int(self._system.info(self._path(name))["size"])
            except FileNotFoundError:
                return None

    def delete(self, names: Collection[str]) -> None:
        """Remove objects; those that are not there are passed over."""
        paths = [self._path(name) for name in names]
        with self._errors():
            try:
                self._system.rm(paths)
            except FileNotFoundError:
                for path in paths:
                    with suppress(FileNotFoundError):
                        self._system.rm_file(path)

    def names(self, folder: str) -> list[str]:
        """Names of what is in a folder, in order: objects and folders."""
        with self._errors():
            try:
                found = self._system.ls(self._path(folder), detail=False)
            except FileNotFoundError:
                return []
        return sorted(path.rstrip("/")[len(self._root) + 1 :] for path in found)

    def signed_url(self, name: str, seconds: int, headers: Mapping[str, str]) -> str | None:
        """A URL by which anybody can get the object for so long, with these headers where the storage can
        do that; None if it makes no such URLs.
        """
        options: dict[str, str] = {}
        if "s3" in self._system.protocol:
            options = {_S3[header]: value for header, value in headers.items() if header in _S3}
        with self._errors():
            try:
                url: str = self._system.sign(self._path(name), expiration=seconds, **options)
            except NotImplementedError:
                return None
        return url

    def _path(self, name: str) -> str:
        return f"{self._root}/{name}"

    @contextmanager
    def _errors(self) -> Iterator[None]:
        place = shown_url(self._place)
        try:
            yield
        except StorageError:
            raise
        except PermissionError as error:
            hint = "are the credentials right, and may they read, write, list and delete there?"
            raise StorageError(f"the object storage refuses: {error}", place=place, hint=hint) from error
        except FileNotFoundError as error:
            raise StorageError(
                f"there is no such place: {error}", place=place, hint="make the bucket first"
            ) from error
        except Exception as error:
            if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise StorageFull(f"the object storage is full: {error}", place=place) from error
            # Each file system has errors of its own, and of the libraries that it stands on.
            reason = str(error) or type(error).__name__
            hint = "is it running, and is the URL right?"
            raise StorageUnavailable(
                f"the object storage failed: {reason}", place=place, hint=hint
            ) from error


def _sync(files: Collection[Path], root: Path) -> None:
    """Let files outlive a failure of power, and the folders that lead to them from ``root``."""
    folders = {folder for file in files for folder in file.parents if folder.is_relative_to(root)}
    for path in (*files, *folders):
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
