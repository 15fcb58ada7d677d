"""Importing an archive: what to write is decided by ``model.importing``, and done here, whole or not at all.

On MongoDB, which has no one transaction for all of it, the order makes it so: definitions, structures, files,
and last the one change of the index that makes them visible. What was written before a failure is removed
again as far as the server can be reached; what stays behind is reachable from nowhere. A file that replaces
one of the same name is the exception: see docs, "Files of an import".
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from modulestore._async.committing import insert_entry, swap_heads
from modulestore._async.guarding import Guard, Written
from modulestore._async.ports import Backend, Files
from modulestore._async.reading import Reader
from modulestore._async.waiting import run_blocking
from modulestore.errors import CommitUnknown, CourseExists, HeadMoved, ModuleStoreError, ProblemsFound
from modulestore.formats.definitions import encode_definition
from modulestore.formats.structures import Schema, encode_structure
from modulestore.keys import ContextKey, VersionId
from modulestore.model.branches import DRAFT, LIBRARY, PUBLISHED
from modulestore.model.files import CourseFile
from modulestore.model.importing import (
    Existing,
    ImportPlan,
    ImportReport,
    plan_import,
    planned_diffs,
    report,
)
from modulestore.model.index import IndexEntry, Moved
from modulestore.model.local_work import LocalRules
from modulestore.model.plain import PlainCourse, PlainFile
from modulestore.model.values import Author, Progress
from modulestore.olx import open_archive, read_course
from modulestore.olx.tree import FileTree

__all__ = ["Importer"]

_TRIES = 5
_PIECE = 1 << 20
_TOGETHER = 8 << 20  # bytes of files that are sent at once
_MOST_TOGETHER = 1000  # files


@dataclass(frozen=True, slots=True)
class _Upload:
    file: CourseFile
    source: str
    replaces: bool


@dataclass(frozen=True, slots=True)
class Importer:
    """One import into one backend, by one author."""

    backend: Backend
    reader: Reader
    author: Author
    guard: Guard
    now: Callable[[], datetime]
    ids: Iterator[VersionId]
    progress: Progress
    rules: LocalRules | None = None

    async def run(
        self, path: str | Path, *, key: ContextKey | None, strict: bool, dry_run: bool
    ) -> ImportReport:
        """Read the archive and store what is new in it."""
        with ExitStack() as stack:
            self.progress("reading", 0, 1)
            tree: FileTree = await run_blocking(lambda: stack.enter_context(open_archive(path)))
            plain = await run_blocking(read_course, tree, key=key)
            self.progress("reading", 1, 1)
            if strict and plain.problems:
                raise problems_found(plain)
            return await self._store(plain, tree, dry_run)

    async def _store(self, plain: PlainCourse, tree: FileTree, dry_run: bool) -> ImportReport:
        moved: ModuleStoreError | None = None
        for _ in range(_TRIES):
            entry = await self.backend.index.get(plain.key, ignore_case=True)
            if entry is not None and entry.key != plain.key:
                # Spelled otherwise in the store. Links and slugs follow the key: it is read as that course.
                plain = await run_blocking(read_course, tree, key=entry.key)
            existing = None if entry is None else await self._existing(entry)
            plan = await self._plan(plain, existing)
            uploads = await self._uploads(plan.key, plain, tree)
            changed = bool(uploads) or not plan.changes_nothing
            if not changed or dry_run:
                found = report(plan, plain, changed=changed)
                if existing is None or not dry_run:
                    return found
                return replace(found, diffs=await run_blocking(planned_diffs, plan, existing))
            schema = await self.guard.schema(self.backend, self.author)
            try:
                await self._write(plan, schema, uploads, tree)
            except (HeadMoved, CourseExists) as error:
                moved = error  # somebody committed in between: the archive is laid over what they made
            else:
                return report(plan, plain, changed=changed)
        assert moved is not None
        raise moved

    async def _plan(self, plain: PlainCourse, existing: Existing | None) -> ImportPlan:
        return await run_blocking(
            plan_import,
            plain,
            existing,
            author=self.author,
            now=self.now(),
            ids=self.ids,
            rules=self.rules,
        )

    async def _existing(self, entry: IndexEntry) -> Existing:
        heads = {
            branch: entry.heads[branch] for branch in (DRAFT, PUBLISHED, LIBRARY) if branch in entry.heads
        }
        structures = await self.reader.structures(set(heads.values()))
        wanted = {version for structure in structures.values() for version in structure.definitions}
        definitions = await self.reader.definitions(wanted)
        return Existing(entry, {branch: structures[head] for branch, head in heads.items()}, definitions)

    async def _uploads(self, key: ContextKey, plain: PlainCourse, tree: FileTree) -> list[_Upload]:
        """Files whose bytes or metadata the store does not have, new ones first."""
        stored = {file.key: file for file in await self.backend.files.list(key)} if plain.files else {}
        uploads = []
        for number, plain_file in enumerate(plain.files):
            self.progress("comparing files", number, len(plain.files))
            file = _course_file(key, plain_file)
            there = stored.get(file.key)
            if there is None or not await run_blocking(_is_stored, file, there, tree, plain_file.path):
                uploads.append(_Upload(file, plain_file.path, there is not None))
        return sorted(uploads, key=lambda upload: upload.replaces)

    async def _write(self, plan: ImportPlan, schema: Schema, uploads: list[_Upload], tree: FileTree) -> None:
        written = await run_blocking(_encoded, plan, schema)
        # Whether the index may, and whether it certainly does, lead to what was written: then that is needed.
        reached = visible = False
        try:
            async with self.backend.group() as group:
                self.progress("writing", 0, len(uploads) + 2)
                await group.definitions.put_many(written.definitions)
                await group.structures.put_many(written.structures)
                done = 1
                for batch in _batches(uploads):
                    self.progress("writing", done, len(uploads) + 2)
                    # If a reply is lost they may have been stored: they are taken back in any case.
                    written.files.extend(upload.file for upload in batch if not upload.replaces)
                    await _send(group.files, batch, tree)
                    done += len(batch)
                await self.guard.expect(
                    group, schema, Written.of(written.structures, written.definitions.keys())
                )
                reached = True
                await _make_visible(group, plan)
                visible = True
            self.reader.memory.forget_entry(plan.key)
        except CommitUnknown:
            raise  # it may have been done: everything written may be needed
        except BaseException as error:
            refused = isinstance(error, ModuleStoreError) and not visible  # an interrupt tells nothing
            if refused or not reached:
                await self._take_back(written)
            raise
        self.progress("writing", len(uploads) + 2, len(uploads) + 2)

    async def _take_back(self, written: _Written) -> None:
        try:
            for file in written.files:
                await self.backend.files.delete(file.key)
            await self.backend.structures.delete_many(list(written.structures))
            await self.backend.definitions.delete_many(list(written.definitions))
        except ModuleStoreError:
            pass  # nothing refers to what stays behind; the error that brought us here is the one to report


@dataclass(frozen=True, slots=True)
class _Written:
    definitions: dict[VersionId, bytes]
    structures: dict[VersionId, bytes]
    files: list[CourseFile]


def _encoded(plan: ImportPlan, schema: Schema) -> _Written:
    return _Written(
        definitions={definition.id: encode_definition(definition) for definition in plan.definitions},
        structures={
            structure.id: encode_structure(structure, schema).document
            for structure in plan.new_structures.values()
        },
        files=[],
    )


def _batches(uploads: Sequence[_Upload]) -> Iterator[list[_Upload]]:
    """Files that are sent at once: all new or all replacing, and not too much. A large one is alone."""
    batch: list[_Upload] = []
    size = 0
    for upload in uploads:
        full = size + upload.file.length > _TOGETHER or len(batch) == _MOST_TOGETHER
        if batch and (full or upload.replaces != batch[0].replaces):
            yield batch
            batch, size = [], 0
        batch.append(upload)
        size += upload.file.length
    if batch:
        yield batch


async def _send(files: Files, batch: Sequence[_Upload], tree: FileTree) -> None:
    if batch[0].file.length > _TOGETHER:
        with tree.open(batch[0].source) as source:
            await files.put(batch[0].file, source)
        return
    await files.put_many(
        await run_blocking(lambda: [(upload.file, tree.read(upload.source)) for upload in batch])
    )


async def _make_visible(group: Backend, plan: ImportPlan) -> None:
    if plan.entry is not None:
        await insert_entry(group, plan.entry)
        return
    if plan.existing is None or plan.changes_nothing:
        return
    new = {branch: structure.id for branch, structure in plan.new_structures.items()}
    result = await swap_heads(group, plan.existing, plan.expected, new, search_targets=plan.search_targets)
    if isinstance(result, Moved):
        raise HeadMoved(
            "the course was changed during the import",
            place=str(plan.key),
            hint="nothing was imported: try again",
        )


def problems_found(plain: PlainCourse) -> ProblemsFound:
    """The error of a strict import: names the first problem, and carries all of them as ``problems``."""
    first = plain.problems[0]
    count = len(plain.problems)
    return ProblemsFound(
        f"{count} problem{'s' if count > 1 else ''} in the archive, the first: {first.message}",
        place=first.place,
        hint="nothing was imported; without --strict they are worked around and reported",
        problems=plain.problems,
    )


def _course_file(key: ContextKey, file: PlainFile) -> CourseFile:
    return CourseFile(
        key=key.asset(file.name),
        length=file.size,
        display_name=file.display_name,
        content_type=file.content_type,
        locked=file.locked,
        import_path=file.import_path,
        thumbnail=file.thumbnail,
    )


def _is_stored(file: CourseFile, there: CourseFile, tree: FileTree, path: str) -> bool:
    # A file that came from no archive would go into one under its name.
    came_from = there.import_path or there.key.name
    same = replace(there, md5=None, sha256=None, uploaded_on=None, import_path=came_from) == file
    if not same or (there.md5 is None and there.sha256 is None):
        return False
    with tree.open(path) as source:
        if there.sha256 is not None:
            return _digest(source, hashlib.sha256()) == there.sha256
        return _digest(source, hashlib.md5(usedforsecurity=False)) == there.md5


def _digest(source: BinaryIO, digest: hashlib._Hash) -> str:
    while piece := source.read(_PIECE):
        digest.update(piece)
    return digest.hexdigest()
