"""What is published, built once, and a clean environment that has it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.packaging.building import EXTRAS, ROOT, Environment, build, new_environment


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build("wheel", ROOT, tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="session")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build("sdist", ROOT, tmp_path_factory.mktemp("sdist"))


@pytest.fixture(scope="session")
def clean(wheel: Path, tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config) -> Environment:
    """An environment with the wheel and what it asks for, from the package index."""
    environment = new_environment(tmp_path_factory.mktemp("environments") / "clean")
    environment.install(pytestconfig, str(wheel))
    return environment


@pytest.fixture(scope="session")
def full(
    clean: Environment, wheel: Path, tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config
) -> Environment:
    """The same with all extras, which are installed on top of it."""
    environment = new_environment(tmp_path_factory.mktemp("environments") / "full")
    (environment.packages / "clean.pth").write_text(f"{clean.packages}\n")
    environment.install(pytestconfig, f"{wheel}[{','.join(EXTRAS)}]")
    return environment


@pytest.fixture(scope="session")
def filled(clean: Environment, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that was empty, and has a store with the sample course."""
    folder = tmp_path_factory.mktemp("empty")
    course = ROOT / "docs" / "examples" / "sample-course"
    clean.run("modulestore", "import", str(course), cwd=folder)
    return folder


@pytest.fixture
def folder(filled: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    shutil.copy(filled / "modulestore.db", tmp_path)
    return tmp_path
