"""The lower bounds in ``pyproject.toml`` are true: what is near each package runs on the oldest allowed.

Only with ``make stress``: it installs some seventy packages, and takes minutes.
"""

from __future__ import annotations

import os
import re
import subprocess
import tomllib
from itertools import chain
from pathlib import Path
from typing import Any

import pytest

from tests.packaging.building import EXTRAS, ROOT, clean_variables, new_environment

pytestmark = [
    pytest.mark.stress,
    pytest.mark.timeout(1200),
    pytest.mark.skipif(
        "MODULESTORE_STRESS_SECONDS" not in os.environ,
        reason="only with `make stress`: not tested are the lower bounds of dependencies",
    ),
]

BOUND = re.compile(r"([A-Za-z0-9-]+)>=([\d.]+)")

# What old packages say of new ones, and what they leave open, is no fault of ours.
QUIET = ("DeprecationWarning", "ResourceWarning", "pytest.PytestUnraisableExceptionWarning")

# What runs on them: the tests nearest to each of the packages, and whole commands.
NEAR = (
    "tests/formats",
    "tests/olx",
    "tests/cache",
    "tests/storage",
    "tests/observing",
    "tests/compatibility",
    "tests/cli/test_command.py",
    "tests/cli/test_stats.py",
    "tests/cli/test_assets.py",
    "tests/origin/test_answers.py",
    "tests/origin/test_serve.py",
    "tests/backends/test_mongo_documents.py",
    "tests/backends/test_content_objects.py",
    "tests/_async/test_motor.py",
    "tests/_sync/test_store.py",
)


def lowest() -> dict[str, str]:
    """The oldest version of each package that the project and its extras allow."""
    project: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    bounds = {}
    for wanted in chain(project["dependencies"], *project["optional-dependencies"].values()):
        found = BOUND.fullmatch(wanted)
        assert found, f"{wanted} has no plain lower bound"
        bounds[found[1]] = found[2]
    return bounds


def test_what_is_near_runs_on_the_lowest_versions(
    wheel: Path, tmp_path: Path, pytestconfig: pytest.Config
) -> None:
    environment = new_environment(tmp_path / "lowest")
    constraints = tmp_path / "constraints.txt"
    constraints.write_text("".join(f"{name}=={version}\n" for name, version in lowest().items()))
    groups = [f"--group={ROOT}/pyproject.toml:{name}" for name in ("test", "server")]
    environment.install(pytestconfig, "-c", str(constraints), f"{wheel}[{','.join(EXTRAS)}]", *groups)
    quiet = [f"-Wignore::{warning}" for warning in QUIET]
    finished = subprocess.run(
        [environment.python, "-m", "pytest", "-q", "-p", "no:cacheprovider", *quiet, *NEAR],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        env=clean_variables(),
    )
    assert finished.returncode == 0, finished.stdout[-10_000:] + finished.stderr
