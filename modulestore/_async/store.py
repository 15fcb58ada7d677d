"""The store: what authoring and learning services, the command and programs that walk courses work with."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from modulestore._async.assets import AssetStore
from modulestore._async.bundling import BundlingStore
from modulestore._async.catalog import CatalogStore
from modulestore._async.checking import CheckingStore
from modulestore._async.converting import ConvertingStore
from modulestore._async.draft_courses import DraftCoursesStore
from modulestore._async.exporting import ExportingStore
from modulestore._async.finding import find_wanted
from modulestore._async.importing import Importer
from modulestore._async.libraries import LibraryStore
from modulestore._async.preparing import apply_steps, pending_steps
from modulestore._async.pruning.store import PruningStore
from modulestore._async.publishing import PublishingStore
from modulestore._async.statistics import StatisticsStore
from modulestore._async.upgrading import UpgradingStore
from modulestore._async.versions import VersionStore
from modulestore._async.views import ViewStore
from modulestore._async.waiting import run_blocking
from modulestore.keys import VersionId, as_course_key
from modulestore.model.course import Block, Course
from modulestore.model.importing import ImportReport
from modulestore.model.local_work import LocalRules
from modulestore.model.values import Author, Progress
from modulestore.storage.bundle_reading import is_bundle
from modulestore.upkeep.steps import PendingStep

__all__ = ["AsyncStore"]


class AsyncStore(
    BundlingStore,
    ExportingStore,
    StatisticsStore,
    VersionStore,
    PublishingStore,
    LibraryStore,
    CatalogStore,
    AssetStore,
    ViewStore,
    ConvertingStore,
    PruningStore,
    CheckingStore,
    DraftCoursesStore,
    UpgradingStore,
):
    """Courses and libraries in one database.

    Made by `modulestore.connect_async`. Use it as a context manager, or `close` it. It may be
    used from several tasks at once.
    """

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Give back connections. Courses that were opened stay usable."""
        await self._backend.close()
        if self._cache is not None:
            await run_blocking(self._cache.close)

    async def ping(self) -> None:
        """Ask the database for something, for a service that says whether it can work. One round trip.

        Raises:
            StorageUnavailable: it cannot be reached.
        """
        await self._backend.records.get("ping", "ping")

    async def open(
        self,
        key: object,
        *,
        branch: str | None = None,
        version: VersionId | str | None = None,
        as_of: datetime | None = None,
        staleness: float = 0.0,
    ) -> Course:
        """A snapshot of one version of a course or library.

        Without more than a key it is the head of the published branch (of a course that was never published,
        the draft; of a library, its only branch). A key may itself name a branch and a version.

        Args:
            key: a course or library key, or anything whose text is one.
            branch: ``draft``, ``published`` or ``library``.
            version: id of a structure; then neither branch nor index is looked at.
            as_of: the newest version of the branch that is not younger than this (an aware datetime).

            staleness: seconds for which an index entry that this store has read may be outdated: what others
                have committed since may be missed. What this store has committed is seen.

        Cost: one round trip for the index, none with ``version`` or if ``staleness`` allows it; one for the
        structure, two in format 2, none if it is still at hand; with ``as_of`` two more, and one more for
        every thousand versions.

        Raises:
            InvalidKey, CourseNotFound, BranchNotFound, VersionNotFound: there is no such thing.
            CorruptDocument: the stored version cannot be read.
        """
        wanted = await find_wanted(
            self._backend,
            self._reader,
            key,
            branch=branch,
            version=version,
            as_of=as_of,
            staleness=staleness,
        )
        structure = await self._reader.structure(wanted.version)
        return Course(wanted.key, structure, wanted.branch)

    async def load_content(self, blocks: Iterable[Block]) -> dict[Block, dict[str, Any]]:
        """Content-scope fields (HTML, problem XML …) of blocks, in their order. One round trip, however many
        blocks.

        Raises:
            DefinitionNotFound, CorruptDocument: the database is damaged.
        """
        return await self._reader.content(blocks)

    async def import_course(
        self,
        path: str | Path,
        *,
        key: object = None,
        author: Author = -1,
        strict: bool = False,
        dry_run: bool = False,
        local: LocalRules | None = None,
        progress: Progress | None = None,
    ) -> ImportReport:
        """Store a course or library from an archive (``.tar.gz`` or a folder), whole or not at all.

        A bundle is restored, under the ids that are in it: see `restore_bundle`, also for errors.

        Into an existing course it replaces both heads, unless ``local`` says otherwise: blocks that the
        archive lacks leave them, and stay in history. What is equal to what is there is shared with it; an
        archive that changes nothing makes no version.

        Args:
            key: the course to import into; None for the one that the archive names.
            author: recorded with what is new; -1 is the platform's number for a command.
            strict: refuse an archive in which anything has to be worked around.
            dry_run: write nothing; report what would be, with what would change on each branch.
            local: what stays of what the course has and the archive has not; without, nothing does. Not for
                bundles.
            progress: called with what is being done, how much of it is done, and how much there is.

        Raises:
            InvalidArchive, InvalidCourse, InvalidKey, DocumentTooLarge: the archive cannot be stored.
            ProblemsFound: with ``strict``.
            ReadOnlyStore, InvalidAuthor: this database is not to be written to so.
            HeadMoved: somebody else kept on changing the course meanwhile.
            StorageUnavailable, StorageFull, CommitUnknown: the database failed; only after the last may it
            have been done.
        """
        if await run_blocking(is_bundle, Path(path)):
            restored = await self.restore_bundle(
                path, key=key, author=author, dry_run=dry_run, progress=progress
            )
            return restored.as_import()
        importer = Importer(
            backend=self._backend,
            reader=self._reader,
            author=author,
            guard=self._guard,
            now=self._now,
            ids=self._ids,
            progress=progress or (lambda what, done, total: None),
            rules=local,
        )
        course_key = None if key is None else as_course_key(key)
        return await importer.run(path, key=course_key, strict=strict, dry_run=dry_run)

    async def pending_upgrade(self) -> list[PendingStep]:
        """The migration steps that `upgrade` would do in this database. Changes nothing."""
        return await pending_steps(self._backend)

    async def upgrade(self) -> list[PendingStep]:
        """Do the migration steps that have something to do; what was done. Steps that convert between stored
        formats are not among them: see `possible_conversions`.
        """
        return await apply_steps(self._backend)
