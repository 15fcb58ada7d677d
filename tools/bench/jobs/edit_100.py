"""Edit the content of 100 blocks in one session."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

import modulestore
from modulestore.formats.definitions import encode_definition
from modulestore.formats.ids import new_version_id
from modulestore.model.definition import Definition
from tools.bench.authoring import edits, on_all
from tools.bench.cases import Call, Case, Goal, Job, Variant
from tools.bench.edits import OurEdit, PlatformEdit, apply_changes, store_call
from tools.bench.platform_writes import Change
from tools.bench.scratch import AUTHOR
from tools.bench.world import World

__all__ = ["JOB"]

_COUNT = 100
_COMMANDS = Goal(commands=6)  # the index, the structure and the definitions read; three writes
_RATIO = Goal(at_most=2)


@dataclass(frozen=True, slots=True)
class OneAndInserts:
    """An edit of one block, and the other contents inserted at once: the least that 100 could cost."""

    url: str
    key: str
    changes: Sequence[Change]

    @contextmanager
    def ready(self) -> Iterator[Call]:
        """A new store, and new definitions in the order of the changes."""
        with modulestore.connect(self.url) as store:
            now = store.open(self.key).edited_on
        ids = [new_version_id() for _ in self.changes[1:]]
        made = {
            version: Definition(version, change.key.type, change.content, AUTHOR, now, None, version)
            for version, change in zip(ids, self.changes[1:], strict=True)
        }

        def run(store: modulestore.Store) -> int:
            encoded = {version: encode_definition(definition) for version, definition in made.items()}
            store._backend.definitions.put_many(encoded)
            return apply_changes(store, self.key, self.changes[:1]) + len(encoded)

        with store_call(self.url, run) as call:
            yield call


def cases(world: World) -> Iterator[Case]:
    """Beside the platform path, then beside one edit."""
    for size in world.sizes(1000, 4000, 12000):
        course = world.stored(size)
        changes = edits(course, _COUNT, content=True)
        ours = on_all(course, "modulestore", partial(OurEdit, key=course.key, changes=changes))
        if course.server:
            platform = Variant(
                "platform path, one operation", "server", PlatformEdit(course.platform, course.key, changes)
            )
            yield Case(
                "edit-100", course.name, [ours[0], platform, ours[1]], platform, [(ours[0], _COMMANDS)]
            )
        least = on_all(
            course, "one edit + 99 inserts", partial(OneAndInserts, key=course.key, changes=changes)
        )
        for mine, floor in zip(ours, least, strict=True):
            data = f"beside one edit, {mine.place}, {course.name}"
            yield Case("edit-100", data, [mine, floor], floor, [(mine, _RATIO)])


JOB = Job("edit-100", "edit the content of 100 blocks in one session", cases)
