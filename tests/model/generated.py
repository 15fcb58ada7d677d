"""Small random courses, and random edits of them: what the laws of comparing and merging are tried on.

An edit is four numbers, so that failures shrink; what they mean depends on the course that they meet. Courses
are sound and stay so: every block that had a place keeps one, and nothing is in itself.
"""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from hypothesis import strategies as st

from modulestore.keys import BlockKey, VersionId
from modulestore.model.definition import Definition
from modulestore.model.merging import MergeResult, apply_merge
from modulestore.model.revision import Revision
from modulestore.model.structure import BlockRecord, EditInfo, Structure, StructureHeader
from tests.structures import NOW, version

Contents = dict[VersionId, Definition]
Number4 = tuple[int, int, int, int]

ROOT = BlockKey("course", "course")
UNIVERSE = [
    *(BlockKey("unit", f"u{at}") for at in range(6)),
    *(BlockKey("html", f"h{at}") for at in range(4)),
]
VALUES: list[Any] = [0, 1, True, 1.0, None, "text", [1, 2], {"a": [True]}]
U0, U1, U2, U3, _, _, H0, H1, H2, _ = UNIVERSE
START: Mapping[BlockKey, Sequence[BlockKey]] = {
    ROOT: [U0, U1, U2],
    U0: [U3, H0],
    U1: [H1],
    U2: [U3],
    U3: [H2],
}


@dataclass
class MutableBlock:
    """A block while edits are made."""

    settings: dict[str, Any] = field(default_factory=dict)
    defaults: dict[str, Any] = field(default_factory=dict)
    content: dict[str, Any] = field(default_factory=dict)
    asides: dict[str, Any] = field(default_factory=dict)
    children: list[BlockKey] = field(default_factory=list)
    saved: int = 0


@dataclass
class MutableCourse:
    """A course while edits are made."""

    blocks: dict[BlockKey, MutableBlock]
    assets: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)

    def edited(self, edits: Sequence[Number4]) -> MutableCourse:
        """The course after these edits, those that mean nothing here left out."""
        course = copy.deepcopy(self)
        for name, one, other, number in edits:
            EDITS[name % len(EDITS)](course, one, other, number)
        return course

    def pick(self, number: int, *, units: bool = False) -> BlockKey:
        keys = sorted(key for key in self.blocks if not units or key.type != "html")
        return keys[number % len(keys)]

    def parents(self, key: BlockKey) -> list[BlockKey]:
        return [parent for parent, block in self.blocks.items() if key in block.children]

    def below(self, key: BlockKey) -> set[BlockKey]:
        return {key}.union(*(self.below(child) for child in self.blocks[key].children))

    def put(self, key: BlockKey, parent: BlockKey, index: int) -> None:
        children = self.blocks[parent].children
        children.insert(index % (len(children) + 1), key)

    def structure(self, number: int, contents: Contents) -> Structure:
        """The course as a version; its definitions go into ``contents``."""
        records = []
        for at, (key, block) in enumerate(self.blocks.items()):
            text = repr((key, sorted(block.content.items()), block.saved))
            definition = VersionId(hashlib.sha256(text.encode()).digest()[:12])
            contents[definition] = Definition(definition, key.type, block.content, 7, NOW, None, definition)
            records.append(
                BlockRecord(
                    key,
                    definition,
                    # A leaf has no list, or an empty one as the platform's publication leaves it.
                    tuple(block.children) if block.children or (at + number) % 2 else None,
                    block.settings,
                    block.defaults,
                    [{"aside_type": kind, "fields": {"on": value}} for kind, value in block.asides.items()],
                    EditInfo(None, version(number), None, NOW, number),
                )
            )
        assets: dict[str, list[dict[str, Any]]] = {}
        for (kind, name), entry in sorted(self.assets.items()):
            edit_info = {"edited_by": number}
            assets.setdefault(kind, []).append({"filename": name, **entry, "edit_info": edit_info})
        header = StructureHeader(version(number), ROOT, None, version(number), 7, NOW)
        return Structure.of(header, records, assets=assets or None)


def _add(course: MutableCourse, one: int, other: int, number: int) -> None:
    key = UNIVERSE[one % len(UNIVERSE)]
    if key not in course.blocks:
        parent = course.pick(other, units=True)
        course.blocks[key] = MutableBlock(content={"data": f"new {number % 2}"})
        course.put(key, parent, number)


def _set(course: MutableCourse, one: int, other: int, number: int) -> None:
    course.blocks[course.pick(one)].settings[f"s{other % 3}"] = VALUES[number % len(VALUES)]


def _unset(course: MutableCourse, one: int, other: int, number: int) -> None:
    course.blocks[course.pick(one)].settings.pop(f"s{other % 3}", None)


def _default(course: MutableCourse, one: int, other: int, number: int) -> None:
    course.blocks[course.pick(one)].defaults[f"s{other % 2}"] = VALUES[number % len(VALUES)]


def _content(course: MutableCourse, one: int, other: int, number: int) -> None:
    course.blocks[course.pick(one)].content[("data", "markdown")[other % 2]] = VALUES[number % len(VALUES)]


def _save_again(course: MutableCourse, one: int, other: int, number: int) -> None:
    course.blocks[course.pick(one)].saved = number % 3


def _aside(course: MutableCourse, one: int, other: int, number: int) -> None:
    asides = course.blocks[course.pick(one)].asides
    kind = ("tags", "structured")[other % 2]
    if number % 4:
        asides[kind] = VALUES[number % 4]
    else:
        asides.pop(kind, None)


def _asset(course: MutableCourse, one: int, other: int, number: int) -> None:
    name = ("asset", "ab"[one % 2])
    if number % 4:
        course.assets[name] = {"locked": VALUES[number % 4]}
    else:
        course.assets.pop(name, None)


def _move(course: MutableCourse, one: int, other: int, number: int) -> None:
    key, parent = course.pick(one), course.pick(other, units=True)
    if key == ROOT or parent in course.below(key):
        return
    for old in course.parents(key):
        course.blocks[old].children.remove(key)
    course.put(key, parent, number)


def _link(course: MutableCourse, one: int, other: int, number: int) -> None:
    key, parent = course.pick(one), course.pick(other, units=True)
    if key != ROOT and parent not in course.below(key) and key not in course.blocks[parent].children:
        course.put(key, parent, number)


def _unlink(course: MutableCourse, one: int, other: int, number: int) -> None:
    key = course.pick(one)
    parents = course.parents(key)
    if len(parents) > 1:
        course.blocks[parents[other % len(parents)]].children.remove(key)


def _reorder(course: MutableCourse, one: int, other: int, number: int) -> None:
    children = course.blocks[course.pick(one, units=True)].children
    if children:
        children.insert(number % len(children), children.pop(other % len(children)))


def _delete(course: MutableCourse, one: int, other: int, number: int) -> None:
    key = course.pick(one)
    if key == ROOT:
        return
    for parent in course.parents(key):
        course.blocks[parent].children.remove(key)
    gone = [key]
    while gone:
        block = course.blocks.pop(gone.pop())
        gone += [child for child in block.children if not course.parents(child)]


Edit = Callable[[MutableCourse, int, int, int], None]
# Those that change the outline come twice: they are what merging is hard for.
EDITS: list[Edit] = [
    _set,
    _unset,
    _default,
    _content,
    _save_again,
    _aside,
    _asset,
    *([_add, _move, _link, _unlink, _reorder, _delete] * 2),
]


def start() -> MutableCourse:
    """The course that random ones are made from: a block with two parents, a detached block."""
    course = MutableCourse({key: MutableBlock(children=[*below]) for key, below in START.items()})
    for key in (H0, H1, H2, BlockKey("html", "detached")):
        course.blocks[key] = MutableBlock(content={"data": key.id}, settings={"s0": 0})
    return course


def edits(size: int) -> st.SearchStrategy[list[Number4]]:
    """Up to so many edits."""
    numbers = st.integers(0, 11)
    one = st.tuples(st.integers(0, len(EDITS) - 1), numbers, numbers, numbers)
    return st.integers(0, size).flatmap(lambda least: st.lists(one, min_size=least, max_size=size))


@dataclass(frozen=True)
class Fork:
    """A version, and two that were made from it, with the definitions of all."""

    base: Structure
    theirs: Structure
    mine: Structure
    contents: Contents

    @property
    def swapped(self) -> Fork:
        return Fork(self.base, self.mine, self.theirs, self.contents)


def fork(base: Sequence[Number4], theirs: Sequence[Number4], mine: Sequence[Number4]) -> Fork:
    """The versions that these edits make."""
    contents: Contents = {}
    course = start().edited(base)
    return Fork(
        course.structure(1, contents),
        course.edited(theirs).structure(2, contents),
        course.edited(mine).structure(3, contents),
        contents,
    )


forks = st.builds(fork, edits(6), edits(12), edits(12))


# --- what a version says


def revision_of(base: Structure) -> Revision:
    """A new version on its way, made from this one."""
    ids = map(version, count(1_000_000))
    return Revision(base, base.header.root, version=version(99), author=8, now=NOW, ids=ids)


def carried_out(result: MergeResult, theirs: Structure, contents: Contents) -> tuple[Structure, Contents]:
    """The version that a merge without conflicts makes, and all definitions."""
    revision = revision_of(theirs)
    apply_merge(result, revision)
    return revision.structure(), {**contents, **revision.definitions}


def meaning(structure: Structure, contents: Mapping[VersionId, Definition]) -> dict[str, Any]:
    """All that a version says, edit info apart, written down so that ``1``, ``1.0`` and ``True`` differ."""
    said: dict[str, Any] = {}
    for at in range(len(structure)):
        record = structure.record(at)
        said["/".join(record.key)] = {
            "settings": _spelled(record.settings),
            "defaults": _spelled(record.defaults),
            "content": _spelled(contents[record.definition].fields),
            "asides": _spelled({aside["aside_type"]: aside["fields"] for aside in record.asides}),
            "children": [child.id for child in record.children or ()],
        }
    for kind, entries in (structure.assets or {}).items():
        for entry in entries:
            plain = {name: value for name, value in entry.items() if name != "edit_info"}
            said[f"asset {kind}/{entry['filename']}"] = _spelled(plain)
    return said


def _spelled(fields: Mapping[str, Any]) -> str:
    return repr(sorted(fields.items()))


def faults(structure: Structure, *allowed: Structure) -> list[str]:
    """What is wrong with an outline; what has no parent in one of ``allowed`` need not have one."""
    keys = {structure.key(at): structure.record(at).children or () for at in range(len(structure))}
    found = [] if structure.root is not None else ["no root"]
    parents: dict[BlockKey, list[BlockKey]] = {key: [] for key in keys}
    for key, children in keys.items():
        if len(set(children)) < len(children):
            found.append(f"{key} twice the same child")
        for child in children:
            if child in parents:
                parents[child].append(key)
            else:
                found.append(f"{child} missing below {key}")
    for key, above in parents.items():
        free = any(
            (at := other.position(key)) is not None and not other.outline.parents[at] for other in allowed
        )
        if not above and not free:
            found.append(f"{key} without a parent")
    rest = dict(parents)
    while tops := [key for key, above in rest.items() if not any(up in rest for up in above)]:
        for key in tops:
            del rest[key]
    return [*found, *(f"{key} in a cycle" for key in rest)]
