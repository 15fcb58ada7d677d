"""Import: a course archive into an empty store."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import modulestore
from tools.bench.cases import Call, Case, Goal, Job, Operation, Variant
from tools.bench.import_floor import ServerFloor, SqliteFloor
from tools.bench.places import Place, SqlitePlace, stored_in
from tools.bench.world import World

__all__ = ["JOB"]

_GOAL = Goal(at_most=2)


@dataclass(frozen=True, slots=True)
class Import:
    """The library's import."""

    archive: Path
    place: Place

    @contextmanager
    def ready(self) -> Iterator[Call]:
        """A store that is connected and has its indexes."""
        with self.place.new() as url, modulestore.connect(url) as store:
            store.upgrade()
            yield Call(
                lambda: store.import_course(self.archive).definitions, lambda: self._stored(store, url)
            )

    def _stored(self, store: modulestore.Store, url: str) -> int | None:
        store.close()  # which ends the log of SQLite
        return stored_in(url)


def cases(world: World) -> Iterator[Case]:
    """Every archive into every place."""
    for name, archive in world.archives(1000, 4000):
        for place in world.places:
            with place.new() as model:
                with modulestore.connect(model) as store:
                    store.import_course(archive)
                floor = Variant("floor", place.name, _floor(archive, place, model))
                ours = Variant("modulestore", place.name, Import(archive, place))
                yield Case("import", name, [ours, floor], floor, [(ours, _GOAL)])


def _floor(archive: Path, place: Place, model: str) -> Operation:
    if isinstance(place, SqlitePlace):
        return SqliteFloor(archive, place, model)
    return ServerFloor(archive, place, model)


JOB = Job("import", "a course archive into an empty store, against parsing and bulk inserts alone", cases)
