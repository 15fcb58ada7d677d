"""The command on both backends."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from modulestore.cli import main

Run = Callable[..., Any]


@pytest.fixture(params=["sqlite", "mongodb"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/courses.db"
    found: str = request.getfixturevalue("mongodb_url")
    return found


@pytest.fixture
def run(url: str, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command with ``--json``; its value, or of one that fails its error."""

    def run(*words: str, exit_code: int = 0) -> Any:
        capsys.readouterr()
        code = main(["--store", url, *words, "--json"])
        captured = capsys.readouterr()
        assert code == exit_code, captured.err
        if exit_code == 0:
            assert captured.err == ""
            return json.loads(captured.out)
        assert captured.out == ""
        return json.loads(captured.err)["error"]

    return run


@pytest.fixture
def say(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Run a command as people do, on a store of its own; what it prints, of one that fails its complaint."""

    def say(*words: str, exit_code: int = 0) -> str:
        capsys.readouterr()
        code = main(["--store", f"sqlite:///{tmp_path}/people.db", *words])
        captured = capsys.readouterr()
        assert code == exit_code, captured.err
        assert (captured.out if exit_code else captured.err) == ""
        return captured.err if exit_code else captured.out

    return say
