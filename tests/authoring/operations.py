"""Everything that an author can do, each as something to prepare and something to do."""

from __future__ import annotations

import io
from collections.abc import Callable
from contextlib import suppress
from typing import Any, NamedTuple

from modulestore._sync.store import Store
from modulestore.errors import CourseExists, EditConflict
from modulestore.keys import UsageKey, as_course_key
from modulestore.testing.samples import new_file

__all__ = ["OPERATIONS", "Operation"]

Prepare = Callable[[Store, str], Any]
Run = Callable[[Store, str, Any], object]


class Operation(NamedTuple):
    """``prepare`` makes the course ready, and what it returns is given to ``run``."""

    prepare: Prepare
    run: Run


def unit(key: str, name: str = "a") -> UsageKey:
    return as_course_key(key).usage("vertical", name)


def other(key: str) -> str:
    return f"{key}-again"


def change(store: Store, key: str, **fields: Any) -> Any:
    with store.edit(key, author="ana") as edit:
        edit.update(("html", "a1"), **fields)
    return edit.version


def nothing(store: Store, key: str) -> None:
    """What the course is like is good enough."""


def changed(store: Store, key: str) -> None:
    with store.edit(key, author="ana") as edit:
        edit.update(("html", "a1"), display_name="changed", data="<p>changed</p>")
        edit.add("html", ("vertical", "a"), id="a3", data="<p>new</p>")
        edit.delete(("problem", "a2"))


def twice_changed(store: Store, key: str) -> Any:
    first = change(store, key, display_name="first", data="<p>first</p>")
    with store.edit(key, author="ben") as edit:
        edit.update(("html", "b1"), display_name="second")
        edit.update(("chapter", "one"), display_name="second")
    return first


def session(*, overlap: bool) -> Prepare:
    """A session that is under way when somebody else commits."""

    def prepare(store: Store, key: str) -> Any:
        ana = store.edit(key, author="ana", message="ana was here")
        ana.__enter__()
        ana.update(("html", "a1"), display_name="ana", data="<p>ana</p>")
        ana.update(("chapter", "two"), display_name="ana")
        ana.add("html", ("vertical", "a"), id="from-ana", data="<p>from ana</p>")
        with store.edit(key, author="ben") as ben:
            ben.update(("html", "a1"), **({"display_name": "ben"} if overlap else {"weight": 7}))
            ben.add("html", ("vertical", "a"), id="from-ben")
        return ana

    return prepare


def finish(store: Store, key: str, session: Any) -> None:
    with suppress(EditConflict):
        session.__exit__(None, None, None)


def outline(store: Store, key: str, _: object) -> None:
    with store.edit(key, author="ana", message="the outline") as edit:
        edit.update(("chapter", "one"), display_name="outline")
        edit.move(("sequential", "second"), ("chapter", "two"))
        edit.delete(("vertical", "b"))


def conflict(store: Store, key: str) -> str:
    ana = session(overlap=True)(store, key)
    try:
        ana.__exit__(None, None, None)
    except EditConflict as error:
        return str(error.conflict.id)
    raise AssertionError("there should be a conflict")


def with_files(store: Store, key: str) -> None:
    for name in ("map.png", "table.pdf"):
        store._backend.files.put(new_file(name, as_course_key(key)), io.BytesIO(name.encode()))


LIBRARY = "library-v1:Example+Bank"


def bank(store: Store, key: str) -> UsageKey:
    """A block with copies of the first version of a library that has two."""
    with suppress(CourseExists):
        store.create_library(LIBRARY)
        with store.edit(LIBRARY) as edit:
            edit.add("problem", edit.course.root, id="question", display_name="Question", weight=1.0)
        with store.edit(LIBRARY) as edit:
            edit.update(("problem", "question"), weight=2.0)
            edit.add("html", edit.course.root, id="text", data="<p>text</p>")
    with store.edit(key, author="ana") as edit:
        block = edit.add("library_content", ("vertical", "a"), id="bank")
    store.copy_from_library(block, LIBRARY, version=store.history(LIBRARY)[1].version, author="ana")
    return block


def deleted(store: Store, key: str) -> None:
    store.delete(key, author="ana")


OPERATIONS: dict[str, Operation] = {
    "create": Operation(nothing, lambda store, key, _: store.create_course(other(key), wiki_slug="w")),
    "edit": Operation(nothing, lambda store, key, _: changed(store, key)),
    "edit the outline": Operation(nothing, outline),
    "merge": Operation(session(overlap=False), finish),
    "keep a conflict": Operation(session(overlap=True), finish),
    "resolve": Operation(conflict, lambda store, key, kept: store.resolve(kept, overwrite=True)),
    "publish": Operation(changed, lambda store, key, _: store.publish(key, author="ana", message="go")),
    "publish a unit": Operation(changed, lambda store, key, _: store.publish(key, unit(key))),
    "unpublish": Operation(nothing, lambda store, key, _: store.unpublish(unit(key))),
    "discard": Operation(changed, lambda store, key, _: store.discard(unit(key))),
    "restore": Operation(twice_changed, lambda store, key, first: store.restore(key, first, to="both")),
    "undo": Operation(twice_changed, lambda store, key, first: store.undo(key, first)),
    "tag": Operation(nothing, lambda store, key, _: store.tag(key, "draft", "2026-spring")),
    "copy from a library": Operation(
        bank, lambda store, key, block: store.copy_from_library(block, LIBRARY, [("html", "text")])
    ),
    "update from a library": Operation(bank, lambda store, key, block: store.update_from_library(block)),
    "rerun": Operation(with_files, lambda store, key, _: store.rerun(key, other(key), title="Again")),
    "delete": Operation(nothing, lambda store, key, _: store.delete(key)),
    "undelete": Operation(deleted, lambda store, key, _: store.undelete(key)),
}
