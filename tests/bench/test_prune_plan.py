"""The data that a pruning is planned of, and that both plans have to be the same."""

from __future__ import annotations

import json
from pathlib import Path

import bson
import pytest

import modulestore
from modulestore.upkeep.pruning.plan import read_plan
from modulestore.upkeep.pruning.policy import Policy, Retention
from tools.bench.histories import courses, put
from tools.bench.jobs.prune_plan import expect_same
from tools.bench.platform_pruning import plan_pruning


def test_histories_are_as_they_are_said_to_be() -> None:
    made = list(courses(20_000))
    structures = {one["_id"]: one for course in made for one in course.structures}
    heads = {head for course in made for head in course.entry["versions"].values()}
    assert 20_000 <= len(structures) < 22_000
    assert heads < structures.keys()
    size = sum(len(bson.encode(one)) for one in structures.values()) / len(structures)
    assert 900 < size < 1000
    previous = {one["previous_version"] for one in structures.values()}
    orphans = structures.keys() - heads - previous
    assert 0.01 < len(orphans) / len(structures) < 0.03
    assert previous - {None} < structures.keys(), "every version is there"
    for one in structures.values():
        before = structures.get(one["previous_version"], one)
        assert one["original_version"] == before["original_version"]
    definitions = {one["_id"] for course in made for one in course.definitions}
    assert all(block["definition"] in definitions for one in structures.values() for block in one["blocks"])


def test_both_plans_are_the_same_but_for_reasons(mongodb_url: str, tmp_path: Path) -> None:
    stored = put(mongodb_url, 2000)
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    assert 0.9 * stored < plan_pruning(mongodb_url, theirs, 2) < stored
    with modulestore.connect(mongodb_url) as store:
        store.plan_pruning(Policy(Retention(keep=3)), ours, parts=(), no_sql_index=True)
        expect_same(ours, theirs)
        with ours.open("rb") as lines:
            plan = read_plan(lines, "plan")
        links = json.loads(theirs.read_text())["update_parents"]
        mine = {str(relink.version): str(relink.to) for relink in plan.relinks}
        assert links
        assert {one for one, _ in links} <= mine.keys()
        store.plan_pruning(Policy(Retention(keep=4)), ours, parts=(), no_sql_index=True)
        with pytest.raises(AssertionError, match="for no reason"):
            expect_same(ours, theirs)
        store.plan_pruning(Policy(Retention(keep=2)), ours, parts=(), no_sql_index=True)
        with pytest.raises(AssertionError, match="not the same"):
            expect_same(ours, theirs)
