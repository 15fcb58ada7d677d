"""Planning what to prune of a database with a million structures."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import modulestore
from modulestore.upkeep.pruning.plan import read_plan
from modulestore.upkeep.pruning.policy import Policy, Retention
from tools.bench.cases import Call, Case, Goal, Job, Operation, Variant
from tools.bench.histories import put
from tools.bench.places import Place
from tools.bench.platform_pruning import plan_pruning
from tools.bench.world import World

__all__ = ["JOB", "expect_same"]

_STRUCTURES = 1_000_000
_QUICK = 3000
_RETAIN = 2
_BEYOND = ("blocks of", "younger than", "another version took its place")
"""How the reasons begin that our rules have and a platform's have not, as far as they are in the data."""


@dataclass(frozen=True, slots=True)
class Ours:
    """Our plan, with reasons.

    Attributes:
        parts: what is planned for beside structures.
    """

    url: str
    path: str
    parts: Sequence[str] = ()

    @contextmanager
    def ready(self) -> Iterator[Call]:
        """A new store."""
        with modulestore.connect(self.url) as store:

            def run() -> int:
                summary = store.plan_pruning(
                    Policy(Retention(keep=_RETAIN + 1)),
                    self.path,
                    parts=self.parts,  # type: ignore[arg-type]
                    no_sql_index=True,
                )
                return summary.deleted

            yield Call(run, note=lambda: _note(self.path))


@dataclass(frozen=True, slots=True)
class Theirs:
    """The platform's algorithm."""

    url: str
    path: str

    @contextmanager
    def ready(self) -> Iterator[Call]:
        """Nothing at hand; it connects by itself, which takes a few milliseconds."""
        yield Call(lambda: plan_pruning(self.url, Path(self.path), _RETAIN), note=lambda: _note(self.path))


def _note(path: str) -> str:
    return f"plan {Path(path).stat().st_size / 1e6:.1f} MB"


def cases(world: World) -> Iterator[Case]:
    """On the server beside the platform's algorithm; on SQLite alone."""
    for place in reversed(world.places):
        with ExitStack() as stack:
            yield from _cases_of(place, stack.enter_context(place.new()), world)


def _cases_of(place: Place, url: str, world: World) -> Iterator[Case]:
    stored = put(url, _QUICK if world.quick else _STRUCTURES)
    paths = [world.folder / name for name in ("ours", "everything", "theirs")]
    ours, everything, theirs = map(str, paths)
    structures = _variant(place, "modulestore, structures", Ours(url, ours))
    more = _variant(
        place, "modulestore, definitions and files too", Ours(url, everything, ("definitions", "files"))
    )
    platform = _variant(place, "platform's algorithm", Theirs(url, theirs))
    on_server = place.name == "server"
    yield Case(
        "prune-plan",
        f"{stored:,} structures, {place.name}",
        [structures, platform, more] if on_server else [structures, more],
        platform if on_server else structures,
        goals=[
            (structures, Goal(1 / 2.5 if on_server else None, process=80_000_000)),
            (more, Goal(process=200_000_000)),
        ],
        rounds=3,
        same=False,
        fresh=True,
    )
    if on_server:
        expect_same(paths[0], paths[2])


def _variant(place: Place, name: str, operation: Operation) -> Variant:
    return Variant(name, place.name, operation)


def expect_same(ours: Path, theirs: Path) -> None:
    """Make sure that our plan deletes what theirs does, but for what it keeps for a reason of its own.

    Raises:
        AssertionError: it does not.
    """
    with ours.open("rb") as lines:
        mine = set(map(str, read_plan(lines, str(ours)).deleted))
    yours: Collection[str] = set(json.loads(theirs.read_text())["delete"])
    assert mine <= set(yours), "the plans are not the same"
    spared = set(yours) - mine
    with ours.open("rb") as lines:
        rows = (json.loads(line) for line in lines if line.startswith(b'{"keep"'))
        named = {row["keep"] for row in rows if any(why.startswith(_BEYOND) for why in row["why"])}
    assert spared <= named, "something is kept for no reason"


JOB = Job("prune-plan", "plan what to prune of a million structures", cases)
