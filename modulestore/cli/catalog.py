"""Commands for courses as wholes: ``create``, ``rerun``, ``delete``, ``undelete``."""

from __future__ import annotations

from typing import Annotated

import typer

from modulestore.cli.completing import course_keys
from modulestore.cli.output import print_json
from modulestore.cli.settings import Author, Json, Key, as_author, open_store
from modulestore.keys import LibraryKey, as_course_key

__all__ = ["create", "delete", "rerun", "undelete"]


def create(
    context: typer.Context,
    key: Key,
    title: Annotated[str | None, typer.Option(help="What learners see it called.")] = None,
    author: Author = "-1",
    json: Json = False,
) -> None:
    """Make an empty course or library, whichever the key names.

    Examples:
        modulestore create course-v1:Example+MS102+2027 --title "Tides, continued"
    """
    wanted = as_course_key(key)
    with open_store(context) as store:
        make = store.create_library if isinstance(wanted, LibraryKey) else store.create_course
        entry = make(wanted, title=title, author=as_author(author))
    version, draft = entry.heads.get("published") or entry.heads.get("library"), entry.heads.get("draft")
    if json:
        print_json({"key": entry.key, "version": version, "draft_version": draft})
        return
    print(f"created {entry.key}")
    print(f"version {version}" + (f", draft {draft}" if draft else ""))


def rerun(
    context: typer.Context,
    source: Annotated[
        str,
        typer.Argument(metavar="SOURCE", help="Key of the course that is there.", autocompletion=course_keys),
    ],
    target: Annotated[str, typer.Argument(metavar="TARGET", help="Key of the new run.")],
    author: Author = "-1",
    json: Json = False,
) -> None:
    """Make a new run of a course: it begins as the course stands, and goes its own way from there.

    Both share what they have in common: nothing is copied but entries of files.

    Examples:
        modulestore rerun course-v1:Example+MS101+2026 course-v1:Example+MS101+2027
    """
    with open_store(context, must_exist=True) as store:
        entry = store.rerun(source, target, author=as_author(author))
    if json:
        print_json({"key": entry.key})
        return
    print(f"{entry.key} is a re-run of {source}")


def delete(context: typer.Context, key: Key, author: Author = "-1", json: Json = False) -> None:
    """Take a course or library out of the store. `undelete` puts it back, until it is pruned.

    Examples:
        modulestore delete course-v1:Example+MS101+2026
    """
    with open_store(context, must_exist=True) as store:
        entry = store.delete(key, author=as_author(author))
    if json:
        print_json({"key": entry.key})
        return
    print(f"deleted {entry.key}; `{context.obj.command} undelete {entry.key}` puts it back")


def undelete(context: typer.Context, key: Key, author: Author = "-1", json: Json = False) -> None:
    """Put back the course or library of this key that was deleted last.

    Examples:
        modulestore undelete course-v1:Example+MS101+2026
    """
    with open_store(context, must_exist=True) as store:
        entry = store.undelete(key, author=as_author(author))
    if json:
        print_json({"key": entry.key})
        return
    print(f"{entry.key} is back")
