"""What writing a bundle, and restoring one, amounts to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from modulestore.keys import ContextKey, VersionId
from modulestore.model.branches import DRAFT, LIBRARY, PUBLISHED
from modulestore.model.importing import ImportReport

__all__ = ["BundleReport", "RestoreReport"]


@dataclass(frozen=True, slots=True)
class BundleReport:
    """What is in a bundle that was written.

    Attributes:
        heads: of the course, by branch.
        history: whether the versions behind the heads are in it.
        structures: documents of versions; those that others are only stored on among them.
        definitions, files, records: how many of each.
        bytes: of the bundle.
        digest: SHA-256 of the bundle, hexadecimal, as ``sha256sum`` prints it.
        left_out: what leads to versions that are not in the database, and so is not in the bundle.
    """

    key: ContextKey
    heads: Mapping[str, VersionId]
    history: bool
    structures: int
    definitions: int
    files: int
    records: int
    bytes: int
    digest: str
    left_out: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RestoreReport:
    """What restoring a bundle did, or with ``dry_run`` would do.

    Attributes:
        key: of the course that was restored.
        heads: of the course, by branch.
        history: whether the versions behind the heads are in the bundle.
        changed: whether anything was written; not if the course was there already, at these heads.
        structures, definitions, files, records: how many the bundle has; all of them are in the database.
        blocks: blocks that the root of the published head leads to (of a library, of its head).
        detached: blocks outside that tree.
        drafts: blocks on the draft branch that are not published as they are.
    """

    key: ContextKey
    heads: Mapping[str, VersionId]
    history: bool
    changed: bool
    structures: int
    definitions: int
    files: int
    records: int
    blocks: int
    detached: int
    drafts: int

    def as_import(self) -> ImportReport:
        """The same as the report of an import; its definitions are those of the bundle, new or not."""
        heads = self.heads
        shown = next(heads[branch] for branch in (LIBRARY, PUBLISHED, DRAFT) if branch in heads)
        return ImportReport(
            key=self.key,
            version=shown,
            draft_version=heads.get(DRAFT),
            changed=self.changed,
            blocks=self.blocks,
            detached=self.detached,
            drafts=self.drafts,
            definitions=self.definitions if self.changed else 0,
            assets=self.files,
            problems=(),
        )
