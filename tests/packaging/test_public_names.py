"""The public names are those in ``public-names.txt``: who takes one away breaks somebody's program.

``python -m tests.packaging.test_public_names`` writes the file.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path

FILE = Path(__file__).with_name("public-names.txt")
MODULES = (
    "modulestore",
    "modulestore.errors",
    "modulestore.keys",
    "modulestore.motor",
    "modulestore.observing",
    "modulestore.observing.opentelemetry",
    "modulestore.origin",
    "modulestore.testing",
)
HINT = """the public names have changed.
Is it meant? Then say so in CHANGELOG.md (what is gone takes a new major version, or before 1.0 a minor one),
and run: python -m tests.packaging.test_public_names"""


def public_names() -> dict[str, list[str]]:
    """Every public name with its module; of a class, what can be reached from it."""
    found = {}
    for name in MODULES:
        module = import_module(name)
        for public in sorted(module.__all__):
            value = getattr(module, public)
            is_ours = isinstance(value, type) and value.__module__.startswith("modulestore.")
            found[f"{name}.{public}"] = _members(value) if is_ours else []
    return found


def _members(value: type) -> list[str]:
    """What can be reached; of a suite of tests, what its user gives it."""
    names = (name for name in dir(value) if not name.startswith(("_", "test_", "pytestmark")))
    return [name for name in names if not _inherited(value, name)]


def _inherited(value: type, member: str) -> bool:
    """Whether a member comes from Python or a package, not from the library."""
    owner = next((base for base in value.__mro__ if member in base.__dict__), None)
    return owner is None or not owner.__module__.startswith("modulestore")


def test_they_are_what_they_were() -> None:
    before = flat({line.partition(":")[0]: line.split()[1:] for line in FILE.read_text().splitlines()})
    now = flat(public_names())
    changes = [f"- {name}" for name in sorted(before - now)] + [f"+ {name}" for name in sorted(now - before)]
    assert not changes, "\n".join([HINT, *changes])


def flat(names: Mapping[str, Sequence[str]]) -> set[str]:
    """Every name, and every name in a class."""
    return {one for name, members in names.items() for one in (name, *(f"{name}.{each}" for each in members))}


if __name__ == "__main__":
    lines = (f"{name}: {' '.join(members)}".rstrip(" :") for name, members in public_names().items())
    FILE.write_text("".join(f"{line}\n" for line in lines))
