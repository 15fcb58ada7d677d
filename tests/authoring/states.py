"""What a course says, without ids and times: to compare what should be with what is."""

from __future__ import annotations

from typing import Any

from modulestore._sync.ports import Backend
from modulestore._sync.store import Store
from modulestore.errors import CourseNotFound
from modulestore.keys import as_course_key
from modulestore.model.course import Course

__all__ = ["blocks_of", "state_of"]

Blocks = dict[str, Any]


def state_of(backend: Backend, key: str) -> dict[str, Any] | None:
    """Blocks by branch, tags, and files; None if there is no such course."""
    store = Store(backend)
    try:
        branches = [branch for branch, _ in sorted(_heads(backend, key).items())]
        state: dict[str, Any] = {
            branch: blocks_of(store, store.open(key, branch=branch)) for branch in branches
        }
    except CourseNotFound:
        return None
    state["tags"] = sorted(tag for one in store.history(key, branch=branches[0]) for tag in one.tags)
    state["files"] = {
        file.key.name: b"".join(backend.files.read(file.key))
        for file in backend.files.list(as_course_key(key))
    }
    return state


def blocks_of(store: Store, course: Course) -> Blocks:
    """Every block by type and id: children, settings, asides, content."""
    structure = course.structure
    blocks = [course[structure.key(at)] for at in range(len(course))]
    contents = store.load_content(blocks)
    return {
        f"{block.type}/{block.id}": {
            "children": [f"{child.type}/{child.id}" for child in block.children],
            "settings": block.settings,
            "asides": block.asides,
            "content": contents[block],
        }
        for block in blocks
    }


def _heads(backend: Backend, key: str) -> dict[str, Any]:
    entry = backend.index.get(as_course_key(key))
    if entry is None:
        raise CourseNotFound(key)
    return dict(entry.heads)
