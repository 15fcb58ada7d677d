"""Databases made of a version graph, written straight to a backend, and what the rules say of them.

The rules are said again here, in plain sets and loops over the graph, as docs/pruning.md has them; nothing of
the library's survey or plan is used.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import bson
from bson import ObjectId

from modulestore._sync.ports import Backend
from modulestore._sync.preparing import WriteRules, prepare_write
from modulestore.keys import VersionId, parse_course_key
from modulestore.model.index import IndexEntry
from modulestore.upkeep.pruning.policy import Policy, shown_duration

__all__ = ["Course", "Deleted", "Expected", "Graph", "Node", "expected"]

HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class Node:
    """One structure."""

    id: VersionId
    previous: VersionId | None
    original: VersionId
    bases: tuple[VersionId, ...] = ()
    pins: tuple[VersionId, ...] = ()
    definitions: tuple[VersionId, ...] = ()

    def document(self) -> bytes:
        """As format 1 has it, with bases as format 2 says them."""
        blocks = [
            {
                "block_type": "html",
                "block_id": f"b{number}",
                "definition": ObjectId(definition),
                "fields": {},
                "edit_info": {},
            }
            for number, definition in enumerate(self.definitions)
        ]
        for number, pin in enumerate(self.pins):
            # A pin is in one place or the other.
            block = blocks[number % len(blocks)]
            if number % 2:
                block["fields"] = {"source_library_version": str(pin)}
            else:
                block["edit_info"] = {"original_usage_version": ObjectId(pin)}
        return bson.encode(
            {
                "_id": ObjectId(self.id),
                "previous_version": None if self.previous is None else ObjectId(self.previous),
                "original_version": ObjectId(self.original),
                "edited_by": 1,
                "edited_on": datetime(2020, 1, 1, tzinfo=UTC),
                "root": ["course", "course"],
                "schema_version": 1,
                **({"bases": [ObjectId(base) for base in self.bases]} if self.bases else {}),
                "blocks": blocks,
            }
        )


@dataclass(frozen=True)
class Course:
    """An index entry."""

    key: str
    heads: dict[str, VersionId]
    age: timedelta  # of its last change


@dataclass(frozen=True)
class Deleted:
    """A course that was deleted."""

    key: str
    heads: dict[str, VersionId]
    age: timedelta


@dataclass
class Graph:
    """A whole database.

    Attributes:
        nodes: what there is; ids may be named that are not among them.
        definitions: what there is of these, needed or not.
        tags, conflicts: (course, name or id, versions).
        sql: heads of a SQL index, by course and branch.
        now: what ages are counted from.
    """

    now: datetime
    nodes: dict[VersionId, Node] = field(default_factory=dict)
    definitions: list[VersionId] = field(default_factory=list)
    courses: list[Course] = field(default_factory=list)
    deleted: list[Deleted] = field(default_factory=list)
    tags: list[tuple[str, str, VersionId]] = field(default_factory=list)
    conflicts: list[tuple[str, str, VersionId, VersionId]] = field(default_factory=list)
    sql: dict[str, dict[str, VersionId]] = field(default_factory=dict)

    def write(self, backend: Backend) -> None:
        """Store it all in a new database."""
        prepare_write(backend, -1, WriteRules(new_schema=1))
        backend.structures.put_many({node.id: node.document() for node in self.nodes.values()})
        backend.definitions.put_many({one: bson.encode({"_id": ObjectId(one)}) for one in self.definitions})
        for number, course in enumerate(self.courses):
            entry_id = VersionId(number.to_bytes(12, "big"))
            changed = self.now - course.age
            key = parse_course_key(course.key)
            backend.index.insert(IndexEntry(entry_id, key, course.heads, 1, changed, changed))
        for number, gone in enumerate(self.deleted):
            heads = {branch: str(head) for branch, head in gone.heads.items()}
            value = {"id": f"{number:024}", "by": 1, "on": self.now - gone.age, "heads": heads}
            backend.records.put_if_absent("deleted", deleted_key(gone, number), value)
        for course_key, name, version in self.tags:
            backend.records.put_if_absent(f"tag {course_key}", name, {"version": str(version)})
        for course_key, name, base, mine in self.conflicts:
            value = {"key": course_key, "base": str(base), "mine": str(mine)}
            backend.records.put_if_absent("conflict", name, value)


def deleted_key(gone: Deleted, number: int) -> str:
    """Key of the record of a deleted course, whose first word is the course's."""
    return f"{gone.key} {number:024}"


@dataclass
class Expected:
    """What the rules say.

    Attributes:
        why: reasons of every structure that is to be kept, there or not.
        missing: those that must be there and are not.
    """

    why: dict[VersionId, set[str]]
    kept: set[VersionId]
    gone: set[VersionId]
    definitions: set[VersionId]
    relinks: dict[VersionId, VersionId | None]
    missing: set[VersionId]
    expired: set[str]


def expected(graph: Graph, policy: Policy, *, course: str | None = None) -> Expected:
    """What is to come of a graph."""
    rules = _Rules(graph, policy, course)
    rules.run()
    return rules.answer()


class _Rules:
    def __init__(self, graph: Graph, policy: Policy, course: str | None) -> None:
        self.graph = graph
        self.policy = policy
        self.course = course
        self.why: dict[VersionId, set[str]] = {}
        self.must: set[VersionId] = set()
        self.expired: set[str] = set()
        self.young = shown_duration(policy.min_age)

    def keep(self, version: VersionId, why: str, *, must: bool = False) -> None:
        self.why.setdefault(version, set()).add(why)
        if must:
            self.must.add(version)

    def run(self) -> None:
        graph = self.graph
        for course in graph.courses:
            for branch, head in course.heads.items():
                self.root("head", branch, course.key, head, walked=True)
        for key, heads in graph.sql.items():
            for branch, head in heads.items():
                self.root("SQL head", branch, key, head, walked=True)
        for number, gone in enumerate(graph.deleted):
            after = self.policy.deleted_after
            if after is not None and gone.age > after and self.course is None:
                self.expired.add(deleted_key(gone, number))
                continue
            for branch, head in gone.heads.items():
                self.root("deleted course", branch, gone.key, head, walked=True)
        still = {course.key for course in graph.courses}
        still |= {
            gone.key
            for number, gone in enumerate(graph.deleted)
            if deleted_key(gone, number) not in self.expired
        }
        lost = {gone.key for gone in graph.deleted} - still
        for key, name, version in graph.tags:
            if key not in lost:
                self.root("tag", name, key, version)
        for key, name, base, mine in graph.conflicts:
            if key not in lost:
                self.root("conflict", f"{name} (base)", key, base)
                self.root("conflict", f"{name} (mine)", key, mine)
        self.ages()
        self.needs()

    def root(self, kind: str, name: str, course: str, version: VersionId, *, walked: bool = False) -> None:
        nodes = self.graph.nodes
        self.keep(version, f"{kind} {name} of {course}", must=True)
        if version not in nodes:
            return
        self.keep(nodes[version].original, f"first version of the history of {kind} {name} of {course}")
        if not walked:
            return
        retention = self.policy.courses.get(course, self.policy.retention)
        number, at = 1, version
        while at in nodes and nodes[at].previous is not None:
            previous = nodes[at].previous
            assert previous is not None
            number += 1
            counted = retention.keep is not None and number <= retention.keep
            if counted:
                self.keep(previous, f"number {number} of the newest {retention.keep} of {name} of {course}")
            lately = retention.within is not None and at.time > self.graph.now - retention.within
            if lately and retention.within is not None:
                ago = shown_duration(retention.within)
                self.keep(previous, f"head of {name} of {course} within the last {ago}")
            if not counted and not lately:
                return
            at = previous

    def is_young(self, version: VersionId) -> bool:
        return version.time > self.graph.now - self.policy.min_age

    def candidates(self) -> set[VersionId]:
        nodes = self.graph.nodes
        if self.course is None:
            return set(nodes)
        heads = [head for one in self.graph.courses if one.key == self.course for head in one.heads.values()]
        originals = {nodes[head].original for head in heads if head in nodes}
        return {node.id for node in nodes.values() if node.original in originals}

    def ages(self) -> None:
        nodes = self.graph.nodes
        instead = f"another version took its place less than {self.young} ago"
        for version in self.candidates():
            if self.is_young(version):
                self.keep(version, f"younger than {self.young}")
                if (previous := nodes[version].previous) is not None:
                    self.keep(previous, instead)
        for course in self.graph.courses:
            if course.age < self.policy.min_age:
                for head in course.heads.values():
                    if head in nodes and (previous := nodes[head].previous) is not None:
                        self.keep(previous, instead)

    def needs(self) -> None:
        nodes = self.graph.nodes
        again = True
        while again:
            before = {version: len(why) for version, why in self.why.items()}
            for version in list(self.why):
                if version in nodes:
                    for base in nodes[version].bases:
                        self.keep(base, f"{version} is stored on it", must=True)
                    for pin in nodes[version].pins:
                        self.keep(pin, f"blocks of {version} come from it")
            again = before != {version: len(why) for version, why in self.why.items()}

    def answer(self) -> Expected:
        nodes = self.graph.nodes
        candidates = self.candidates()
        there = {version for version in self.why if version in nodes}
        needed = {one for version in there for one in nodes[version].definitions}
        definitions = {
            one
            for one in self.graph.definitions
            if self.course is None and one not in needed and not self.is_young(one)
        }
        relinks: dict[VersionId, VersionId | None] = {}
        for version in there & candidates:
            node = nodes[version]
            if version != node.original and node.previous is not None and node.previous not in there:
                relinks[version] = self.before(node, there)
        return Expected(
            why=self.why,
            kept=there & candidates,
            gone=candidates - there,
            definitions=definitions,
            relinks=relinks,
            missing=self.must - nodes.keys(),
            expired=self.expired,
        )

    def before(self, node: Node, there: set[VersionId]) -> VersionId | None:
        """The nearest version before one that is kept; where the history is cut off, the first of all."""
        nodes = self.graph.nodes
        at = node.previous
        while at is not None and at not in there:
            if at in nodes:
                at = nodes[at].previous
            else:
                return node.original if node.original in there else None
        return at
