"""What differs between draft and published.

Two questions with two answers. Which blocks have a badge "has unpublished changes" is told by marks, as the
platform does: a block that was edited and edited back has one. What an author has to look at before
publishing are the blocks whose values differ.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from modulestore.errors import BlockNotFound
from modulestore.keys import BlockKey, VersionId
from modulestore.model.changes import compare
from modulestore.model.comparing import same_value
from modulestore.model.publishing.copying import publish
from modulestore.model.revision import Revision
from modulestore.model.structure import Structure

__all__ = [
    "Change",
    "Preview",
    "changed_blocks",
    "changed_since",
    "has_changes",
    "publish_preview",
    "unpublished",
]


class Change(StrEnum):
    """How a block differs between two versions.

    ``MOVED``: it has other parents, whatever else differs. ``CHANGED``: other settings, content, asides, or
    its children in another order; not that it has other children, which are told by themselves.
    """

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"
    MOVED = "moved"


@dataclass(frozen=True, slots=True)
class Preview:
    """What a publication would do to the published branch; a moved block counts as changed."""

    added: tuple[BlockKey, ...]
    changed: tuple[BlockKey, ...]
    removed: tuple[BlockKey, ...]


def changed_blocks(draft: Structure, published: Structure | None) -> Mapping[BlockKey, Change]:
    """What differs in the whole course, in one pass: in stored order of the draft, what it lost last.

    Values are compared where marks differ (see `unpublished`), lists of children everywhere.
    """
    if published is None:
        return {draft.key(position): Change.ADDED for position in range(len(draft))}
    where = _places(draft, published)
    return _compared(published, draft, where, _differing(draft, published, where))


def unpublished(draft: Structure, published: Structure | None) -> frozenset[BlockKey]:
    """The blocks with unpublished changes, by the platform's rule: all of them in one pass.

    A block has changes if it, or a block below it in the draft, is not published, was published in another
    version than the draft has, or is not there at all.

    Source: Open edX split modulestore, has_changes rule.
    """
    size = len(draft)
    if published is None:
        waiting = list(range(size))
    else:
        waiting = _differing(draft, published, _places(draft, published))
    waiting += [at for at, below in enumerate(draft.children) if below and max(below) >= size]
    parents = draft.outline.parents
    found = set(waiting)
    while waiting:
        for parent in parents[waiting.pop()]:
            if parent not in found:
                found.add(parent)
                waiting.append(parent)
    return frozenset(map(draft.key, found))


def changed_since(seen: Structure, draft: Structure, key: BlockKey) -> frozenset[BlockKey]:
    """The blocks that ``draft`` does not have as an author has ``seen`` them: of this one and what is below
    it, in either of the two versions.
    """
    changes = compare(seen, draft)
    below = {
        structure.key(at)
        for structure in (seen, draft)
        if (start := structure.position(key)) is not None
        for at in structure.outline.preorder(start)
    }
    return frozenset(below.intersection([*changes.added, *changes.removed, *changes.changed]))


def has_changes(draft: Structure, published: Structure | None, key: BlockKey) -> bool:
    """Whether a block has unpublished changes; looks only at it and what is below it. See `unpublished`.

    Raises:
        BlockNotFound: the draft has no such block.
    """
    start = draft.position(key)
    if start is None:
        raise BlockNotFound(f"the draft has no {key.type} block {key.id!r}", place=f"{key.type}/{key.id}")
    if published is None:
        return True
    size = len(draft)
    for position in draft.outline.preorder(start):
        there = published.position(draft.key(position))
        if there is None or _mark(draft, position) != _mark(published, there):
            return True
        if any(child >= size for child in draft.children[position] or ()):
            return True
    return False


def publish_preview(draft: Structure, published: Structure | None, keys: Iterable[BlockKey]) -> Preview:
    """What publishing these blocks would do.

    Raises:
        BlockNotFound, NotPublished: as `publish`.
    """
    root = draft.header.root if published is None else published.header.root
    version, moment = VersionId(bytes(12)), datetime(1970, 1, 1, tzinfo=UTC)
    revision = Revision(published, root, version=version, author=None, now=moment, ids=iter(()))
    publish(draft, revision, keys)
    after = revision.structure()
    if published is None:
        return Preview(tuple(revision.keys()), (), ())
    candidates = [at for key in revision.changes if (at := after.position(key)) is not None]
    kinds = _compared(published, after, _places(after, published), candidates)

    def of(*wanted: Change) -> tuple[BlockKey, ...]:
        return tuple(key for key, kind in kinds.items() if kind in wanted)

    return Preview(of(Change.ADDED), of(Change.CHANGED, Change.MOVED), of(Change.REMOVED))


def _places(new: Structure, old: Structure) -> list[int | None]:
    """Of each block of ``new``, where it stands in ``old``."""
    return list(map(old.index.get, zip(new.types, new.ids, strict=True)))


def _compared(
    old: Structure, new: Structure, where: Sequence[int | None], candidates: Sequence[int]
) -> dict[BlockKey, Change]:
    """How ``new`` differs from ``old``, where its blocks stand at ``where``; values are compared only of the
    candidates.
    """
    found = {position: Change.ADDED for position, origin in enumerate(where) if origin is None}
    for position in candidates:
        origin = where[position]
        if origin is not None and not _same(old, origin, new, position):
            found[position] = Change.CHANGED
    moved: set[int] = set()
    old_below = old.outline.below
    for position, (origin, below) in enumerate(zip(where, new.outline.below, strict=True)):
        if origin is None:
            moved.update(child for child in below if where[child] is not None)
            continue
        was = old_below[origin]
        if not below and not was:
            continue
        now = tuple(map(where.__getitem__, below))
        if was == now:
            continue
        here, there = set(now), set(was)
        moved.update(
            child for child, at in zip(below, now, strict=True) if at is not None and at not in there
        )
        gone = (new.position(old.key(at)) for at in was if at not in here)
        moved.update(at for at in gone if at is not None)
        if [at for at in was if at in here] != [at for at in now if at in there]:
            found.setdefault(position, Change.CHANGED)
    found.update(dict.fromkeys(moved, Change.MOVED))
    kinds = {new.key(position): found[position] for position in sorted(found)}
    kept = set(where)
    kinds.update((old.key(at), Change.REMOVED) for at in range(len(old)) if at not in kept)
    return kinds


def _same(old: Structure, origin: int, new: Structure, position: int) -> bool:
    a, b = old.data, new.data
    return (
        old.definitions[origin] == new.definitions[position]
        and same_value(a.settings(origin), b.settings(position))
        and same_value(a.defaults(origin), b.defaults(position))
        and same_value(list(a.asides(origin)), list(b.asides(position)))
    )


def _differing(draft: Structure, published: Structure, where: Sequence[int | None]) -> list[int]:
    """Positions of the draft's blocks that are not published, or not in the version that the draft has."""
    ours, theirs = draft.data.marks(), published.data.marks()
    return [
        position
        for position, (origin, mark) in enumerate(zip(where, ours, strict=True))
        if origin is None or mark != theirs[origin]
    ]


def _mark(structure: Structure, position: int) -> VersionId | None:
    info = structure.data.edit_info(position)
    return info.source_version or info.update_version
