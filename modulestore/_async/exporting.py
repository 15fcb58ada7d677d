"""Exporting a course: what to write is decided by ``model.exporting`` and ``olx.writing``, and done here."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple

from modulestore._async.history import find_version
from modulestore._async.reading import find_entry, load_chain
from modulestore._async.store_base import StoreBase
from modulestore._async.waiting import closing, run_blocking
from modulestore.errors import InvalidInput, VersionNotFound
from modulestore.keys import ContextKey, VersionId, as_course_key
from modulestore.model.branches import DRAFT, LIBRARY, PUBLISHED
from modulestore.model.exporting import ExportReport, plain_course
from modulestore.model.files import CourseFile
from modulestore.model.index import IndexEntry
from modulestore.model.plain import PlainCourse
from modulestore.model.structure import StructureHeader
from modulestore.model.values import Progress
from modulestore.olx.writing import ASSETS_JSON, DRAFTS_FOLDER, Written, listed_files, write_course
from modulestore.storage.archive_writing import ArchiveWriter, FolderWriter, TarWriter, is_tar_name

__all__ = ["ExportingStore"]

_OF_DRAFTS: Final = frozenset({".xml", ".html", ".json"})

# Whoever gives such a name does not want a folder of that name.
_OTHER_ARCHIVES = (".zip", ".7z", ".gz", ".bz2", ".xz", ".zst")


@dataclass(frozen=True, slots=True)
class _Versions:
    """What is exported: as published, and as drafts."""

    published: VersionId | None
    draft: VersionId | None


class ExportingStore(StoreBase):
    """The part of the store that writes archives."""

    async def export_course(
        self,
        key: object,
        dest: str | Path | BinaryIO,
        *,
        version: VersionId | str | None = None,
        since: VersionId | str | None = None,
        files: bool = True,
        force: bool = False,
        progress: Progress | None = None,
    ) -> ExportReport:
        """Write a course or library as an archive that `import_course` and Open edX Studio read.

        What is published, and the drafts of units that differ; or one version, as if it were published. The
        same version gives the same bytes, from whatever database, as long as its files are the same. What an
        archive cannot hold is in the report: see the pages on export.

        Args:
            dest: a ``.tar.gz``, ``.tgz`` or ``.tar``, which is there once it is complete; a stream to write a
                ``.tar.gz`` to; or a folder.
            version: an id, a tag, or a branch, whose head is meant; without, both heads.
            since: an id, a tag, or a branch, that ``dest``, a folder, has an export of: what has changed
                since is written, what is gone is removed, and everything else there stays as it is, but for
                files of drafts in ``drafts``, which become those of now.
            files: write the static files too.
            force: overwrite the tar file that is there.
            progress: called with what is being done, how much of it is done, and how much there is.

        Cost: the index, tags if there are any, two structures, their definitions, and with ``files`` their
        list and their bytes, two MiB at a time; with ``since`` the headers of the draft branch and that
        version, or if it is a draft, the headers of both and each head that was published meanwhile.

        Raises:
            CourseNotFound, VersionNotFound: there is no such version.
            InvalidInput: there is something at ``dest``, or nothing can be written there; ``since`` for no
                folder.
            InvalidCourse, CorruptDocument, DefinitionNotFound: the course is damaged: run `check`.
            AssetNotFound, Conflict: a file was replaced while it was read.
            StorageFull, StorageError: there is no room, or the file cannot be written.
        """
        course_key = as_course_key(key).bare
        entry = await find_entry(self._backend, course_key)
        course_key = entry.key if course_key.deprecated == entry.key.deprecated else course_key
        versions = await self._versions(entry, version)
        tell = progress or (lambda what, done, total: None)
        tell("reading", 0, 1)
        stored = await self._files(entry, course_key) if files else []
        plain = await self._plain(course_key, versions, stored)
        written = await run_blocking(write_course, plain)
        tell("reading", 1, 1)
        stored_files = {file.key.name: file for file in stored}
        before = None if since is None else await self._before(entry, course_key, versions, since)
        changes = await run_blocking(_changes, written, before, dest, stored_files, files)
        writer = await run_blocking(_writer, dest, written.folder, before is not None, force)
        try:
            gone: list[str] = []
            if isinstance(writer, FolderWriter):
                await run_blocking(writer.expect_inside, [*changes.paths, *changes.removed])
                gone = await run_blocking(
                    writer.remove, changes.removed
                )  # a folder may take the place of a file
            await self._write(writer, written, changes.paths, stored_files, tell)
            await run_blocking(writer.end)
        finally:
            await run_blocking(writer.close)
        return ExportReport(
            key=course_key,
            version=versions.published,
            draft_version=versions.draft,
            blocks=len(plain.blocks),
            drafts=plain.draft_count,
            files=len(written.statics),
            bytes=writer.size,
            written=tuple(writer.written) if isinstance(writer, FolderWriter) else None,
            removed=tuple(gone),
            problems=(*plain.problems, *written.problems),
        )

    async def _versions(self, entry: IndexEntry, version: VersionId | str | None) -> _Versions:
        if version is not None:
            return _Versions(await find_version(self._backend, entry, version), None)
        if LIBRARY in entry.heads:
            return _Versions(entry.heads[LIBRARY], None)
        return _Versions(entry.heads.get(PUBLISHED), entry.heads.get(DRAFT))

    async def _files(self, entry: IndexEntry, key: ContextKey) -> list[CourseFile]:
        """The files of a course; of one that was asked for in the old style, those of today's key if it has
        none in the old one.
        """
        found = await self._backend.files.list(key)
        if not found and key != entry.key:
            found = await self._backend.files.list(entry.key)
        return list(found)

    async def _plain(
        self, key: ContextKey, versions: _Versions, files: Sequence[CourseFile] = ()
    ) -> PlainCourse:
        wanted = {version for version in (versions.published, versions.draft) if version is not None}
        if not wanted:
            raise VersionNotFound(f"{key} has no version", place=str(key), hint="run `check`")
        structures = await self._reader.structures(wanted)
        needed = {version for structure in structures.values() for version in structure.definitions}
        definitions = await self._reader.definitions(needed)
        published, draft = (
            None if version is None else structures[version]
            for version in (versions.published, versions.draft)
        )
        return await run_blocking(plain_course, key, published, draft, definitions, files)

    async def _before(
        self, entry: IndexEntry, key: ContextKey, versions: _Versions, since: VersionId | str
    ) -> list[Mapping[str, bytes]]:
        """What an export of then may have had, without its static files and drafts: while a version was the
        head of the draft branch, the published one had one head or several.
        """
        wanted = await find_version(self._backend, entry, since)
        published: list[VersionId | None] = [wanted]
        if versions.draft is not None and versions.published is not None:
            drafts = await load_chain(self._backend, versions.draft)
            if any(header.id == wanted for header in drafts):
                published = _beside(wanted, drafts, await load_chain(self._backend, versions.published))
        found = []
        for version in published:
            plain = await self._plain(key, _Versions(version, wanted if version is None else None))
            found.append((await run_blocking(write_course, replace(plain, draft_blocks={}))).files)
        return found

    async def _write(
        self,
        writer: ArchiveWriter,
        written: Written,
        paths: Sequence[str],
        stored: Mapping[str, CourseFile],
        tell: Progress,
    ) -> None:
        for number, path in enumerate(paths):
            tell("writing", number, len(paths))
            plain = written.statics.get(path)
            if plain is None:
                await run_blocking(_put, writer, path, written.files[path])
                continue
            file = stored[plain.name]
            await run_blocking(writer.begin, path, file.length)
            async with closing(self._backend.files.pieces(file)) as pieces:
                async for piece in pieces:
                    await run_blocking(writer.write, piece)
            await run_blocking(writer.finish)
        tell("writing", len(paths), len(paths))


def _beside(
    wanted: VersionId, chain: Sequence[StructureHeader], other: Sequence[StructureHeader]
) -> list[VersionId | None]:
    """The heads that the other branch had while a version was the head of its own, of two chains, newest
    first; None: it had none yet.
    """
    at = next(at for at, header in enumerate(chain) if header.id == wanted)
    then, until = chain[at].edited_on, chain[at - 1].edited_on if at else None
    heads: list[VersionId | None] = []
    for header in other:
        if header.edited_on <= then:
            return [*heads, header.id]
        if until is None or header.edited_on <= until:
            heads.append(header.id)
    return [*heads, None]


class _Changes(NamedTuple):
    """Paths that are to be written, and that are to be removed."""

    paths: Sequence[str]
    removed: Collection[str]


def _changes(
    written: Written,
    before: Sequence[Mapping[str, bytes]] | None,
    dest: str | Path | BinaryIO,
    stored: Mapping[str, CourseFile],
    files: bool,
) -> _Changes:
    if before is None:
        return _Changes(sorted([*written.files, *written.statics]), ())
    if not isinstance(dest, str | Path) or is_tar_name(Path(dest)):
        raise InvalidInput(
            "only a folder can be brought up to date", hint="give a folder, or leave out since"
        )
    folder = Path(dest)
    # What was said of static files, and which there were, is seen in the folder: they have no versions.
    # Nor does a version of one branch say which drafts the folder has: they may be younger.
    changed = {
        path
        for path, data in written.files.items()
        if (
            data != _bytes(folder / path)
            if path.startswith(DRAFTS_FOLDER)
            else any(files.get(path) != data for files in before)
        )
    } - {ASSETS_JSON}
    there = {path for files in before for path in files} | _drafts_in(folder)
    removed = there - written.files.keys()
    if not files:
        return _Changes(sorted(changed), removed)
    changed |= {
        path for path, plain in written.statics.items() if not _has(folder / path, stored[plain.name])
    }
    if _bytes(folder / ASSETS_JSON) != written.files[ASSETS_JSON]:
        changed.add(ASSETS_JSON)
    return _Changes(
        sorted(changed),
        {*removed, *listed_files(_bytes(folder / ASSETS_JSON) or b"")}
        - written.files.keys()
        - written.statics.keys(),
    )


def _drafts_in(folder: Path) -> set[str]:
    """Paths of all files of a folder that an import would take for drafts. What else is there is not ours."""
    files = (folder / DRAFTS_FOLDER).rglob("*")
    return {
        path.relative_to(folder).as_posix()
        for path in files
        if path.is_file() and (path.suffix in _OF_DRAFTS or path.parent.name == "custom_tags")
    }


def _has(path: Path, file: CourseFile) -> bool:
    """Whether a file has the bytes of one that is stored."""
    if not path.is_file() or path.stat().st_size != file.length:
        return False
    with path.open("rb") as source:
        if file.sha256 is not None:
            return hashlib.file_digest(source, "sha256").hexdigest() == file.sha256
        return file.md5 is not None and hashlib.file_digest(source, "md5").hexdigest() == file.md5


def _bytes(path: Path) -> bytes | None:
    return path.read_bytes() if path.is_file() else None


def _writer(dest: str | Path | BinaryIO, folder: str, update: bool, force: bool) -> ArchiveWriter:
    if not isinstance(dest, str | Path):
        return TarWriter(dest, folder, force=force)
    path = Path(dest)
    if is_tar_name(path):
        return TarWriter(path, folder, force=force)
    if path.suffix.lower() in _OTHER_ARCHIVES and not path.is_dir():
        raise InvalidInput(
            "archives are tar files, and this is no name of one",
            place=str(path),
            hint="give a .tar.gz, .tgz or .tar, or a folder",
        )
    return FolderWriter(path, update=update)


def _put(writer: ArchiveWriter, path: str, data: bytes) -> None:
    writer.begin(path, len(data))
    writer.write(data)
    writer.finish()
