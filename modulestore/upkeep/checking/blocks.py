"""What must be true of the blocks of any version, whoever made it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import chain

from modulestore.errors import CorruptDocument, InvalidKey
from modulestore.keys import BlockKey, VersionId
from modulestore.model.fields import is_detached
from modulestore.model.structure import Structure
from modulestore.upkeep.checking.problems import Kind, Problem, Severity, Spot

__all__ = [
    "Insides",
    "block_problems",
    "closing_edges",
    "definition_problems",
    "duplicate_keys",
    "insides_of",
    "loose_blocks",
    "reached",
]

_PIN = "source_library_version"
_LIBRARY = "source_library_id"


def block_problems(
    structure: Structure,
    spot: Spot,
    *,
    duplicates: Collection[BlockKey] = (),
    shown_elsewhere: Collection[BlockKey] = frozenset(),
) -> Iterator[Problem]:
    """What is wrong with the outline of a version.

    Args:
        duplicates: blocks that its document has more than once (see `duplicate_keys`).
        shown_elsewhere: blocks that the course's other branch shows: repair leaves them, though nothing leads
            to them here.
    """
    for key in duplicates:
        yield spot.problem(
            Severity.WARNING,
            Kind.DUPLICATE_BLOCK,
            "it is there more than once; the last counts",
            key,
            mended=True,
        )
    if structure.root is None:
        message = f"there is no root block {_name(structure.header.root)}"
        yield spot.problem(Severity.ERROR, Kind.NO_ROOT, message, mended=True)
        return
    yield from _child_problems(structure, spot)
    closing = closing_edges(structure, shown_elsewhere)
    for parent, child in closing:
        message = f"its child {_name(structure.key(child))} has it below itself"
        yield spot.problem(Severity.ERROR, Kind.CYCLE, message, structure.key(parent), mended=True)
    yield from _parent_problems(structure, spot, set(closing))
    yield from _orphan_problems(structure, spot, shown_elsewhere)


def _child_problems(structure: Structure, spot: Spot) -> Iterator[Problem]:
    size = len(structure)
    for position, children in enumerate(structure.children):
        if not children:
            continue
        for child, count in Counter(children).items():
            key = structure.key(position)
            if child >= size:
                message = f"its child {_name(structure.key(child))} is not there"
                yield spot.problem(Severity.ERROR, Kind.CHILD_MISSING, message, key, mended=True)
            elif count > 1:
                message = f"it lists {_name(structure.key(child))} {count} times"
                yield spot.problem(Severity.WARNING, Kind.CHILD_TWICE, message, key, mended=True)


def _parent_problems(
    structure: Structure, spot: Spot, closing: Collection[tuple[int, int]]
) -> Iterator[Problem]:
    """Parents of blocks that must have none, and more than one; without those that only close a cycle."""
    for position, found in enumerate(structure.outline.parents):
        parents = [parent for parent in found if (parent, position) not in closing]
        if not parents:
            continue
        key = structure.key(position)
        names = ", ".join(_name(structure.key(parent)) for parent in parents)
        if position == structure.root:
            yield spot.problem(
                Severity.WARNING, Kind.LISTED, f"the root is a child of {names}", key, mended=True
            )
        elif is_detached(key.type):
            message = f"it is a child of {names}, and such a block is nobody's: take it out of there"
            yield spot.problem(Severity.WARNING, Kind.LISTED, message, key)
        elif len(parents) > 1:
            message = f"it has {len(parents)} parents: {names}; take it out of all but one"
            yield spot.problem(Severity.WARNING, Kind.SEVERAL_PARENTS, message, key)


def _orphan_problems(
    structure: Structure, spot: Spot, shown_elsewhere: Collection[BlockKey]
) -> Iterator[Problem]:
    loose, kept = loose_blocks(structure, shown_elsewhere)
    for position in sorted(loose | kept):
        message = "nothing leads to it"
        if position in kept:
            message += ", but the other branch shows it: move it below a block, or publish the course"
        yield spot.problem(
            Severity.WARNING, Kind.ORPHAN, message, structure.key(position), mended=position in loose
        )


def duplicate_keys(structure: Structure) -> list[BlockKey]:
    """Blocks that a structure has more than once. (Of format 1 the document has to be asked, since reading it
    keeps one.)
    """
    return [key for key, count in Counter(map(structure.key, range(len(structure)))).items() if count > 1]


def reached(structure: Structure) -> set[int]:
    """The blocks that the root leads to, and the detached ones with what is below them."""
    found = set(structure.outline.reachable)
    for position, block_type in enumerate(structure.types):
        if position not in found and is_detached(block_type):
            found.update(structure.outline.preorder(position))
    return found


def loose_blocks(structure: Structure, shown_elsewhere: Collection[BlockKey]) -> tuple[set[int], set[int]]:
    """Blocks that nothing leads to: those that can go, and those that the other branch shows, with what is
    below them.
    """
    here = reached(structure)
    counts = structure.index  # of several blocks of one key only one does
    lost = [
        position
        for position in range(len(structure))
        if position not in here and counts[structure.key(position)] == position
    ]
    kept: set[int] = set()
    for position in lost:
        if structure.key(position) in shown_elsewhere:
            kept.update(structure.outline.preorder(position))
    kept -= here
    return set(lost) - kept, kept


def closing_edges(
    structure: Structure, shown_elsewhere: Collection[BlockKey] = frozenset()
) -> list[tuple[int, int]]:
    """Parents and children (positions) without which there would be no cycle: going down from the root, then
    from detached blocks and from those that the other branch shows, then from all others, those that lead
    back up. So nothing that the root, a detached block or a shown one leads to is out of reach without them.
    """
    below = structure.outline.below
    under_way, finished = 1, 2
    state = bytearray(len(structure))
    found: list[tuple[int, int]] = []
    tops = [] if structure.root is None else [structure.root]
    tops += [position for position, block_type in enumerate(structure.types) if is_detached(block_type)]
    tops += sorted(at for at in map(structure.position, shown_elsewhere) if at is not None)
    for start in chain(tops, range(len(structure))):
        if state[start]:
            continue
        state[start] = under_way
        stack = [(start, iter(below[start]))]
        while stack:
            position, children = stack[-1]
            for child in children:
                if state[child] == under_way:
                    found.append((position, child))
                elif not state[child]:
                    state[child] = under_way
                    stack.append((child, iter(below[child])))
                    break
            else:
                state[position] = finished
                stack.pop()
    return list(dict.fromkeys(found))


@dataclass(frozen=True, slots=True)
class Insides:
    """What the blocks of a version say beside its outline.

    Attributes:
        problems: blocks that cannot be read.
        pins: versions of libraries that blocks stay with, each with one of the blocks and its library.
        sources: versions of libraries that blocks were copied from, each with one of the blocks.
        shown: of the copies in a published version, the draft versions that they were made from, one for
            each block.
    """

    problems: list[Problem] = field(default_factory=list)
    pins: dict[VersionId, tuple[BlockKey, object]] = field(default_factory=dict)
    sources: dict[VersionId, BlockKey] = field(default_factory=dict)
    shown: list[VersionId] = field(default_factory=list)


def insides_of(structure: Structure, spot: Spot) -> Insides:
    """Look into every block once."""
    insides = Insides()
    for position in range(len(structure)):
        key = structure.key(position)
        try:
            record = structure.record(position)
            info, pin = record.edit_info, record.settings.get(_PIN)
            library = record.settings.get(_LIBRARY)
        except (CorruptDocument, ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
            message = f"it cannot be read: {error}"
            insides.problems.append(spot.problem(Severity.ERROR, Kind.BLOCK_UNREADABLE, message, key))
            continue
        if isinstance(pin, str):
            with suppress(InvalidKey):  # what is no id was written by a person, and opens nothing
                insides.pins.setdefault(VersionId.parse(pin), (key, library))
        if info.original_usage_version is not None:
            insides.sources.setdefault(info.original_usage_version, key)
        if info.source_version is not None:
            insides.shown.append(info.source_version)
    return insides


def definition_problems(
    structure: Structure, spot: Spot, types: Mapping[VersionId, str], unreadable: Mapping[VersionId, str]
) -> Iterator[Problem]:
    """What is wrong with the contents of blocks.

    Args:
        types: of the definitions that can be read, by id.
        unreadable: why others cannot be.
    """
    for position, version in enumerate(structure.definitions):
        key = structure.key(position)
        block_type = types.get(version)
        if block_type == key.type:
            continue
        if version in unreadable:
            message = f"its content, definition {version}, cannot be read: {unreadable[version]}"
            yield spot.problem(Severity.ERROR, Kind.DEFINITION_UNREADABLE, message, key, mended=True)
        elif block_type is None:
            message = f"its content, definition {version}, is not there"
            yield spot.problem(Severity.ERROR, Kind.DEFINITION_MISSING, message, key, mended=True)
        else:
            message = f"its content, definition {version}, is that of a block of type {block_type}: edit it"
            yield spot.problem(Severity.WARNING, Kind.DEFINITION_TYPE, message, key)


def _name(key: BlockKey) -> str:
    return f"{key.type}/{key.id}"
