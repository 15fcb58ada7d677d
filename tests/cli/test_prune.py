"""``prune plan``, ``show``, ``why``, ``apply``."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

import modulestore
from modulestore._sync.preparing import FORMAT
from modulestore._sync.store import Store
from modulestore.cli import main
from modulestore.keys import VersionId, as_course_key
from modulestore.model.files import CourseFile
from modulestore.testing._sync.checking import check_store
from modulestore.testing._sync.courses import SMALL_COURSE, make_small_course
from tests.cli.conftest import Run
from tests.stress.pruned import skewed

MONTH_AGO = timedelta(days=-30)
SUMMARY = ["kept", "deleted", "bytes", "reasons", "relinked", "definitions", "files", "expired"]


@pytest.fixture
def versions(url: str) -> list[str]:
    """Versions of the draft of a small course, oldest first, all made a month ago."""
    with modulestore.connect(url) as store:
        past = Store(store._backend, **skewed(MONTH_AGO))  # type: ignore[arg-type]
        make_small_course(past)
        for number in range(12):
            with past.edit(SMALL_COURSE, author="ana", message=f"edit {number}") as edit:
                edit.update(("html", "a1"), display_name=str(number), data=f"<p>{number}</p>")
        return [str(info.version) for info in reversed(past.history(SMALL_COURSE, branch="draft"))]


@pytest.fixture
def plan(tmp_path: Path) -> str:
    return str(tmp_path / "plan.jsonl")


def test_plan_show_why_apply(run: Run, url: str, plan: str, versions: list[str]) -> None:
    run("tag", SMALL_COURSE, versions[5], "fifth")
    made = run("prune", "plan", "--keep", "3", "-o", plan)
    assert list(made) == ["plan", *SUMMARY]
    assert made["deleted"] > 4
    assert made["bytes"] > 0
    assert made["reasons"]["tag"] == 1
    assert made["reasons"]["newest"] >= 2
    shown = run("prune", "show", plan)
    assert {name: shown[name] for name in SUMMARY} == {name: made[name] for name in SUMMARY}
    assert shown["policy"]["keep"] == 3
    kept = run("prune", "why", versions[5], "--plan", plan)
    assert kept["kept"] is True
    assert f"tag fifth of {SMALL_COURSE}" in kept["why"]
    gone = run("prune", "why", versions[3], "--plan", plan)
    assert gone["kept"] is False
    assert run("prune", "why", versions[3])["kept"] is False
    assert run("prune", "why", versions[5])["kept"] is True
    assert run("prune", "why", versions[-3], "--keep", "3")["kept"] is True
    done = run("prune", "apply", plan, "--grace", "0s")
    assert (done["deleted"], done["definitions"]) == (made["deleted"], made["definitions"])
    left = [row["version"] for row in run("log", SMALL_COURSE, "--branch", "draft")]
    assert versions[3] not in left
    assert {*versions[-3:], versions[5], versions[0]} <= set(left)
    assert run("prune", "why", versions[3], exit_code=3)["type"] == "VersionNotFound"
    assert run("prune", "apply", plan, "--grace", "0s")["deleted"] == 0
    with modulestore.connect(url) as store:
        assert check_store(store._backend) == []
        assert store.open(SMALL_COURSE, version=versions[5])["html", "a1"]


def test_an_empty_policy_is_refused(run: Run, plan: str, versions: list[str]) -> None:
    error = run("prune", "plan", "-o", plan, exit_code=2)
    assert "--keep" in error["hint"]
    for words in (["--keep", "0"], ["--keep", "3", "--within", "soon"], ["--keep", "3", "--for", "x"]):
        assert run("prune", "plan", *words, "-o", plan, exit_code=2)["hint"]
    assert not Path(plan).exists()


def test_the_young_are_left_alone(run: Run, plan: str, versions: list[str]) -> None:
    assert run("prune", "plan", "--keep", "1", "--min-age", "60d", "-o", plan)["deleted"] == 0
    assert run("prune", "plan", "--keep", "1", "--min-age", "20d", "-o", plan)["deleted"] > 5
    assert run("prune", "plan", "--within", "40d", "-o", plan)["deleted"] == 0


def test_one_course_and_its_own_policy(run: Run, plan: str, versions: list[str]) -> None:
    rule = f"{SMALL_COURSE}=keep:100"
    assert run("prune", "plan", "--keep", "1", "--for", rule, "-o", plan)["deleted"] == 0
    some = run("prune", "plan", "--keep", "1", "--course", SMALL_COURSE, "-o", plan)
    assert some["deleted"] > 5
    assert some["definitions"] == 0
    assert run("prune", "show", plan)["course"] == SMALL_COURSE
    error = run("prune", "plan", "--keep", "1", "--course", "course-v1:no+such+one", "-o", plan, exit_code=3)
    assert error["type"] == "CourseNotFound"


def test_a_plan_that_was_changed_is_refused(run: Run, plan: str, versions: list[str]) -> None:
    run("prune", "plan", "--keep", "3", "-o", plan)
    lines = Path(plan).read_text().splitlines(keepends=True)
    kept = next(number for number, line in enumerate(lines) if line.startswith('{"keep"'))
    deleted = next(number for number, line in enumerate(lines) if line.startswith('{"delete"'))
    broken = {
        "one more": [*lines[:1], json.dumps({"delete": versions[-1]}) + "\n", *lines[1:]],
        "one less": lines[:kept] + lines[kept + 1 :],
        "other words": [line.replace('"delete"', '"deletes"') for line in lines],
        "spaces": [*lines[:deleted], lines[deleted].replace(": ", ":  "), *lines[deleted + 1 :]],
        "cut off": lines[:-1],
        "another file": ["{}\n"],
        "nothing": [],
    }
    for what, changed in broken.items():
        Path(plan).write_text("".join(changed))
        assert run("prune", "apply", plan, exit_code=2)["type"] == "InvalidInput", what
        assert run("prune", "show", plan, exit_code=2)["type"] == "InvalidInput", what
    assert run("prune", "apply", f"{plan}.not", exit_code=2)["place"] == f"{plan}.not"
    assert len(run("log", SMALL_COURSE, "--branch", "draft")) == len(versions)


def test_a_plan_is_outdated_when_a_branch_goes_back(
    run: Run, url: str, plan: str, versions: list[str]
) -> None:
    run("prune", "plan", "--keep", "3", "-o", plan)
    with modulestore.connect(url) as store:
        entry = store._backend.index.get(as_course_key(SMALL_COURSE))
        assert entry is not None
        before = VersionId.parse(versions[3])
        store._backend.index.swap(entry, entry.heads, {"draft": before})
    error = run("prune", "apply", plan, exit_code=4)
    assert versions[3] in error["message"]
    assert "new plan" in error["hint"]


def test_a_platforms_database_wants_its_heads(
    run: Run, url: str, tmp_path: Path, plan: str, versions: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with modulestore.connect(url) as store:
        record = store._backend.records.get(*FORMAT)
        assert record is not None
        assert store._backend.records.delete(record)
    assert "--heads" in run("prune", "plan", "--keep", "1", "-o", plan, exit_code=2)["hint"]
    heads = tmp_path / "heads.csv"
    heads.write_text(
        f"course_id,draft_version,published_version,library_version\n{SMALL_COURSE},{versions[4]},,\n"
    )
    made = run("prune", "plan", "--keep", "1", "--heads", str(heads), "-o", plan)
    assert made["reasons"]["SQL head"] == 1
    apply = ("prune", "apply", plan, "--grace", "0s")
    assert "--heads" in run(*apply, exit_code=2)["hint"]
    assert run(*apply, "--heads", str(heads), exit_code=2)["type"] == "ReadOnlyStore"
    assert len(run("log", SMALL_COURSE, "--branch", "draft")) == len(versions)
    if url.startswith("mongodb"):
        capsys.readouterr()
        assert main(["--store", f"{url}&writes=yes", *apply, "--heads", str(heads), "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["deleted"] == made["deleted"]
        left = [row["version"] for row in run("log", SMALL_COURSE, "--branch", "draft")]
        assert versions[4] in left
        assert len(left) < len(versions)
    assert run("prune", "plan", "--keep", "1", "--no-sql-index", "-o", plan)["deleted"] >= 1


def test_a_deleted_course_is_kept_until_it_is_given_up(run: Run, plan: str, versions: list[str]) -> None:
    run("delete", SMALL_COURSE)
    some = run("prune", "plan", "--keep", "1", "-o", plan)
    run("prune", "apply", plan, "--grace", "0s")
    assert some["expired"] == 0
    run("undelete", SMALL_COURSE)
    assert run("log", SMALL_COURSE, "--branch", "draft")[0]["version"] == versions[-1]
    run("delete", SMALL_COURSE)
    made = run("prune", "plan", "--keep", "1", "--deleted-after", "0s", "-o", plan)
    assert made["expired"] == 1
    done = run("prune", "apply", plan, "--grace", "0s")
    assert done["expired"] == 1
    assert run("undelete", SMALL_COURSE, exit_code=3)["type"] == "CourseNotFound"
    run("prune", "apply", plan, "--grace", "0s")


def test_what_people_see(say: Callable[..., str], tmp_path: Path, capsys: Any) -> None:
    url = f"sqlite:///{tmp_path}/people.db"
    with modulestore.connect(url) as store:
        past = Store(store._backend, **skewed(MONTH_AGO))  # type: ignore[arg-type]
        make_small_course(past)
        for number in range(5):
            with past.edit(SMALL_COURSE, author="ana") as edit:
                edit.update(("html", "a1"), data=f"<p>{number}</p>")
    out = str(tmp_path / "plan.jsonl")
    made = say("prune", "plan", "--keep", "2", "--deleted-after", "1y", "-o", out)
    assert "prune show" in made
    shown = say("prune", "show", out)
    assert "keep the newest 2 of a branch" in shown
    assert "given up after 365d" in shown
    assert max(map(len, shown.splitlines())) < 160
    done = say("prune", "apply", out)
    assert done.startswith("deleted ")
    assert "linked" in done
    assert main(["--store", url, "prune"]) == 2
    assert capsys.readouterr().err.startswith("Usage: modulestore prune")


def test_what_a_policy_would_free(run: Run, versions: list[str], plan: str) -> None:
    planned = run("prune", "plan", "--keep", "3", "-o", plan)
    freed = run("stats", "--keep", "3")["would_free"]
    assert freed == {name: planned[name] for name in ("deleted", "definitions", "files", "bytes")}
    assert run("stats")["would_free"] is None
    assert run("stats", "--within", "60d")["would_free"]["deleted"] == 0


def test_files_that_were_replaced_go(run: Run, url: str, plan: str, versions: list[str]) -> None:
    """Old bytes stay until nobody needs them."""
    with modulestore.connect(url) as store:
        key = as_course_key(SMALL_COURSE)
        for data in (b"first" * 1000, b"second" * 1000):
            file = CourseFile(key.asset("one.bin"), 0, "one.bin")
            store._backend.files.put(file, io.BytesIO(data))
    made = run("prune", "plan", "--keep", "100", "--min-age", "0s", "-o", plan)
    left = run("prune", "plan", "--keep", "100", "-o", f"{plan}.later")
    assert left["files"] == 0
    done = run("prune", "apply", plan, "--grace", "0s")
    assert (made["files"], done["file_bytes"]) == (1, 5000)
    with modulestore.connect(url) as store:
        pieces = store._backend.files.read(key.asset("one.bin"))
        assert b"".join(pieces) == b"second" * 1000
