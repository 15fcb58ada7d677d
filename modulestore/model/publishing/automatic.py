"""What is published by itself: blocks that have no drafts, as soon as they are edited.

Source: Open edX split modulestore, direct-only categories: course, chapter, sequential, about, static_tab,
course_info. Such a block is copied without what is below it, so children that it lost go from the published
branch and new ones wait for their own publication.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from modulestore.errors import NotPublished
from modulestore.keys import BlockKey
from modulestore.model.branches import DIRECT_ONLY
from modulestore.model.comparing import same_content, same_value
from modulestore.model.editing import remove_block
from modulestore.model.publishing.copying import EVERYTHING, Copying, keep_if_different
from modulestore.model.revision import Revision
from modulestore.model.structure import BlockRecord

__all__ = ["auto_publish", "needs_publication", "outline_below"]

Assets = Mapping[str, Sequence[Mapping[str, Any]]]


def needs_publication(draft: Revision) -> bool:
    """Whether anything that was done to the draft may be published by itself."""
    return any(key.type in DIRECT_ONLY for key in draft.changes) or (
        draft.base is not None and draft.assets != draft.base.assets
    )


def auto_publish(draft: Revision, published: Revision, keys: Iterable[BlockKey] | None = None) -> None:
    """Publish what of the draft's changes is published by itself.

    Without ``keys`` the changes themselves tell what that is, in the platform's way:

    - a new or edited block without drafts, and one whose children were moved, put in order or deleted;
    - its parent, if it is new there; not the parent of a new block that has drafts;
    - one that was deleted is deleted (its parents are not published, as for the platform);
    - asset metadata, which both branches have.

    With ``keys``: the blocks among them that have no drafts. What is below a parent that is not published
    itself stays unpublished. Nothing is changed if nothing differs.
    """
    before = dict(published.changes)
    if keys is None:
        _publish_assets(draft, published)
        keys = _deleted(draft) + _edited(draft)
    for key in keys:
        if key.type not in DIRECT_ONLY:
            continue
        if key not in draft:
            if key in published:
                remove_block(published, key)
            continue
        copying = Copying(draft, published, EVERYTHING)
        try:
            if published.root in published or key == draft.root:
                copying.copy(key)
        except NotPublished:
            continue
        copying.finish()
    keep_if_different(published, before)


def _deleted(draft: Revision) -> list[BlockKey]:
    """Blocks without drafts that are there no more; what was below another one after it."""
    gone = [key for key, record in draft.changes.items() if record is None and key.type in DIRECT_ONLY]
    return sorted(gone, key=lambda key: _depth_before(draft, key))


def _depth_before(draft: Revision, key: BlockKey) -> int:
    base = draft.base
    position = None if base is None else base.position(key)
    if base is None or position is None:
        return 0
    return sum(1 for _ in base.outline.ancestors(position))


def _edited(draft: Revision) -> list[BlockKey]:
    """Blocks without drafts that are to be published, in the order of their changes, but parents first."""
    found: list[BlockKey] = []
    for key, record in draft.changes.items():
        if record is None or key.type not in DIRECT_ONLY:
            continue
        old = _before(draft, key)
        if old is None:
            # The platform makes it, publishes it, attaches it, and publishes it again.
            found += [key, key] if draft.parents(key) else [key]
        elif not _waits(draft, old, record):
            there = set(old.children or ())
            moved_in = [
                child
                for child in record.children or ()
                if child not in there and _before(draft, child) is not None
            ]
            # They went with their old parent.
            found += [key, *(below for below in outline_below(draft, moved_in) if below not in draft.changes)]
    return _parents_first(draft, found)


def outline_below(blocks: Revision, keys: Iterable[BlockKey]) -> list[BlockKey]:
    """Those of the blocks that have no drafts, and what is below them that has none, down to what has."""
    found: dict[BlockKey, None] = {}
    waiting = list(keys)[::-1]
    while waiting:
        key = waiting.pop()
        if key.type in DIRECT_ONLY and key not in found:
            found[key] = None
            waiting.extend(reversed(blocks.children(key)))
    return list(found)


def _waits(draft: Revision, old: BlockRecord, new: BlockRecord) -> bool:
    """Whether it only got new children that have drafts, and lost deleted ones that had none."""
    if list(old.children or ()) == list(new.children or ()):
        return False
    kept = [child for child in old.children or () if child in draft or child.type not in DIRECT_ONLY]
    left = [
        child
        for child in new.children or ()
        if child.type in DIRECT_ONLY or _before(draft, child) is not None or child not in draft
    ]
    return kept == left and same_content(old, new)


def _before(draft: Revision, key: BlockKey) -> BlockRecord | None:
    position = None if draft.base is None else draft.base.position(key)
    return None if draft.base is None or position is None else draft.base.record(position)


def _parents_first(draft: Revision, keys: Sequence[BlockKey]) -> list[BlockKey]:
    times = Counter(keys)
    ordered: dict[BlockKey, None] = {}
    for key in times:
        above = [key]
        for block in above:  # grows: parents of parents, each once
            above += [
                up for up in draft.parents(block) if up in times and up not in ordered and up not in above
            ]
        ordered.update(dict.fromkeys(reversed(above)))
    return [key for key in ordered for _ in range(times[key])]


def _publish_assets(draft: Revision, published: Revision) -> None:
    old: Assets = (draft.base.assets if draft.base else None) or {}
    new: Assets = draft.assets or {}
    if same_value(old, new):
        return
    assets = dict(published.assets or {})
    for kind in {*old, *new}:
        was = {entry["filename"]: entry for entry in old.get(kind, ())}
        now = {entry["filename"]: entry for entry in new.get(kind, ())}
        here = {entry["filename"]: entry for entry in assets.get(kind, ())}
        for name in {*was, *now}:
            if name not in now:
                here.pop(name, None)
            elif name not in was or not same_value(was[name], now[name]):
                here[name] = now[name]
        if here or kind in assets or kind in new:
            assets[kind] = [here[name] for name in sorted(here)]
    published.assets = assets
