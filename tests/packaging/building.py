"""Building what is published, and environments to install it in."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import venv
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pytest

from tests.server_notes import missing

__all__ = [
    "EXTRAS",
    "KEY",
    "ROOT",
    "Environment",
    "build",
    "clean_variables",
    "new_environment",
    "picture",
]

ROOT = Path(__file__).resolve().parents[2]
KEY = "course-v1:Example+MS101+2026"
EXTRAS = ("motor", "opentelemetry", "origin", "plot", "s3", "thumbnails")

_OURS = ("PYTHON", "MODULESTORE", "VIRTUAL_ENV")


@dataclass(frozen=True, slots=True)
class Environment:
    """A virtual environment that knows nothing of this one, nor of the checkout."""

    place: Path

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return self.place / "bin" / "python"

    @property
    def packages(self) -> Path:
        """Where its packages are."""
        scheme = {"base": str(self.place), "platbase": str(self.place)}
        return Path(sysconfig.get_path("purelib", "venv", scheme))

    def run(self, *words: str, cwd: Path, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run one of its programs: ``python``, ``modulestore``."""
        program, *arguments = words
        finished = subprocess.run(
            [self.place / "bin" / program, *arguments],
            cwd=cwd,
            capture_output=True,
            text=True,
            check=False,
            env=clean_variables(),
        )
        assert not check or finished.returncode == 0, f"{words}\n{finished.stdout}{finished.stderr}"
        return finished

    def install(self, config: pytest.Config, *what: str) -> None:
        """Install packages with what they need; the test is skipped if there is no package index."""
        installed = _pip("--python", str(self.python), "install", "--no-compile", *what)
        if installed.returncode and not _has_index(self.place):
            names = " ".join(Path(one).name for one in what)
            missing(config, "package index", f"not tested: installing {names}")
        assert installed.returncode == 0, installed.stdout[-3000:] + installed.stderr


def clean_variables() -> dict[str, str]:
    """The variables of this process without those that would lead to this environment or the checkout."""
    return {name: value for name, value in os.environ.items() if not name.startswith(_OURS)}


def new_environment(place: Path) -> Environment:
    """An empty one, without even pip: that of this environment installs into it."""
    venv.create(place, symlinks=True, with_pip=False)
    return Environment(place)


def build(
    target: Literal["wheel", "sdist"], source: Path, folder: Path, *, epoch: int = 1_700_000_000
) -> Path:
    """Build a wheel or source distribution of the project in a folder, with this environment's hatchling."""
    finished = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", target, "-d", str(folder)],
        cwd=source,
        capture_output=True,
        text=True,
        check=False,
        env=clean_variables() | {"SOURCE_DATE_EPOCH": str(epoch)},
    )
    assert finished.returncode == 0, finished.stdout + finished.stderr
    (built,) = folder.iterdir()
    return built


def picture(path: Path) -> Path:
    """A picture of one white pixel."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")

    header = (1).to_bytes(4, "big") * 2 + bytes([8, 2, 0, 0, 0])
    parts = [(b"IHDR", header), (b"IDAT", zlib.compress(b"\0\xff\xff\xff")), (b"IEND", b"")]
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in parts))
    return path


def _pip(*words: str) -> subprocess.CompletedProcess[str]:
    command: Sequence[str] = [sys.executable, "-m", "pip", "--no-input", *words]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=clean_variables())


def _has_index(place: Path) -> bool:
    """Whether a package can be had at all: then what failed is ours to mend."""
    words = ("download", "-q", "--no-cache-dir", "--no-deps", "--retries", "0", "-d", str(place), "msgpack")
    return _pip(*words).returncode == 0
