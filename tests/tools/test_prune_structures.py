"""The pruning command that operators know: the same plans as by a platform's rules, and what is refused."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import pytest
from bson import ObjectId
from pymongo import MongoClient
from pymongo.database import Database

import modulestore
from tests.golden.test_platform_databases import NAMES, dumped
from tools.prune_structures import main

ROOT = Path(__file__).resolve().parents[2]
BEGIN = datetime.now(UTC) - timedelta(days=400)
STRUCTURES, INDEX = "modulestore.structures", "modulestore.active_versions"
SQL = "--no-sql-index"
PINNING = "12-library-template"  # its courses stay with versions of a library

Command = Callable[..., int]


@dataclass
class Past:
    """A database that a platform has written, and what a test adds to it."""

    database: Database[dict[str, Any]]
    number: int = field(default=0)

    def add(
        self, before: ObjectId | None = None, *, at: datetime | None = None, pin: ObjectId | None = None
    ) -> ObjectId:
        """A version, by default a minute younger than the one that was added last."""
        self.number += 1
        moment = at or BEGIN + timedelta(minutes=self.number)
        made = ObjectId(int(moment.timestamp()).to_bytes(4, "big") + self.number.to_bytes(8, "big"))
        previous = None if before is None else self.structure(before)
        settings = {} if pin is None else {"source_library_version": str(pin)}
        self.database[STRUCTURES].insert_one(
            {
                "_id": made,
                "root": ["course", "course"],
                "previous_version": before,
                "original_version": made if previous is None else previous["original_version"],
                "edited_by": 1,
                "edited_on": moment,
                "blocks": [
                    {
                        "fields": settings,
                        "block_type": "course",
                        "definition": ObjectId(),
                        "edit_info": {},
                        "block_id": "course",
                    }
                ],
                "schema_version": 1,
            }
        )
        return made

    def chain(self, length: int, before: ObjectId | None = None) -> list[ObjectId]:
        """Versions one after the other, the oldest first."""
        made: list[ObjectId] = []
        for _ in range(length):
            made.append(self.add(made[-1] if made else before))
        return made

    def course(self, name: str, **heads: ObjectId) -> None:
        """An index entry."""
        self.database[INDEX].insert_one(
            {
                "org": "Org",
                "course": name,
                "run": "run",
                "edited_by": 1,
                "edited_on": BEGIN,
                "versions": {f"{branch}-branch": head for branch, head in heads.items()},
                "schema_version": 1,
                "search_targets": {},
                "last_update": BEGIN,
            }
        )

    def structure(self, version: ObjectId) -> dict[str, Any]:
        """One document."""
        found = self.database[STRUCTURES].find_one({"_id": version})
        assert found is not None
        return found

    def versions(self) -> set[str]:
        """Ids of all structures."""
        return {str(one) for one in self.database[STRUCTURES].distinct("_id")}


@pytest.fixture
def past(mongodb_url: str) -> Iterator[Past]:
    with MongoClient[dict[str, Any]](mongodb_url, tz_aware=True) as client:
        yield Past(client.get_default_database())


@pytest.fixture
def plan(tmp_path: Path) -> Path:
    return tmp_path / "plan.json"


@pytest.fixture
def run(mongodb_url: str, plan: Path) -> Command:
    parts = urlsplit(mongodb_url)
    server = urlunsplit((parts.scheme, parts.netloc, "", parts.query, ""))
    if not parts.query:
        server = server.rstrip("/")

    def command(name: str, *options: str) -> int:
        grace = ("--grace", "0s") if name == "prune" else ()
        return main(
            [
                *("--connection", server, "--database-name", parts.path.strip("/")),
                *(name, str(plan), "--delay", "0", *grace, *options),
            ]
        )

    return command


def by_the_rules(database: Database[dict[str, Any]], retain: int) -> dict[str, Any]:
    """A platform's plan, straight from its rules.

    Kept are heads, their originals, and so many before each head. Where the kept ones before a head end, the
    last one is made to follow the original.
    """
    every = {one["_id"]: one for one in database[STRUCTURES].find()}
    kept: set[ObjectId] = set()
    follow: dict[str, str] = {}
    branches = []
    for entry in database[INDEX].find():
        for head in entry["versions"].values():
            line = [head]
            while (before := every[line[-1]]["previous_version"]) in every:
                line.append(before)
            branches.append(line)
            kept.update(line[: retain + 1], [every[head]["original_version"]])
    for line in branches:
        original = every[line[0]]["original_version"]
        last = line[0]
        for version in line:
            if version not in kept:
                break
            last = version
            if version == original:
                break
        if last != original and every[last]["previous_version"] != original:
            follow[str(last)] = str(original)
    return {
        "delete": sorted(str(one) for one in every if one not in kept),
        "update_parents": sorted([one, to] for one, to in follow.items()),
    }


def read(plan: Path) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(plan.read_text())
    return value


# --- plans


@pytest.mark.parametrize("retain", [0, 1, 2])
@pytest.mark.parametrize("scenario", NAMES)
def test_plans_of_a_platforms_databases(
    past: Past, run: Command, plan: Path, scenario: str, retain: int
) -> None:
    for collection, documents in dumped(scenario).items():
        past.database[f"modulestore.{collection}"].insert_many(documents)
    expected = by_the_rules(past.database, retain)
    before = past.versions()
    assert run("make_plan", SQL, "--retain", str(retain)) == 0
    made = read(plan)
    spared = set(expected["delete"]) - set(made["delete"])
    assert bool(spared) == (scenario == PINNING), "what courses stay with is kept; nothing else"
    assert made == expected or spared
    assert set(made["delete"]) <= set(expected["delete"])
    assert past.versions() == before, "a plan changes nothing"
    assert run("prune", SQL) == 0
    expect_pruned(past, before, made)
    assert run("make_plan", SQL, "--retain", str(retain)) == 0
    assert read(plan) == {"delete": [], "update_parents": []}


@pytest.mark.parametrize("seed", range(6))
def test_plans_of_any_chains(past: Past, run: Command, plan: Path, seed: int) -> None:
    dice = random.Random(seed)
    every: list[ObjectId] = []
    for number in range(dice.randint(1, 4)):
        heads = {}
        for branch in ("draft", "published"):
            fork = dice.choice(every) if every and dice.random() < 0.4 else None
            chain = past.chain(dice.randint(1, 12), fork)
            every += chain
            heads[branch] = chain[-1]
            if dice.random() < 0.5:
                past.add(dice.choice(chain))  # of an edit that was lost
        past.course(f"C{number}", **heads)
    retain = dice.randint(0, 4)
    expected = by_the_rules(past.database, retain)
    before = past.versions()
    assert run("make_plan", SQL, "--retain", str(retain), "--batch-size", "3") == 0
    made = read(plan)
    assert made["delete"] == expected["delete"]
    # Where the rules skip a version that stays, of a re-run, ours does not.
    nearer = {one: to for one, to in made["update_parents"] if [one, to] not in expected["update_parents"]}
    assert {one for one, _ in expected["update_parents"]} <= {one for one, _ in made["update_parents"]}
    assert all(ObjectId(to) in every and to not in made["delete"] for to in nearer.values())
    assert run("prune", SQL, "--batch-size", "2") == 0
    expect_pruned(past, before, made)


def expect_pruned(past: Past, before: set[str], plan: Mapping[str, Any]) -> None:
    """Gone is what the plan deletes, and nothing else; links are as it says, and lead somewhere."""
    left = past.versions()
    assert left == before - set(plan["delete"])
    for version, to in plan["update_parents"]:
        assert past.structure(ObjectId(version))["previous_version"] == ObjectId(to)
    for version in left:
        previous = past.structure(ObjectId(version))["previous_version"]
        assert previous is None or str(previous) in left or str(previous) not in before


def test_a_plan_is_written_as_a_platform_writes_it(past: Past, run: Command, plan: Path) -> None:
    assert run("make_plan", SQL) == 0
    assert plan.read_text() == json.dumps({"delete": [], "update_parents": []}, indent=2)
    past.course("C", draft=past.chain(9)[-1])
    assert run("make_plan", SQL) == 0
    expected = by_the_rules(past.database, 2)
    assert len(expected["delete"]) == 5
    assert plan.read_text() == json.dumps(expected, indent=2)
    assert [path.name for path in plan.parent.iterdir()] == [plan.name]


def test_a_plan_that_cannot_be_made_leaves_the_old_one(past: Past, run: Command, plan: Path) -> None:
    chain = past.chain(6)
    past.course("C", draft=chain[-1])
    assert run("make_plan", SQL) == 0
    old = plan.read_bytes()
    past.course("D", draft=ObjectId(bytes(11) + b"\1"))
    assert run("make_plan", SQL) == 6
    assert plan.read_bytes() == old
    assert [path.name for path in plan.parent.iterdir()] == [plan.name]
    assert run("make_plan", SQL, "--no-ignore-missing") == 6
    assert run("make_plan", SQL, "--ignore-missing") == 0
    assert plan.read_bytes() == old
    assert run("prune", SQL) == 6
    assert run("prune", SQL, "--ignore-missing") == 0
    assert past.versions() == {str(chain[at]) for at in (0, 3, 4, 5)}


def test_what_the_rules_do_not_know_is_kept_and_said(
    past: Past, run: Command, plan: Path, capsys: pytest.CaptureFixture[str], mongodb_url: str
) -> None:
    chain, library = past.chain(10), past.chain(5)
    past.course("C", draft=past.add(chain[-1], pin=library[2]))
    young = past.add(chain[2], at=datetime.now(UTC) - timedelta(minutes=1))
    with modulestore.connect(f"{mongodb_url}{'&' if '?' in mongodb_url else '?'}writes=yes") as store:
        store.tag("course-v1:Org+C+run", str(chain[4]), "spring", author=1)
    assert run("make_plan", SQL) == 0
    said = capsys.readouterr().out
    assert all(f"1 {kind}" in said for kind in ("tag", "pin", "young", "lately"))
    unknown = {str(one) for one in (library[2], young, chain[4], chain[2])}
    wanted = by_the_rules(past.database, 2)["delete"]
    assert unknown < set(wanted)
    assert read(plan)["delete"] == [one for one in wanted if one not in unknown]
    assert run("make_plan", SQL, "--min-age", "0s") == 0
    assert {str(young), str(chain[2])} < set(read(plan)["delete"])


def test_heads_of_the_sql_index_are_kept(past: Past, run: Command, plan: Path, tmp_path: Path) -> None:
    chain = past.chain(12)
    past.course("C", draft=chain[-1])
    heads = tmp_path / "heads.csv"
    heads.write_text(
        f"course_id,draft_version,published_version,library_version\ncourse-v1:Org+C+run,{chain[6]},,\n"
    )
    assert run("make_plan", "--heads", str(heads)) == 0
    assert read(plan)["delete"] == [str(chain[at]) for at in (1, 2, 3, 7, 8)]
    # A head of SQL that a plan deletes: nothing is done.
    assert run("make_plan", SQL) == 0
    assert run("prune", "--heads", str(heads)) == 4
    assert len(past.versions()) == 12


def test_details(past: Past, run: Command, plan: Path, tmp_path: Path) -> None:
    chain = past.chain(5)
    lost = past.add(chain[1], at=datetime.now(UTC) - timedelta(minutes=1))
    past.course("C", draft=chain[-1])
    details = tmp_path / "details.txt"
    assert run("make_plan", SQL, "--retain", "1", "--details", str(details)) == 0
    assert details.read_text() == (
        "branches: 1\nstructures: 6\nsaved: 5\ndeleted: 1\nre-linked: 1\n"
        "\ndraft of course-v1:Org+C+run\n"
        f"+ {chain[4]} (active)\n"
        f"+ {chain[3]} (re-link to {chain[1]})\n"
        f"- {chain[2]}\n"
        f"+ {chain[1]}\n"
        f"+ {chain[0]} (original)\n"
        "\nin no branch\n"
        f"+ {lost} (younger than 1d)\n"
    )
    assert run("make_plan", SQL, "--retain", "1", "--min-age", "0s", "--details", str(details)) == 0
    assert f"+ {chain[3]} (re-link to original)\n- {chain[2]}\n- {chain[1]}\n" in details.read_text()


def test_structures_are_logged(past: Past, run: Command, caplog: pytest.LogCaptureFixture) -> None:
    chain = past.chain(3)
    past.course("C", draft=chain[-1])
    assert run("make_plan", SQL, "--dump-structures") == 0
    assert [record.getMessage() for record in caplog.records if record.name == "prune_structures"] == [
        f"structure {one}, original {chain[0]}, previous {before}"
        for one, before in zip(chain, [None, *chain], strict=False)
    ]


# --- what is refused


@pytest.mark.parametrize("name", ["make_plan", "prune"])
def test_who_has_a_sql_index_must_say_so(
    past: Past, run: Command, plan: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    past.course("C", draft=past.chain(5)[-1])
    plan.write_text('{"delete": [], "update_parents": []}')
    assert run(name) == 2
    assert "--no-sql-index" in capsys.readouterr().err
    assert read(plan) == {"delete": [], "update_parents": []}


def test_only_servers_are_pruned(plan: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--connection", "sqlite:///x.db", "make_plan", str(plan), SQL]) == 2
    assert "modulestore prune" in capsys.readouterr().err
    assert main(["make_plan", str(plan), "--no-such-option"]) == 2


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", '{"delete": ["x"], "update_parents": []}', '{"delete": [], "update_parents": [["x"]]}'],
)
def test_what_is_no_plan(run: Command, plan: Path, text: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("prune", SQL) == 2
    plan.write_text(text)
    assert run("prune", SQL) == 2
    assert "this is no plan" in capsys.readouterr().err


def test_a_plan_that_contradicts_itself(past: Past, run: Command, plan: Path) -> None:
    chain = past.chain(6)
    past.course("C", draft=chain[-1])
    for pair in ([chain[5], chain[1]], [chain[1], chain[0]]):
        plan.write_text(json.dumps({"delete": [str(chain[1])], "update_parents": [list(map(str, pair))]}))
        assert run("prune", SQL) == 2
    assert len(past.versions()) == 6


def test_a_plan_that_deletes_a_head_by_now(past: Past, run: Command, plan: Path) -> None:
    chain = past.chain(9)
    past.course("C", draft=chain[-1])
    assert run("make_plan", SQL) == 0
    past.database[INDEX].update_one({}, {"$set": {"versions.draft-branch": chain[3]}})
    assert run("prune", SQL) == 4
    assert len(past.versions()) == 9


# --- plans from elsewhere, and plans done in part


def test_what_was_referred_to_since_is_spared(
    past: Past, run: Command, plan: Path, mongodb_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    chain = past.chain(9)
    past.course("C", draft=chain[-1])
    made = by_the_rules(past.database, 2)
    plan.write_text(json.dumps(made))
    with modulestore.connect(f"{mongodb_url}{'&' if '?' in mongodb_url else '?'}writes=yes") as store:
        store.tag("course-v1:Org+C+run", str(chain[5]), "spring", author=1)
    assert run("prune", SQL) == 0
    said = capsys.readouterr().out
    assert "deleted 4 structures, re-linked 0 of 1" in said
    assert "1 in the plan stay" in said
    assert past.versions() == {str(chain[at]) for at in (0, 5, 6, 7, 8)}
    assert past.structure(chain[6])["previous_version"] == chain[5]


def test_links_are_changed_only_where_they_are_as_expected(
    past: Past, run: Command, plan: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    chain, other = past.chain(9), past.chain(4)
    past.course("C", draft=chain[-1], published=other[-1])
    parents = [
        [chain[8], chain[0]],  # would leave out one that stays
        [chain[6], other[0]],  # another history
        [other[3], ObjectId()],  # not there
        [ObjectId(), other[0]],  # gone
        [other[1], other[0]],  # done
    ]
    plan.write_text(
        json.dumps({"delete": [str(chain[5])], "update_parents": [list(map(str, pair)) for pair in parents]})
    )
    assert run("prune", SQL) == 0
    said = capsys.readouterr().out
    assert "deleted 1 structure, re-linked 0 of 5" in said
    assert "of 2 re-links each would lead" in said
    for number, version in enumerate(chain):
        if number not in (0, 5):
            assert past.structure(version)["previous_version"] == chain[number - 1]


def test_a_plan_is_gone_on_with_from_an_id(past: Past, run: Command, plan: Path) -> None:
    chain = past.chain(9)
    past.course("C", draft=chain[-1])
    assert run("make_plan", SQL) == 0
    assert read(plan)["delete"] == [str(one) for one in chain[1:6]]
    assert run("prune", SQL, "--start", str(chain[7])) == 2
    assert run("prune", SQL, "--start", "x") == 2
    assert len(past.versions()) == 9
    assert run("prune", SQL, "--start", str(chain[3])) == 0
    assert past.versions() == {str(chain[at]) for at in (0, 1, 2, 6, 7, 8)}
    assert past.structure(chain[6])["previous_version"] == chain[0]


def test_applying_twice(past: Past, run: Command, capsys: pytest.CaptureFixture[str]) -> None:
    past.course("C", draft=past.chain(9)[-1])
    assert run("make_plan", SQL) == 0
    assert run("prune", SQL) == 0
    left = list(past.database[STRUCTURES].find().sort("_id"))
    capsys.readouterr()
    assert run("prune", SQL) == 0
    said = capsys.readouterr().out
    assert "deleted 0 structures, re-linked 0 of 1" in said
    assert "5 in the plan were gone already" in said
    assert list(past.database[STRUCTURES].find().sort("_id")) == left


@pytest.mark.parametrize("way", [["tools/prune_structures.py"], ["-m", "tools.prune_structures"]])
def test_it_runs_both_ways(way: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, *way, "--help"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert "make_plan" in done.stdout
