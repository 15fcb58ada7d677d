"""The rules do what the platform's own code did, step by step, but where they mean to do better."""

from __future__ import annotations

import pytest

from modulestore.keys import BlockKey
from modulestore.model.branches import DRAFT, PUBLISHED
from modulestore.model.publishing import unpublished
from tests.golden.comparison import Comparison
from tests.golden.replay import BETTER_ON_PURPOSE
from tests.golden.test_platform_databases import NAMES, SCENARIOS, dumped


@pytest.mark.parametrize("name", NAMES)
def test_a_scenario_is_replayed(name: str) -> None:
    comparison = Comparison(SCENARIOS[name], dumped(name))
    comparison.run()
    assert comparison.problems == []
    rows = {row for row in BETTER_ON_PURPOSE if row.scenario == name}
    assert comparison.used == rows, "rows of the table that nothing needs any more"
    for view, expected in SCENARIOS[name]["final_view"].items():
        key, _, branch = view.partition(" ")
        if "error" in expected or branch != "draft-branch":
            continue
        course = key.removeprefix("course-v1:")
        draft = comparison.replay.structure(course, DRAFT)
        badges = unpublished(draft, comparison.replay.structure(course, PUBLISHED))
        for block in expected["blocks"]:
            ours = BlockKey(*block["block"])
            ours = comparison.replay.generated.get(ours, ours)
            if draft.position(ours) is not None:
                assert (ours in badges) == block["has_changes"]
