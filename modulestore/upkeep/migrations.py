"""Finding the migration steps: in the package when it is installed, beside it in a checkout."""

from __future__ import annotations

import importlib.util
from functools import cache
from pathlib import Path

from modulestore.upkeep.steps import Step

__all__ = ["load_steps"]

_PACKAGE = Path(__file__).resolve().parent.parent


@cache
def load_steps() -> tuple[Step, ...]:
    """Every step, in the order of the numbers in its module's name."""
    installed = _PACKAGE / "migrations"
    folder = installed if installed.is_dir() else _PACKAGE.parent / "migrations"
    steps = []
    for file in sorted(folder.glob("m[0-9]*.py")):
        spec = importlib.util.spec_from_file_location(f"modulestore.migrations.{file.stem}", file)
        assert spec is not None, file
        assert spec.loader is not None, file
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        steps.append(module.STEP)
    return tuple(steps)
