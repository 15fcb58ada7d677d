"""The merge itself: what both sides did, from the base on, in one version."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import replace

from modulestore.keys import BlockKey, VersionId
from modulestore.model.changes import ABSENT, Aspect, Changes, asides_by_type, compare
from modulestore.model.comparing import same_fields
from modulestore.model.merging.conflicts import ConflictKind, Decisions, Side
from modulestore.model.merging.deletions import decide_deletions
from modulestore.model.merging.fields import Contents, FieldMerger, NewContent, merged_assets, needed_of
from modulestore.model.merging.outcome import MergedBlock, MergeOutcome, MergeResult, require_well_formed
from modulestore.model.merging.placing import Placing, decide_places
from modulestore.model.merging.sequences import clashing_orders, merged_sequence
from modulestore.model.merging.versions import Versions
from modulestore.model.structure import BlockRecord, EditInfo, Structure

__all__ = ["merge", "needed_definitions"]

BothChanges = tuple[Changes, Changes]


def needed_definitions(
    base: Structure, theirs: Structure, mine: Structure, *, changes: BothChanges | None = None
) -> set[VersionId]:
    """The definitions whose fields :func:`merge` looks at.

    ``changes`` is ``(compare(base, theirs), compare(base, mine))`` where that is at hand.
    """
    return needed_of(Versions(base, theirs, mine, changes or (compare(base, theirs), compare(base, mine))))


def merge(
    base: Structure,
    theirs: Structure,
    mine: Structure,
    contents: Contents,
    *,
    choices: Mapping[str, Side | str] | None = None,
    changes: BothChanges | None = None,
) -> MergeResult:
    """What ``theirs`` and ``mine`` made of ``base``, in one version.

    ``choices`` decides conflicts, by the ids of their items. With all of them chosen there is an outcome,
    whatever they are: where choices do not go together, nothing that somebody wants is lost, and what is
    deleted may have to stay. ``contents`` has what :func:`needed_definitions` names; ``changes`` is
    ``(compare(base, theirs), compare(base, mine))`` where that is at hand.

    Raises:
        InvalidInput: a choice is for an item that there is not, or the versions are not of one course.
        DefinitionNotFound: a definition that is needed is not in ``contents``.
    """
    changes = changes or (compare(base, theirs), compare(base, mine))
    versions = Versions(base, theirs, mine, changes)
    decisions = Decisions(choices or {})
    fields = FieldMerger(versions, contents, decisions)
    contested, restored = decide_deletions(versions, decisions, fields.is_edited)
    pins = decide_places(versions, decisions, contested)
    orders = dict(_decide_orders(versions, decisions))
    merged = {key: fields.merge(key) for key in _edited_by_both(versions)}
    assets = merged_assets(versions, decisions)
    conflicts = decisions.open()
    if conflicts:
        return MergeResult(None, conflicts, decisions.made())
    placing = Placing(versions, restored)
    placing.pins.update(pins)
    placing.settle(decisions.fallback)
    lists = dict(_lists(versions, placing, orders))
    blocks = tuple(_blocks(versions, placing, lists, merged))
    removed = tuple(
        key for key in (*changes[0].added, *changes[1].removed) if _is_gone(versions, placing, key)
    )
    outcome = MergeOutcome(blocks, removed, assets)
    require_well_formed(versions, outcome)
    return MergeResult(outcome, (), decisions.made())


def _decide_orders(versions: Versions, decisions: Decisions) -> Iterator[tuple[BlockKey, Side]]:
    """Lists of children that both sides reordered, and which order counts."""
    theirs, mine = versions.theirs, versions.mine
    children = Aspect.CHILDREN
    for key, aspects in mine.changes.changed.items():
        if children in aspects and children in theirs.changes.changed.get(key, Aspect(0)):
            side = _decide_order(versions, decisions, key, ConflictKind.ORDER)
            if side:
                yield key, side
    for key in theirs.added & mine.added:
        side = _decide_order(versions, decisions, key, ConflictKind.ADDED)
        if side:
            yield key, side


def _decide_order(versions: Versions, decisions: Decisions, key: BlockKey, kind: ConflictKind) -> Side | None:
    base = versions.base.children(key) if key in versions.base else None
    clash = clashing_orders(base, versions.theirs.children(key), versions.mine.children(key))
    if clash is None:
        return None
    before, theirs, mine = ([f"{child.type}/{child.id}" for child in order] for order in clash)
    return decisions.decide(kind, key, "children", ABSENT if base is None else before, theirs, mine)


def _edited_by_both(versions: Versions) -> Iterator[BlockKey]:
    """Blocks whose fields have to be merged."""
    theirs, mine = versions.theirs, versions.mine
    fields = ~Aspect.CHILDREN
    for key, aspects in mine.changes.changed.items():
        if aspects & fields and key in theirs:
            yield key
    for key in mine.changes.added:
        if key in theirs:
            yield key


def _lists(
    versions: Versions, placing: Placing, orders: Mapping[BlockKey, Side]
) -> Iterator[tuple[BlockKey, list[BlockKey]]]:
    """The lists of children that are not, or may not be, what theirs has."""
    relinked = set(versions.relinked)
    members: defaultdict[BlockKey, list[BlockKey]] = defaultdict(list)
    mine_only = (key for key in (*versions.mine.added, *versions.theirs.removed) if key in versions.mine)
    changed = versions.mine.changes.changed.items()
    concerned: dict[BlockKey, None] = dict.fromkeys(
        (*(key for key, aspects in changed if Aspect.CHILDREN in aspects), *sorted(mine_only))
    )
    for child in versions.relinked:
        parents = placing.parents(child)
        for parent in sorted(parents):
            members[parent].append(child)
        concerned.update(dict.fromkeys(sorted(parents ^ versions.theirs.parents(child))))
    for parent in concerned:
        if not placing.has(parent):
            continue
        theirs, mine = versions.theirs.children(parent), versions.mine.children(parent)
        kept = [child for child in theirs if child not in relinked]
        side = orders.get(parent)
        yield (
            parent,
            merged_sequence(
                versions.base.children(parent) if parent in versions.base else None,
                theirs,
                mine,
                {*kept, *members[parent]},
                prefer_mine=None if side is None else side is Side.MINE,
            ),
        )


def _blocks(
    versions: Versions,
    placing: Placing,
    lists: Mapping[BlockKey, list[BlockKey]],
    merged: Mapping[BlockKey, tuple[BlockRecord, NewContent | None]],
) -> Iterator[MergedBlock]:
    """The blocks that are not as theirs has them, each once: changed ones, then new ones in mine's order."""
    theirs, mine = versions.theirs, versions.mine
    for key in dict.fromkeys((*merged, *lists, *theirs.changes.removed, *mine.changes.added)):
        if not placing.has(key):
            continue
        before = theirs.record(key) if key in theirs else None
        record, content = merged.get(key) or (before or mine.record(key), None)
        if key in lists:
            empty = None if record.children is None else ()
            record = replace(record, children=tuple(lists[key]) or empty)
        if before is None or content is not None or not _same_block(before, record):
            yield MergedBlock(replace(record, edit_info=_edit_info(versions, key)), content)


def _same_block(before: BlockRecord, after: BlockRecord) -> bool:
    return (
        before.definition == after.definition
        and tuple(before.children or ()) == tuple(after.children or ())
        and same_fields(before.settings, after.settings)
        and same_fields(before.defaults, after.defaults)
        and same_fields(asides_by_type(before.asides), asides_by_type(after.asides))
    )


def _edit_info(versions: Versions, key: BlockKey) -> EditInfo:
    """What the branch knows of the block so far; but which library block it copies goes with the content."""
    before = next((v.record(key).edit_info for v in (versions.theirs, versions.base) if key in v), EditInfo())
    if key not in versions.mine:
        return before
    mine = versions.mine.record(key).edit_info
    base = versions.base.record(key).edit_info if key in versions.base else EditInfo()
    if (mine.original_usage, mine.original_usage_version) == (
        base.original_usage,
        base.original_usage_version,
    ):
        return before
    return before._replace(
        original_usage=mine.original_usage, original_usage_version=mine.original_usage_version
    )


def _is_gone(versions: Versions, placing: Placing, key: BlockKey) -> bool:
    return key in versions.theirs and not placing.has(key)
