"""The source distribution has what the wheel is built from and what a packager reads, and nothing else."""

from __future__ import annotations

import subprocess
import tarfile
import zipfile
from pathlib import Path

from tests.packaging.building import ROOT, build

TEXTS = {"README.md", "LICENSE", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md"}
BUILDING = {"pyproject.toml", "PKG-INFO", ".gitignore"}  # the last is what hatchling goes by


def members(wheel: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_what_is_in_it(sdist: Path) -> None:
    with tarfile.open(sdist) as archive:
        names = {member.name.partition("/")[2] for member in archive if member.isfile()}
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "modulestore", "migrations"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    sources = {name for name in listed.stdout.split("\0") if (ROOT / name).is_file()}
    if listed.returncode:  # no checkout, but what somebody unpacked
        sources = {name for name in names if name.startswith(("modulestore/", "migrations/"))}
    assert sources
    assert names == sources | TEXTS | BUILDING
    assert not [name for name in names if "__pycache__" in name or name.endswith(".pyc")]


def test_the_wheel_is_the_same_from_it(sdist: Path, wheel: Path, tmp_path: Path) -> None:
    with tarfile.open(sdist) as archive:
        archive.extractall(tmp_path, filter="data")
    (folder,) = tmp_path.iterdir()
    again = build("wheel", folder, tmp_path / "dist")
    assert again.name == wheel.name
    assert members(again) == members(wheel)
    assert again.read_bytes() == wheel.read_bytes(), "the order, times and rights of the members too"


def test_another_build_gives_the_same_bytes(sdist: Path, tmp_path: Path) -> None:
    assert build("sdist", ROOT, tmp_path / "again").read_bytes() == sdist.read_bytes()
    later = build("sdist", ROOT, tmp_path / "later", epoch=1_800_000_000)
    assert later.read_bytes() != sdist.read_bytes(), "times are those of SOURCE_DATE_EPOCH"
