"""The wheel has what an installation needs, and works where nothing of the checkout is."""

from __future__ import annotations

import json
import sys
import zipfile
from email.parser import Parser
from pathlib import Path

import modulestore
from modulestore.upkeep.migrations import load_steps
from tests.packaging.building import EXTRAS, ROOT, new_environment


def test_what_is_in_it(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {"modulestore/py.typed", "modulestore/_sync/store.py", "modulestore/testing/__init__.py"} <= names
    steps = {f"modulestore/migrations/{file.name}" for file in (ROOT / "migrations").glob("m[0-9]*.py")}
    assert len(steps) >= 4
    assert steps <= names, "the migration steps ship with the package"
    outside = {name for name in names if not name.startswith("modulestore")}
    assert not outside, "no tests, tools or samples"
    assert not [name for name in names if "__pycache__" in name]


def test_what_it_says_of_itself(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        metadata = Parser().parsestr(archive.read(name).decode())
        licenses = [name for name in archive.namelist() if "/licenses/" in name]
    assert (metadata["Name"], metadata["Version"]) == ("modulestore", modulestore.__version__)
    assert metadata["License-Expression"] == "Apache-2.0"
    assert metadata["Requires-Python"] == ">=3.11"
    assert sorted(metadata.get_all("Provides-Extra", [])) == list(EXTRAS)
    assert [Path(name).name for name in licenses] == ["LICENSE"]


def test_an_installation_imports_a_course(wheel: Path, tmp_path: Path, sample_course: str) -> None:
    """In an environment that has the wheel and the dependencies of this one, and no checkout."""
    environment = new_environment(tmp_path / "environment")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(environment.packages)
    here = [path for path in sys.path if path.endswith("site-packages")]
    # Dependencies come from here, by path alone: this environment's own link to the checkout is not followed.
    (environment.packages / "dependencies.pth").write_text("\n".join(here))
    program = f"""
import json, modulestore, modulestore.upkeep.migrations as migrations
from pathlib import Path
store = modulestore.connect("sqlite:///courses.db")
report = store.import_course({sample_course!r})
print(json.dumps([modulestore.__file__, report.blocks, [step.name for step in migrations.load_steps()]]))
store.close()
"""
    file, blocks, steps = json.loads(environment.run("python", "-c", program, cwd=tmp_path).stdout)
    assert file.startswith(str(environment.packages))
    assert blocks > 40
    assert steps == [step.name for step in load_steps()], "those of the checkout"
    assert [name.partition("-")[0] for name in steps] == [
        f"{number:04}" for number in range(1, len(steps) + 1)
    ]
