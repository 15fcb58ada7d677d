"""Scenarios of the platform's own code, done again with the pure rules over documents in memory.

Each step becomes new versions, made by `modulestore.model` and kept as version 1 documents, as a store would
do it. The heads after each step are compared with those that the platform left, document by document: ids
that stand for the same thing are matched as they first appear, times by the step that they were read in,
everything else as it is, order of fields and blocks included.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from modulestore.errors import CourseExists, ModuleStoreError
from modulestore.formats import v1
from modulestore.formats.definitions import decode_definition, encode_definition
from modulestore.keys import BlockKey, CourseKey, LibraryKey, VersionId, parse_course_key
from modulestore.model.branches import DRAFT, LIBRARY, PUBLISHED, branch_name
from modulestore.model.creating import NewCourse, new_course, new_library
from modulestore.model.definition import Definition
from modulestore.model.editing import apply_edits, needed_definitions
from modulestore.model.edits import (
    AddBlock,
    DeleteBlock,
    Edit,
    MoveBlock,
    ReorderChildren,
    SetAside,
    UpdateFields,
)
from modulestore.model.fields import is_detached
from modulestore.model.index import IndexEntry
from modulestore.model.publishing import auto_publish, discard, has_changes, outline_below, publish, unpublish
from modulestore.model.revision import Revision
from modulestore.model.structure import BlockRecord, Structure
from modulestore.model.templates import LibrarySource, copy_from_library
from tests.golden.better import BETTER_ON_PURPOSE

__all__ = ["BETTER_ON_PURPOSE", "ERRORS", "Replay"]


ERRORS = {
    "DuplicateCourseError": "course-exists",
    "DuplicateItemError": "block-exists",
    "ItemNotFoundError": "block-not-found",
    "InvalidVersionError": "invalid",
    "ValueError": "not-published",
}
"""Our errors for the platform's; the message of theirs is informative only."""

START = datetime(2020, 1, 1, tzinfo=UTC)
_VERSIONED = (
    "previous_version",
    "update_version",
    "source_version",
    "original_usage_version",
    "original_version",
)


def value(argument: Any) -> Any:
    """An argument of a step in stored form."""
    if isinstance(argument, list):
        return [value(item) for item in argument]
    if not isinstance(argument, dict):
        return argument
    match argument:
        case {"$date": str(moment)}:
            return datetime.fromisoformat(moment)
        case {"$seconds": seconds}:
            return f"{int(seconds)} seconds"
    return {name: value(item) for name, item in argument.items()}


def course_name(key: str) -> str:
    """How the scenario file names a course among the heads."""
    return "+".join(parse_course_key(key).identity)


@dataclass
class Replay:
    """A database in memory, and what the steps of a scenario do to it.

    Attributes:
        computed: settings of a course root that the platform's stand-in classes compute.
        about: content of the about page that comes with a course.
        generated: keys that we gave where the platform generates one, by the platform's.
    """

    computed: Mapping[str, Any]
    about: Mapping[str, Any]
    structures: dict[VersionId, Structure] = field(default_factory=dict)
    definitions: dict[VersionId, Definition] = field(default_factory=dict)
    entries: dict[str, IndexEntry] = field(default_factory=dict)
    generated: dict[BlockKey, BlockKey] = field(default_factory=dict)
    step: int = -1

    def __post_init__(self) -> None:
        self._ids = self._new_ids()
        self._open: dict[tuple[str, str], Revision] = {}
        self._published_apart: set[str] = set()
        self.in_bulk = False

    @staticmethod
    def _new_ids() -> Iterator[VersionId]:
        number = 0
        while True:
            number += 1
            yield VersionId(number.to_bytes(12, "big"))

    @property
    def now(self) -> datetime:
        """The clock: it stands still within a step."""
        return START + timedelta(minutes=self.step)

    def do(self, operation: str, args: dict[str, Any]) -> Any:
        """Do the next step; what it gives, as the scenario file has it."""
        self.step += 1
        act: Callable[..., Any] = getattr(self, f"do_{operation}")
        try:
            result = act(**args)
        except ModuleStoreError as error:
            if not self.in_bulk:
                self._open.clear()
            return {"error": error.code}
        if not self.in_bulk:
            self._commit()
        return result() if callable(result) else result

    # --- the store's part

    def structure(self, course: str, branch: str) -> Structure:
        """The head of a branch, or what it is within a bulk operation."""
        revision = self._open.get((course, branch))
        return revision.structure() if revision else self.structures[self.entries[course].heads[branch]]

    def _revision(self, course: str, branch: str, user: Any) -> Revision:
        found = self._open.get((course, branch))
        if found is None:
            base = self.structure(course, branch)
            found = self._open[course, branch] = Revision(
                base, base.header.root, version=next(self._ids), author=user, now=self.now, ids=self._ids
            )
        return found

    def _commit(self) -> None:
        for course, branch in list(self._open):
            draft = self._open[course, branch]
            if branch == DRAFT and course not in self._published_apart and not draft.is_empty:
                auto_publish(draft, self._revision(course, PUBLISHED, draft.author))
        for (course, branch), revision in self._open.items():
            if not revision.is_empty:
                self._keep(revision.structure(), revision.definitions)
                entry = self.entries[course]
                heads = {**entry.heads, branch: revision.version}
                self.entries[course] = IndexEntry(
                    entry.id,
                    entry.key,
                    heads,
                    entry.edited_by,
                    entry.edited_on,
                    self.now,
                    entry.search_targets,
                )
        self._open.clear()
        self._published_apart.clear()

    def _keep(self, structure: Structure, definitions: Mapping[VersionId, Definition]) -> None:
        self.structures[structure.id] = v1.decode_structure(v1.encode_structure(structure))
        for definition in definitions.values():
            self.definitions[definition.id] = decode_definition(encode_definition(definition))

    def _edit(self, course: str, user: Any, *edits: Edit) -> Revision:
        revision = self._revision(course, self._authored(course), user)
        needed = needed_definitions(revision.structure(), edits) - revision.definitions.keys()
        apply_edits(revision, edits, {version: self.definitions[version] for version in needed})
        return revision

    def _authored(self, course: str) -> str:
        return LIBRARY if LIBRARY in self.entries[course].heads else DRAFT

    def _created(self, new: NewCourse) -> None:
        for structure in new.structures.values():
            self._keep(structure, new.definitions)
        self.entries["+".join(new.entry.key.identity)] = new.entry

    def _refuse_known(self, name: str) -> None:
        if name.lower() in (known.lower() for known in self.entries):
            raise CourseExists(f"{name} is there already")

    def _key(self, block: list[str]) -> BlockKey:
        key = BlockKey(*block)
        return self.generated.get(key, key)

    def _record(self, course: str, branch: str, key: BlockKey) -> BlockRecord:
        structure = self.structure(course, branch)
        position = structure.position(key)
        assert position is not None
        return structure.record(position)

    # --- operations of the scenario file

    def do_create_course(
        self,
        org: str,
        course: str,
        run: str,
        user: Any,
        fields: dict[str, Any],
        skip_auto_publish: bool = False,
    ) -> Any:
        self._refuse_known(f"{org}+{course}+{run}")
        about = AddBlock(
            BlockKey("about", "overview"), None, None, {"display_name": "overview", **self.about}
        )
        new = new_course(
            CourseKey(org, course, run),
            fields={"wiki_slug": course, **self.computed, **value(fields)},
            blocks=() if skip_auto_publish else [about],
            author=user,
            now=self.now,
            ids=self._ids,
        )
        self._created(new)
        return {"root": ["course", "course"], "structure": new.entry.heads[DRAFT]}

    def do_create_library(self, org: str, library: str, user: Any, fields: dict[str, Any]) -> Any:
        self._refuse_known(f"{org}+{library}+library")
        key = LibraryKey(org, library)
        self._created(new_library(key, fields=value(fields), author=user, now=self.now, ids=self._ids))
        return {"root": ["library", "library"]}

    def do_bulk_begin(self, course: str) -> None:
        self.in_bulk = True

    def do_bulk_end(self, course: str) -> None:
        self.in_bulk = False

    def do_create_child(
        self,
        course: str,
        parent: list[str],
        type: str,  # noqa: A002
        id: str | None,  # noqa: A002
        fields: dict[str, Any],
        user: Any,
        position: int | None = None,
        asides: list[dict[str, Any]] | None = None,
    ) -> Any:
        name = course_name(course)
        key = BlockKey(type, f"{self.step:032x}" if id is None else id)
        if id is None:
            taken = [theirs.id for theirs in self.generated if theirs.type == type]
            number = next(n for n in range(1, 99) if f"{type}{n}" not in taken)
            self.generated[BlockKey(type, f"{type}{number}")] = key
        edits: list[Edit] = [AddBlock(key, self._key(parent), position, value(fields))]
        edits += [SetAside(key, aside["aside_type"], value(aside["fields"])) for aside in asides or ()]
        self._edit(name, user, *edits)
        return lambda: {
            "block": list(key),
            "update_version": self._record(name, self._authored(name), key).edit_info.update_version,
        }

    def do_create_unattached(self, course: str, fields: Any, user: Any, **block: str) -> Any:
        key = BlockKey(block["type"], block["id"])
        self._edit(course_name(course), user, AddBlock(key, None, None, value(fields)))
        return {"block": list(key)}

    def do_edit(
        self,
        course: str,
        block: list[str],
        set: dict[str, Any],  # noqa: A002
        unset: list[str],
        user: Any,
        children: list[list[str]] | None = None,
        asides: list[dict[str, Any]] | None = None,
    ) -> Any:
        name, key = course_name(course), self._key(block)
        edits: list[Edit] = [UpdateFields(key, value(set), unset)]
        if children is not None:
            edits.append(ReorderChildren(key, [self._key(child) for child in children]))
        edits += [SetAside(key, aside["aside_type"], value(aside["fields"])) for aside in asides or ()]
        self._edit(name, user, *edits)
        branch = self._authored(name)
        return lambda: {
            "update_version": self._record(name, branch, key).edit_info.update_version,
            "version_in_returned_key": self.entries[name].heads[branch],
        }

    def do_move(self, course: str, block: list[str], new_parent: list[str], user: Any, **place: Any) -> None:
        index = place.get("position")
        self._edit(course_name(course), user, MoveBlock(self._key(block), self._key(new_parent), index))

    def do_delete(self, course: str, block: list[str], user: Any, revision: str | None) -> None:
        self._edit(course_name(course), user, DeleteBlock(self._key(block)))

    def do_publish(self, course: str, block: list[str], user: Any, exclude: list[list[str]] | None) -> Any:
        name, key = course_name(course), self._key(block)
        left_out = [self._key(child) for child in exclude or ()]
        publish(self.structure(name, DRAFT), self._revision(name, PUBLISHED, user), [key], left_out)

        def result() -> Any:
            info = self._record(name, PUBLISHED, key).edit_info
            return {"update_version": info.update_version, "source_version": info.source_version}

        return result

    def do_unpublish(self, course: str, block: list[str], user: Any) -> Any:
        unpublish(self._revision(course_name(course), PUBLISHED, user), self._key(block))
        return {"block": block}

    def do_revert(self, course: str, block: list[str], user: Any) -> None:
        name = course_name(course)
        discard(self._revision(name, DRAFT, user), self.structure(name, PUBLISHED), self._key(block))

    def do_copy_from_template(
        self, sources: list[dict[str, Any]], destination: dict[str, Any], user: Any
    ) -> Any:
        name = course_name(destination["course"])
        given = []
        for source in sources:
            key = parse_course_key(source["library"]).for_branch(source["branch"])
            structure = self.structure(course_name(source["library"]), branch_name(source["branch"]))
            given.append(LibrarySource(key, structure, BlockKey(*source["block"])))
        draft = self._revision(name, DRAFT, user)
        children = copy_from_library(draft, self._key(destination["block"]), given)
        self._published_apart.add(name)
        auto_publish(draft, self._revision(name, PUBLISHED, user), outline_below(draft, children))
        return {"children": [list(child) for child in children]}

    def do_has_changes(self, course: str, block: list[str]) -> bool:
        name = course_name(course)
        return has_changes(self.structure(name, DRAFT), self.structure(name, PUBLISHED), self._key(block))

    def do_has_published_version(self, course: str, block: list[str]) -> bool:
        return self.structure(course_name(course), PUBLISHED).position(self._key(block)) is not None

    def do_get_parent(self, course: str, block: list[str], branch: str) -> list[str] | None:
        structure = self.structure(course_name(course), branch_name(branch))
        position = structure.position(self._key(block))
        parent = None if position is None else structure.outline.parent(position)
        return None if parent is None else list(structure.key(parent))

    def do_get_orphans(self, course: str, branch: str) -> list[list[str]]:
        structure = self.structure(course_name(course), branch_name(branch))
        return sorted(
            list(structure.key(position))
            for position, parents in enumerate(structure.outline.parents)
            if not parents and position != structure.root and not is_detached(structure.types[position])
        )

    def do_read_asides(self, course: str, block: list[str], branch: str) -> Any:
        asides = self._record(course_name(course), branch_name(branch), self._key(block)).asides
        return [dict(aside) for aside in asides] or {}
