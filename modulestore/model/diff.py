"""The difference of two versions in full: for people, for the command, and to be applied.

A :class:`Diff` says of every block what became of it, field by field. Laid over the first version it gives
the second: ``apply(a, diff(a, b)) == b`` in content. Names of fields are as authors know them: a setting by
its name, ``content.data``, ``defaults.weight``, ``asides.<type>``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from modulestore.errors import BlockNotFound, DefinitionNotFound
from modulestore.keys import BlockKey, VersionId
from modulestore.model.changes import (
    ABSENT,
    Absent,
    Aspect,
    Changes,
    asides_by_type,
    assets_by_name,
    compare,
    json_value,
)
from modulestore.model.comparing import same_value
from modulestore.model.definition import Definition
from modulestore.model.revision import Revision
from modulestore.model.structure import BlockRecord, EditInfo, Structure

__all__ = [
    "AssetChange",
    "ChildrenChange",
    "Diff",
    "DiffBlock",
    "FieldChange",
    "Move",
    "apply",
    "diff",
    "needed_definitions",
]

Keys = tuple[BlockKey, ...]
Contents = Mapping[VersionId, Definition]


@dataclass(frozen=True, slots=True)
class DiffBlock:
    """A block that one of the versions lacks, as the other has it, and where it has it."""

    record: BlockRecord
    parents: Keys

    @property
    def key(self) -> BlockKey:
        return self.record.key

    def as_json(self) -> dict[str, Any]:
        """The block, where it is, and what it sets; its content by the id of the definition."""
        return {
            "key": _name(self.key),
            "title": json_value(self.record.settings.get("display_name")),
            "parents": _names(self.parents),
            "settings": json_value(self.record.settings),
            "definition": str(self.record.definition),
        }


@dataclass(frozen=True, slots=True)
class Move:
    """A block that other blocks list as a child than before."""

    key: BlockKey
    before: Keys
    after: Keys

    def as_json(self) -> dict[str, Any]:
        """``from`` and ``to`` are lists of parents."""
        return {"key": _name(self.key), "from": _names(self.before), "to": _names(self.after)}


@dataclass(frozen=True, slots=True)
class ChildrenChange:
    """The children of a block, before and after."""

    key: BlockKey
    before: Keys
    after: Keys

    def as_json(self) -> dict[str, Any]:
        """``from`` and ``to`` are the children in order."""
        return {"key": _name(self.key), "from": _names(self.before), "to": _names(self.after)}


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One field of a block; ``ABSENT`` is the value of a field that is not set."""

    key: BlockKey
    field: str
    before: Any
    after: Any

    def as_json(self) -> dict[str, Any]:
        """``from`` and ``to``; which of them are null because the field is not set says ``unset``."""
        return {"key": _name(self.key), "field": self.field, **_from_to(self.before, self.after)}


@dataclass(frozen=True, slots=True)
class AssetChange:
    """One entry of the asset metadata; ``ABSENT`` where there is none."""

    asset_type: str
    filename: str
    before: Mapping[str, Any] | Absent
    after: Mapping[str, Any] | Absent

    def as_json(self) -> dict[str, Any]:
        """``from`` and ``to`` are the entries; which of them are not there says ``unset``."""
        return {"type": self.asset_type, "name": self.filename, **_from_to(self.before, self.after)}


@dataclass(frozen=True, slots=True)
class Diff:
    """From one version to another.

    Attributes:
        added, removed: blocks that only one of them has.
        moved: blocks of both under other parents than before.
        reordered: the children that a block of both has in both, where their order is not the same.
        changed: fields of blocks of both.
        children: every list of children that is not the same, in full, of blocks of both and of added ones.
        assets: entries of the asset metadata.
    """

    added: tuple[DiffBlock, ...] = ()
    removed: tuple[DiffBlock, ...] = ()
    moved: tuple[Move, ...] = ()
    reordered: tuple[ChildrenChange, ...] = ()
    changed: tuple[FieldChange, ...] = ()
    children: tuple[ChildrenChange, ...] = ()
    assets: tuple[AssetChange, ...] = ()

    def __bool__(self) -> bool:
        """Whether anything differs."""
        return bool(self.added or self.removed or self.changed or self.children or self.assets)

    def as_json(self) -> dict[str, Any]:
        """The same as JSON values; blocks are ``type/id``, dates text.

        The lists of children are left out: what became of the children says it.
        """
        parts: dict[str, Sequence[DiffBlock | Move | ChildrenChange | FieldChange | AssetChange]] = {
            "added": self.added,
            "removed": self.removed,
            "moved": self.moved,
            "reordered": self.reordered,
            "changed": self.changed,
            "assets": self.assets,
        }
        return {name: [item.as_json() for item in items] for name, items in parts.items()}


def needed_definitions(a: Structure, b: Structure, *, changes: Changes | None = None) -> set[VersionId]:
    """The definitions whose fields :func:`diff` looks at: those of blocks that have another one in ``b``."""
    changes = compare(a, b) if changes is None else changes
    return {
        structure.definitions[_position(structure, key)]
        for key, aspects in changes.changed.items()
        if Aspect.DEFINITION in aspects
        for structure in (a, b)
    }


def diff(a: Structure, b: Structure, contents: Contents, *, changes: Changes | None = None) -> Diff:
    """What happened from ``a`` to ``b``, block by block and field by field.

    ``contents`` has what :func:`needed_definitions` names; ``changes`` is ``compare(a, b)`` where that is at
    hand.

    Raises:
        DefinitionNotFound: a definition that is needed is not in ``contents``.
    """
    changes = compare(a, b) if changes is None else changes
    lists = tuple(_children(a, b, changes))
    assets_a, assets_b = assets_by_name(a), assets_by_name(b)
    return Diff(
        added=tuple(DiffBlock(_record(b, key), _parents(b, key)) for key in changes.added),
        removed=tuple(DiffBlock(_record(a, key), _parents(a, key)) for key in changes.removed),
        moved=tuple(_moves(a, b, lists, changes)),
        reordered=tuple(_reordered(lists, set(changes.added))),
        changed=tuple(_field_changes(a, b, contents, changes)),
        children=lists,
        assets=tuple(
            AssetChange(*name, assets_a.get(name, ABSENT), assets_b.get(name, ABSENT))
            for name in changes.assets
        ),
    )


def _children(a: Structure, b: Structure, changes: Changes) -> Iterator[ChildrenChange]:
    for key, aspects in changes.changed.items():
        if Aspect.CHILDREN in aspects:
            yield ChildrenChange(key, _record_children(a, key), _record_children(b, key))
    for key in changes.added:
        if after := _record_children(b, key):
            yield ChildrenChange(key, (), after)


def _moves(a: Structure, b: Structure, lists: Sequence[ChildrenChange], changes: Changes) -> Iterator[Move]:
    moved = {key: None for change in lists for key in (*change.before, *change.after)}
    # A removed block says itself that its children lost a parent.
    moved.update({key: None for parent in changes.removed for key in _record_children(a, parent)})
    for key in moved:
        if a.position(key) is None or b.position(key) is None:
            continue
        before, after = _parents(a, key), _parents(b, key)
        if set(before) != set(after):
            yield Move(key, before, after)


def _reordered(lists: Sequence[ChildrenChange], added: set[BlockKey]) -> Iterator[ChildrenChange]:
    for change in lists:
        both = set(change.before) & set(change.after)
        before = tuple(key for key in change.before if key in both)
        after = tuple(key for key in change.after if key in both)
        if before != after and change.key not in added:
            yield ChildrenChange(change.key, before, after)


def _field_changes(a: Structure, b: Structure, contents: Contents, changes: Changes) -> Iterator[FieldChange]:
    for key, aspects in changes.changed.items():
        one, other = _record(a, key), _record(b, key)
        if Aspect.SETTINGS in aspects:
            yield from _fields(key, "", one.settings, other.settings)
        if Aspect.DEFINITION in aspects:
            before, after = (_definition(contents, record) for record in (one, other))
            yield from _fields(key, "content.", before.fields, after.fields)
        if Aspect.DEFAULTS in aspects:
            yield from _fields(key, "defaults.", one.defaults, other.defaults)
        if Aspect.ASIDES in aspects:
            yield from _fields(key, "asides.", asides_by_type(one.asides), asides_by_type(other.asides))


def _fields(
    key: BlockKey, prefix: str, before: Mapping[str, Any], after: Mapping[str, Any]
) -> Iterator[FieldChange]:
    for name in sorted(before.keys() | after.keys()):
        old, new = before.get(name, ABSENT), after.get(name, ABSENT)
        if not same_value(old, new):
            yield FieldChange(key, prefix + name, old, new)


# --- applying


def apply(change: Diff, revision: Revision, contents: Contents) -> None:
    """Let a revision of the first version become the second: ``apply(a, diff(a, b)) == b`` in content.

    What changed is set to what it was changed to, whatever it was. ``contents`` has the definitions of those
    blocks of the revision whose content changes.

    Raises:
        BlockNotFound: a block that changes is not there: the revision is of another version.
        DefinitionNotFound: a definition that is needed is not in ``contents``.
    """
    fields: dict[BlockKey, list[FieldChange]] = {}
    for item in change.changed:
        fields.setdefault(item.key, []).append(item)
    lists = {item.key: item.after for item in change.children}
    for block in change.removed:
        revision.remove(block.key)
    for block in change.added:
        info = block.record.edit_info
        born = EditInfo(
            original_usage=info.original_usage, original_usage_version=info.original_usage_version
        )
        revision.put(revision.touched(replace(block.record, edit_info=born)))
    added = {block.key for block in change.added}
    # In a fixed order: new definitions take their ids one after the other.
    for key in sorted(fields.keys() | (lists.keys() - added)):
        record = revision.get(key)
        if record is None:
            raise BlockNotFound(f"there is no block {_name(key)} to change")
        record = _with_fields(record, fields.get(key, ()), revision, contents)
        revision.put(revision.touched(replace(record, children=lists.get(key, record.children))))
    if change.assets:
        revision.assets = _with_assets(revision.assets, change.assets)


def _with_fields(
    record: BlockRecord, changes: Sequence[FieldChange], revision: Revision, contents: Contents
) -> BlockRecord:
    """The block with these fields as they are afterwards."""
    settings, defaults = dict(record.settings), dict(record.defaults)
    asides: dict[str, Any] = dict(asides_by_type(record.asides))
    definition = revision.definitions.get(record.definition)
    content: dict[str, Any] | None = None
    for change in changes:
        scope, _, name = change.field.partition(".")
        if scope == "defaults" and name:
            _set(defaults, name, change.after)
        elif scope == "asides" and name:
            _set(asides, name, change.after)
        elif scope == "content" and name:
            if content is None:
                definition = definition or _definition(contents, record)
                content = dict(definition.fields)
            _set(content, name, change.after)
        else:
            _set(settings, change.field, change.after)
    if content is not None:
        record = replace(record, definition=revision.define(record.key.type, content, definition))
    return replace(record, settings=settings, defaults=defaults, asides=[*asides.values()])


def _with_assets(
    assets: Mapping[str, Sequence[Mapping[str, Any]]] | None, changes: Sequence[AssetChange]
) -> Mapping[str, Sequence[Mapping[str, Any]]]:
    by_type = {
        kind: {entry["filename"]: entry for entry in entries} for kind, entries in (assets or {}).items()
    }
    for change in changes:
        _set(by_type.setdefault(change.asset_type, {}), change.filename, change.after)
    return {kind: [entries[name] for name in sorted(entries)] for kind, entries in by_type.items()}


def _set(fields: dict[str, Any], name: str, value: Any) -> None:
    if value is ABSENT:
        fields.pop(name, None)
    else:
        fields[name] = value


# --- a structure by key


def _position(structure: Structure, key: BlockKey) -> int:
    position = structure.position(key)
    assert position is not None, "a comparison names blocks that are there"
    return position


def _record(structure: Structure, key: BlockKey) -> BlockRecord:
    return structure.record(_position(structure, key))


def _record_children(structure: Structure, key: BlockKey) -> Keys:
    return structure.child_keys(_position(structure, key)) or ()


def _parents(structure: Structure, key: BlockKey) -> Keys:
    above = structure.outline.parents[_position(structure, key)]
    return tuple(sorted(structure.key(position) for position in above))


def _definition(contents: Contents, record: BlockRecord) -> Definition:
    definition = contents.get(record.definition)
    if definition is None:
        raise DefinitionNotFound(
            f"the content of {_name(record.key)}, definition {record.definition}, is not there"
        )
    return definition


def _from_to(before: Any, after: Any) -> dict[str, Any]:
    unset = [name for name, value in (("from", before), ("to", after)) if value is ABSENT]
    return {"from": json_value(before), "to": json_value(after), "unset": unset}


def _name(key: BlockKey) -> str:
    return f"{key.type}/{key.id}"


def _names(keys: Sequence[BlockKey]) -> list[str]:
    return [_name(key) for key in keys]
