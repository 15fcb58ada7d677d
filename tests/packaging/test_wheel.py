"""The wheel has what an installation needs, and works where nothing of the checkout is."""

from __future__ import annotations

import json
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

from modulestore.upkeep.migrations import load_steps

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    built = subprocess.run(
        [
            sys.executable,
            "-m",
            "pip",
            "wheel",
            "-q",
            "--no-deps",
            "--no-build-isolation",
            "-w",
            str(folder),
            str(ROOT),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stderr
    (wheel,) = folder.glob("*.whl")
    return wheel


def test_what_is_in_it(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {"modulestore/py.typed", "modulestore/_sync/store.py", "modulestore/testing/__init__.py"} <= names
    steps = {f"modulestore/migrations/{file.name}" for file in (ROOT / "migrations").glob("m[0-9]*.py")}
    assert len(steps) >= 4
    assert steps <= names, "the migration steps ship with the package"
    outside = {name for name in names if not name.startswith("modulestore")}
    assert not outside, "no tests, tools or samples"


def test_an_installation_imports_a_course(wheel: Path, tmp_path: Path, sample_course: str) -> None:
    """In an environment that has the wheel and the dependencies of this one, and no checkout."""
    place = tmp_path / "environment"
    venv.create(place, symlinks=True)
    packages = subprocess.run(
        [place / "bin" / "python", "-c", "import sysconfig; print(sysconfig.get_paths()['purelib'])"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(packages)
    here = [path for path in sys.path if path.endswith("site-packages")]
    # Dependencies come from here, by path alone: this environment's own link to the checkout is not followed.
    (Path(packages) / "dependencies.pth").write_text("\n".join(here))
    program = f"""
import json, modulestore, modulestore.upkeep.migrations as migrations
from pathlib import Path
store = modulestore.connect("sqlite:///courses.db")
report = store.import_course({sample_course!r})
print(json.dumps([modulestore.__file__, report.blocks, [step.name for step in migrations.load_steps()]]))
store.close()
"""
    shown = subprocess.run(
        [place / "bin" / "python", "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert shown.returncode == 0, shown.stderr
    file, blocks, steps = json.loads(shown.stdout)
    assert file.startswith(packages)
    assert blocks > 40
    assert steps == [step.name for step in load_steps()], "those of the checkout"
    assert [name.partition("-")[0] for name in steps] == [
        f"{number:04}" for number in range(1, len(steps) + 1)
    ]
