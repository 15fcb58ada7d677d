"""What a block itself says, and the asset metadata: merged name by name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from modulestore.errors import DefinitionNotFound
from modulestore.keys import BlockKey, VersionId
from modulestore.model.changes import ABSENT, Aspect, Changes, asides_by_type, assets_by_name, same_asset
from modulestore.model.comparing import same_fields, same_value
from modulestore.model.definition import Definition
from modulestore.model.merging.conflicts import ConflictKind, Decisions, Side
from modulestore.model.merging.versions import SideVersion, Versions
from modulestore.model.structure import BlockRecord

__all__ = ["Contents", "FieldMerger", "NewContent", "merged_assets", "needed_of"]

Assets = Mapping[str, Sequence[Mapping[str, Any]]]
Contents = Mapping[VersionId, Definition]
Same = Callable[[Any, Any], bool]


@dataclass(frozen=True, slots=True)
class NewContent:
    """Content that no definition has yet, and the definition that it follows."""

    fields: Mapping[str, Any]
    follows: Definition


def needed_of(versions: Versions) -> set[VersionId]:
    """The definitions whose fields the merge looks at: those that differ where both sides did something."""
    base, theirs, mine = versions.base, versions.theirs, versions.mine
    needed: set[VersionId] = set()

    def need(key: BlockKey, *where: Any) -> None:
        found = {version.record(key).definition for version in where}
        if len(found) == len(where):
            needed.update(found)

    for key in _redefined(theirs.changes):
        if key in mine.removed:
            need(key, base, theirs)
        elif Aspect.DEFINITION in mine.changes.changed.get(key, Aspect(0)):
            need(key, base, theirs, mine)
    for key in _redefined(mine.changes):
        if key in theirs.removed:
            need(key, base, mine)
    for key in theirs.added & mine.added:
        need(key, theirs, mine)
    return needed


def _redefined(changes: Changes) -> Iterable[BlockKey]:
    return [key for key, aspects in changes.changed.items() if Aspect.DEFINITION in aspects]


class FieldMerger:
    """Settings, defaults, content and asides of blocks that both sides have.

    A field that one side changed has that side's value. One that both changed alike has that, and is a
    conflict otherwise.
    """

    def __init__(self, versions: Versions, contents: Contents, decisions: Decisions) -> None:
        self._versions = versions
        self._contents = contents
        self._decisions = decisions

    def is_edited(self, side: SideVersion, key: BlockKey, aspects: Aspect) -> bool:
        """Whether a block that the other side deleted says something else than before, children apart.

        The same content in another definition is nothing else.
        """
        if aspects & (Aspect.SETTINGS | Aspect.DEFAULTS | Aspect.ASIDES):
            return True
        if Aspect.DEFINITION not in aspects:
            return False
        before, after = self._versions.base.record(key), side.record(key)
        return not same_fields(self._definition(before).fields, self._definition(after).fields)

    def merge(self, key: BlockKey) -> tuple[BlockRecord, NewContent | None]:
        """The block of both sides with the fields of both; the content apart where it is new.

        Children and edit info are theirs. What is open in a conflict is theirs for the time being.
        """
        versions = self._versions
        theirs, mine = versions.theirs.record(key), versions.mine.record(key)
        base = versions.base.record(key) if key in versions.base else None
        settings = self._fields(key, "", base.settings if base else {}, theirs.settings, mine.settings)
        defaults = self._fields(
            key, "defaults.", base.defaults if base else {}, theirs.defaults, mine.defaults
        )
        asides = self._asides(key, base, theirs, mine)
        content = self._content(key, base, theirs, mine)
        definition = theirs.definition if isinstance(content, NewContent) else content
        record = BlockRecord(key, definition, theirs.children, settings, defaults, asides, theirs.edit_info)
        return record, content if isinstance(content, NewContent) else None

    def _asides(
        self, key: BlockKey, base: BlockRecord | None, theirs: BlockRecord, mine: BlockRecord
    ) -> Sequence[Mapping[str, Any]]:
        by_type = [asides_by_type(record.asides if record else ()) for record in (base, theirs, mine)]
        if not (by_type[1] or by_type[2]):
            return theirs.asides
        return [*self._fields(key, "asides.", *by_type).values()]

    def _content(
        self, key: BlockKey, base: BlockRecord | None, theirs: BlockRecord, mine: BlockRecord
    ) -> VersionId | NewContent:
        before = base.definition if base else None
        if mine.definition in (before, theirs.definition):
            return theirs.definition
        if theirs.definition == before:
            return mine.definition
        ours, other = self._definition(theirs), self._definition(mine)
        fields = self._definition(base).fields if base else {}
        merged = self._fields(key, "content.", fields, ours.fields, other.fields)
        if same_fields(merged, ours.fields):
            return theirs.definition
        return mine.definition if same_fields(merged, other.fields) else NewContent(merged, ours)

    def _fields(
        self,
        key: BlockKey,
        prefix: str,
        base: Mapping[str, Any],
        theirs: Mapping[str, Any],
        mine: Mapping[str, Any],
    ) -> dict[str, Any]:
        kind = ConflictKind.ASIDE if prefix == "asides." else ConflictKind.FIELD
        kind = kind if key in self._versions.base else ConflictKind.ADDED

        def decide(name: str, *values: Any) -> Side | None:
            return self._decisions.decide(kind, key, prefix + name, *values)

        return _three_way(base, theirs, mine, same_value, decide)

    def _definition(self, record: BlockRecord) -> Definition:
        definition = self._contents.get(record.definition)
        if definition is None:
            name = f"{record.key.type}/{record.key.id}"
            raise DefinitionNotFound(f"the content of {name}, definition {record.definition}, is not there")
        return definition


def merged_assets(versions: Versions, decisions: Decisions) -> Assets | None:
    """The asset metadata of both sides; theirs as it is if mine changed nothing."""
    theirs = versions.theirs.structure
    if not versions.mine.changes.assets:
        return theirs.assets

    def decide(name: tuple[str, str], *values: Any) -> Side | None:
        field = f"assets.{name[0]}/{name[1]}"
        return decisions.decide(ConflictKind.ASSET, versions.root, field, *map(_without_edit_info, values))

    sides = (versions.base, versions.theirs, versions.mine)
    before, ours, other = (assets_by_name(side.structure) for side in sides)
    merged = _three_way(before, ours, other, same_asset, decide)
    if merged == ours:
        return theirs.assets
    by_type: dict[str, list[Mapping[str, Any]]] = {kind: [] for kind in theirs.assets or {}}
    for kind, filename in sorted(merged):
        by_type.setdefault(kind, []).append(merged[kind, filename])
    return by_type


def _without_edit_info(entry: Any) -> Any:
    return {name: entry[name] for name in entry if name != "edit_info"} if entry is not ABSENT else entry


def _three_way(
    base: Mapping[Any, Any],
    theirs: Mapping[Any, Any],
    mine: Mapping[Any, Any],
    same: Same,
    decide: Callable[..., Side | None],
) -> dict[Any, Any]:
    """Theirs with what mine changed."""
    merged = dict(theirs)
    for name in dict.fromkeys((*base, *mine)):
        before, value = base.get(name, ABSENT), mine.get(name, ABSENT)
        if same(before, value):
            continue
        other = theirs.get(name, ABSENT)
        if same(other, value):
            continue
        if not same(before, other) and decide(name, before, other, value) is not Side.MINE:
            continue
        if value is ABSENT:
            merged.pop(name, None)
        else:
            merged[name] = value
    return merged
