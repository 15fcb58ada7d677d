"""The benchmarks run, and say what they promise to say. What they measure is not looked at."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from modulestore.olx import open_archive, read_course
from tools.bench.__main__ import main
from tools.bench.alone import Costs
from tools.bench.cases import Goal
from tools.bench.courses import write_course
from tools.bench.jobs import JOBS
from tools.bench.measure import Result

NAMES = {job.name for job in JOBS}
NUMBERS = ("median_ms", "min_ms", "spread")
COSTS = ("commands", "sent", "received", "stored", "peak")


def quick(capsys: pytest.CaptureFixture[str], server: str) -> dict[str, Any]:
    assert main(["--quick", "--json", "--server", server]) == 0
    value: dict[str, Any] = json.loads(capsys.readouterr().out)
    return value


def check_shape(value: dict[str, Any]) -> None:
    assert set(value) == {"machine", "rounds", "quick", "rows"}
    assert value["quick"] is True
    assert value["rounds"] == 1
    assert {"cores", "system", "python", "sqlite", "pymongo", "lxml", "server"} == set(value["machine"])
    assert {row["job"] for row in value["rows"]} == NAMES
    for row in value["rows"]:
        assert {"data", "variant", "place", "reference", *COSTS} <= set(row)
        assert all(row[name] >= 0 for name in NUMBERS)
        assert len(row["times_ms"]) == 1
        assert all(row[name] is None or row[name] >= 0 for name in COSTS)
        judged = row["goal"] is not None and row["ratio"] is not None
        assert row["passed"] in ((True, False) if judged else (None,))


def test_every_job_runs_without_a_server(capsys: pytest.CaptureFixture[str]) -> None:
    value = quick(capsys, "none")
    check_shape(value)
    assert value["machine"]["server"].startswith("none")
    assert {row["place"] for row in value["rows"]} == {"sqlite", "memory"}
    assert all(row["commands"] is None for row in value["rows"])


def test_every_job_runs_on_a_server(capsys: pytest.CaptureFixture[str], mongodb_uri: str) -> None:
    value = quick(capsys, mongodb_uri)
    check_shape(value)
    rows = {(row["job"], row["variant"], row["place"]): row for row in value["rows"]}
    assert rows["import", "floor", "server"]["stored"] <= rows["import", "modulestore", "server"]["stored"]
    assert rows["open-videos", "modulestore", "server"]["commands"] == 2
    assert rows["open-videos", "platform path", "server"]["commands"] == 4
    assert all(row["sent"] and row["received"] for row in rows.values() if row["place"] == "server")


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


def test_a_goal_is_reached_by_time_and_commands() -> None:
    def result(ratio: float | None, commands: int | None) -> Result:
        costs = Costs(commands=commands, sent=None, received=None, stored=None, peak=None)
        return Result("job", "data", "ours", "server", [1.0], ratio, "theirs", Goal(2, commands=3), costs)

    assert result(2.0, 3).passed is True
    assert result(2.1, 3).passed is False
    assert result(2.0, 4).passed is False
    assert result(None, 3).passed is None
    assert str(Goal(1.5, commands=2)) == "≤ 1.5×, 2 commands"
