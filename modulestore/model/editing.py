"""What edits mean: how each changes the blocks of a new version, and which blocks count as changed by it.

Source of the rules: Open edX split modulestore, item creation, update, move and deletion, and ``edit_info``.
Differences on purpose: nothing counts as changed by an edit that changes nothing (setting an aside to what it
is, moving a block to where it is), an edit that fails leaves no trace, and however many edits one version
has, the edit info of a block changes once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, assert_never

from modulestore.errors import BlockExists, BlockNotFound, DefinitionNotFound, InvalidInput
from modulestore.keys import BlockKey, VersionId, is_block_id
from modulestore.model.asset_edits import set_asset
from modulestore.model.comparing import same_value
from modulestore.model.definition import Definition
from modulestore.model.edits import (
    AddBlock,
    DeleteBlock,
    Edit,
    MoveBlock,
    ReorderChildren,
    SetAside,
    SetAsset,
    UpdateFields,
)
from modulestore.model.fields import (
    BLOCK_TYPES,
    COMMON,
    INHERITABLE,
    Scope,
    field_of,
    is_container,
    is_detached,
)
from modulestore.model.revision import Revision
from modulestore.model.structure import BlockRecord, EditInfo, Structure
from modulestore.model.values import copy_value

__all__ = [
    "apply_edits",
    "check_new_block",
    "descendants",
    "exclusive_subtree",
    "main_parent",
    "needed_definitions",
    "remove_block",
    "split_fields",
    "stored_order",
]

_CONTENT_OF_UNKNOWN_TYPES = "data"


def needed_definitions(structure: Structure, edits: Sequence[Edit]) -> set[VersionId]:
    """The definitions whose content `apply_edits` must be given."""
    needed = set()
    for edit in edits:
        position = structure.position(edit.key) if isinstance(edit, UpdateFields) else None
        if position is not None and isinstance(edit, UpdateFields):
            settings = structure.data.settings(position)
            if any(_may_be_content(edit.key.type, name, settings) for name in (*edit.fields, *edit.unset)):
                needed.add(structure.definitions[position])
    return needed


def apply_edits(revision: Revision, edits: Sequence[Edit], contents: Mapping[VersionId, Definition]) -> None:
    """Make the edits, in order.

    Each is checked against what those before it made. When one fails, the revision has those before it and is
    of no use.

    Args:
        contents: the definitions that `needed_definitions` asks for.

    Raises:
        BlockNotFound, AssetNotFound: an edit names a block or a file that is not there.
        BlockExists: a new block has the key of one that is there.
        DefinitionNotFound: ``contents`` lacks the content of a block that is updated.
        InvalidInput: an edit that cannot be: the root deleted or moved, a block put under itself, …
    """
    for edit in edits:
        match edit:
            case AddBlock():
                _add(revision, edit)
            case UpdateFields():
                _update(revision, edit, contents)
            case MoveBlock():
                _move(revision, edit)
            case ReorderChildren():
                _reorder(revision, edit)
            case DeleteBlock():
                if edit.key == revision.root:
                    raise InvalidInput("the root block cannot be deleted", place=_name(edit.key))
                remove_block(revision, edit.key)
            case SetAside():
                _set_aside(revision, edit)
            case SetAsset():
                set_asset(revision, edit)
            case _:
                assert_never(edit)


def check_new_block(revision: Revision, key: BlockKey) -> None:
    """Whether a new block can have this key.

    Raises:
        BlockExists: there is a block of this type and id.
        InvalidInput: its type or id has characters that keys cannot hold.
    """
    for part, what in zip(key, ("type", "id"), strict=True):
        if not is_block_id(part):
            raise InvalidInput(
                f"{part!r} cannot be the {what} of a block: expected letters, digits and - _ ~ . :",
                place=_name(key),
            )
    if key in revision:
        raise BlockExists(f"there is a {key.type} block {key.id!r} already", place=_name(key))


def descendants(revision: Revision, key: BlockKey) -> Iterator[BlockKey]:
    """The block and all below it that is there, each once, parents first."""
    seen = set()
    stack = [key]
    while stack:
        block = stack.pop()
        if block not in seen and block in revision:
            seen.add(block)
            yield block
            stack.extend(reversed(revision.children(block)))


def main_parent(revision: Revision, key: BlockKey) -> BlockKey | None:
    """The parent that stands for all: of those that the root leads to the least; None for an orphan and the
    root.

    Source: Open edX split modulestore, parent location.
    """
    parents = revision.parents(key)
    return min((parent for parent in parents if _hangs_on_root(revision, parent)), default=None)


def remove_block(revision: Revision, key: BlockKey) -> None:
    """Take the block from all its parents, and with it everything below it that has no other parent.

    Source: Open edX split modulestore, delete rule: the parents count as changed.

    Raises:
        BlockNotFound: there is none.
    """
    if key not in revision:
        raise _absent(key)
    for parent in revision.parents(key):
        record = _record(revision, parent)
        children = [child for child in record.children or () if child != key]
        revision.put(revision.touched(replace(record, children=children)))
    for block in exclusive_subtree(revision, key):
        revision.remove(block)


def exclusive_subtree(revision: Revision, key: BlockKey) -> list[BlockKey]:
    """The block, and everything below it that has no parent but these."""
    found = {key: None}
    waiting = [key]
    while waiting:
        for child in revision.children(waiting.pop()):
            if child not in found and child in revision and found.keys() >= set(revision.parents(child)):
                found[child] = None
                waiting.append(child)
    return list(found)


def split_fields(block_type: str, fields: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Fields of a new block as settings and content, in the order given.

    Raises:
        InvalidInput: children among them: who is whose child is said by the children.
    """
    settings: dict[str, Any] = {}
    content: dict[str, Any] = {}
    for name, value in fields.items():
        scope = _scope(block_type, name, settings, content)
        (content if scope is Scope.CONTENT else settings)[name] = copy_value(value)
    return settings, content


def stored_order(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Fields in the order in which the platform writes a block that it read: those of every block, those that
    are inherited, the type's own; each group by name.
    """

    def place(name: str) -> tuple[int, str]:
        return (0 if name in COMMON else 1 if name in INHERITABLE else 2), name

    return {name: fields[name] for name in sorted(fields, key=place)}


def _name(key: BlockKey) -> str:
    return f"{key.type}/{key.id}"


def _absent(key: BlockKey) -> BlockNotFound:
    return BlockNotFound(f"there is no {key.type} block {key.id!r}", place=_name(key))


def _record(revision: Revision, key: BlockKey) -> BlockRecord:
    record = revision.get(key)
    if record is None:
        raise _absent(key)
    return record


def _hangs_on_root(revision: Revision, key: BlockKey) -> bool:
    seen = set()
    stack = [key]
    while stack:
        block = stack.pop()
        if block == revision.root:
            return True
        if block not in seen:
            seen.add(block)
            stack.extend(revision.parents(block))
    return False


# --- fields


def _scope(block_type: str, name: str, settings: Mapping[str, Any], content: Mapping[str, Any]) -> Scope:
    if name == "children":
        raise InvalidInput(
            "children are not a field that can be set",
            hint="add, move, reorder or delete the blocks themselves",
        )
    known = field_of(block_type, name)
    if known is not None:
        return known.scope
    if name in content or (block_type not in BLOCK_TYPES and name == _CONTENT_OF_UNKNOWN_TYPES):
        return Scope.SETTINGS if name in settings else Scope.CONTENT
    return Scope.SETTINGS


def _may_be_content(block_type: str, name: str, settings: Mapping[str, Any]) -> bool:
    known = field_of(block_type, name)
    return name not in settings if known is None else known.scope is Scope.CONTENT


def _update(revision: Revision, edit: UpdateFields, contents: Mapping[VersionId, Definition]) -> None:
    record = _record(revision, edit.key)
    names = (*edit.fields, *edit.unset)
    both = edit.fields.keys() & set(edit.unset)
    if both:
        raise InvalidInput(f"{min(both)!r} is both set and unset", place=_name(edit.key))
    definition = None
    content: dict[str, Any] = {}
    if any(_may_be_content(edit.key.type, name, record.settings) for name in names):
        definition = revision.definitions.get(record.definition) or contents.get(record.definition)
        if definition is None:
            raise DefinitionNotFound(f"the content {record.definition} is not there", place=_name(edit.key))
        content = dict(definition.fields)
    settings = dict(record.settings)
    for name in names:
        try:
            scope = _scope(edit.key.type, name, settings, content)
        except InvalidInput as error:
            raise InvalidInput(error.message, place=_name(edit.key), hint=error.hint) from None
        fields = content if scope is Scope.CONTENT else settings
        if name in edit.fields:
            fields[name] = copy_value(edit.fields[name])
        else:
            fields.pop(name, None)
    new = record
    if not same_value(settings, record.settings):
        new = replace(new, settings=stored_order(settings))
    if definition is not None and not same_value(content, definition.fields):
        new = replace(new, definition=_defined(revision, definition, stored_order(content)))
    if new is not record:
        revision.put(revision.touched(new))


def _defined(revision: Revision, before: Definition, content: Mapping[str, Any]) -> VersionId:
    """The id of this content; one that is new in this version is changed, not followed by another."""
    if before.id in revision.definitions:
        revision.definitions[before.id] = before._replace(fields=content)
        return before.id
    return revision.define(before.block_type, content, before)


def _set_aside(revision: Revision, edit: SetAside) -> None:
    record = _record(revision, edit.key)
    asides = list(record.asides)
    at = next(
        (at for at, aside in enumerate(asides) if aside.get("aside_type") == edit.aside_type), len(asides)
    )
    asides[at : at + 1] = (
        []
        if edit.fields is None
        else [{"aside_type": edit.aside_type, "fields": copy_value(dict(edit.fields))}]
    )
    if not same_value(asides, list(record.asides)):
        revision.put(revision.touched(replace(record, asides=asides)))


# --- who is whose child


def _add(revision: Revision, edit: AddBlock) -> None:
    key = edit.key
    check_new_block(revision, key)
    try:
        settings, content = split_fields(key.type, edit.fields)
    except InvalidInput as error:
        raise InvalidInput(error.message, place=_name(key), hint=error.hint) from None
    parent = None if edit.parent is None else _record(revision, edit.parent)
    revision.put(
        BlockRecord(
            key=key,
            definition=revision.define(key.type, content, None),
            settings=settings,
            edit_info=EditInfo(
                update_version=revision.version, edited_on=revision.now, edited_by=revision.author
            ),
        )
    )
    if parent is None or is_detached(key.type):
        return
    # Unlike every other change, a new child leaves the parent's source version as it is.
    source = parent.edit_info.source_version
    parent = revision.touched(_with_child(parent, key, edit.index))
    revision.put(replace(parent, edit_info=parent.edit_info._replace(source_version=source)))


def _with_child(parent: BlockRecord, child: BlockKey, index: int | None) -> BlockRecord:
    if parent.key.type in BLOCK_TYPES and not is_container(parent.key.type) and not parent.children:
        raise InvalidInput(f"a {parent.key.type} block cannot have children", place=_name(parent.key))
    children = [key for key in parent.children or () if key != child]
    if index is not None and index < 0:
        raise InvalidInput(f"there is no place {index} among children", place=_name(parent.key))
    children.insert(len(children) if index is None else index, child)
    return replace(parent, children=children)


def _move(revision: Revision, edit: MoveBlock) -> None:
    key = edit.key
    _record(revision, key)
    target = _record(revision, edit.parent)
    if key == revision.root:
        raise InvalidInput("the root block cannot be moved", place=_name(key))
    if is_detached(key.type):
        raise InvalidInput(f"a {key.type} block stands beside the tree, it has no parent", place=_name(key))
    if edit.parent in descendants(revision, key):
        raise InvalidInput(
            f"it cannot be put under {_name(edit.parent)}, which is below it", place=_name(key)
        )
    moved = _with_child(target, key, edit.index)
    if key in (target.children or ()):
        if tuple(moved.children or ()) != tuple(target.children or ()):
            revision.put(revision.touched(moved))
        return
    old = main_parent(revision, key) or min(revision.parents(key), default=None)
    if old is not None:
        record = _record(revision, old)
        left = [child for child in record.children or () if child != key]
        revision.put(revision.touched(replace(record, children=left)))
    revision.put(revision.touched(moved))


def _reorder(revision: Revision, edit: ReorderChildren) -> None:
    record = _record(revision, edit.key)
    before, after = list(record.children or ()), [BlockKey(*child) for child in edit.children]
    if sorted(before) != sorted(after):
        raise InvalidInput(
            "the new order is not one of the same children",
            place=_name(edit.key),
            hint="blocks are added, moved and deleted by themselves",
        )
    if before != after:
        revision.put(revision.touched(replace(record, children=after)))
