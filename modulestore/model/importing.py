"""What an import writes: a plain course laid over what the store has, as new definitions and at most one new
version per branch.

What is equal to what is there is shared with it: a block that did not change keeps its place, its definition
and its edit info, a branch on which nothing changed gets no version. Edit info is set as the platform sets it
on import and publication (split modulestore, ``edit_info`` of a block), so that a platform reading the same
database shows the right "has unpublished changes" badges.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from modulestore.keys import BlockKey, ContextKey, LibraryKey, VersionId
from modulestore.model.branches import DRAFT, LIBRARY, PUBLISHED
from modulestore.model.comparing import same_value
from modulestore.model.definition import Definition
from modulestore.model.deriving import derive
from modulestore.model.diff import Diff, diff
from modulestore.model.exporting import plain_course
from modulestore.model.fields import is_detached
from modulestore.model.index import IndexEntry
from modulestore.model.local_work import LocalRules, with_local_work
from modulestore.model.plain import PlainBlock, PlainCourse, Problem, reached, with_root
from modulestore.model.structure import BlockRecord, EditInfo, Structure, StructureHeader
from modulestore.model.values import Author

__all__ = ["Existing", "ImportPlan", "ImportReport", "plan_import", "planned_diffs", "report"]

_NO_EDIT = EditInfo()

Assets = Mapping[str, Sequence[Mapping[str, Any]]]


@dataclass(frozen=True, slots=True)
class Existing:
    """The course as the store has it: its entry, the structures of its heads by branch, and the definitions
    of their blocks.
    """

    entry: IndexEntry
    structures: Mapping[str, Structure]
    definitions: Mapping[VersionId, Definition]


@dataclass(frozen=True, slots=True)
class ImportPlan:
    """What has to be written, in this order: definitions, structures, then the entry or the swap of its
    heads.

    Attributes:
        key: of the course, spelled as the store has it.
        entry: the entry to insert; None when the course is there already.
        existing: the entry whose heads move; None when the course is new.
        expected: the heads that the swap must find, by branch; None for a branch that must not be there.
        heads: the structure of each branch afterwards, new or as it was.
        new_structures: those to write; empty when nothing changed.
        definitions: those to write.
        search_targets: new values for the index; None when they stay.
        drafts: blocks that are new on the draft branch, or differ there, below the outline.
        kept: blocks of the course that stay though the archive has others, or none.
    """

    key: ContextKey
    entry: IndexEntry | None
    existing: IndexEntry | None
    expected: Mapping[str, VersionId | None]
    heads: Mapping[str, Structure]
    new_structures: Mapping[str, Structure]
    definitions: Sequence[Definition]
    search_targets: Mapping[str, str] | None
    drafts: int = 0
    kept: tuple[BlockKey, ...] = ()

    @property
    def changes_nothing(self) -> bool:
        """Whether the store has all of it already."""
        return not self.new_structures and self.search_targets is None and self.entry is None


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What an import did, or with ``dry_run`` would do.

    Attributes:
        key: of the course, spelled as the store has it.
        version: head of the published branch afterwards; of a library, its head.
        draft_version: head of the draft branch afterwards; None for a library.
        changed: whether anything was written.
        blocks: blocks that the root of ``version`` leads to, each counted once.
        detached: blocks outside the tree: course info, static tabs, about pages …
        drafts: blocks that are new on the draft branch, or differ there, below the outline.
        definitions: new ones.
        assets: static files of the archive.
        problems: what the reader worked around.
        kept: blocks that stay as they are here, as the rules say.
        diffs: with ``dry_run``, what would change on each branch; None for a course that is new.
    """

    key: ContextKey
    version: VersionId
    draft_version: VersionId | None
    changed: bool
    blocks: int
    detached: int
    drafts: int
    definitions: int
    assets: int
    problems: tuple[Problem, ...]
    kept: tuple[BlockKey, ...] = ()
    diffs: Mapping[str, Diff] | None = None


def plan_import(
    plain: PlainCourse,
    existing: Existing | None,
    *,
    author: Author,
    now: datetime,
    ids: Iterator[VersionId],
    rules: LocalRules | None = None,
) -> ImportPlan:
    """What importing ``plain`` writes.

    ``ids`` gives new ids, in ascending order; ``now`` has millisecond precision; ``rules`` say what stays of
    what the course has.
    """
    planner = _Planner(existing, author, now, ids)
    if existing is not None and existing.structures:
        # Older courses have the run as the id of their root.
        plain = with_root(plain, next(iter(existing.structures.values())).header.root)
    kept: list[BlockKey] = []
    if existing is not None and rules is not None:
        plain, kept = with_local_work(plain, _as_plain(existing), rules)
    if isinstance(plain.key, LibraryKey):
        planner.plan_branch(LIBRARY, plain, plain.blocks, ())
    else:
        drafts = (
            _shown(plain.root, {**plain.blocks, **plain.draft_blocks}) if plain.draft_blocks else plain.blocks
        )
        differing = plain.draft_blocks.keys() | (plain.blocks.keys() - drafts.keys())
        planner.plan_branch(DRAFT, plain, drafts, ())
        planner.plan_branch(PUBLISHED, plain, plain.blocks, differing)
    return replace(planner.finish(plain), drafts=plain.draft_count, kept=tuple(kept))


def _as_plain(existing: Existing) -> PlainCourse:
    structures = existing.structures
    published = structures.get(PUBLISHED) or structures.get(LIBRARY)
    return plain_course(existing.entry.key, published, structures.get(DRAFT), existing.definitions)


def _shown(root: BlockKey, view: Mapping[BlockKey, PlainBlock]) -> Mapping[BlockKey, PlainBlock]:
    """The blocks that the root leads to, and the pages beside: not what the drafts have taken out."""
    found = reached(view, root)
    return {key: block for key, block in view.items() if key in found or is_detached(key.type)}


class _Planner:
    """One import while it is worked out, branch after branch.

    Draft goes first: published marks refer to it.
    """

    def __init__(
        self, existing: Existing | None, author: Author, now: datetime, ids: Iterator[VersionId]
    ) -> None:
        self.existing = existing
        self.author = author
        self.now = now
        self.ids = ids
        self.heads: dict[str, Structure] = {}
        self.new_structures: dict[str, Structure] = {}
        self.definitions: dict[VersionId, Definition] = {}
        self.edit_infos: dict[tuple[object, ...], EditInfo] = {}  # most blocks of a version share theirs

    def plan_branch(
        self,
        branch: str,
        plain: PlainCourse,
        target: Mapping[BlockKey, PlainBlock],
        drafts: Collection[BlockKey],
    ) -> None:
        """Work out one branch. ``drafts``: blocks of a published branch whose draft differs, or is gone."""
        base = self.existing.structures.get(branch) if self.existing else None
        version = next(self.ids)
        kept = [] if base is None else [key for key in _keys(base) if key in target]
        known = set(kept)
        order = kept + [key for key in target if key not in known]
        blocks = [self._block(branch, version, base, target[key], key in drafts) for key in order]
        assets = _merged_assets(base.assets if base else None, plain.assets)
        changed = (
            base is None or len(kept) < len(base) or any(self._needs_version(base, block) for block in blocks)
        )
        if base is not None and not changed and assets == base.assets:
            self.heads[branch] = base
            return
        header = StructureHeader(
            version,
            plain.root,
            base.header.id if base else None,
            base.header.original_version if base else version,
            self.author,
            self.now,
        )
        if base is None:
            records = [block for block in blocks if isinstance(block, BlockRecord)]
            structure = Structure.of(header, records, assets=assets)
        else:
            others = {block.key: block for block in blocks if isinstance(block, BlockRecord)}
            removed = [key for key in _keys(base) if key not in target]
            structure = derive(base, header, others, removed, assets=assets)
        self.heads[branch] = self.new_structures[branch] = structure

    def _block(
        self, branch: str, version: VersionId, base: Structure | None, block: PlainBlock, differs: bool
    ) -> BlockKey | BlockRecord:
        """The block as it goes into the version: its key if it stays as it is."""
        position = None if base is None else base.position(block.key)
        old = None if base is None or position is None else base.record(position)
        children = block.children
        if branch == PUBLISHED and children is None:
            children = ()  # the platform's publication gives every block a list of children, leaves too
        definition = self._definition(block, old)
        info = self._edit_info(branch, version, block.key, old, differs)
        made = BlockRecord(
            key=block.key,
            definition=definition,
            children=children,
            settings=block.settings,
            defaults=old.defaults if old else {},
            asides=block.asides,
            edit_info=info,
        )
        if old is None or not _says_the_same(old, made):
            return made
        is_marked = branch != PUBLISHED or differs or old.edit_info.source_version == info.source_version
        return block.key if is_marked else made

    def _needs_version(self, base: Structure, block: BlockKey | BlockRecord) -> bool:
        """Whether a block is a reason for a new version. That it is marked as the draft's is none while the
        draft is what it was.
        """
        if isinstance(block, BlockKey):
            return False
        position = base.position(block.key)
        return (
            DRAFT in self.new_structures
            or position is None
            or not _says_the_same(base.record(position), block)
        )

    def _definition(self, block: PlainBlock, old: BlockRecord | None) -> VersionId:
        """The version of this content: the block's own or its other branch's if equal, else a new one in the
        block's chain.
        """
        candidates = [] if old is None else [old.definition]
        others = self.existing.structures.values() if self.existing else ()
        for structure in (*self.heads.values(), *others):
            position = structure.position(block.key)
            if position is not None:
                candidates.append(structure.definitions[position])
        before = None
        for candidate in candidates:
            definition = self.definitions.get(candidate)
            if definition is None and self.existing:
                definition = self.existing.definitions.get(candidate)
            if definition is None:
                continue
            if definition.block_type == block.key.type and same_value(definition.fields, block.content):
                return candidate
            before = before or definition
        new = next(self.ids)
        self.definitions[new] = Definition(
            id=new,
            block_type=block.key.type,
            fields=block.content,
            edited_by=self.author,
            edited_on=self.now,
            previous_version=before.id if before else None,
            original_version=before.original_version if before else new,
        )
        return new

    def _edit_info(
        self, branch: str, version: VersionId, key: BlockKey, old: BlockRecord | None, differs: bool
    ) -> EditInfo:
        before = old.edit_info if old else _NO_EDIT
        previous = before.update_version
        source = None
        if branch == PUBLISHED and not differs:
            draft = self._draft_info(key)
            # What the platform compares to tell whether a block has unpublished changes.
            source = draft.source_version or draft.update_version
            if old is None:
                previous = draft.previous_version
        differing = (previous, version, source, before.original_usage, before.original_usage_version)
        info = self.edit_infos.get(differing)
        if info is None:
            info = self.edit_infos[differing] = EditInfo(
                previous_version=previous,
                update_version=version,
                source_version=source,
                edited_on=self.now,
                edited_by=self.author,
                original_usage=before.original_usage,
                original_usage_version=before.original_usage_version,
            )
        return info

    def _draft_info(self, key: BlockKey) -> EditInfo:
        draft = self.heads[DRAFT]
        position = draft.position(key)
        assert position is not None, "a block that the draft branch lacks differs"
        return draft.data.edit_info(position)

    def finish(self, plain: PlainCourse) -> ImportPlan:
        """The plan, once every branch is worked out."""
        root = plain.blocks[plain.root]
        slug = root.content.get("wiki_slug")
        targets = {"wiki_slug": slug} if isinstance(slug, str) else {}
        if self.existing is None:
            entry = IndexEntry(
                id=next(self.ids),
                key=plain.key,
                heads={branch: structure.id for branch, structure in self.heads.items()},
                edited_by=self.author,
                edited_on=self.now,
                last_update=self.now,
                search_targets=targets,
            )
            return self._plan(plain.key, entry, {}, None)
        there = self.existing.entry
        # Both branches are named even if only one moves: an import is a statement about the whole course.
        expected = {branch: there.heads.get(branch) for branch in self.heads}
        changed = any(there.search_targets.get(name) != value for name, value in targets.items())
        return self._plan(there.key, None, expected, targets if changed else None)

    def _plan(
        self,
        key: ContextKey,
        entry: IndexEntry | None,
        expected: Mapping[str, VersionId | None],
        search_targets: Mapping[str, str] | None,
    ) -> ImportPlan:
        return ImportPlan(
            key=key,
            entry=entry,
            existing=self.existing.entry if self.existing else None,
            expected=expected,
            heads=self.heads,
            new_structures=self.new_structures,
            definitions=[*self.definitions.values()],
            search_targets=search_targets,
        )


def _keys(structure: Structure) -> Iterator[BlockKey]:
    return (structure.key(position) for position in range(len(structure)))


def _says_the_same(one: BlockRecord, other: BlockRecord) -> bool:
    """Whether two states of a block differ in nothing but when and by whom they were made."""
    return (
        one.definition == other.definition
        and same_value(one.settings, other.settings)
        and tuple(one.children or ()) == tuple(other.children or ())
        and same_value(list(one.asides), list(other.asides))
    )


def _merged_assets(base: Assets | None, new: Assets) -> Assets | None:
    """Asset metadata with the archive's entries in place of those of their name, each list sorted by name."""
    if not new:
        return base
    merged: dict[str, Sequence[Mapping[str, Any]]] = dict(base or {})
    for kind, entries in new.items():
        by_name = {entry["filename"]: entry for entry in [*merged.get(kind, ()), *entries]}
        merged[kind] = [by_name[name] for name in sorted(by_name)]
    return merged


def report(plan: ImportPlan, plain: PlainCourse, *, changed: bool) -> ImportReport:
    """What carrying out ``plan`` amounts to."""
    shown = plan.heads[LIBRARY if LIBRARY in plan.heads else PUBLISHED]
    draft = plan.heads.get(DRAFT)
    outline = shown.outline
    return ImportReport(
        key=plan.key,
        version=shown.id,
        draft_version=draft.id if draft else None,
        changed=changed,
        blocks=len(outline.order),
        detached=len(shown) - len(outline.order),
        drafts=plan.drafts,
        definitions=len(plan.definitions),
        assets=len(plain.files),
        problems=tuple(plain.problems),
        kept=plan.kept,
    )


def planned_diffs(plan: ImportPlan, existing: Existing) -> dict[str, Diff]:
    """What carrying out ``plan`` would change on each branch that is there."""
    contents = {**existing.definitions, **{definition.id: definition for definition in plan.definitions}}
    return {
        branch: diff(before, plan.heads[branch], contents)
        for branch, before in existing.structures.items()
        if branch in plan.heads
    }
