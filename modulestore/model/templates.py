"""Copies of library blocks in a course.

A copy shares the content of its library block, takes over the settings as its defaults, and keeps what was
set on the copy itself. Its id follows from where it is copied from and to, so that copying again finds it.

Source: Open edX split modulestore, template copy and derived block ids.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from hashlib import sha1
from typing import NamedTuple

from modulestore.errors import BlockNotFound, InvalidInput
from modulestore.keys import BlockKey, ContextKey
from modulestore.model.editing import descendants
from modulestore.model.revision import Revision
from modulestore.model.structure import BlockRecord, EditInfo, Structure

__all__ = ["LibrarySource", "copy_from_library", "derived_id"]


class LibrarySource(NamedTuple):
    """A block to copy: the key of its library or course with the branch, the version, and the block."""

    context: ContextKey
    structure: Structure
    block: BlockKey


def derived_id(source: ContextKey, source_id: str, parent_id: str) -> str:
    """The id of the copy of a block under a parent: 20 hexadecimal digits.

    ``source`` counts with its branch and without its version. Types do not count.
    """
    context = str(source.for_version(None)).encode()
    # The text of a Python bytes literal, b'…' included: so the platform does it, and learners' state needs
    # it.
    return sha1(f"{context!r}:{source_id}:{parent_id}".encode(), usedforsecurity=False).hexdigest()[:20]


def copy_from_library(revision: Revision, dest: BlockKey, sources: Sequence[LibrarySource]) -> list[BlockKey]:
    """Let the children of ``dest`` be copies of these blocks, each with all below it; their keys.

    Copies that are there stay what they are: their own settings, and learners' state that hangs on their ids.
    What was below ``dest`` and is no copy of these goes, unless it has a parent elsewhere. (The platform
    deletes that too.)

    Of the copies only those that have no drafts are published by themselves: `auto_publish` of the
    `outline_below` of what is returned.

    Raises:
        BlockNotFound: there is no such destination or source.
        InvalidInput: a source without a branch, one that is given twice, or copies that would come to stand
            under themselves.
    """
    parent = revision.get(dest)
    if parent is None:
        raise BlockNotFound(f"there is no {dest.type} block {dest.id!r}", place=_name(dest))
    for source in sources:
        if source.context.branch is None:
            raise InvalidInput(
                "a library block is copied from a branch: the key names none", place=str(source.context)
            )
    # The platform marks the parent with the version before: a quirk that its badges are used to.
    version = revision.base.id if revision.base is not None and not revision.changes else revision.version
    old = [key for key in descendants(revision, dest) if key != dest]
    copied: dict[BlockKey, None] = {}
    children = [_copy(revision, source, dest, copied) for source in sources]
    if len(set(children)) < len(children):
        raise InvalidInput("a library block is given twice", place=_name(dest))
    if dest in copied:
        raise InvalidInput("a copy would come to stand under itself", place=_name(dest))
    info = parent.edit_info._replace(
        previous_version=parent.edit_info.update_version,
        update_version=version,
        edited_on=revision.now,
        edited_by=revision.author,
    )
    revision.put(replace(parent, children=children, edit_info=info))
    _remove_left(revision, [key for key in old if key not in copied])
    return children


def _copy(
    revision: Revision, source: LibrarySource, parent: BlockKey, copied: dict[BlockKey, None]
) -> BlockKey:
    """Copy a block and all below it; its key."""
    top = BlockKey(source.block.type, derived_id(source.context, source.block.id, parent.id))
    waiting = [(source.block, top)]
    while waiting:
        original, key = waiting.pop()
        if key in copied:
            continue
        position = source.structure.position(original)
        if position is None:
            raise BlockNotFound(
                f"there is no {original.type} block {original.id!r} to copy",
                place=str(source.context.usage(original.type, original.id)),
            )
        copied[key] = None
        below = source.structure.child_keys(position)
        children = None
        if below is not None:
            children = [BlockKey(child.type, derived_id(source.context, child.id, key.id)) for child in below]
            waiting += reversed(list(zip(below, children, strict=True)))
        revision.put(_made(revision, source, source.structure.record(position), key, children))
    return top


def _made(
    revision: Revision,
    source: LibrarySource,
    original: BlockRecord,
    key: BlockKey,
    children: Sequence[BlockKey] | None,
) -> BlockRecord:
    before = revision.get(key)
    info = before.edit_info if before else EditInfo()
    usage = source.context.bare.usage(original.key.type, original.key.id)
    # The source text of a problem is for its author; a copy that had it would show it as its own.
    left_out = "markdown" if key.type == "problem" else None
    return BlockRecord(
        key=key,
        definition=original.definition,
        children=children,
        settings=before.settings if before else {},
        defaults={name: value for name, value in original.settings.items() if name != left_out},
        asides=original.asides,
        edit_info=info._replace(
            previous_version=info.update_version,
            update_version=revision.version,
            edited_on=revision.now,
            edited_by=revision.author,
            original_usage=str(usage),
            original_usage_version=original.edit_info.update_version,
        ),
    )


def _remove_left(revision: Revision, left: Sequence[BlockKey]) -> None:
    """Remove these blocks, but what has a parent that stays, and what is below that."""
    kept: set[BlockKey] = set()
    going = set(left)
    for key in left:  # parents first
        if key in kept or any(parent not in going for parent in revision.parents(key)):
            kept.update(descendants(revision, key))
            going -= kept
    for key in going:
        revision.remove(key)


def _name(key: BlockKey) -> str:
    return f"{key.type}/{key.id}"
