"""Commands that look back: ``log``, ``diff``; and ``tag``."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer

from modulestore import Store, UsageKey
from modulestore.cli.completing import branches, course_or_block_keys
from modulestore.cli.diff_view import diff_json, diff_lines
from modulestore.cli.output import print_json, since
from modulestore.cli.settings import Author, Json, Key, VersionName, as_author, open_store
from modulestore.cli.tables import Column, print_table
from modulestore.cli.terminal import print_lines, room_on
from modulestore.errors import InvalidKey, VersionNotFound
from modulestore.keys import as_course_key, as_usage_key

__all__ = ["diff", "log", "tag", "untag"]


def log(
    context: typer.Context,
    key: Annotated[
        str,
        typer.Argument(
            metavar="KEY",
            help="Key of a course or library; or of a block: only its changes.",
            autocompletion=course_or_block_keys,
        ),
    ],
    branch: Annotated[
        str | None,
        typer.Option(
            help="draft, published or library; without it what learners see.", autocompletion=branches
        ),
    ] = None,
    limit: Annotated[int | None, typer.Option("-n", min=1, help="Only so many versions.")] = None,
    json: Json = False,
) -> None:
    """List versions of a branch, newest first: who made them, when, and what was said. Or of one block.

    Examples:
        modulestore log course-v1:Example+MS101+2026 --branch draft -n 10
        modulestore log block-v1:Example+MS101+2026+type@html+block@columns --branch draft
    """
    usage = _block(key)
    with open_store(context, must_exist=True) as store:
        if usage is None:
            versions = [_shown(info) for info in store.history(key, branch=branch, limit=limit)]
        else:
            versions = _of_block(store, usage, branch)[:limit]
    if json:
        print_json(versions)
        return
    rows = [
        (
            str(version["version"]),
            since(version["edited_on"]),
            str(version["author"]),
            " ".join(
                [
                    *([version["change"]] if usage else []),
                    *(f"[{name}]" for name in version["tags"]),
                    version["message"] or "",
                ]
            ),
        )
        for version in versions
    ]
    columns = (
        Column(style="yellow", is_key=True),
        Column(style="dim"),
        Column(least=8),
        Column(least=12),
    )
    print_table(columns, rows)


def _block(key: str) -> UsageKey | None:
    """The block that a key names; None if it names a course."""
    try:
        as_course_key(key)
    except InvalidKey as error:
        try:
            return as_usage_key(key)
        except InvalidKey:
            raise error from None
    return None


def _shown(info: Any) -> dict[str, Any]:
    return {
        "version": info.version,
        "previous": info.previous,
        "author": info.author,
        "edited_on": info.edited_on,
        "message": info.message,
        "tags": info.tags,
    }


def _of_block(store: Store, usage: UsageKey, branch: str | None) -> list[dict[str, Any]]:
    """Versions in which a block changed, each with what happened to it."""
    by_version = {info.version: info for info in store.history(usage.course, branch=branch)}
    versions = store.block_history(usage, branch=branch)
    shown: list[dict[str, Any]] = []
    for at, version in enumerate(versions):
        was_there = at + 1 < len(versions) and versions[at + 1].block is not None
        change = "removed" if version.block is None else "changed" if was_there else "added"
        info = by_version.get(version.header.id)
        if info is not None:  # made between the two looks, it is not known yet
            shown.append({**_shown(info), "change": change})
    return shown


def diff(
    context: typer.Context,
    key: Key,
    before: Annotated[
        str,
        typer.Argument(metavar="FROM", help="Id of a version, a tag, or a branch.", autocompletion=branches),
    ],
    after: Annotated[
        str,
        typer.Argument(metavar="TO", help="Id of a version, a tag, or a branch.", autocompletion=branches),
    ],
    json: Json = False,
) -> None:
    """Show what is different between two versions, block by block and field by field.

    Examples:
        modulestore diff course-v1:Example+MS101+2026 published draft
    """
    course = as_course_key(key).bare
    with open_store(context, must_exist=True) as store:
        found = store.diff(course, before, after)
    if json:
        print_json(diff_json(course, found))
        return
    print_lines(diff_lines(course, found, room_on(sys.stdout)) if found else ["no difference"], hang=11)


def tag(
    context: typer.Context,
    key: Key,
    version: VersionName,
    name: Annotated[str, typer.Argument(metavar="NAME", help="What the version is called from now on.")],
    author: Author = "-1",
    json: Json = False,
) -> None:
    """Give a version a name, which stands for its id from then on. Tagged versions are never pruned.

    Examples:
        modulestore tag course-v1:Example+MS101+2026 published 2026-spring
    """
    with open_store(context, must_exist=True) as store:
        found = store.tag(key, version, name, author=as_author(author))
    if json:
        print_json({"version": found, "name": name})
        return
    print(f"version {found} is tagged {name}")


def untag(
    context: typer.Context,
    key: Key,
    name: Annotated[str, typer.Argument(metavar="NAME", help="What a version is called.")],
    json: Json = False,
) -> None:
    """Take a name from a version. To give it to another one, take it from the first.

    Examples:
        modulestore untag course-v1:Example+MS101+2026 2026-spring
    """
    with open_store(context, must_exist=True) as store:
        found = store.untag(key, name)
    if not found:
        raise VersionNotFound(f"no version is tagged {name}", place=key, hint="`modulestore log` shows tags")
    if json:
        print_json({"name": name})
        return
    print(f"no version is tagged {name} any more")
