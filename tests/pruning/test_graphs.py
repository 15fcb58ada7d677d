"""Any database, any policy: what a plan keeps, and why, is what the rules say; and so is what is left."""

from __future__ import annotations

import json
import random
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, note, settings
from hypothesis import strategies as st

from modulestore._sync.ports import Backend
from modulestore._sync.sqlite import open_sqlite
from modulestore._sync.store import Store
from modulestore.errors import InvalidInput, ProblemsFound
from modulestore.keys import VersionId
from modulestore.upkeep.pruning.plan import read_plan
from modulestore.upkeep.pruning.policy import Policy, Retention
from modulestore.upkeep.pruning.report import PruneReport
from tests.pruning.graphs import HOUR, Course, Deleted, Expected, Graph, Node, expected

DAY = 24 * HOUR
KEYS = [f"course-v1:Example+Graph+{number}" for number in range(4)]
NEVER = VersionId(b"\0\0\0\1" + b"never th")  # an id that nothing has


class Maker:
    """Makes a graph by chance."""

    def __init__(self, dice: random.Random) -> None:
        self.dice = dice
        self.graph = Graph(datetime.now(UTC))
        self._number = 0

    def make(self, *, broken: bool) -> Graph:
        dice, graph = self.dice, self.graph
        for _ in range(dice.randint(2, 8)):
            graph.definitions.append(self.id())
        for _ in range(dice.randint(1, 3)):
            self.history(dice.randint(1, 9), broken=broken)
        for key in KEYS:
            what = dice.choice(["here", "here", "deleted", "both", "nothing"])
            if what in ("here", "both"):
                heads = {branch: self.any() for branch in dice.choice([["draft"], ["draft", "published"]])}
                graph.courses.append(Course(key, heads, self.age()))
            for _ in range({"deleted": dice.randint(1, 2), "both": 1}.get(what, 0)):
                graph.deleted.append(Deleted(key, {"draft": self.any()}, self.age()))
            if dice.random() < 0.4:
                graph.tags.append((key, "spring", self.any()))
            if dice.random() < 0.3:
                graph.conflicts.append((key, f"kept {key}", self.any(), self.any()))
        if dice.random() < 0.3:
            graph.sql[KEYS[0]] = {"draft": self.any()}
        if broken and dice.random() < 0.5:
            graph.tags.append((KEYS[1], "lost", NEVER))
        return graph

    def age(self) -> timedelta:
        """Never near what a policy speaks of, which is in whole hours."""
        hours = self.dice.choice([0, 1, 5, 20, 30, 50, 100, 400, 2000])
        return hours * HOUR + HOUR / 2

    def id(self, age: timedelta | None = None) -> VersionId:
        self._number += 1
        seconds = int((self.graph.now - (self.age() if age is None else age)).timestamp())
        return VersionId(seconds.to_bytes(4, "big") + self._number.to_bytes(8, "big"))

    def any(self) -> VersionId:
        return self.dice.choice(list(self.graph.nodes))

    def history(self, length: int, *, broken: bool) -> None:
        """Versions of one origin, in a line or a tree; their clocks differed by hours."""
        dice, graph = self.dice, self.graph
        older = list(graph.nodes)
        begun = self.age()
        original = self.id(begun)
        family: list[VersionId] = []
        lost = dice.randrange(length) if broken and dice.random() < 0.4 else -1
        for number in range(length):
            version = self.id(begun + dice.choice([0, 1, 3, 8, 20]) * HOUR) if number else original
            previous = family[-1 if dice.random() < 0.7 else dice.randrange(number)] if number else None
            bases = pins = ()  # type: tuple[VersionId, ...]
            if number and dice.random() < 0.4:
                bases = tuple(dice.sample(family, dice.randint(1, min(2, number))))
            if older and dice.random() < 0.3:
                pins = tuple(dice.choices(older, k=2))
            definitions = tuple(dice.choices(graph.definitions, k=dice.randint(2, 3)))
            graph.nodes[version] = Node(version, previous, original, bases, pins, definitions)
            family.append(version)
        if lost >= 0:
            del graph.nodes[family[lost]]
        if not graph.nodes:
            self.history(1, broken=False)


@st.composite
def graphs(draw: st.DrawFn, *, broken: bool = False) -> Graph:
    return Maker(draw(st.randoms(use_true_random=False))).make(broken=broken)


RETENTIONS = st.one_of(
    st.builds(Retention, keep=st.integers(1, 5)),
    st.builds(Retention, within=st.sampled_from([HOUR, DAY, 3 * DAY, 30 * DAY, 365 * DAY])),
    st.builds(Retention, keep=st.integers(1, 4), within=st.sampled_from([DAY, 20 * DAY])),
)
POLICIES = st.builds(
    Policy,
    retention=RETENTIONS,
    courses=st.dictionaries(st.sampled_from(KEYS), RETENTIONS, max_size=2),
    min_age=st.sampled_from([timedelta(0), HOUR, DAY, 7 * DAY]),
    deleted_after=st.sampled_from([None, timedelta(0), 2 * DAY, 30 * DAY]),
)


class Bench:
    """A graph in a database, and a folder for plans."""

    def __init__(self, graph: Graph, backend: Backend, folder: Path) -> None:
        self.graph = graph
        self.backend = backend
        self.store = Store(backend)
        self.path = folder / "plan"
        self._folder = folder
        graph.write(backend)

    def plan(self, policy: Policy, name: str = "plan", **options: Any) -> list[dict[str, Any]]:
        path = self._folder / name
        self.store.plan_pruning(policy, path, **self.heads(), **options)
        return [json.loads(line) for line in path.read_bytes().splitlines()]

    def apply(self, **options: Any) -> PruneReport:
        return self.store.apply_pruning(self.path, grace=timedelta(0), **self.heads(), **options)

    def heads(self) -> dict[str, Any]:
        return {"sql_heads": self.graph.sql} if self.graph.sql else {}

    def structures(self) -> dict[VersionId, bytes]:
        ids = [version for column in self.backend.structures.ids() for version in column]
        return self.backend.structures.get_many(ids)

    def definitions(self) -> set[VersionId]:
        return {version for column in self.backend.definitions.ids() for version in column}


@contextmanager
def bench(graph: Graph) -> Iterator[Bench]:
    with tempfile.TemporaryDirectory() as folder, closing(open_sqlite(":memory:")) as backend:
        yield Bench(graph, backend, Path(folder))


def ids_of(lines: list[dict[str, Any]], name: str) -> list[VersionId]:
    return [VersionId.parse(line[name]) for line in lines if name in line]


def expect_plan(lines: list[dict[str, Any]], rules: Expected) -> None:
    kept = {VersionId.parse(line["keep"]): set(line["why"]) for line in lines if "keep" in line}
    assert kept == {version: rules.why[version] for version in rules.kept}
    assert ids_of(lines, "delete") == sorted(rules.gone)
    relinks = {line["relink"]: line["to"] for line in lines if "relink" in line}
    assert relinks == {str(version): None if to is None else str(to) for version, to in rules.relinks.items()}
    definitions = ids_of(lines, "definition")
    assert len(definitions) == len(set(definitions))
    assert set(definitions) == rules.definitions
    assert {line["expire"] for line in lines if "expire" in line} == rules.expired
    end = lines[-2]["end"]
    counts = (len(rules.kept), len(rules.gone), len(rules.relinks), len(rules.definitions))
    assert (end["kept"], end["deleted"], end["relinked"], end["definitions"]) == counts


def expect_applied(bench: Bench, rules: Expected, before: dict[VersionId, bytes]) -> None:
    nodes = bench.graph.nodes
    left = bench.structures()
    assert left.keys() == before.keys() - rules.gone
    for version, document in left.items():
        node = nodes[version]
        moved = replace(node, previous=rules.relinks.get(version, node.previous))
        assert document == moved.document(), "nothing but the version before it may be another"
        assert {base for base in node.bases if base in nodes} <= left.keys()
        there = bench.definitions()
        assert {one for one in node.definitions if one in bench.graph.definitions} <= there
    assert bench.definitions() == set(bench.graph.definitions) - rules.definitions


@given(graph=graphs(), policy=POLICIES)
def test_a_plan_and_its_application_are_what_the_rules_say(graph: Graph, policy: Policy) -> None:
    note(f"{policy}\n{graph}")
    rules = expected(graph, policy)
    with bench(graph) as there:
        before = there.structures()
        lines = there.plan(policy)
        expect_plan(lines, rules)
        assert there.structures() == before, "a plan changes nothing"
        report = there.apply()
        assert (report.deleted, report.definitions) == (len(rules.gone), len(rules.definitions))
        assert (report.spared, report.absent, report.relinked) == (0, 0, len(rules.relinks))
        expect_applied(there, rules, before)
        left = there.structures()
        # Once more changes nothing; nor does a new plan find anything.
        again = there.apply()
        assert (again.deleted, again.definitions, again.relinked) == (0, 0, 0)
        assert there.structures() == left
        lines = there.plan(policy, "next")
        assert {name for line in lines for name in line} & {"delete", "relink", "definition"} == set()


@given(graph=graphs(broken=True), policy=POLICIES)
def test_a_damaged_database_is_refused_or_pruned_without_what_is_lost(graph: Graph, policy: Policy) -> None:
    note(f"{policy}\n{graph}")
    rules = expected(graph, policy)
    with bench(graph) as there:
        before = there.structures()
        if rules.missing:
            with pytest.raises(ProblemsFound) as error:
                there.plan(policy)
            assert {str(problem).split()[0] for problem in error.value.problems} == set(
                map(str, rules.missing)
            )
        lines = there.plan(policy, ignore_missing=True)
        expect_plan(lines, rules)
        there.apply(ignore_missing=True)
        expect_applied(there, rules, before)
        lines = there.plan(policy, "next", ignore_missing=True)
        assert {name for line in lines for name in line} & {"delete", "relink", "definition"} == set()


@given(graph=graphs(), policy=POLICIES)
@settings(max_examples=40)
def test_a_plan_for_one_course_is_about_its_histories_only(graph: Graph, policy: Policy) -> None:
    note(f"{policy}\n{graph}")
    if not graph.courses:
        return
    course = graph.courses[0].key
    rules = expected(graph, policy, course=course)
    with bench(graph) as there:
        before = there.structures()
        expect_plan(there.plan(policy, course=course), rules)
        there.apply()
        expect_applied(there, rules, before)


@given(graph=graphs(), policy=POLICIES)
@settings(max_examples=30)
def test_two_plans_of_one_state_are_the_same(graph: Graph, policy: Policy) -> None:
    with bench(graph) as there:
        first, second = there.plan(policy, "one"), there.plan(policy, "two")
        assert first[0].pop("made_on")
        assert second[0].pop("made_on")
        assert json.dumps(first[:-1]) == json.dumps(second[:-1])


@given(graph=graphs(), policy=POLICIES, dice=st.randoms(use_true_random=False))
@settings(max_examples=40)
def test_a_plan_is_read_as_it_was_made_or_refused(graph: Graph, policy: Policy, dice: random.Random) -> None:
    with bench(graph) as there:
        lines = there.plan(policy)
        data = there.path.read_bytes()
    plan = read_plan(data.splitlines(keepends=True), "plan")
    assert plan.header.policy == policy
    assert list(plan.deleted) == ids_of(lines, "delete")
    assert list(plan.kept) == ids_of(lines, "keep")
    assert list(plan.definitions) == sorted(ids_of(lines, "definition"))
    assert plan.digest == lines[-1]["digest"]
    assert (plan.summary.kept, plan.summary.deleted) == (len(plan.kept), len(plan.deleted))
    for _ in range(60):
        at = dice.randrange(len(data))
        other = dice.choice([byte for byte in range(256) if byte != data[at]])
        changed = data[:at] + bytes([other]) + data[at + 1 :]
        with pytest.raises(InvalidInput):
            read_plan(changed.splitlines(keepends=True), "plan")
    whole = data.splitlines(keepends=True)
    for end in range(len(whole)):
        with pytest.raises(InvalidInput):
            read_plan(whole[:end], "plan")
    with pytest.raises(InvalidInput):
        read_plan([*whole[:1], *whole[2:]], "plan")
