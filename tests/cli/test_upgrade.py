"""``upgrade``: what there is to do, and conversions between stored formats."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

import modulestore
from modulestore.cli import main
from modulestore.formats.structures import schema_of
from modulestore.testing._sync.courses import SMALL_COURSE, make_small_course
from tests.cli.conftest import Run


@pytest.fixture
def old(url: str) -> str:
    """A store with a small course in format 1."""
    new = f"{url}{'&' if '?' in url else '?'}format=1"
    with modulestore.connect(new) as store:
        make_small_course(store)
        with store.edit(SMALL_COURSE, author="ana") as edit:
            edit.update(("html", "a1"), display_name="again")
    return url


def formats(url: str) -> set[int]:
    with modulestore.connect(url) as store:
        found: set[int] = set()
        for batch in store._backend.structures.headers():
            documents = store._backend.structures.get_many([header.id for header in batch])
            found.update(map(schema_of, documents.values()))
        return found


def test_a_conversion_is_offered_and_not_done(run: Run, old: str) -> None:
    for words in (["--plan"], []):
        (offer,) = run("upgrade", *words)
        assert offer["name"] == "0002-format-2"
        assert (offer["state"], offer["format"]) == ("not asked for", 2)
        assert "platform" in offer["why"]
    assert formats(old) == {1}


def test_there_and_back(run: Run, old: str) -> None:
    before = run("tree", SMALL_COURSE)
    planned = run("upgrade", "--format", "2", "--plan")
    assert formats(old) == {1}
    done = run("upgrade", "--format", "2")
    assert done == planned
    assert done["schema"] == 2
    assert done["converted"] > 2
    assert (done["already"], done["left"]) == (0, [])
    assert formats(old) == {2}
    assert run("tree", SMALL_COURSE) == before
    assert run("upgrade", "--format", "2")["already"] == done["converted"]
    assert [offer["name"] for offer in run("upgrade")] == ["0003-format-1"]
    back = run("upgrade", "--format", "1")
    assert (back["converted"], back["bytes_after"]) == (done["converted"], done["bytes_before"])
    assert formats(old) == {1}


def test_what_is_left_is_listed(
    url: str, old: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """On standard output, for it is what was done; the exit code says that there is something to look at."""
    monkeypatch.setattr("modulestore.formats.columns.split", lambda document: lost(document))
    assert main(["--store", url, "upgrade", "--format", "2", "--json"]) == 6
    said = json.loads(capsys.readouterr().out)
    assert said["converted"] == 0
    assert [sorted(left) for left in said["left"]] == [["reason", "version"]] * len(said["left"])
    assert main(["--store", url, "upgrade", "--format", "2"]) == 6
    captured = capsys.readouterr()
    assert captured.err == ""
    assert f"left as it is: {said['left'][0]['version']}: what would be stored" in captured.out


def lost(document: Any) -> Any:
    from modulestore.formats.cells import split

    return split({**document, "fields": {}})


def test_what_people_see(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    url = f"sqlite:///{tmp_path}/people.db"
    with modulestore.connect(f"{url}?format=1") as store:
        make_small_course(store)

    def say(*words: str) -> str:
        assert main(["--store", url, "upgrade", *words]) == 0
        return capsys.readouterr().out

    lines = say("--plan").splitlines()
    assert lines[0] == "nothing to do"
    assert lines[1].startswith("not asked for: 0002-format-2: store the structures")
    assert lines[3] == f"  modulestore --store {url} upgrade --format 2"
    assert say("--format", "2", "--plan").startswith("would convert 5 versions to format 2, ")
    assert say("--format", "2").startswith("converted 5 versions to format 2, ")
    assert say("--format", "2") == "converted 0 versions to format 2\n5 had it already\n"


@pytest.mark.parametrize("words", [["--format", "3"], ["--format", "two"], ["--format"]])
def test_a_format_that_there_is_not(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["upgrade", *words]) == 2
    assert "--format" in capsys.readouterr().err


def test_a_store_that_is_not_there(say: Callable[..., str], tmp_path: Path) -> None:
    assert "there is no store here" in say("upgrade", "--format", "2", exit_code=3)
    assert list(tmp_path.iterdir()) == []


def test_a_version_that_does_not_fit(say: Callable[..., str], tmp_path: Path) -> None:
    with closing(modulestore.connect(f"sqlite:///{tmp_path}/people.db")) as store:
        make_small_course(store)
        with store.edit(SMALL_COURSE, author="ana") as edit:
            for name in ("a1", "b1", "c1"):
                edit.update(("html", name), display_name=name * 3_000_000)
    said = say("upgrade", "--format", "1", exit_code=2)
    assert f"structure {edit.version}: in format 1 it would have" in said
    assert "16,777,216" in said
