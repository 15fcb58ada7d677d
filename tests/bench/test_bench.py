"""The benchmarks run, and say what they promise to say. What they measure is not looked at."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from modulestore.olx import open_archive, read_course
from tools.bench.__main__ import command_line, main
from tools.bench.alone import Costs
from tools.bench.authoring import edits
from tools.bench.cases import Goal, Outcome
from tools.bench.courses import write_course
from tools.bench.data import put_on_sqlite, synthetic_course
from tools.bench.edits import OurEdit
from tools.bench.jobs import JOBS
from tools.bench.measure import Result
from tools.bench.report import as_table
from tools.bench.scratch import document_bytes
from tools.bench.world import Stored

ROOT = Path(__file__).resolve().parents[2]
NAMES = {job.name for job in JOBS}
NUMBERS = ("median_ms", "min_ms", "spread")
COSTS = ("commands", "sent", "received", "stored", "peak", "process")


def quick(server: str, *jobs: str) -> dict[str, Any]:
    # In a process of its own: garbage is collected before each time, and one of tests has much to look at.
    command = (sys.executable, "-m", "tools.bench", "--quick", "--json", "--server", server, *jobs)
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    value: dict[str, Any] = json.loads(run.stdout)
    return value


def check_shape(value: dict[str, Any], names: set[str]) -> None:
    assert set(value) == {"machine", "rounds", "quick", "rows"}
    assert value["quick"] is True
    assert value["rounds"] == 1
    assert {"cores", "system", "python", "sqlite", "pymongo", "lxml", "server"} == set(value["machine"])
    assert {row["job"] for row in value["rows"]} == names
    for row in value["rows"]:
        assert {"data", "variant", "place", "reference", *COSTS} <= set(row)
        assert all(row[name] >= 0 for name in NUMBERS)
        assert len(row["times_ms"]) == 1
        assert all(row[name] is None or row[name] >= 0 for name in COSTS)
        goal = row["goal"]
        judged = goal is not None and (goal["at_most"] is None or row["ratio"] is not None)
        assert row["passed"] in ((True, False) if judged else (None,))
        assert bool(row["outcomes"]) == (row["job"] == "authors") == (row["accepted_per_second"] is not None)


def test_jobs_run_without_a_server() -> None:
    some = ("import", "open-videos", "edit", "walk", "authors")
    value = quick("none", *some)
    check_shape(value, set(some))
    assert value["machine"]["server"].startswith("none")
    assert {row["place"] for row in value["rows"]} == {"sqlite", "memory"}
    assert all(row["commands"] is None for row in value["rows"])


LOOKED_AT = ("import", "open-videos", "reopen", "edit", "edit-100", "publish-unit", "changes", "authors")


def test_all_other_jobs_run_on_a_server(mongodb_uri: str) -> None:
    others = NAMES - set(LOOKED_AT)
    check_shape(quick(mongodb_uri, *sorted(others)), others)


def test_jobs_on_a_server_cost_what_they_are_known_to_cost(mongodb_uri: str) -> None:
    value = quick(mongodb_uri, *LOOKED_AT)
    check_shape(value, set(LOOKED_AT))
    rows = {(row["job"], row["variant"], row["place"]): row for row in value["rows"]}
    floor, ours = (rows["import", name, "server"]["stored"] for name in ("floor", "modulestore"))
    assert floor == pytest.approx(ours, rel=0.01), "other ids compress to a few bytes more or less"
    assert rows["open-videos", "modulestore", "server"]["commands"] == 2
    assert rows["open-videos", "platform path", "server"]["commands"] == 4
    on_server = [row for row in value["rows"] if row["place"] == "server"]
    silent = {(row["job"], row["variant"]) for row in on_server if not (row["sent"] and row["received"])}
    assert silent == {("reopen", "by version"), ("reopen", "index entry up to a minute old")}
    check_platform_commands(rows)
    check_authors(rows)


def check_platform_commands(rows: dict[tuple[str, str, str], dict[str, Any]]) -> None:
    # Of several cases, the last one counts: of `edit`, the content.
    assert rows["edit", "platform path", "server"]["commands"] == 8
    assert rows["edit", "platform path, cache", "server"]["commands"] == 6
    blocks = (rows["edit-100", "platform path, one operation", "server"]["commands"] - 4) / 2
    assert blocks == int(blocks) > 1
    assert rows["publish-unit", "platform path", "server"]["commands"] == 5
    assert rows["changes", "platform path", "server"]["commands"] == 3
    assert rows["changes", "modulestore", "server"]["commands"] == 2
    for job in ("edit", "edit-100", "publish-unit"):
        server, sqlite = (rows[job, "modulestore", place]["stored"] for place in ("server", "sqlite"))
        assert server == pytest.approx(sqlite, rel=0.05)


def check_authors(rows: dict[tuple[str, str, str], dict[str, Any]]) -> None:
    for place in ("sqlite", "server"):
        row = rows["authors", "modulestore", place]
        assert row["passed"] is True
        assert row["outcomes"] == [{"asked": 8, "accepted": 8, "survived": 8}]
    # Four authors, two blocks each, in step: of every four, one survives.
    assert rows["authors", "platform path", "server"]["outcomes"] == [
        {"asked": 8, "accepted": 8, "survived": 2}
    ]


def test_the_table_has_a_block_for_every_case(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["walk", "--quick", "--rounds", "2", "--server", "none"]) == 0
    text = capsys.readouterr().out
    assert "rounds: 2" in text
    assert text.count("walk: ") == 2
    assert "≤ 2×" in text


def test_jobs_are_listed_and_unknown_ones_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--list"]) == 0
    listed = capsys.readouterr().out.splitlines()
    assert {line.split()[0] for line in listed} == NAMES
    with pytest.raises(SystemExit, match="2"):
        main(["no-such-job"])


def test_commands_on_the_page_can_be_run() -> None:
    """They are not run: that takes too long."""
    lines = re.findall(
        r"^\$ python -m tools.bench(.*)", (ROOT / "docs" / "benchmarks.md").read_text(), re.MULTILINE
    )
    assert len(lines) > 3
    for line in lines:
        words = shlex.split(line.partition(">")[0], comments=True)
        command_line().parse_args(words)


@pytest.mark.parametrize("blocks", [1, 2, 5, 60, 300])
def test_a_course_has_the_size_that_was_asked_for(tmp_path: Path, blocks: int) -> None:
    first, second = tmp_path / "a.tar.gz", tmp_path / "b.tar.gz"
    write_course(first, blocks)
    write_course(second, blocks)
    assert first.read_bytes() == second.read_bytes()
    with open_archive(first) as tree:
        course = read_course(tree)
    assert len(course.blocks) == blocks
    assert not course.problems


def judged(goal: Goal, ratio: float | None, costs: Costs, outcomes: Sequence[Outcome] = ()) -> bool | None:
    times = [1.0 for _ in outcomes] or [1.0]
    return Result("job", "data", "ours", "server", times, ratio, "theirs", goal, costs, outcomes).passed


def costs(commands: int | None = None, stored: int | None = None) -> Costs:
    return Costs(commands=commands, sent=None, received=None, stored=stored, peak=None)


def test_a_goal_is_reached_by_time_and_commands() -> None:
    goal = Goal(2, commands=3)
    assert str(goal) == "≤ 2×, 3 commands"
    assert judged(goal, 2.0, costs(3)) is True
    assert judged(goal, 2.1, costs(3)) is False
    assert judged(goal, 2.0, costs(4)) is False
    assert judged(goal, None, costs(3)) is None


def test_a_goal_may_be_one_of_milliseconds_and_bytes() -> None:
    goal = Goal(milliseconds=1, stored=2190)
    assert str(goal) == "≤ 1 ms, ≤ 2.2 KB"
    assert judged(goal, None, costs(stored=2190)) is True
    assert judged(goal, None, costs(stored=2191)) is False
    assert judged(Goal(milliseconds=0.5), 0.1, costs()) is False


def test_a_goal_may_be_one_of_memory() -> None:
    goal = Goal(process=80_000_000)
    assert str(goal) == "process ≤ 80 MB"
    assert judged(goal, None, costs()._replace(process=80_000_000)) is True
    assert judged(goal, None, costs()._replace(process=80_000_001)) is False


def test_a_goal_may_be_that_nothing_is_lost_in_any_round() -> None:
    goal, kept = Goal(lossless=True), Outcome(asked=8, accepted=8, survived=8)
    assert str(goal) == "none lost"
    assert judged(goal, 3.0, costs(), [kept, kept]) is True
    assert judged(goal, 3.0, costs(), [kept, kept._replace(survived=7)]) is False
    assert judged(goal, 3.0, costs(), [kept, kept._replace(accepted=7)]) is False


def test_the_table_says_how_many_edits_survive() -> None:
    outcomes = [Outcome(8, 8, 1), Outcome(8, 8, 2)]
    result = Result("job", "data", "ours", "server", [1000.0, 2000.0], None, None, None, costs(), outcomes)
    heads, values = as_table([result]).splitlines()[1:]
    assert heads.split()[-2:] == ["accepted/s", "survive"]
    assert values.split()[-4:] == ["6.0", "1–2", "of", "8"]


@pytest.mark.parametrize("content", [False, True])
def test_what_is_written_to_a_stored_course_is_gone_afterwards(tmp_path: Path, content: bool) -> None:
    url = f"sqlite:///{tmp_path}/course.db"
    put_on_sqlite(documents := synthetic_course(60), url, 2)
    before = document_bytes(url)
    change = edits(Stored(60, "", documents.key, url, "", "", ""), 1, content=content)
    with OurEdit(url, documents.key, change).ready() as call:
        assert call.run() == 1
        stored = call.stored()
        assert stored is not None
        assert 100 < stored < before / 10
    assert document_bytes(url) == before
