"""The migration steps as they are shipped."""

from __future__ import annotations

import pytest

from modulestore.upkeep.migrations import load_steps
from modulestore.upkeep.steps import Step


def test_they_are_numbered_without_a_gap() -> None:
    numbers = [step.name.partition("-")[0] for step in load_steps()]
    assert numbers == [f"{number:04}" for number in range(1, len(numbers) + 1)]


@pytest.mark.parametrize("step", load_steps(), ids=lambda step: step.name)
def test_a_step_says_what_and_why_and_which_work_it_is(step: Step) -> None:
    for sentence in (step.what, step.why):
        assert len(sentence) > 30
        assert sentence[0].islower()
        assert not sentence.endswith(".")
    assert bool(step.indexes) == (step.kind == "indexes")
    assert (step.schema is not None) == (step.kind == "format")
